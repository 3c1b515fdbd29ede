"""One simulator for all tests of this folder, and adapters that talk to it."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from marketplaces.http import Http
from marketplaces.records import Credentials
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from tests.sandbox_process import SandboxProcess, running_sandbox

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

ORDERS = 500  # enough for every kind of order in every market


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
    return Http(connect_timeout=2, read_timeout=0.5, backoff=0.01, longest_wait=2)


@pytest.fixture
def credentials(sandbox: SandboxProcess) -> Callable[[str], Credentials]:
    """What speaks for the first shop of a region."""

    def of(region: str) -> Credentials:
        known = sandbox.credentials()
        shop = sandbox.shop(region)
        return Credentials(
            app_key=known["app_key"],
            app_secret=known["app_secret"],
            access_token=shop["access_token"],
            shop_cipher=shop["cipher"],
            api_url=sandbox.url,
            auth_url=sandbox.url,
        )

    return of


@pytest.fixture
def adapter(credentials: Callable[[str], Credentials], http: Http) -> Callable[[str], TikTokAdapter]:
    """An adapter for the first shop of a region."""
    return lambda region: TikTokAdapter(credentials(region), http)
