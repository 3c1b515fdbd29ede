import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contenders, first_sync


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(contenders, "HOME", tmp_path / "peers")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path / "peers"


def answering(monkeypatch: pytest.MonkeyPatch, code: int) -> list[tuple[str, ...]]:
    ran: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **told: Any) -> Any:
        ran.append(command)
        return subprocess.CompletedProcess(command, code, "", "no route to the registry")

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_peers_are_installed_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = answering(monkeypatch, 0)
    contenders.install()
    assert [command[0] for command in ran].count("npm") == 1
    assert (home / "loop.mjs").exists()
    del ran[:]
    contenders.install()
    assert ran == []


def test_a_registry_that_is_out_of_reach_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 1)
    with pytest.raises(SystemExit, match=r"(?s)not measured\. npm ci.*no route to the registry"):
        first_sync.main([])
    assert not (home / "installed").exists()


def test_a_machine_without_node_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(contenders.Missing, match="apt-get install npm"):
        contenders.install()


def test_what_is_asked_for_is_what_is_pinned() -> None:
    asked, lock = (json.loads((contenders.PINNED / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert lock["packages"][""]["dependencies"] == asked["dependencies"]
    pinned = (contenders.PINNED / "requirements.txt").read_text()
    for name in (contenders.PINNED / "requirements.in").read_text().splitlines()[1:]:
        assert f"\n{name}==" in f"\n{pinned}"
