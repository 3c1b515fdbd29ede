"""What goes over the wire: the queue's first page, and the files that a page needs."""

import gzip
import re
from datetime import timedelta

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from cancellations.models import Claim, SavedView
from cancellations.views.queue import PAGE_SIZE
from orders.models import Order
from shops.models import Role, Shop
from tests.factories import CancellationFactory, CancellationLineFactory, ShopFactory, member

pytestmark = pytest.mark.django_db
FIRST_PAGE = 60_000
ASSETS = 250_000
LONG = "Aria 2 Wireless Noise-Cancelling Over-Ear Headphones with Microphone, Foldable, 40 Hours Playtime, " * 2
# As long as those of a real marketplace.
PICTURE = (
    "https://p16-oec-ttp.tiktokcdn-us.com/tos-useast5-i-omjb5zjo8w-tx/93c6d2ba3a8d4f34a6a6b5ab8c1cb4d5~tplv-omjb5zjo8w"
    "-resize-jpeg:300:300.jpeg?dr=15582&nonce=71337&refresh_token=23c2f0b6"
)


@pytest.fixture
def shop() -> Shop:
    return ShopFactory(name="Haushaltswarengroßhandel und Geschenke" * 2, time_zone="America/Los_Angeles", region="US")


def test_the_queues_first_page_stays_small_whatever_things_are_called(client: Client, shop: Shop) -> None:
    agent, colleague = (
        member(Role.AGENT, shop, first_name=name, last_name="von Wittgenstein-Sayn")
        for name in ("Maximiliane", "Eberhard")
    )
    client.force_login(agent)
    for number in range(60):
        row = CancellationFactory(
            order__shop=shop, order__status="PARTIALLY_SHIPPING", order__buyer_name="Northgate Retail",
            deadline=timezone.now() + timedelta(minutes=20 * number), reason="ecom_order_to_ship_canceled_reason",
            reason_text="The delivery address or another detail of the order was wrong", assigned_to=agent,
        )  # fmt: skip
        for _ in range(3):
            CancellationLineFactory(cancellation=row, product_name=LONG, sku_name=LONG, image_url=PICTURE)
        Claim.objects.create(cancellation=row, user=colleague, until=timezone.now() + timedelta(minutes=2))
    Order.objects.update(shop=shop)
    for number in range(20):
        SavedView.objects.create(owner=colleague, name=f"{number} " + "W" * 57, query="whose=nobody", is_shared=True)
    page = client.get("/").content
    assert page.count(b'id="row-') == PAGE_SIZE
    assert len(page) < FIRST_PAGE


def assets(page: str) -> dict[str, int]:
    """Each file of ours that a page names, and the files that a style sheet names in its turn, compressed."""
    named = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
    for name in [name for name in named if name.endswith(".css")]:
        folder = name.rpartition("/")[0]
        for inner in re.findall(r'url\("?(?!data:)([^")]+)', read(name).decode()):
            named.append(f"{folder}/{inner}".lstrip("/"))
    return {name: len(gzip.compress(read(name))) for name in named}


def read(name: str) -> bytes:
    found = finders.find(name)
    assert found, name
    with open(found, "rb") as file:
        return file.read()


def test_no_page_needs_much(client: Client, shop: Shop) -> None:
    client.force_login(member(Role.MANAGER, shop))
    row = CancellationFactory(order__shop=shop)
    for path in ("/", row.get_absolute_url(), f"/cancellations/{row.pk}/approve/", "/orders/", f"/shops/{shop.pk}/"):
        sizes = assets(client.get(path).content.decode())
        assert len(sizes) > 4, path
        assert sum(sizes.values()) < ASSETS, (path, sizes)
