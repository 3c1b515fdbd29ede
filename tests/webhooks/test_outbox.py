"""What happens anywhere in the house is in the outbox with the change itself, once, and nobody's name is in it."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations import decisions, delivery, following, happening, journal, nearing, sync
from cancellations.models import CancellationRequest, Decision, Event, Verdict
from marketplaces.errors import CredentialsRejected
from marketplaces.records import CancellationState as RecordState
from orders.models import CancelledLine
from orders.sync import store
from shops import nudging, outgoing
from shops.models import OutgoingEvent, Shop
from shops.outgoing import event as made_up
from shops.staying import deauthorized
from shops.tokens import mark_for_reconnection
from tests.factories import CancellationFactory, DecisionFactory, ShopFactory
from tests.orders.test_sync import line, order
from tests.world import SupplierWorld, World
from webhooks.events import TYPES

pytestmark = pytest.mark.django_db

# How a marketplace that makes a line of each unit tells of it on its way, and cancelled.
SENT: dict[str, Any] = {"status": "IN_TRANSIT", "is_shipped": True, "shipped_quantity": 1}
GONE: dict[str, Any] = {"status": "CANCELLED", "is_cancelled": True, "cancelled_quantity": 1}


def told(kind: str = "") -> list[dict[str, Any]]:
    rows = OutgoingEvent.objects.order_by("pk")
    return list((rows.filter(type=kind) if kind else rows).values_list("data", flat=True))


def types() -> list[str]:
    return list(OutgoingEvent.objects.order_by("pk").values_list("type", flat=True))


def carried_out(world: World, made: Decision) -> None:
    world.now()
    delivery.deliver(made.pk)


class TestTheRegistry:
    def test_what_is_announced_anywhere_is_in_it(self) -> None:
        files = [path for house in ("shops", "orders", "cancellations") for path in Path(house).rglob("*.py")]
        said = set()
        for path in files:
            text = path.read_text()
            if "outgoing" in text or "announce_shops" in text:
                said |= set(
                    re.findall(
                        r'(?:event|about_request|announce_shops)\(\s*(?:[\w.()]+,\s*)?"([a-z_]+\.[a-z_]+)"', text
                    )
                )
        assert said - {"decision.recorded"} <= set(TYPES)
        assert {"cancellation.settled", "stock.released", "deadline.near", "shop.disconnected"} <= said

    def test_its_examples_have_the_fields_of_what_is_told(self, world: World) -> None:
        asked = world.asked("GB")
        made = world.approve(asked)
        carried_out(world, made)
        for event in OutgoingEvent.objects.all():
            assert set(event.data) == set(TYPES[event.type].example), event.type
        assert {"cancellation.requested", "decision.recorded", "decision.accepted", "decision.confirmed"} <= set(
            types()
        )

    def test_the_guide_has_its_table(self) -> None:
        from webhooks.events import table

        assert table() in (settings.BASE_DIR / "docs/webhooks.md").read_text()


class TestRequests:
    def test_one_that_is_approved_is_settled_by_our_decision(self, world: World) -> None:
        asked = world.asked("GB")
        OutgoingEvent.objects.all().delete()
        made = world.approve(asked)
        carried_out(world, made)
        sync.read_again(asked.shop, [asked.marketplace_id])
        (settled,) = told("cancellation.settled")
        assert (settled["settled_by"], settled["decision"], settled["from"]) == ("decision", made.pk, "waiting")
        assert settled["to"] in ("approved", "completed")
        assert settled["refund"]["currency"] == "GBP"
        assert settled["order_marketplace_id"] == asked.order_marketplace_id
        assert settled["url"].endswith(f"/api/v1/cancellations/{asked.pk}/")
        assert [one["decision"] for one in told("decision.confirmed")] == [made.pk]

    @pytest.mark.parametrize(
        ("state", "deadline", "by", "types_told"),
        [
            ("approved", -1, "deadline", ["cancellation.settled"]),
            ("approved", 1, "elsewhere", ["cancellation.settled"]),
            ("closed", 1, "elsewhere", ["cancellation.settled", "cancellation.withdrawn"]),
            ("unknown", 1, None, ["cancellation.moved"]),
        ],
    )
    def test_who_decided_is_said_as_far_as_it_is_known(
        self, state: str, deadline: int, by: str | None, types_told: list[str]
    ) -> None:
        row = CancellationFactory(deadline=timezone.now() + timedelta(hours=deadline))
        following.settle(row, CancellationRequest.State(state))
        assert types() == types_told
        assert told()[0].get("settled_by") == by

    def test_silence_is_said_though_the_marketplace_drops_the_deadline_of_what_is_settled(self, world: World) -> None:
        asked = world.asked("GB")
        assert asked.deadline
        OutgoingEvent.objects.all().delete()
        (record,) = sync.read_again(asked.shop, [asked.marketplace_id])
        over = replace(
            record, state=RecordState.APPROVED, needs_answer=False, deadline=None,
            updated_at=asked.deadline + timedelta(seconds=1),
        )  # fmt: skip
        with transaction.atomic():
            sync.store(asked.shop, [over])
        (settled,) = told("cancellation.settled")
        assert (settled["settled_by"], settled["decision"]) == ("deadline", None)

    def test_what_is_not_cancelled_gives_nothing_back(self) -> None:
        row = CancellationFactory(refund_total=12, currency="GBP")
        following.settle(row, CancellationRequest.State.CLOSED)
        assert [one["refund"] for one in told()] == [None, None]

    def test_one_that_was_over_when_it_was_first_read_is_told_of_twice(self) -> None:
        now = timezone.now()
        row = CancellationFactory(
            created_at=now + timedelta(seconds=1), updated_at=now + timedelta(seconds=9), state="approved",
            needs_answer=False, deadline=now + timedelta(seconds=5),
        )  # fmt: skip
        detail = {"from": "", "to": "approved"}
        happening.note(
            [Event(shop=row.shop, cancellation=row, name="cancellation.requested", detail=detail, at=row.created_at)]
        )
        assert types() == ["cancellation.requested", "cancellation.settled"]
        assert told()[1]["settled_by"] == "deadline"
        assert list(OutgoingEvent.objects.order_by("pk").values_list("at", flat=True)) == [
            row.created_at, row.updated_at
        ]  # fmt: skip

    def test_history_that_a_first_pull_brings_is_not_news(self, world: World) -> None:
        before = CancellationRequest.objects.filter(needs_answer=False, created_at__lt=world.shop("GB").created_at)
        assert before.exists()
        ids = set(before.values_list("pk", flat=True))
        assert not ids & {one["cancellation"] for one in told("cancellation.requested")}
        waiting = set(CancellationRequest.objects.waiting().values_list("pk", flat=True))
        assert waiting and waiting <= {one["cancellation"] for one in told("cancellation.requested")}

    def test_no_buyer_is_in_it(self, world: World) -> None:
        asked = world.asked("GB")
        assert asked.order
        asked.order.__class__.objects.update(
            buyer_name="Ada Buyer", recipient_name="Ada Buyer", recipient_address="1 High St", buyer_message="hi Ada"
        )
        made = decisions.decide(asked, Verdict.APPROVE, world.agent)
        carried_out(world, made)
        assert not [one for one in told() if "Ada" in str(one) or "High St" in str(one)]

    def test_what_people_recorded_and_closed_is_told_as_well(self, suppliers: SupplierWorld) -> None:
        from cancellations.recording import close

        OutgoingEvent.objects.all().delete()
        row = suppliers.recorded(suppliers.orders_of()[0])
        close(row, suppliers.agent, "Withdrawn by telephone.")
        assert types() == ["cancellation.requested", "cancellation.settled"]
        assert told()[1]["settled_by"] == "staff"
        assert "telephone" not in str(told())


class TestDeadlines:
    def test_a_request_that_nobody_decided_is_told_of_once_for_each_deadline(self) -> None:
        now = timezone.now()
        row = CancellationFactory(deadline=now + timedelta(hours=1))
        CancellationFactory(deadline=now + timedelta(hours=3))
        CancellationFactory(deadline=now - timedelta(hours=1))
        DecisionFactory(cancellation=CancellationFactory(deadline=now + timedelta(hours=1)))
        for _ in range(3):
            nearing.tell(now)
        assert [one["cancellation"] for one in told("deadline.near")] == [row.pk]
        CancellationRequest.objects.filter(pk=row.pk).update(deadline=now + timedelta(minutes=90))
        nearing.tell(now)
        assert len(told("deadline.near")) == 2

    @pytest.mark.django_db(transaction=True)
    def test_one_that_is_being_settled_is_left_so_that_nothing_follows_its_end(self) -> None:
        now = timezone.now()
        row = CancellationFactory(deadline=now + timedelta(hours=1))

        def sweep() -> None:
            nearing.tell(now)
            connection.close()

        with ThreadPoolExecutor(1) as pool, transaction.atomic():
            following.settle(row, CancellationRequest.State.CLOSED)
            pool.submit(sweep).result()
        assert types() == ["cancellation.settled", "cancellation.withdrawn"]


class TestGoingOn:
    @pytest.mark.parametrize("accepted", [True, False])
    def test_what_waited_for_its_shop_says_that_it_goes_on(self, accepted: bool) -> None:
        made = DecisionFactory(
            state="stalled", stalled_because="reconnect", accepted_at=timezone.now() if accepted else None
        )
        journal.resume_reconnected()
        journal.resume_reconnected()
        (one,) = told("decision.resumed")
        assert (one["decision"], one["stalled_because"]) == (made.pk, None)
        assert one["state"] == ("accepted" if accepted else "sending")
        assert list(Event.objects.filter(decision=made).values_list("name", flat=True)) == ["decision.resumed"]


class TestShops:
    @pytest.mark.parametrize(("before", "types_told"), [("reconnect", ["shop.connected"]), ("connected", [])])
    def test_one_that_an_administrator_mends_is_connected_again(
        self, admin_client: Client, before: str, types_told: list[str]
    ) -> None:
        shop = ShopFactory(connection__state=before)
        form = {"app_key": "another", "api_url": "", "auth_url": "", "options": "{}"}
        form |= {f"new_{secret}": "" for secret in ("app_secret", "access_token", "refresh_token")}
        none = {"shops-TOTAL_FORMS": 0, "shops-INITIAL_FORMS": 0}
        admin_client.post(reverse("admin:shops_connection_change", args=[shop.connection_id]), {**form, **none})
        shop.connection.refresh_from_db()
        assert (shop.connection.state, types()) == ("connected", types_told)

    def test_losing_it_is_told_once_however_it_is_found(self) -> None:
        shop = ShopFactory(connection__authorized_at=timezone.now() - timedelta(days=1))
        mark_for_reconnection(shop.connection, CredentialsRejected("No."), shop.connection.access_token)
        deauthorized(shop, timezone.now())
        assert types() == ["shop.disconnected"]
        assert told()[0]["because"] == "rejected"

    def test_one_that_is_connected_is_told_of_and_one_that_was_already_is_not(self, world: World) -> None:
        assert {one["shop"] for one in told("shop.connected")} == set(Shop.objects.values_list("pk", flat=True))
        assert len(told("shop.connected")) == Shop.objects.count()


class TestCancelledLines:
    """The ledger and what is made of it: exactly once."""

    def stored(self, shop: Shop, *records: Any) -> None:
        with transaction.atomic():
            store(shop, records)

    def known(self, shop: Shop, *lines: Any) -> None:
        """An order that is here with these lines, uncancelled."""
        self.stored(shop, order("1", *lines, paid_at=timezone.now()))

    def cancelled(self, *lines: Any, later: int = 1, **columns: Any) -> Any:
        now = timezone.now() + timedelta(seconds=later)
        return order("1", *lines, updated_at=now, paid_at=now, **columns)

    def test_each_step_of_a_line_is_one_row_and_one_event_of_each_kind_however_often_it_is_read(self) -> None:
        shop = ShopFactory()
        self.known(shop, line("L", quantity=5))
        for later, cancelled in enumerate((0, 2, 2, 5, 5, 2, 5)):
            self.stored(shop, self.cancelled(line("L", quantity=5, cancelled_quantity=cancelled), later=later))
        assert [(row.quantity, row.cancelled_in_all) for row in CancelledLine.objects.all()] == [(2, 2), (3, 5)]
        assert types() == ["line_items.cancelled", "stock.released", "money.returned"] * 2
        assert [one["quantity"] for one in told("stock.released")] == [2, 3]
        assert [one["amount"]["amount"] for one in told("money.returned")] == ["24.00", "36.00"]
        row = CancelledLine.objects.all()[0]
        ids = set(OutgoingEvent.objects.values_list("event_id", flat=True))
        assert {f"stock_{row.key.hex}", f"money_{row.key.hex}"} <= ids

    def test_an_order_says_once_which_of_its_lines_were_cancelled(self) -> None:
        shop = ShopFactory()
        self.known(shop, line("A"), line("B"), line("C"))
        self.stored(shop, self.cancelled(line("A", is_cancelled=True), line("B", is_cancelled=True), line("C")))
        (one,) = told("line_items.cancelled")
        assert [each["line_item_marketplace_id"] for each in one["lines"]] == ["A", "B"]
        assert set(OutgoingEvent.objects.values_list("about", flat=True)) == {f"order:{one['order']}"}

    def test_what_had_left_is_not_in_stock_and_what_nobody_paid_is_not_returned(self) -> None:
        shop = ShopFactory()
        self.known(shop, line("A", **SENT), line("B"))
        unpaid = self.cancelled(line("A", **GONE), line("B", **GONE))
        self.stored(shop, replace(unpaid, paid_at=None))
        assert [one["line_item_marketplace_id"] for one in told("stock.released")] == ["B"]
        assert told("money.returned") == []
        assert told("line_items.cancelled")[0]["lines"][0]["was_shipped"] is True

    @pytest.mark.parametrize(
        ("was", "collected", "released"),
        [("IN_TRANSIT", False, []), ("AWAITING_COLLECTION", False, ["A"]), ("AWAITING_COLLECTION", True, [])],
    )
    def test_a_label_alone_has_not_left_and_what_a_carrier_took_before_we_read_of_it_has(
        self, was: str, collected: bool, released: list[str]
    ) -> None:
        shop = ShopFactory()
        self.known(shop, line("A", **{**SENT, "status": was}))
        self.stored(
            shop,
            self.cancelled(
                line("A", **GONE), is_cancelled=True, collected_at=timezone.now() if collected else None
            ),
        )  # fmt: skip
        assert [one["line_item_marketplace_id"] for one in told("stock.released")] == released

    def test_an_order_first_read_when_it_was_cancelled_on_its_way_releases_nothing(self) -> None:
        shop, now = ShopFactory(), timezone.now()
        self.stored(
            shop, order("1", line("A", **GONE), is_cancelled=True, cancelled_at=now, updated_at=now, collected_at=now)
        )
        assert types() == ["line_items.cancelled"]

    @pytest.mark.parametrize("shipped_after", [1, 0])
    def test_of_a_line_sent_in_part_what_stayed_is_free_again(self, shipped_after: int) -> None:
        shop = ShopFactory()
        self.known(shop, line("A", quantity=5, shipped_quantity=1))
        rest = line("A", quantity=5, shipped_quantity=shipped_after, cancelled_quantity=4, is_shipped=True)
        self.stored(shop, self.cancelled(rest))
        assert [one["quantity"] for one in told("stock.released")] == [4]

    def test_a_step_of_which_a_part_had_left_is_two(self) -> None:
        shop = ShopFactory()
        self.known(shop, line("A", quantity=5, shipped_quantity=2))
        for later, cancelled in enumerate((1, 4, 5), start=1):
            self.stored(
                shop,
                self.cancelled(line("A", quantity=5, shipped_quantity=2, cancelled_quantity=cancelled), later=later),
            )
        rows = CancelledLine.objects.values_list("quantity", "cancelled_in_all", "was_shipped")
        assert list(rows) == [(1, 1, False), (2, 3, False), (1, 4, True), (1, 5, True)]
        assert [one["quantity"] for one in told("stock.released")] == [1, 2]
        assert [one["quantity"] for one in told("money.returned")] == [1, 2, 1, 1]

    def test_what_was_cancelled_before_the_shop_came_is_known_and_not_told(self) -> None:
        shop = ShopFactory()
        old = shop.created_at - timedelta(days=5)
        gone = line("L", is_cancelled=True)
        self.stored(shop, order("1", gone, updated_at=old, cancelled_at=old))
        self.stored(shop, order("2", gone, created_at=old, updated_at=timezone.now()))  # which tells no time of it
        assert CancelledLine.objects.filter(is_told=False).count() == 2
        self.stored(shop, order("3", gone, created_at=old, updated_at=timezone.now(), cancelled_at=timezone.now()))
        assert {one["order_marketplace_id"] for one in told()} == {"3"}

    def test_what_is_rolled_back_is_told_of_never(self) -> None:
        shop = ShopFactory()
        with transaction.atomic():
            store(shop, [order("1", line("L", is_cancelled=True), cancelled_at=timezone.now())])
            assert len(types()) == 2
            transaction.set_rollback(True)
        assert not CancelledLine.objects.exists()
        assert types() == []

    def test_a_page_of_cancelled_orders_costs_as_many_statements_as_some_of_it(self, statements: list[str]) -> None:
        shop, now = ShopFactory(), timezone.now()
        costs = []
        for numbers in (range(20), range(20, 100)):
            page = [order(str(n), line(f"{n}", is_cancelled=True), cancelled_at=now) for n in numbers]
            statements.clear()
            self.stored(shop, *page)
            costs.append(len(statements))
        assert costs[0] == costs[1]
        assert len(told("stock.released")) == 100

    def test_at_a_real_sellers_cancelling_of_items_it_is_told_what_is_free_again(self, world: World) -> None:
        placed = world.orders("US")[0]
        OutgoingEvent.objects.all().delete()
        items = {one.pk: one.open_quantity for one in placed.lines.all()}
        made = world.cancel_items(placed, items, "seller_cancel_reason_out_of_stock")
        carried_out(world, made)
        lines = CancelledLine.objects.filter(order=placed)
        assert lines.count() == len(items)
        assert len(told("stock.released")) == len(items)

        sync.read_requests_of_order(placed.shop, placed.marketplace_id)
        sync.read_again(placed.shop, list(placed.cancellations.values_list("marketplace_id", flat=True)))
        (settled,) = told("cancellation.settled")
        assert (settled["settled_by"], settled["decision"]) == ("decision", made.pk)


def test_old_events_are_forgotten_with_their_deliveries_and_untaken_ones_never() -> None:
    shop = ShopFactory()
    outgoing.announce([made_up("shop.connected", "shop:1", {}, shop_id=shop.pk) for _ in range(7)])
    old = timezone.now() - timedelta(days=40)
    for row in OutgoingEvent.objects.all()[:5]:
        OutgoingEvent.objects.filter(pk=row.pk).update(taken_at=old)
    OutgoingEvent.objects.update(at=old, made_at=old)
    outgoing.forget(timezone.now() - timedelta(days=30), at_once=2)
    assert OutgoingEvent.objects.count() == 2


def test_it_is_asked_for_a_relay_on_commit_and_a_broker_that_is_down_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[str] = []

    def send_task(name: str, *args: Any, **options: Any) -> None:
        asked.append(name)
        raise OSError("no broker")

    monkeypatch.setattr("shops.nudging.current_app", SimpleNamespace(send_task=send_task))
    shop = ShopFactory()
    nudging.arrived(outgoing.RELAY)
    with django_capture_on_commit_callbacks(execute=True):
        outgoing.announce([made_up("shop.connected", "shop:1", {}, shop_id=shop.pk)])
        assert asked == []
    assert asked == ["webhooks.tasks.relay"]
