"""Taking a copy while everything runs.

The database first, then the media: a picture is stored before its row is, so every row of the dump has its picture,
unless that was erased by its age in between. The other way round, the newest rows would come back without theirs.
"""

import errno
import os
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from backups import archive
from backups.archive import DUMP, MEDIA, Manifest
from backups.programs import BackupProblem, address, environment, programs_for, server_major
from cancellations.models import CancellationRequest, Decision, Evidence
from orders.models import Order
from shops.models import Shop

# Opened with a key, this says that it is the one that the copy's secrets were written with.
KNOWN = b"countermand"
LOCK_WAIT = "60s"  # for a migration that is changing a table
LEFT_OUT = "exports"  # files that can be written again


def default_folder() -> Path:
    return Path(settings.MEDIA_ROOT).parent / "backups"


def take(where: Path | None = None) -> tuple[Path, Manifest]:
    """Write a copy to this file, or into this folder; returns the file and what is in it. Raises BackupProblem.

    The file has its name once it is whole, and nobody but its owner can read it.
    """
    now = timezone.now()
    target = _target(where or default_folder(), now)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as workshop:
            return target, _write(target, Path(workshop), now)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise BackupProblem(f"There is no space left for the copy in {target.parent}. Nothing was kept.") from error
        raise BackupProblem(f"The copy cannot be written to {target}: {error.strerror}.") from error


def _target(where: Path, now: datetime) -> Path:
    is_folder = where.is_dir() or not where.suffix
    target = where / f"countermand-{now:%Y%m%dT%H%M%SZ}.tar" if is_folder else where
    if target.exists():
        raise BackupProblem(f"{target} is there already.")
    if target.absolute().is_relative_to(Path(settings.MEDIA_ROOT)):
        raise BackupProblem(f"{target} is among the files of which the copy is made: take another folder.")
    return target.absolute()


def _write(target: Path, workshop: Path, now: datetime) -> Manifest:
    dump, draft = workshop / DUMP, workshop / "draft.tar"
    manifest = _dump(dump, now)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            archive.add(tar, manifest, dump, DUMP)
            for path, name in _media():
                try:
                    archive.add(tar, manifest, path, name)
                except FileNotFoundError:
                    continue  # erased by its age at this moment
            manifest.missing = [name for name in manifest.missing if f"{MEDIA}/{name}" not in manifest.files]
            archive.close(tar, manifest)
        file.flush()
        os.fsync(file.fileno())
    os.link(draft, target)  # unlike renaming, it takes no other file's place
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return manifest


def _dump(dump: Path, now: datetime) -> Manifest:
    """What the manifest counts and what is dumped are of one moment."""
    programs = programs_for(server_major())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        command = programs.command(
            "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--lock-wait-timeout={LOCK_WAIT}",
            f"--snapshot={snapshot}", f"--file={dump}", address(),
        )  # fmt: skip
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        if done.returncode:
            words = done.stderr.strip()
            if os.strerror(errno.ENOSPC) in words:
                raise OSError(errno.ENOSPC, words)
            raise BackupProblem(f"pg_dump failed: {words or done.returncode}")
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        return Manifest(
            made_at=now.isoformat(), version=product_version(), server=server_major(), programs=programs.major,
            migrations=[name for (name,) in cursor.fetchall()],
            keys=[Fernet(key).encrypt(KNOWN).decode() for key in settings.FIELD_ENCRYPTION_KEYS],
            counts={
                "shops": Shop.objects.count(), "orders": Order.objects.count(),
                "requests": CancellationRequest.objects.count(), "decisions": Decision.objects.count(),
                "decisions that were not settled": Decision.objects.live().count(),
            },
            missing=list(Evidence.objects.exclude(image="").values_list("image", flat=True)),
        )  # fmt: skip


def _media() -> Iterator[tuple[Path, str]]:
    root = Path(settings.MEDIA_ROOT)
    for folder, folders, names in os.walk(root):
        if Path(folder) == root and LEFT_OUT in folders:
            folders.remove(LEFT_OUT)
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path, f"{MEDIA}/{path.relative_to(root).as_posix()}"


def product_version() -> str:
    project: dict[str, str] = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return project["version"]
