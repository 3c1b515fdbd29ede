"""Orders come in: whole pages at once, never backwards, with lines and packages as they stand now."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from cancellations.models import CancellationRequest, Event
from marketplaces.records import LineItemRecord, Money, OrderRecord, Page
from orders import sync
from orders.models import CancelledLine, LineItem, Order, Package
from shops import parts, pulling
from shops.models import Shop, SyncCursor, SyncRun
from shops.parts import Window
from shops.upsert import upsert
from tests.factories import ShopFactory, at
from tests.world import World

pytestmark = pytest.mark.django_db

NOON = at("2026-03-02 12:00")
LATER = NOON + timedelta(seconds=1)


def gbp(amount: str) -> Money:
    return Money(Decimal(amount), "GBP")


def line(number: str, package: str = "", **columns: Any) -> LineItemRecord:
    told: dict[str, Any] = {
        "marketplace_id": number, "status": "AWAITING_SHIPMENT", "product_id": "P1", "product_name": "Cotton tote bag",
        "sku_id": "S1", "sku_name": "Black", "seller_sku": "TOTE-BLK", "image_url": "https://images.example/1.jpg",
        "quantity": 1, "price": gbp("12.00"), "original_price": gbp("15.00"), "package_id": package,
        "package_status": "TO_FULFILL" if package else "", "tracking_number": f"T-{package}" if package else "",
    }  # fmt: skip
    return LineItemRecord(**{**told, **columns})


def order(number: str = "1", *lines: LineItemRecord, **columns: Any) -> OrderRecord:
    told: dict[str, Any] = {
        "marketplace_id": number, "status": "AWAITING_SHIPMENT", "created_at": NOON, "updated_at": NOON,
        "total": gbp("26.98"), "subtotal": gbp("24.00"), "shipping_fee": gbp("2.98"), "tax": gbp("0"),
        "lines": lines or [line(f"{number}-1"), line(f"{number}-2")], "shipping_provider": "Royal Mail",
    }  # fmt: skip
    return OrderRecord(**{**told, **columns})


@pytest.fixture
def shop() -> Shop:
    return ShopFactory()


def store(shop: Shop, *records: OrderRecord) -> int:
    with transaction.atomic():
        return sync.store(shop, records)


def packages(**of: Any) -> dict[str, tuple[str, str, str]]:
    return {
        package.marketplace_id: (package.status, package.tracking_number, package.shipping_provider)
        for package in Package.objects.filter(**of)
    }


class TestAnOrder:
    def test_every_field_that_was_told_is_kept(self, shop: Shop) -> None:
        told = order(
            "577087614418520388", line("L1", "K1", is_gift=True, extra={"new": 1}), paid_at=NOON, ship_by=LATER,
            shipped_at=NOON, hand_over_by=LATER, collected_at=NOON, delivered_at=LATER, cancelled_at=LATER,
            cancel_requested_at=NOON, is_cancel_requested=True, is_on_hold=True,
            is_shipped=True, is_cancelled=True, is_cash_on_delivery=True, cancelled_by="BUYER", cancel_reason="late",
            fulfillment_type="seller", shipping_type="marketplace", delivery_option_id="D1",
            delivery_option_name="Fast", tracking_number="T1", warehouse_id="W1", payment_method="CARD",
            buyer_id="B1", buyer_message="Bitte\n☃", recipient_name="A. K.", recipient_region="GB",
            recipient_address="1 High St", extra={"mood": {"score": 7}}, tax=gbp("1.23"), package_ids=["K1"],
        )  # fmt: skip
        assert store(shop, told) == 1
        kept = Order.objects.get()
        money = {"total", "subtotal", "shipping_fee", "tax"}
        for name in OrderRecord.__dataclass_fields__.keys() - {"lines", "package_ids"}:
            expected = getattr(told, name)
            assert getattr(kept, name) == (expected.amount if name in money else expected), name
        assert kept.currency == "GBP"

    def test_so_is_every_field_of_a_line(self, shop: Shop) -> None:
        told = line(
            "L1", "K1", quantity=3, cancelled_by="SELLER", cancel_reason="stock", is_gift=True, is_shipped=True,
            is_cancelled=True, extra={"new": [1]},
        )  # fmt: skip
        store(shop, order("1", told))
        kept = LineItem.objects.get()
        for name in LineItemRecord.__dataclass_fields__:
            expected = getattr(told, name)
            assert getattr(kept, name) == (expected.amount if isinstance(expected, Money) else expected), name
        assert kept.currency == "GBP"

    def test_one_that_moved_is_written_with_its_lines_and_keeps_its_ids(self, shop: Shop) -> None:
        store(shop, order())
        before = {one.marketplace_id: one.pk for one in LineItem.objects.all()}
        moved = order("1", line("1-1", is_shipped=True), line("1-2"), status="IN_TRANSIT", updated_at=LATER)
        assert store(shop, moved) == 1
        assert {one.marketplace_id: one.pk for one in LineItem.objects.all()} == before
        assert LineItem.objects.get(marketplace_id="1-1").is_shipped
        assert Order.objects.get().status == "IN_TRANSIT"

    def test_one_that_has_not_moved_is_not_written(self, shop: Shop) -> None:
        store(shop, order())
        assert store(shop, order()) == 0

    def test_older_news_never_overwrite_newer(self, shop: Shop) -> None:
        store(shop, order(status="IN_TRANSIT", updated_at=LATER))
        assert store(shop, order(status="AWAITING_SHIPMENT")) == 0
        assert store(shop, order("1", line("1-1", status="CANCELLED"))) == 0
        assert Order.objects.get().status == "IN_TRANSIT"
        assert not LineItem.objects.filter(status="CANCELLED").exists()

    def test_of_the_same_second_another_status_counts(self, shop: Shop) -> None:
        store(shop, order())
        assert store(shop, order(status="CANCELLED")) == 1
        assert Order.objects.get().status == "CANCELLED"

    def test_the_same_id_in_another_shop_is_another_order(self, shop: Shop) -> None:
        store(shop, order())
        assert store(ShopFactory(), order(status="CANCELLED")) == 1
        assert Order.objects.get(shop=shop).status == "AWAITING_SHIPMENT"
        assert LineItem.objects.count() == 4


class TestDuplicates:
    @pytest.mark.parametrize("turned", [False, True])
    def test_of_two_in_a_page_the_newer_counts_whichever_comes_first(self, shop: Shop, turned: bool) -> None:
        both = [order(status="OLD"), order(status="NEW", updated_at=LATER)]
        assert store(shop, *(reversed(both) if turned else both)) == 1
        assert Order.objects.get().status == "NEW"

    def test_of_two_of_the_same_second_the_later_one_counts(self, shop: Shop) -> None:
        assert store(shop, order(status="FIRST"), order(status="LAST")) == 1
        assert Order.objects.get().status == "LAST"

    @pytest.mark.parametrize(("seconds", "told"), [(0, True), (-1, False)])
    def test_what_is_cancelled_in_the_second_in_which_its_shop_is_connected_is_news(
        self, shop: Shop, seconds: int, told: bool
    ) -> None:
        """Marketplaces count in whole seconds."""
        cancelled_at = shop.created_at.replace(microsecond=0) + timedelta(seconds=seconds)
        store(shop, order("1", line("1-1", is_cancelled=True), cancelled_at=cancelled_at))
        assert [step.is_told for step in CancelledLine.objects.filter(shop=shop)] == [told]

    def test_a_line_that_is_told_twice_is_kept_once(self, shop: Shop) -> None:
        store(shop, order("1", line("1-1"), line("1-1", quantity=2)))
        assert LineItem.objects.get().quantity == 2

    def test_the_same_line_id_in_two_orders_is_two_lines(self, shop: Shop) -> None:
        store(shop, order("1", line("L")), order("2", line("L")))
        assert {one.order.marketplace_id for one in LineItem.objects.select_related("order")} == {"1", "2"}


class TestPackages:
    def test_they_have_what_their_lines_tell(self, shop: Shop) -> None:
        store(shop, order("1", line("a", "K1"), line("b", "K2"), line("c", "K1")))
        assert packages() == {"K1": ("TO_FULFILL", "T-K1", "Royal Mail"), "K2": ("TO_FULFILL", "T-K2", "Royal Mail")}

    def test_one_that_no_line_is_in_is_known_by_its_id_alone(self, shop: Shop) -> None:
        store(shop, order("1", line("a"), package_ids=["K9"]))
        assert packages() == {"K9": ("", "", "")}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (["K1", "K1"], ["K2", "K3"]),  # split: the halves have new ids
            (["K1", "K2"], ["K3", "K3"]),  # combined
            (["K1", "K2"], ["K1", "K1"]),
            (["K1", "K2"], ["", ""]),
        ],
    )
    def test_those_that_were_split_or_combined_are_gone(
        self, shop: Shop, before: Sequence[str], after: Sequence[str]
    ) -> None:
        other = order("2", line("x", "K1"))
        store(shop, order("1", line("a", before[0]), line("b", before[1])), other)
        store(shop, order("1", line("a", after[0]), line("b", after[1]), updated_at=LATER))
        assert set(packages(order__marketplace_id="1")) == set(after) - {""}
        assert set(packages(order__marketplace_id="2")) == {"K1"}

    def test_those_of_an_order_that_did_not_move_are_left(self, shop: Shop) -> None:
        store(shop, order("1", line("a", "K1")))
        store(shop, order("1", line("a", "K2")))
        assert set(packages()) == {"K1"}

    def test_one_that_stays_keeps_its_row(self, shop: Shop) -> None:
        store(shop, order("1", line("a", "K1")))
        pk = Package.objects.get().pk
        moved = line("a", "K1", package_status="SHIPPED", tracking_number="T2")
        store(shop, order("1", moved, updated_at=LATER))
        assert Package.objects.get().pk == pk
        assert packages() == {"K1": ("SHIPPED", "T2", "Royal Mail")}


class TestAPage:
    def page(self, count: int, **columns: Any) -> list[OrderRecord]:
        return [order(str(n), line(f"{n}-1", f"K{n}"), line(f"{n}-2"), **columns) for n in range(count)]

    def test_three_hundred_orders_cost_as_many_statements_as_twenty_and_one_costs_less(
        self, shop: Shop, statements: list[str]
    ) -> None:
        costs = []
        for some in (self.page(1), self.page(21)[1:], self.page(300)[21:], self.page(300, updated_at=LATER)):
            statements.clear()
            assert store(shop, *some) == len(some)
            costs.append(len(statements))
        assert Order.objects.count() == 300
        assert LineItem.objects.count() == 600
        assert Package.objects.count() == 300
        assert costs[0] < costs[1] == costs[2] == costs[3] <= 20, costs

    def test_a_page_that_changes_nothing_asks_once_and_writes_nothing(self, shop: Shop, statements: list[str]) -> None:
        store(shop, *self.page(50))
        statements.clear()
        assert store(shop, *self.page(50)) == 0
        asked = [statement for statement in statements if "SAVEPOINT" not in statement]
        assert len(asked) == 1 and asked[0].startswith("SELECT")

    def test_only_what_moved_is_written(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        page = self.page(10)
        store(shop, *page)
        sent: list[int] = []

        def counted(model: Any, columns: Any, rows: Any, **how: Any) -> dict[str, int]:
            known = list(rows)
            if model is Order:
                sent.append(len(known))
            return upsert(model, columns, known, **how)

        monkeypatch.setattr(sync, "upsert", counted)
        page[3] = replace(page[3], updated_at=LATER)
        assert store(shop, *page) == 1
        assert sent == [1]

    def test_an_empty_page_is_no_work(self, shop: Shop) -> None:
        assert store(shop) == 0


def test_orders_that_are_missing_are_fetched_and_the_others_are_not(world: World) -> None:
    shop = world.shop("DE")
    wanted = list(Order.objects.filter(shop=shop, cancellations=None).values_list("marketplace_id", flat=True)[:3])
    Order.objects.filter(shop=shop, marketplace_id=wanted[0]).delete()
    world.sandbox.delete("calls")
    sync.fetch_missing(shop, wanted)
    assert Order.objects.filter(shop=shop, marketplace_id__in=wanted).count() == 3
    (call,) = world.sandbox.get("calls")["calls"]
    assert call["code"] == 0
    sync.fetch_missing(shop, wanted)
    assert len(world.sandbox.get("calls")["calls"]) == 1


def test_an_order_that_the_marketplace_does_not_know_is_left_out(world: World) -> None:
    assert sync.read_again(world.shop("DE"), ["577087614418999999"]) == []


def test_in_parts_all_is_read_as_in_one_and_what_changes_meanwhile_comes_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here() -> set[Any]:
        lines = LineItem.objects.filter(order__shop=shop)
        return set(lines.values_list("order__marketplace_id", "marketplace_id", "status", "order__status"))

    def store(shop: Shop, records: Sequence[OrderRecord]) -> int:
        if records and not stored:
            world.sandbox.ask_to_cancel(order_id=moving.marketplace_id)
        stored.extend(record.marketplace_id for record in records)
        return sync.store(shop, records)

    shop, moving, stored = world.shop("DE"), world.orders("DE")[0], list[str]()
    as_one = here()
    for model in (Event, CancellationRequest, CancelledLine, Order):
        model.objects.filter(shop=shop).delete()
    SyncCursor.objects.filter(shop=shop).delete()
    monkeypatch.setattr(parts, "ROWS_OF_A_PART", 3)
    monkeypatch.setattr("marketplaces.tiktok_shop.adapter.ORDERS_PER_PAGE", 2)
    windows, whole = list[Window](), Window.split

    def split(window: Window, page: Page[Any]) -> None:
        windows.append(window)
        whole(window, page)

    monkeypatch.setattr(Window, "split", split)
    run = pulling.pull(shop, replace(sync.KIND, store=store))
    assert run and run.state == SyncRun.State.SUCCEEDED, run and run.error
    assert len(windows) == 1
    sync.pull(shop)
    assert here() == as_one
    assert Order.objects.get(shop=shop, marketplace_id=moving.marketplace_id).is_cancel_requested
