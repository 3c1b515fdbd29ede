import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks import processes

# Works for a while in a process of its own that it sees end, then takes 50 MB, says so and waits.
PROGRAM = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
print("worked", flush=True); sys.stdin.readline()
much = bytearray(50_000_000); much[::4096] = b"x" * len(much[::4096])
del much
print("took", flush=True); sys.stdin.readline()
"""


@pytest.fixture
def program() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.kill()


def test_a_process_is_told_by_its_peak_and_by_what_it_has_now(program: "subprocess.Popen[str]") -> None:
    assert program.stdin
    assert program.stdout
    assert program.stdout.readline() == "worked\n"
    before = processes.peak(program.pid)
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "took\n"
    assert 45 < processes.peak(program.pid) - before < 60
    assert processes.memory(program.pid) < before + 10


def test_the_work_of_those_that_have_ended_counts(program: "subprocess.Popen[str]") -> None:
    assert program.stdout
    assert program.stdout.readline() == "worked\n"
    assert processes.children(program.pid) == []
    assert processes.cpu(program.pid) > 0.05


def test_so_does_the_work_of_those_that_live_on() -> None:
    busy = "import os\nif not os.fork(): list(range(5_000_000))\nprint(os.getpid(), flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", busy], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        told = {int(process.stdout.readline()), int(process.stdout.readline())}
        assert {process.pid, *processes.children(process.pid)} == told
        assert processes.cpu_of_all(process.pid) > processes.cpu(process.pid)
