"""A copy is taken while everything runs, is whole or not there, and nobody else can read it."""

import errno
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from backups import archive, programs, taking
from backups.programs import BackupProblem
from tests.factories import UserFactory


@pytest.fixture
def media(transactional_db: None, settings: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = folder
    (folder / "evidence").mkdir(parents=True)
    (folder / "exports").mkdir()
    (folder / "evidence" / "one.png").write_bytes(b"one")
    (folder / "exports" / "rows.csv").write_bytes(b"rows")
    return folder


def test_it_is_one_private_file_with_the_database_and_the_pictures(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    UserFactory.create()
    call_command("backup", tmp_path / "kept")
    (path,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    manifest = archive.verified(path)
    assert list(manifest.files) == ["database.dump", "media/evidence/one.png"]
    assert "audit.0002_entries_stay" in manifest.migrations
    assert "FIELD_ENCRYPTION_KEYS are not in it" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is there already"):
        call_command("backup", path)
    with pytest.raises(CommandError, match="take another folder"):
        call_command("backup", media)


def test_without_space_nothing_is_left_behind(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "close", full)
    (tmp_path / "kept").mkdir()
    with pytest.raises(BackupProblem, match="There is no space left"):
        taking.take(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def client(folder: Path, version: str) -> Path:
    folder.mkdir()
    (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
    (folder / "pg_dump").chmod(0o755)
    return folder


def test_the_programs_are_as_new_as_the_server_and_no_newer_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [client(tmp_path / version, version) for version in ("15.18", "19.0", "17.2", "18devel")]
    folders.append(tmp_path)  # where there is none
    monkeypatch.setattr(programs, "_folders", lambda: iter(folders))
    assert [programs.programs_for(major).major for major in (14, 15, 16, 17, 18)] == [15, 15, 17, 17, 18]
    with pytest.raises(BackupProblem, match="of version 19, the server or the copy is of version 20"):
        programs.programs_for(20)
    monkeypatch.setattr(programs, "_folders", lambda: iter([tmp_path]))
    with pytest.raises(BackupProblem, match="Install PostgreSQL's client programs, such as postgresql-client-18"):
        programs.programs_for(18)


def test_what_pg_dump_says_is_told(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "LOCK_WAIT", "for ever")
    with pytest.raises(BackupProblem, match="pg_dump failed: pg_dump: error"):
        taking.take(tmp_path / "copy.tar")
    assert not (tmp_path / "copy.tar").exists()
    assert subprocess.run(["ls", "-A", tmp_path], capture_output=True, text=True).stdout.split() == ["media"]
