"""An agent who is signed in, in shops of every sort."""

import pytest
from django.test import Client

from accounts.models import User
from cancellations import live
from marketplaces.records import HandoverOptions, RejectReason, ShippingProvider
from orders.models import Order
from shops.models import Role, Shop
from tests.cancellations.views.pages import ordered
from tests.factories import ShopFactory, member

REASONS = [RejectReason("packed", "Product has been packed"), RejectReason("agreed", "Reached an agreement")]


@pytest.fixture
def shop() -> Shop:
    return ShopFactory(name="Kettle & Co")


@pytest.fixture
def american() -> Shop:
    return ShopFactory(name="Juniper & Oak", region="US", time_zone="America/Los_Angeles")


@pytest.fixture
def supplier() -> Shop:
    """One whose retailers ask by e-mail, because its marketplace lists no requests."""
    return ShopFactory(
        marketplace="crux_timp", region="US", name="Northgate Outfitters", connection__marketplace="crux_timp"
    )


@pytest.fixture
def agent(shop: Shop, american: Shop, supplier: Shop) -> User:
    return member(Role.AGENT, shop, american, supplier, first_name="Ada")


@pytest.fixture(autouse=True)
def signed_in(client: Client, agent: User) -> None:
    client.force_login(agent)


@pytest.fixture(autouse=True)
def marketplace_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: REASONS)
    monkeypatch.setattr(live, "handover_options", lambda *_: HandoverOptions(can_pickup=True, can_drop_off=True))
    monkeypatch.setattr(live, "shipping_providers", lambda order: [ShippingProvider("7117858858072016686", "USPS")])
    monkeypatch.setattr(live, "eligibility", lambda order: [])


@pytest.fixture
def order(supplier: Shop) -> Order:
    """Of a supplier."""
    return ordered(supplier, "NG-104417")
