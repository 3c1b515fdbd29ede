"""A marketplace that lies to one shop: nothing untrue is kept, nobody else notices, and the truth comes back alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from cancellations import delivery, sync
from cancellations.models import CancellationRequest, Decision
from marketplaces import http as over_http
from orders import sync as orders_sync
from orders.models import LineItem, Order
from sandbox.faults import LIES
from shops import pulling
from shops.models import Connection, Shop, SyncRun
from tests.sandbox_process import SandboxProcess
from tests.world import SupplierWorld, World

State = Decision.State
# What each bounds is tested where calls are made; here it is what becomes of the rows.
KINDS = [kind for group, kinds in LIES.items() for kind in kinds if group != "wire"]


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not understood is read again at once, and calls are given up soon."""
    monkeypatch.setattr(pulling, "DOUBT_AT_FIRST", timedelta(0))
    monkeypatch.setattr(pulling, "DOUBT_AT_LAST", timedelta(0))
    monkeypatch.setattr(pulling, "MOST_PAGES", 40)
    monkeypatch.setattr(orders_sync, "MOST_FLAGGED_PAGES", 5)
    monkeypatch.setattr(over_http.SHARED, "_longest_answer", 0.3)
    monkeypatch.setattr(delivery, "READ_BACK_FOR", timedelta(0))


@contextmanager
def lying(sandbox: SandboxProcess, kind: str, shop: Shop, **how: object) -> Iterator[None]:
    fault = sandbox.fault("*", kind, rate=1, shop_id=shop.marketplace_id, to="http://127.0.0.1:9/", **how)
    try:
        yield
    finally:
        sandbox.delete("faults", id=fault["id"])


def told(shop: Shop) -> dict[str, list[Any]]:
    """All that a marketplace says of a shop, as it is stored."""
    orders = Order.objects.filter(shop=shop)
    lines = LineItem.objects.filter(order__shop=shop)
    requests = CancellationRequest.objects.filter(shop=shop)
    return {
        "orders": list(
            orders.order_by("marketplace_id").values_list(
                "marketplace_id", "status", "total", "currency", "created_at", "is_cancelled", "ship_by", "extra"
            )
        ),
        "lines": list(
            lines.order_by("marketplace_id").values_list(
                "order__marketplace_id", "marketplace_id", "status", "price", "quantity", "is_cancelled"
            )
        ),
        "requests": list(
            requests.order_by("marketplace_id").values_list(
                "marketplace_id", "order__marketplace_id", "state", "deadline", "refund_total", "needs_answer"
            )
        ),
    }


def pulled(shop: Shop, *, full: bool = False) -> list[SyncRun]:
    return sync.pull(Shop.objects.select_related("connection").get(pk=shop.pk), full=full)


def has_ended(run: SyncRun) -> bool:
    return run.state == run.State.SUCCEEDED or (run.state == run.State.FAILED and bool(run.error))


def lies_and_truth(sandbox: SandboxProcess, shop: Shop, other: Shop, *, is_behind: bool) -> list[str]:
    """What was wrong after each of the lies. `is_behind`: all orders have moved since they were read."""
    wrong = []
    truth, truth_of_the_other = told(shop), told(other)
    ids = {name: {row[0] if name != "lines" else row[1] for row in rows} for name, rows in truth.items()}
    made_up = ("unkeepable_texts",)  # ids that nobody here could know to be none
    for kind in KINDS:
        if is_behind:
            Order.objects.filter(shop=shop).update(status="OF OLD", updated_at=F("updated_at") - timedelta(days=1))
        with lying(sandbox, kind, shop):
            runs = pulled(shop, full=True)
            wrong += [f"{kind}: {run.kind} does not say how it ended" for run in runs if not has_ended(run)]
            wrong += [f"{kind}: another shop met it" for run in pulled(other) if run.state != run.State.SUCCEEDED]
            strange = {row[0] for row in told(shop)["orders"]} - ids["orders"]
            if strange and kind not in made_up:
                wrong.append(f"{kind}: {sorted(strange)[:2]} written into the shop")
        Order.objects.filter(shop=shop).exclude(marketplace_id__in=ids["orders"]).delete()
        for _ in range(8):  # they meet what the lie left behind, and read again what was not understood
            pulled(shop)
            if told(shop) == truth:
                break
        for name, rows in told(shop).items():
            if rows != truth[name]:
                changed = [(before, now) for before, now in zip(truth[name], rows, strict=False) if before != now]
                wrong.append(f"{kind}: {name} {len(rows)} of {len(truth[name])}: {changed[:1]}")
    if told(other) != truth_of_the_other:
        wrong.append("what is stored of another shop has changed")
    return wrong


