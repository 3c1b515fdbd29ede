import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

CHECKOUT = Path(__file__).resolve().parent.parent.parent
GREET = "from config import private_servers as servers; servers.ensure(); print('ready', flush=True); input()"
NAMED = ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "LOCAL_DIR")


class Borrower:
    """A process of its own that uses the private servers in `local` until it is told to end."""

    def __init__(self, local: Path, code: str = GREET) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in NAMED}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=CHECKOUT,
            env={**environment, "LOCAL_DIR": str(local)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Borrower":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.communicate()


@pytest.fixture
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    local = tmp_path_factory.mktemp("servers") / "local"
    yield local
    assert comes_true(lambda: processes_in(local) == []), "a server was left behind"


def processes_in(local: Path) -> list[str]:
    """The command lines of this machine's processes that name the folder."""
    found = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().decode(errors="replace").split("\0")
            environment = (cmdline.parent / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended, or is not ours
            continue
        is_keeper = any(word.endswith("private_servers.py") for word in words) and f"LOCAL_DIR={local}" in environment
        if is_keeper or any(str(local) in word for word in words):
            found.append(" ".join(words))
    return found


def comes_true(claim: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def database_in(local: Path, name: str = "countermand") -> str:
    return f"postgres://postgres@/{name}?host={local}/postgres"


def test_both_servers_answer_with_the_database_made(local: Path) -> None:
    with Borrower(local), psycopg.connect(database_in(local)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert redis.Redis(unix_socket_path=f"{local}/valkey/socket").ping()


def test_nobody_else_on_the_machine_gets_in(local: Path) -> None:
    with Borrower(local):
        assert stat.S_IMODE(local.stat().st_mode) == 0o700
        assert not any("5432" in line or "6379" in line for line in processes_in(local))


def test_servers_stop_when_their_user_ends(local: Path) -> None:
    with Borrower(local):
        assert processes_in(local)
    assert comes_true(lambda: processes_in(local) == [])


def test_servers_stop_when_their_user_is_killed(local: Path) -> None:
    with Borrower(local) as borrower:
        borrower.end(signal.SIGKILL)
        assert comes_true(lambda: processes_in(local) == [])


def test_servers_stay_for_the_second_user(local: Path) -> None:
    with Borrower(local) as first, Borrower(local):
        before = sorted(processes_in(local))
        first.end(signal.SIGTERM)
        time.sleep(1)
        assert sorted(processes_in(local)) == before
        psycopg.connect(database_in(local)).close()


def test_two_that_come_at_once_share_one_pair_of_servers(local: Path) -> None:
    first, second = Borrower(local), Borrower(local)
    with first, second:
        keepers = [line for line in processes_in(local) if "private_servers.py" in line]
        assert len(keepers) == 2


def test_rows_are_there_again_after_a_restart(local: Path) -> None:
    with Borrower(local), psycopg.connect(database_in(local)) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    assert comes_true(lambda: processes_in(local) == [])
    with Borrower(local), psycopg.connect(database_in(local)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_servers_start_again_after_their_keepers_were_killed(local: Path) -> None:
    with Borrower(local):
        for pid in keeper_pids(local):
            os.kill(pid, signal.SIGKILL)
        assert comes_true(lambda: processes_in(local) == [])
        with Borrower(local):
            psycopg.connect(database_in(local)).close()


def keeper_pids(local: Path) -> list[int]:
    return [
        int(environ.parent.name)
        for environ in Path("/proc").glob("[0-9]*/environ")
        if f"LOCAL_DIR={local}" in read_or_empty(environ)
        and "private_servers.py" in read_or_empty(environ.parent / "cmdline")
    ]


def read_or_empty(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_path_too_long_for_a_socket_is_no_obstacle(local: Path) -> None:
    far = local / ("far" * 40)
    with Borrower(far):
        assert len(keeper_pids(far)) == 2
    for link in Path(tempfile.gettempdir()).glob("countermand-*"):
        if link.is_symlink() and link.readlink() == far:
            link.unlink()


def test_named_servers_are_left_to_their_owner(local: Path) -> None:
    code = (
        "import os; os.environ |= {'DATABASE_URL': 'postgres://db/shop', 'CELERY_BROKER_URL': 'redis://broker'};"
        "from config import private_servers as servers; servers.choose('demo', 1); servers.ensure(); servers.empty();"
        "print(os.environ['DATABASE_URL'] == 'postgres://db/shop' and 'ready', flush=True); input()"
    )
    with Borrower(local, code):
        assert keeper_pids(local) == []


def test_emptying_leaves_the_other_databases_alone(local: Path) -> None:
    code = (
        "from config import private_servers as servers; servers.choose('demo', 1); servers.ensure(); servers.empty();"
        "print('ready', flush=True); input()"
    )
    with Borrower(local), psycopg.connect(database_in(local), autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (id int)")
        with Borrower(local, code), psycopg.connect(database_in(local, "demo"), autocommit=True) as demo:
            demo.execute("CREATE TABLE yesterday (id int)")
        with Borrower(local, code), psycopg.connect(database_in(local, "demo")) as demo:
            assert demo.execute("SELECT to_regclass('yesterday')").fetchone() == (None,)
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == ("mine",)


def test_importing_the_settings_starts_nothing(local: Path) -> None:
    with Borrower(local, "import config.settings; print('ready', flush=True); input()"):
        assert keeper_pids(local) == []


@pytest.mark.parametrize("name", ["secret_key", "fernet_key"])
def test_a_local_secret_is_made_once(local: Path, name: str) -> None:
    code = "import config.settings; print('ready', flush=True); input()"
    with Borrower(local, code):
        first = (local / name).read_text()
    with Borrower(local, code):
        assert (local / name).read_text() == first
    assert stat.S_IMODE((local / name).stat().st_mode) == 0o600
