import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: str, where: Path = CHECKOUT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(where / "run"), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_run_alone_lists_its_verbs() -> None:
    listed = run().stdout
    for verb in ("demo", "test", "check", "fmt", "lock", "sync", "sandbox", "backup"):
        assert f"./run {verb}" in listed


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout with nothing set up."""
    (tmp_path / "run").write_text((CHECKOUT / "run").read_text())
    return tmp_path


def programs(folder: Path, **scripts: str) -> str:
    """A PATH with the given programs, and what a shell script cannot do without."""
    folder.mkdir()
    for name in ("sh", "cat", "dirname", "rm", "mkdir", "id", "awk", "touch"):
        (folder / name).symlink_to(Path("/usr/bin") / name)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_a_machine_without_python_is_told_so(bare: Path) -> None:
    done = run("demo", where=bare, PATH=programs(bare / "bin"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "run: Python 3.11 or newer is needed."


def test_an_old_python_is_told_so(bare: Path) -> None:
    old = 'case "$1" in -V) echo Python 3.9.2 ;; *) exit 1 ;; esac'
    done = run("demo", where=bare, PATH=programs(bare / "bin", python3=old))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "run: Python 3.11 or newer is needed, not Python 3.9.2."


def test_a_python_without_venv_and_pip_names_the_package(bare: Path) -> None:
    plain = 'case "$*" in "-c import sys"*) ;; *) exit 1 ;; esac'
    done = run("demo", where=bare, PATH=programs(bare / "bin", python3=plain))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("apt-get install python3-venv")


def test_ci_runs_what_a_developer_runs() -> None:
    assert "exec ./run test" in (CHECKOUT / ".ci/run").read_text()