def test_no_lie_to_one_shop_stays_or_reaches_another(world: World) -> None:
    assert lies_and_truth(world.sandbox, world.shop("GB"), world.shop("DE"), is_behind=True) == []


def test_nor_where_requests_are_recorded(suppliers: SupplierWorld) -> None:
    other = Shop.objects.select_related("connection").exclude(pk=suppliers.supplier.pk)[0]
    assert lies_and_truth(suppliers.sandbox, suppliers.supplier, other, is_behind=False) == []


REGIONS = ("US", "GB", "DE", "TH", "ID")


def settle(world: World, decision: Decision, visits: int = 4) -> Decision:
    for _ in range(visits):
        world.skip_waiting(decision)
        delivery.deliver(decision.pk)
        decision.refresh_from_db()
    return decision


def happened(world: World, decision: Decision) -> int:
    assert decision.order
    return sum(effect.startswith("cancellation.") for effect in world.effects(decision.order))


@pytest.mark.parametrize("group", [name for name in LIES if name != "wire"])
def test_a_decision_under_lies_happens_once_or_says_honestly_that_nobody_knows(world: World, group: str) -> None:
    wrong = []
    for kind in LIES[group]:
        # Wherever there are the most orders left that somebody can ask about.
        cancellation = world.asked_about(max(REGIONS, key=lambda region: len(world.orders(region))))
        decision = world.approve(cancellation)
        world.now()
        with lying(world.sandbox, kind, decision.shop):
            settle(world, decision, 2)
            if decision.state == State.CONFIRMED and happened(world, decision) != 1:
                wrong.append(f"{kind}: confirmed, and it happened {happened(world, decision)} times")
        settle(world, decision)
        Connection.objects.update(state=Connection.State.CONNECTED)
        if decision.state not in (State.CONFIRMED, State.STALLED, State.REFUSED) or happened(world, decision) > 1:
            wrong.append(f"{kind}: {decision.state}, and it happened {happened(world, decision)} times")
        if decision.state == State.REFUSED and happened(world, decision):
            wrong.append(f"{kind}: refused, and it happened")
    assert wrong == []


def test_a_rejection_that_is_never_shown_is_not_taken_for_granted(suppliers: SupplierWorld) -> None:
    """Where the marketplace's yes has to do, a yes with an error in it does not."""
    cancellation = suppliers.recorded(suppliers.orders_of("open")[0])
    decision = suppliers.reject(cancellation, "")
    suppliers.now()
    with lying(suppliers.sandbox, "yes_with_an_error", suppliers.supplier):
        settle(suppliers, decision, 1)
    settle(suppliers, decision)
    assert (decision.state, decision.stalled_because) == (State.STALLED, Decision.Stalled.OUTCOME_UNKNOWN)


def test_a_time_of_change_that_is_still_to_come_keeps_no_truth_out(world: World) -> None:
    order = world.orders("GB")[0]
    Order.objects.filter(pk=order.pk).update(status="MADE UP", updated_at=order.updated_at + timedelta(days=400))
    orders_sync.read_again(order.shop, [order.marketplace_id])
    order.refresh_from_db()
    assert order.status == "AWAITING_SHIPMENT"
