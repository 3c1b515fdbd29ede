"""The whole house under trouble, for a minute: `./run chaos` is the same for as long as one likes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(("plant", "found"), [("loss", "lost 1   doubled 0"), ("double", "lost 0   doubled [12]")])
def test_people_decide_while_everything_breaks_and_what_was_planted_is_all_that_is_wrong(
    tmp_path: Path, plant: str, found: str
) -> None:
    command = [sys.executable, "-m", "trials", "chaos", "--decisions", "30", "--seed", "3", "--plant", plant]
    own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        command, cwd=CHECKOUT, env={**own, "LOCAL_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A double is recorded twice, and has happened twice unless the last one stalled.
    assert re.search(f"{found}   wrong 0   neither settled nor stalled 0", done.stdout)
