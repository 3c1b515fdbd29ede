"""Others that copy a shop's orders into PostgreSQL: what `benchmarks/peers/` pins, in an environment of its own.

A loop over the npm SDK with a bulk upsert for each page, and a Singer tap piped to target-postgres. TikTok Shop's own
tap (`tap-tiktok-shop`) is in no registry, so the tap is a small one of ours on Meltano's SDK; the target is theirs.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from config import private_servers

PINNED = Path(__file__).parent / "peers"
HOME = private_servers.LOCAL / "peers"
LOCKS = ("package.json", "package-lock.json", "requirements.txt")
PROGRAMS = ("loop.mjs", "tap.py")  # they lie beside what they import
TAP, TARGET = "singer/bin/python tap.py", "singer/bin/target-postgres"
SOCKET = private_servers.SHORT_LOCAL / "postgres"
DATABASE = "peers"
LONGEST_SECONDS = 3600


class Missing(Exception):
    """They cannot be installed here; the text says what is missing."""


def install() -> None:
    """What is pinned, where that has not been done. Raises Missing."""
    stamp = HOME / "installed"
    pinned = hashlib.sha256(b"".join((PINNED / name).read_bytes() for name in LOCKS)).hexdigest()
    HOME.mkdir(parents=True, exist_ok=True)
    for name in (*LOCKS, *PROGRAMS):
        shutil.copy(PINNED / name, HOME)
    if stamp.exists() and stamp.read_text() == pinned:
        return
    if not shutil.which("node") or not shutil.which("npm"):
        raise Missing("The loop over the npm SDK needs Node 20 or newer with npm: apt-get install npm")
    attempt("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    attempt(sys.executable, "-m", "venv", "--clear", "singer")
    attempt("singer/bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", "requirements.txt")
    stamp.write_text(pinned)


def attempt(*command: str) -> None:
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{' '.join(command[:4])} did not do it:\n{done.stderr[-1500:]}")


def empty_database() -> None:
    with psycopg.connect(private_servers.database_url("postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)'.encode())
        server.execute(f'CREATE DATABASE "{DATABASE}"'.encode())


def loop(url: str, orders: int) -> float:
    """Seconds of the loop over the SDK, from its first call to its last commit."""
    empty_database()
    told = json.loads(said_by("node", "loop.mjs", url, str(SOCKET), DATABASE))
    assert told["orders"] == orders == count("loop_orders"), told
    seconds: float = told["seconds"]
    return seconds


def tap(url: str, orders: int) -> float:
    """Seconds of the whole pipe, whose two programs take some seconds to start: see `started`."""
    target = {
        "sqlalchemy_url": f"postgresql+psycopg://postgres@/{DATABASE}?host={SOCKET}",
        "default_target_schema": "tap",
        "use_copy": True,  # its fastest way
    }
    (HOME / "tap.json").write_text(json.dumps({"api_url": url}))
    (HOME / "target.json").write_text(json.dumps(target))
    empty_database()
    began = time.perf_counter()
    said_by("sh", "-c", f"{TAP} --config tap.json | {TARGET} --config target.json")
    seconds = time.perf_counter() - began
    assert count("tap.orders") == orders, f"{count('tap.orders')} of {orders} orders"
    return seconds


def started() -> float:
    """Seconds that the two programs take to start, side by side as in the pipe."""
    began = time.perf_counter()
    said_by("sh", "-c", f"{TAP} --help >tap.help & {TARGET} --help >target.help; wait")
    return time.perf_counter() - began


def said_by(*command: str) -> str:
    with (HOME / "log").open("ab") as log:
        done = subprocess.run(
            command, cwd=HOME, stdout=subprocess.PIPE, stderr=log, text=True, check=True, timeout=LONGEST_SECONDS
        )
    return done.stdout


def count(table: str) -> int:
    with psycopg.connect(private_servers.database_url(DATABASE)) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert found
        return int(found[0])
