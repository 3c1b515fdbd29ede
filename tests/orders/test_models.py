"""What orders are found by, and that a long list does not make it slow."""

import pytest
from django.db import connection, models

from cancellations.models import CancellationRequest
from orders.models import Order
from shops.models import SyncRun
from tests.factories import CancellationLineFactory, LineItemFactory, OrderFactory, PackageFactory

pytestmark = pytest.mark.django_db

ORDER_ID, CANCEL_ID, TRACKING, SKU, ARTICLE = (
    "57708761441800",
    "40353185040800",
    "9400111899",
    "17293864160",
    "4006381333931",
)


@pytest.mark.parametrize(
    "text", [ORDER_ID, ORDER_ID[:9], TRACKING, SKU, ARTICLE, ARTICLE[:8], "5770", "tote-b", "COTTON"]
)
def test_an_order_is_found_by_its_numbers_and_what_is_in_it(text: str) -> None:
    order = OrderFactory(marketplace_id=ORDER_ID, tracking_number=TRACKING)
    LineItemFactory.create_batch(2, order=order, sku_id=SKU)
    LineItemFactory(order=order, seller_sku=ARTICLE)
    LineItemFactory(sku_id="1", seller_sku="1", product_name="Kettle", order__marketplace_id="1")
    assert Order.objects.search(text).get() == order


@pytest.mark.parametrize("text", [ORDER_ID[1:], TRACKING[:-1], SKU[:-1], ARTICLE[1:], "12345678"])
def test_a_long_number_is_an_id_and_not_looked_for_in_names(text: str) -> None:
    order = OrderFactory(marketplace_id=ORDER_ID, tracking_number=TRACKING)
    LineItemFactory(order=order, sku_id=SKU, seller_sku=ARTICLE, product_name="Kettle 12345678")
    assert not Order.objects.search(text).exists()


@pytest.mark.parametrize(
    ("rows", "read_whole"),
    [
        (Order.objects.search(ORDER_ID), set()),
        (CancellationRequest.objects.search(CANCEL_ID), set()),
        (Order.objects.filter(is_cancel_requested=True).order_by("-created_at", "-pk")[:51], set()),
        (CancellationRequest.objects.filter(state="unknown").order_by("-created_at", "-pk")[:51], set()),
        (SyncRun.objects.latest_of_each_shop(), {"shops_shop"}),
    ],
    ids=["orders by number", "requests by number", "asked to cancel", "by state", "latest runs"],
)
def test_what_grows_for_ever_is_read_through_an_index(
    rows: "models.QuerySet[models.Model]", read_whole: set[str]
) -> None:
    CancellationLineFactory()
    with connection.cursor() as cursor:
        # With few rows the planner would rather read them all: leave that to where no index can help.
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = rows.explain()
    assert {line.split(" on ")[1].split()[0] for line in plan.splitlines() if "Seq Scan on" in line} <= read_whole, plan


def test_a_parcel_knows_what_is_in_it() -> None:
    order = OrderFactory()
    first, second = (PackageFactory(order=order, marketplace_id=name) for name in ("P1", "P2"))
    tote, mug, lamp = (LineItemFactory(order=order, package_id=name) for name in ("P1", "P1", ""))
    assert order.parcels() == [(first, [tote, mug]), (second, [])]
    assert lamp.package_id == ""
