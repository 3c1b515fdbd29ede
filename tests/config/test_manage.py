"""manage.py on a checkout whose servers are its own."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
NAMED = ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "LOCAL_DIR", "DJANGO_SETTINGS_MODULE")


def test_the_first_verb_finds_the_tables_it_needs(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in NAMED}
    done = subprocess.run(
        [sys.executable, "manage.py", "sync"],
        cwd=CHECKOUT,
        env={**environment, "LOCAL_DIR": str(tmp_path / "local")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "No shop is connected here yet" in done.stdout
