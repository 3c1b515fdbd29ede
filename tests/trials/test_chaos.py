"""The whole house under trouble, for a minute: `./run chaos` is the same for as long as one likes."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def test_people_decide_while_everything_breaks_and_the_one_decision_that_was_deleted_is_all_that_is_missing(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "trials", "chaos", "--decisions", "30", "--seed", "3", "--plant", "loss"]
    own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        command, cwd=CHECKOUT, env={**own, "LOCAL_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 1   doubled 0   wrong 0   neither settled nor stalled 0" in done.stdout
