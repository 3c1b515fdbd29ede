"""Requests come in: from the simulator, over signed HTTP, page by page."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone
from redis.exceptions import ConnectionError as Unreachable

from cancellations import sync
from cancellations.models import CancellationRequest, Event
from marketplaces.errors import Refused
from marketplaces.records import CancellationRecord, Money, RefundParts
from marketplaces.tiktok_shop import adapter
from orders.models import Order
from shops import pulling
from shops.models import OutgoingEvent, Shop, SyncCursor, SyncKind, SyncRun
from shops.tokens import call_for
from tests.sandbox_process import SandboxProcess
from tests.world import World


def test_everything_the_marketplace_has_is_here_after_the_first_pull(world: World) -> None:
    for shop in Shop.objects.all():
        for kind in (SyncKind.ORDERS, SyncKind.CANCELLATIONS):
            run = SyncRun.objects.get(shop=shop, kind=kind)
            assert (run.state, run.set_aside, run.drift) == ("succeeded", [], [])
            assert run.seen == run.written == run.expected
    assert CancellationRequest.objects.filter(order=None).count() == 0


def test_a_second_pull_writes_nothing(world: World) -> None:
    before = list(CancellationRequest.objects.order_by("pk").values_list("pk", "updated_at"))
    events = Event.objects.count()
    world.sync("US")
    runs = SyncRun.objects.filter(shop=world.shop("US")).order_by("-pk")[:2]
    assert [run.written for run in runs] == [0, 0]
    assert list(CancellationRequest.objects.order_by("pk").values_list("pk", "updated_at")) == before
    assert Event.objects.count() == events


def test_even_a_full_pull_writes_nothing_that_has_not_moved(world: World) -> None:
    sync.pull(world.shop("DE"), full=True)
    orders, cancellations = SyncRun.objects.filter(shop=world.shop("DE")).order_by("-pk")[:2]
    assert orders.seen and cancellations.seen
    assert orders.written == cancellations.written == 0


def test_a_new_request_arrives_with_the_next_pull_and_is_told_as_an_event(world: World) -> None:
    told = world.sandbox.ask_to_cancel(shop_id=world.shop("DE").marketplace_id)
    world.sync("DE")
    cancellation = CancellationRequest.objects.get(marketplace_id=told["cancel_id"])
    assert cancellation.needs_answer
    assert cancellation.deadline and cancellation.deadline.timestamp() == told["deadline"]
    assert cancellation.order and cancellation.order.is_cancel_requested
    assert cancellation.lines.count() == len(told["line_item_ids"])
    assert [event.name for event in cancellation.events.all()] == ["cancellation.requested"]


def test_a_request_that_moves_is_told_once(world: World) -> None:
    asked = world.asked("DE")
    world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
    world.sync("DE")
    world.sync("DE")
    asked.refresh_from_db()
    assert (asked.state, asked.needs_answer) == ("closed", False)
    assert [event.name for event in asked.events.order_by("pk")] == ["cancellation.requested", "cancellation.moved"]


def test_an_order_that_we_do_not_have_is_fetched_when_its_request_arrives_first(world: World) -> None:
    asked = world.asked("DE")
    order_id = asked.order_marketplace_id
    asked.events.all().delete()
    CancellationRequest.objects.filter(pk=asked.pk).delete()
    Order.objects.filter(marketplace_id=order_id).delete()
    sync.read_requests_of_order(world.shop("DE"), order_id)
    again = CancellationRequest.objects.get(marketplace_id=asked.marketplace_id)
    assert again.order and again.order.marketplace_id == order_id and again.order.lines.exists()


def test_so_it_is_where_a_pull_meets_the_request_first(world: World) -> None:
    asked = world.asked("DE")
    shop, order_id = world.shop("DE"), asked.order_marketplace_id
    forget(shop)
    Order.objects.filter(marketplace_id=order_id).delete()
    run = pulling.pull(shop, sync.KIND)
    assert run and run.state == SyncRun.State.SUCCEEDED, run
    again = CancellationRequest.objects.get(marketplace_id=asked.marketplace_id)
    assert again.order and again.order.marketplace_id == order_id


def forget(shop: Shop) -> None:
    """As if this shop's requests had never been pulled."""
    Event.objects.filter(shop=shop).delete()
    CancellationRequest.objects.filter(shop=shop).delete()
    SyncCursor.objects.filter(shop=shop, kind=SyncKind.CANCELLATIONS).delete()
    SyncRun.objects.filter(shop=shop).delete()


