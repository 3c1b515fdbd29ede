import pytest
from django.test import Client

from shops.models import Role, Shop
from tests.factories import CancellationFactory, LineItemFactory, OrderFactory, PackageFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


def client_of_all_shops() -> Client:
    client = Client()
    client.force_login(member(Role.VIEWER, *Shop.objects.all()))
    return client


def test_an_order_tells_its_lines_packages_requests_and_sums() -> None:
    order = OrderFactory(extra={"new_field": "as it came"})
    line, package = LineItemFactory(order=order), PackageFactory(order=order)
    cancellation = CancellationFactory(order=order)
    told = client_of_all_shops().get(f"/api/v1/orders/{order.pk}/").json()
    assert told["total"] == {"amount": "26.98", "currency": "GBP"}
    assert told["shipping_fee"] == {"amount": "2.98", "currency": "GBP"}
    assert [(row["id"], row["marketplace_id"]) for row in told["lines"]] == [(line.pk, line.marketplace_id)]
    assert told["lines"][0]["price"] == {"amount": "12.00", "currency": "GBP"}
    assert [row["marketplace_id"] for row in told["packages"]] == [package.marketplace_id]
    assert told["cancellations"] == [f"http://testserver/api/v1/cancellations/{cancellation.pk}/"]
    assert told["extra"] == {"new_field": "as it came"}


def test_a_line_tells_how_many_of_it_are_cancelled_have_left_and_can_still_be_cancelled() -> None:
    line = LineItemFactory(quantity=5, cancelled_quantity=1, shipped_quantity=2)
    [told] = client_of_all_shops().get(f"/api/v1/orders/{line.order_id}/").json()["lines"]
    told = {name: told[f"{name}_quantity"] for name in ("cancelled", "shipped", "open")}
    assert told == {"cancelled": 1, "shipped": 2, "open": 2}


def test_an_order_tells_what_people_call_it_and_null_for_sums_that_nobody_told() -> None:
    order = OrderFactory(number="PO-104417", tax=None, fees="3.50")
    told = client_of_all_shops().get(f"/api/v1/orders/{order.pk}/").json()
    assert (told["number"], told["tax"], told["fees"]) == ("PO-104417", None, {"amount": "3.50", "currency": "GBP"})
    [row] = client_of_all_shops().get("/api/v1/orders/?q=PO-1044").json()["results"]
    assert row["number"] == "PO-104417"


def test_an_order_under_a_buyers_request_offers_no_cancelling_of_items() -> None:
    cancellation = CancellationFactory()
    told = client_of_all_shops().get(f"/api/v1/orders/{cancellation.order_id}/cancel-options/").json()
    assert told["offer"]["allowed"] is False
    assert "answer that request" in told["offer"]["why_not"]


def test_orders_are_narrowed_by_the_filters_of_the_screens() -> None:
    shop = ShopFactory(region="DE")
    shipped = OrderFactory(shop=shop, status="IN_TRANSIT", is_cancel_requested=False)
    asked = OrderFactory(shop=shop)
    other = OrderFactory()
    client = client_of_all_shops()

    def found(query: str) -> set[int]:
        return {row["id"] for row in client.get(f"/api/v1/orders/?{query}").json()["results"]}

    assert found("status=IN_TRANSIT") == {shipped.pk}
    assert found("is_cancel_requested=true") == {asked.pk, other.pk}
    assert found(f"shop={shop.pk}") == {shipped.pk, asked.pk}
    assert found("market=de") == {shipped.pk, asked.pk}
    assert found(f"q={asked.marketplace_id}") == {asked.pk}
