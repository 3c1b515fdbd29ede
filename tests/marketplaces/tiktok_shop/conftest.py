"""Adapters that talk to the simulated TikTok Shop."""

from collections.abc import Callable

import pytest

from marketplaces.http import Http
from marketplaces.records import Credentials
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from tests.sandbox_process import SandboxProcess


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