def test_a_pull_that_dies_goes_on_at_the_page_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = world.shop("US")
    total = CancellationRequest.objects.filter(shop=shop).count()
    forget(shop)
    monkeypatch.setattr("marketplaces.tiktok_shop.adapter.CANCELLATIONS_PER_PAGE", 3)
    pages: list[Sequence[CancellationRecord]] = []

    def store_two_pages(shop: Shop, records: Sequence[CancellationRecord]) -> int:
        if len(pages) == 2:
            raise SystemExit
        pages.append(records)
        return sync.store(shop, records)

    with pytest.raises(SystemExit):
        pulling.pull(shop, replace(sync.KIND, store=store_two_pages))
    assert CancellationRequest.objects.filter(shop=shop).count() == 6
    cursor = SyncCursor.objects.get(shop=shop, kind=SyncKind.CANCELLATIONS)
    assert cursor.page_token and cursor.synced_until is None

    SyncRun.objects.running().update(heard_at=timezone.now() - timedelta(hours=1))
    run = pulling.pull(shop, sync.KIND)
    assert run and run.state == SyncRun.State.SUCCEEDED
    assert run.seen == total - 6
    assert CancellationRequest.objects.filter(shop=shop).count() == total


def test_a_page_token_that_has_died_has_the_window_read_from_its_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = world.shop("US")
    total = CancellationRequest.objects.filter(shop=shop).count()
    forget(shop)
    now = timezone.now()
    SyncCursor.objects.create(
        shop=shop,
        kind=SyncKind.CANCELLATIONS,
        window_since=now - timedelta(days=90),
        window_until=now,
        page_token="dead",
    )
    run = pulling.pull(shop, sync.KIND)
    assert run and run.state == SyncRun.State.SUCCEEDED, run and run.error
    assert CancellationRequest.objects.filter(shop=shop).count() == total


def test_a_page_that_fails_ends_the_run_and_leaves_the_cursor(world: World) -> None:
    shop = world.shop("DE")
    before = SyncCursor.objects.get(shop=shop, kind=SyncKind.CANCELLATIONS).synced_until
    world.sandbox.fault("search-cancellations", "business_error", code=25020005, rate=1.0)
    run = pulling.pull(shop, sync.KIND)
    assert run and (run.state, run.error_code) == (SyncRun.State.FAILED, "25020005")
    assert run.request_id
    assert SyncCursor.objects.get(shop=shop, kind=SyncKind.CANCELLATIONS).synced_until == before


@pytest.mark.parametrize(
    "kind", ["rate_limited", "server_error", "reset_before", "reset_after", "malformed", "expired_token"]
)
def test_after_any_fault_the_next_pull_has_everything(world: World, kind: str) -> None:
    told = world.sandbox.ask_to_cancel(shop_id=world.shop("DE").marketplace_id)
    world.sandbox.fault("search-cancellations", kind, count=1)
    sync.pull(world.shop("DE"))
    world.sandbox.delete("faults")
    world.sync("DE")
    assert CancellationRequest.objects.filter(marketplace_id=told["cancel_id"]).waiting().count() == 1


def test_a_token_that_dies_in_the_middle_is_renewed_and_the_pull_goes_on(world: World) -> None:
    old = world.shop("DE").connection.access_token
    world.sandbox.fault("search-cancellations", "expired_token", count=1)
    run = pulling.pull(world.shop("DE"), sync.KIND)
    assert run and run.state == SyncRun.State.SUCCEEDED
    assert world.shop("DE").connection.access_token != old
    assert len(world.sandbox.effects(effect="token.refreshed")) == 1


def test_two_pulls_of_one_shop_at_once_are_one(world: World) -> None:
    shop = world.shop("DE")
    SyncRun.objects.create(shop=shop, kind=SyncKind.CANCELLATIONS)
    assert pulling.pull(shop, sync.KIND) is None


def test_a_run_that_fell_silent_is_taken_for_dead(world: World) -> None:
    shop = world.shop("DE")
    silent = SyncRun.objects.create(
        shop=shop, kind=SyncKind.CANCELLATIONS, heard_at=timezone.now() - pulling.SILENT_FOR - timedelta(seconds=1)
    )
    assert pulling.pull(shop, sync.KIND)
    silent.refresh_from_db()
    assert silent.state == SyncRun.State.FAILED


