from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError
from pytest_django import DjangoAssertNumQueries

from orders import tasks
from shops.models import Role, Shop
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, ShopFactory, member
from tests.world import SupplierWorld, confirmed_elsewhere

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(client: Client) -> Shop:
    shop = ShopFactory()
    client.force_login(member(Role.AGENT, shop))
    return shop


def page(client: Client, query: str = "") -> str:
    return client.get(reverse("orders:list") + query).content.decode()


def test_orders_are_found_by_shop_market_status_and_text(client: Client, shop: Shop) -> None:
    waits = LineItemFactory(order=OrderFactory(shop=shop), product_name="Copper kettle").order
    gone = OrderFactory(shop=shop, status="DELIVERED", is_cancel_requested=False)

    def shown(query: str) -> set[str]:
        found = page(client, query)
        return {order.marketplace_id for order in (waits, gone) if order.marketplace_id in found}

    both = {waits.marketplace_id, gone.marketplace_id}
    assert shown("") == shown(f"?shop={shop.pk}") == shown("?market=GB") == both
    assert shown("?status=DELIVERED") == {gone.marketplace_id}
    assert shown("?q=kettle") == {waits.marketplace_id}
    assert shown("?is_cancel_requested=true") == {waits.marketplace_id}
    assert shown("?market=US") == shown(f"?shop={ShopFactory().pk}") == set()
    assert "Clear the filters" in page(client, "?market=US")


def test_no_orders_at_all_point_to_the_shops(client: Client, shop: Shop) -> None:
    assert "No orders yet" in page(client)


def test_the_list_costs_the_same_queries_however_many_rows(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        LineItemFactory.create_batch(2, order=OrderFactory(shop=shop))
    with django_assert_max_num_queries(10):
        page(client)


def test_an_order_shows_its_items_packages_requests_and_decisions(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    order = OrderFactory(shop=shop, recipient_name="A. Buyer", buyer_message="Ring <twice>")
    LineItemFactory(order=order, is_cancelled=True, status="CANCELLED")
    LineItemFactory.create_batch(5, order=order)
    request = CancellationFactory(order=order)
    decision = DecisionFactory(cancellation=request)
    with django_assert_max_num_queries(12):
        found = client.get(order.get_absolute_url()).content.decode()
    for told in ("Cotton tote bag", "Awaiting shipment", "Cancelled", "A. Buyer", "Ring &lt;twice&gt;", "£26.98"):
        assert told in found
    assert request.get_absolute_url() in found
    assert reverse("cancellations:decision", args=[decision.pk]) in found
    assert reverse("cancellations:cancel_items", args=[order.pk]) in found


def test_an_order_shows_what_has_become_of_each_units_fees_and_no_tax_that_nobody_told(
    client: Client, shop: Shop
) -> None:
    order = OrderFactory(shop=shop, number="NG-104417", tax=None, fees=Decimal("5.00"))
    LineItemFactory(order=order, quantity=3, cancelled_quantity=2)
    LineItemFactory(order=order, quantity=4, shipped_quantity=1)
    found = " ".join(client.get(order.get_absolute_url()).content.decode().split())
    for told in ("NG-104417", order.marketplace_id, "2 of 3 cancelled, 1 open", "1 shipped, 3 open", "£5.00", "Fees"):
        assert told in found, told
    assert "Tax" not in found


def test_orders_are_listed_and_found_by_what_people_call_them(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop, number="NG-104417")
    assert "NG-104417" in page(client, "?q=ng-1044")
    assert order.marketplace_id not in page(client)


class TestAnOrderThatMayBeOutOfDate:
    """Where the marketplace cannot be asked what changed."""

    def test_is_read_again_when_somebody_opens_it(self, suppliers: SupplierWorld, client: Client) -> None:
        order = suppliers.orders_of("open", status="Unallocated")[0]
        client.force_login(suppliers.agent)
        confirmed_elsewhere(suppliers.recorded(order))
        seen = {"seen": order.fingerprint}
        assert f"?seen={order.fingerprint}" in client.get(order.get_absolute_url()).content.decode()
        assert client.get(order.get_absolute_url(), seen).status_code == 204
        tasks.read_order(order.pk)
        assert client.get(order.get_absolute_url(), seen).headers["HX-Refresh"] == "true"
        assert "Cancelled" in client.get(order.get_absolute_url()).content.decode()

    def test_once_a_minute_however_many_look(self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[object] = []
        monkeypatch.setattr(tasks.read_order, "apply_async", lambda args, **_: asked.append(args))
        order = OrderFactory(shop=shop, fingerprint="f")
        for _ in range(3):
            client.get(order.get_absolute_url())
        assert asked == [(order.pk,)]

    def test_others_are_not(self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks.read_order, "apply_async", pytest.fail)
        assert "?seen=" not in client.get(OrderFactory(shop=shop).get_absolute_url()).content.decode()

    def test_a_marketplace_that_does_not_answer_breaks_nothing(self, shop: Shop) -> None:
        tasks.read_order(OrderFactory(shop=shop, fingerprint="f").pk)

    def test_nor_does_a_broker_that_is_down(self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(*_: object, **__: object) -> None:
            raise OperationalError

        monkeypatch.setattr(tasks.read_order, "apply_async", down)
        assert client.get(OrderFactory(shop=shop, fingerprint="f").get_absolute_url()).status_code == 200


def test_an_order_that_does_not_say_itself_that_somebody_asks_is_found_by_its_request(
    client: Client, shop: Shop
) -> None:
    silent = OrderFactory(shop=shop, is_cancel_requested=False)
    CancellationFactory(order=silent)
    answered = OrderFactory(shop=shop, is_cancel_requested=False)
    CancellationFactory(order=answered, needs_answer=False, state="closed")
    assert silent.marketplace_id in page(client, "?is_cancel_requested=true")
    assert answered.marketplace_id not in page(client, "?is_cancel_requested=true")
    assert silent.marketplace_id not in page(client, "?is_cancel_requested=false")
