"""The file of a copy: a tar of the database's dump, the media, and last of all the manifest that says what is in it.

The manifest stands last since it holds the sizes and checksums of what is before it; a file without one was broken off.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from backups.programs import BackupProblem

FORMAT = 1
DUMP = "database.dump"
MEDIA = "media"
MANIFEST = "manifest.json"
PIECE = 1 << 20


@dataclass
class Manifest:
    """What a copy is of. `migrations` are those applied, as "app.name"; `keys` open with the keys of the copy's time;
    `files` are {name in the tar: {"size": bytes, "sha256": hex}}; `missing` are pictures that rows name and that were
    not in the storage.
    """

    made_at: str
    version: str
    server: int
    programs: int
    migrations: list[str]
    keys: list[str]
    counts: dict[str, int]
    missing: list[str] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        return sum(file["size"] for file in self.files.values())


class Hashed(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.sha256.update(piece)
        return piece


# --- writing ----------------------------------------------------------------------------------------------------------


def add(tar: tarfile.TarFile, manifest: Manifest, path: Path, name: str) -> None:
    with path.open("rb") as file:
        info = _entry(name, size=path.stat().st_size)
        hashed = Hashed(file)
        tar.addfile(info, hashed)
    manifest.files[name] = {"size": info.size, "sha256": hashed.sha256.hexdigest()}


def close(tar: tarfile.TarFile, manifest: Manifest) -> None:
    told = json.dumps(asdict(manifest), indent=1).encode()
    tar.addfile(_entry(MANIFEST, size=len(told)), io.BytesIO(told))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


# --- reading ----------------------------------------------------------------------------------------------------------


@contextmanager
def reading(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except FileNotFoundError:
        raise BackupProblem(f"{path} is not there.") from None
    except (tarfile.TarError, EOFError) as error:
        raise BackupProblem(f"{path} is broken, or no copy of ours: {error}.") from error


def verified(path: Path) -> Manifest:
    """The manifest, once every byte of the file has been held against it. Nothing is written."""
    found: dict[str, dict[str, Any]] = {}
    told = b""
    with reading(path) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None or not is_ours(member.name):
                raise BackupProblem(f"{path} is no copy of ours: {member.name} does not belong there.")
            if member.name == MANIFEST:
                told = file.read()
                continue
            hashed = Hashed(file)
            while hashed.read(PIECE):
                pass
            found[member.name] = {"size": member.size, "sha256": hashed.sha256.hexdigest()}
    if not told:
        raise BackupProblem(f"{path} ends too early: its last part is not there. It was broken off, or cut.")
    manifest = understood(path, told)
    if found != manifest.files:
        wrong = sorted(
            name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)
        )
        raise BackupProblem(f"{path} is damaged: {', '.join(wrong[:5])} is not what the manifest says.")
    return manifest


def understood(path: Path, told: bytes) -> Manifest:
    try:
        values = json.loads(told)
        known = values["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise BackupProblem(f"{path} is damaged: its manifest cannot be read.") from error
    if known != FORMAT:
        raise BackupProblem(f"{path} was made by another version: its format is {known}, this one knows {FORMAT}.")
    try:
        return Manifest(**values)
    except TypeError as error:
        raise BackupProblem(f"{path} is damaged: its manifest cannot be read.") from error


def is_ours(name: str) -> bool:
    """No name leads out of the folder that it is unpacked in, and each is written in one way."""
    path = PurePosixPath(name)
    is_below = path.parts[:1] == (MEDIA,) and len(path.parts) > 1 and ".." not in path.parts
    return name in (DUMP, MANIFEST) or (is_below and name == str(path))
