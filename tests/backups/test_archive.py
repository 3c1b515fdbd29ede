"""The file of a copy is held against its manifest, byte by byte, before anything of it is used."""

import tarfile
from pathlib import Path

import pytest

from backups import archive
from backups.programs import BackupProblem


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    manifest = archive.Manifest("2026-11-21T00:00:00+00:00", "1", 18, 18, [], [], {})
    (tmp_path / "dump").write_bytes(b"rows" * 5000)
    (tmp_path / "one.png").write_bytes(b"one" * 5000)
    path = tmp_path / "copy.tar"
    with tarfile.open(path, "w") as tar:
        archive.add(tar, manifest, tmp_path / "dump", archive.DUMP)
        archive.add(tar, manifest, tmp_path / "one.png", "media/evidence/one.png")
        archive.close(tar, manifest)
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(BackupProblem) as problem:
        archive.verified(path)
    return str(problem.value)


def test_a_whole_one_says_what_is_in_it(copy: Path) -> None:
    manifest = archive.verified(copy)
    assert {name: file["size"] for name, file in manifest.files.items()} == {
        "database.dump": 20000,
        "media/evidence/one.png": 15000,
    }
    assert manifest.bytes == 35000


def test_wherever_it_was_cut_it_is_refused(copy: Path) -> None:
    whole = copy.read_bytes()
    end = whole.index(b"manifest.json")
    for kept in {0, 10, 512, 700, 20000, 512 + 20480, end - 1, end, end + 100, end + 600}:
        copy.write_bytes(whole[:kept])
        assert "broken" in problem_of(copy) or "ends too early" in problem_of(copy), kept


def test_one_wrong_byte_is_found(copy: Path) -> None:
    whole = bytearray(copy.read_bytes())
    whole[whole.index(b"oneone") + 3] ^= 1
    copy.write_bytes(whole)
    assert "damaged: media/evidence/one.png" in problem_of(copy)


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.tar").write_text("Dear buyer")
    assert "no copy of ours" in problem_of(tmp_path / "letter.tar")
    assert "is not there" in problem_of(tmp_path / "nothing.tar")


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "media/../../evil", "media//etc/evil", "media/./evil", "media", "notes.txt"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    assert "does not belong there" in problem_of(path)


def test_a_format_of_later_is_refused(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().replace(b'"format": 1', b'"format": 7'))
    assert "its format is 7" in problem_of(copy)