def test_words_and_fields_that_we_do_not_know_are_kept_and_reported(world: World) -> None:
    world.sandbox.post("switches", drift=True)
    shop = world.shop("DE")
    forget(shop)
    Order.objects.filter(shop=shop).update(updated_at=timezone.now() - timedelta(days=80))
    orders, cancellations = sync.pull(shop, full=True)
    assert orders.state == cancellations.state == SyncRun.State.SUCCEEDED
    assert "order.buyer_mood" in orders.drift
    assert any("REQUEST_CANCEL_REFUND" in word for word in cancellations.drift)
    # Of what may tell of the buyer it is kept that it came, and not what it was.
    kept = Order.objects.filter(shop=shop, extra__has_key="buyer_mood").values_list("extra", flat=True)
    assert kept
    assert all(extra["buyer_mood"] is None for extra in kept)
    assert CancellationRequest.objects.filter(shop=shop, kind="REQUEST_CANCEL_REFUND").exists()


def test_a_value_that_the_database_refuses_sets_one_record_aside_and_keeps_the_page(world: World) -> None:
    shop = world.shop("DE")
    records = sync.read_again(shop, list(shop.cancellations.values_list("marketplace_id", flat=True)[:3]))
    forget(shop)
    huge = Money(Decimal("1e30"), "EUR")
    bad = replace(records[0], refund=RefundParts(huge, huge, huge, huge, huge))
    written, refused = pulling.store_records(shop, sync.KIND, [bad, *records[1:]])
    assert written == len(records) - 1
    assert [one.marketplace_id for one in refused] == [records[0].marketplace_id]


def test_a_text_with_a_null_character_is_kept_without_it(world: World) -> None:
    shop = world.shop("DE")
    record = sync.read_again(shop, [shop.cancellations.all()[0].marketplace_id])[0]
    forget(shop)
    written, refused = pulling.store_records(
        shop, sync.KIND, [replace(record, reason_text="late\x00ly", extra={"a": "b\x00"})]
    )
    assert (written, refused) == (1, [])
    assert CancellationRequest.objects.get(shop=shop).reason_text == "late\ufffdly"


def while_another_has_written(shop: Shop, record: CancellationRecord, then: Callable[[], object]) -> None:
    """`then` is done by somebody else, who has to wait for a transaction that stores this record and is still open."""

    def other() -> None:
        try:
            then()
        finally:
            connection.close()

    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            sync.store(shop, [record])
            ends = pool.submit(other)
            with connection.cursor() as cursor:
                while not cursor.execute(waiting).fetchone() and not ends.done():
                    pass
        ends.result()


@pytest.mark.parametrize("by", ["a pull", "a read-back"])
def test_two_who_read_a_request_at_once_tell_once_what_became_of_it(world: World, by: str) -> None:
    asked = world.asked("DE")
    shop, ids = asked.shop, [asked.marketplace_id]
    world.sandbox.post("clock", shift=60)
    world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
    (record,) = call_for(shop, lambda adapter: adapter.cancellations_by_id(ids)).records
    OutgoingEvent.objects.all().delete()

    def pulled() -> None:
        with transaction.atomic():
            sync.store(shop, [record])

    while_another_has_written(shop, record, pulled if by == "a pull" else lambda: sync.read_again(shop, ids))
    assert [event.name for event in asked.events.order_by("pk")] == ["cancellation.requested", "cancellation.moved"]
    assert told_of(asked) == ["cancellation.settled", "cancellation.withdrawn"]


def test_two_who_see_a_request_first_tell_once_that_it_came(world: World) -> None:
    asked = world.asked("DE")
    shop, ids = asked.shop, [asked.marketplace_id]
    (record,) = sync.read_again(shop, ids)
    forget(shop)
    OutgoingEvent.objects.all().delete()
    while_another_has_written(shop, record, lambda: sync.read_again(shop, ids))
    again = CancellationRequest.objects.get(shop=shop)
    assert [event.name for event in again.events.all()] == ["cancellation.requested"]
    assert told_of(again) == ["cancellation.requested"]


def told_of(request: CancellationRequest) -> list[str]:
    rows = OutgoingEvent.objects.filter(about=f"cancellation:{request.pk}")
    return list(rows.order_by("pk").values_list("type", flat=True))


def test_what_becomes_newer_while_it_is_asked_for_as_shown_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = world.asked("DE")
    shop, ids = asked.shop, [asked.marketplace_id]
    before = call_for(shop, lambda adapter: adapter.cancellations_by_id(ids))

    def slowly(shop: Shop, call: object) -> object:
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(sync, "call_for", call_for)
            world.sandbox.post("clock", shift=60)
            world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
            sync.read_again(shop, ids)
        return before

    monkeypatch.setattr(sync, "call_for", slowly)
    OutgoingEvent.objects.all().delete()
    sync.read_again(shop, ids, as_shown=True)
    asked.refresh_from_db()
    assert asked.state == "closed"
    assert told_of(asked) == ["cancellation.settled", "cancellation.withdrawn"]


