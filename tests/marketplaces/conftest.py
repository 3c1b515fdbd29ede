"""One simulator for all tests of this folder, and the way to it."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

from marketplaces.http import Http
from tests.sandbox_process import SandboxProcess, running_sandbox

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ORDERS = 500  # enough for every kind of order in every market


@pytest.fixture(autouse=True)
def nothing_is_collected_in_the_deep() -> Iterator[None]:
    """A body of 5,000 brackets is read near the limit of recursion; what others left to be collected ends elsewhere."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    recording = tmp_path_factory.mktemp("traffic") / "marketplaces.jsonl"
    with running_sandbox("--rate-limit", "0", recording=recording) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """A fresh world for each test."""
    sandbox_process.reset(orders=ORDERS, scenario="default")
    return sandbox_process


@pytest.fixture
def http() -> Http:
    """As in production, but impatient."""
    return Http(connect_timeout=2, read_timeout=0.8, backoff=0.01, longest_wait=2)
