"""What a web process has done before the first page is asked for."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LOOKS = (
    "import gc, sys, config.wsgi; print(gc.get_freeze_count(), sys.getswitchinterval(), 'gate.views' in sys.modules)"
)


def test_everything_is_imported_and_put_aside_and_threads_give_way_soon(product_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS], cwd=CHECKOUT, env=product_environment, capture_output=True, text=True, timeout=60
    )
    put_aside, seconds, has_views = done.stdout.split()
    assert int(put_aside) > 100_000, done.stderr
    assert float(seconds) < 0.001
    assert has_views == "True"
