"""Adapters that talk to the simulated Crux Connect."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from marketplaces.crux_timp.adapter import CruxTimpAdapter
from marketplaces.http import Http
from marketplaces.records import Credentials
from tests.sandbox_process import SandboxProcess

SUPPLIER = "Millbrook Home Supply"


@pytest.fixture
def password(sandbox: SandboxProcess) -> Callable[[str], Credentials]:
    """Name and password of a user, by the beginning of the name."""

    def of(name: str) -> Credentials:
        user = next(one for one in sandbox.credentials()["crux"]["users"] if one["username"].startswith(name))
        return Credentials(user["username"], user["password"], api_url=f"{sandbox.url}/crux")

    return of


@pytest.fixture
def credentials(password: Callable[[str], Credentials], http: Http) -> Callable[..., Credentials]:
    """What speaks for a user who has signed in; by default one of Millbrook who may do everything."""

    def of(name: str = "orders@millbrook", **options: str) -> Credentials:
        bare = password(name)
        tokens = CruxTimpAdapter(bare, http).refresh_tokens("")
        return replace(bare, access_token=tokens.access_token, shop_id=tokens.shops[0].marketplace_id, options=options)

    return of


@pytest.fixture
def adapter(credentials: Callable[..., Credentials], http: Http) -> Callable[..., CruxTimpAdapter]:
    return lambda name="orders@millbrook", **options: CruxTimpAdapter(credentials(name, **options), http)


@pytest.fixture
def ask(sandbox: SandboxProcess) -> Callable[..., Any]:
    """Have a retailer ask to cancel something of Millbrook's: an order, or with scope="line" a line."""
    return lambda **what: sandbox.post("retailer", action="request", **({"supplier": SUPPLIER} | what))
