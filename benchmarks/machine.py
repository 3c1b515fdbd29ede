"""On what it was measured, which goes with every figure."""

import os
import platform
from pathlib import Path

import django
from django.db import connection


def machine() -> str:
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cores} cores of {processor()}, {memory:.0f} GB; PostgreSQL {server_version()}, "
        f"Python {platform.python_version()}, Django {django.get_version()}"
    )


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