def test_an_older_answer_never_overwrites_a_newer_one(world: World) -> None:
    asked = world.asked("DE")
    shop = world.shop("DE")
    (record,) = sync.read_again(shop, [asked.marketplace_id])
    world.sandbox.post("clock", shift=60)
    world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
    sync.read_again(shop, [asked.marketplace_id])
    with transaction.atomic():
        assert sync.store(shop, [record]) == 0
    asked.refresh_from_db()
    assert asked.state == "closed"


def test_a_request_that_the_search_has_not_shown_is_found_by_its_orders_flag(world: World) -> None:
    asked = world.asked("US")
    asked.events.all().delete()
    asked.lines.all().delete()
    CancellationRequest.objects.filter(pk=asked.pk).delete()
    sync.find_what_the_search_missed(world.shop("US"))
    assert CancellationRequest.objects.filter(marketplace_id=asked.marketplace_id).waiting().exists()


def test_so_it_is_on_whichever_page_the_order_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [world.asked("US"), world.asked("US")]
    for one in asked:
        one.events.all().delete()
        one.lines.all().delete()
        one.delete()
    monkeypatch.setattr(adapter, "ORDERS_PER_PAGE", 1)
    sync.find_what_the_search_missed(world.shop("US"))
    ids = [one.marketplace_id for one in asked]
    assert CancellationRequest.objects.filter(marketplace_id__in=ids).count() == 2


def test_orders_are_asked_once_in_a_while_however_often_a_shop_is_pulled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(sync, "read_what_orders_tell_of", lambda shop: asked.append(shop.pk))
    german, american = world.shop("DE"), world.shop("US")
    cache.clear()
    for shop in (german, german, american, german):
        sync.pull(shop)
    assert asked == [german.pk, american.pk]
    sync.pull(german, full=True)
    assert asked == [german.pk, american.pk, german.pk]


def test_without_a_cache_orders_are_asked_each_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_down(*_: object) -> None:
        raise Unreachable

    monkeypatch.setattr(cache, "add", is_down)
    assert sync.is_time_to_ask_orders(world.shop("DE"))


def test_an_order_that_may_not_be_read_does_not_hold_up_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = world.shop("DE")
    asked = world.asked("DE")
    order = asked.order
    assert order
    asked.events.all().delete()
    asked.lines.all().delete()
    asked.delete()
    order.events.all().delete()
    order.delete()

    def refused(*_: object) -> None:
        raise Refused("not an order of this shop", code="36009004")

    with monkeypatch.context() as without:
        without.setattr(adapter.TikTokAdapter, "orders_by_id", refused)
        sync.read_requests_of_order(shop, asked.order_marketplace_id)
    alone = CancellationRequest.objects.get(marketplace_id=asked.marketplace_id)
    assert alone.order is None

    world.sync("DE")
    alone.refresh_from_db()
    assert alone.order and alone.order.marketplace_id == asked.order_marketplace_id


def test_a_full_pull_that_another_run_was_in_the_way_of_is_still_wanted(world: World) -> None:
    shop = world.shop("DE")
    SyncRun.objects.create(shop=shop, kind=SyncKind.CANCELLATIONS)
    sync.pull(shop, full=True)
    shop.refresh_from_db()
    assert shop.wants_full_pull
    SyncRun.objects.running().update(state="failed")
    Shop.objects.update(wants_full_pull=False)
    sync.pull(shop, full=True)
    shop.refresh_from_db()
    assert not shop.wants_full_pull


def test_one_whose_deadline_passed_unseen_is_asked_about(world: World) -> None:
    asked = world.asked("DE")
    world.sandbox.post("clock", shift=3 * 24 * 3600)
    CancellationRequest.objects.filter(pk=asked.pk).update(deadline=timezone.now() - timedelta(minutes=1))
    sync.find_what_the_search_missed(world.shop("DE"))
    asked.refresh_from_db()
    assert (asked.state, asked.needs_answer) == ("completed", False)


def test_nothing_is_fetched_inside_a_transaction(world: World) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        sync.read_again(world.shop("DE"), ["1"])


def test_the_simulator_saw_no_call_that_it_had_to_refuse(world: World, sandbox: SandboxProcess) -> None:
    sync.pull(world.shop("TH"))
    assert {call["code"] for call in sandbox.get("calls")["calls"]} == {0}
