"""What has to be true after a scene, whoever died in it: one effect there, the truth here, nothing by half."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cancellations.models import Announcement, CancellationLine, CancellationRequest, Decision, Event, Verdict
from orders.models import CancelledLine, LineItem, Order, Package
from shops.models import Connection, OutgoingEvent, Shop, SyncCursor, SyncRun
from tests.world import World

State: TypeAlias = Decision.State
Stalled: TypeAlias = Decision.Stalled


@dataclass
class Scene:
    """One course of things. `there` is what happens at the marketplace, and is played again after each reset."""

    world: World
    there: Callable[[], object] = lambda: None
    later_there: Callable[[], object] = lambda: None
    work: Callable[[], object] = lambda: None
    check: Callable[["Scene"], None] = lambda scene: None
    decision: Decision | None = None
    effects: list[str] = field(default_factory=list)
    ends: State = State.CONFIRMED
    honestly: set[Stalled] = field(default_factory=set)
    reference: Any = None


def decided_once(scene: Scene, order: Order) -> None:
    assert scene.decision
    decision = Decision.objects.get(pk=scene.decision.pk)
    seen = [one for one in scene.world.effects(order) if one != "token.refreshed"]
    told = (decision.state, decision.stalled_because, decision.code, str(decision.note), seen)
    if decision.state == State.STALLED:
        assert Stalled(decision.stalled_because) in scene.honestly, told
        assert seen in ([], scene.effects), told
        # Where asking cannot tell, a second call might answer another request than the first.
        perhaps = decision.attempts.filter(purpose="send").exclude(outcome__in=("credentials", "temporary"))
        assert perhaps.count() <= 1 or decision.verdict != Verdict.REJECT, told
    else:
        assert (decision.state, seen) == (scene.ends, scene.effects), told
        assert not decision.is_outcome_unknown and decision.settled_at, told
    attempts = list(decision.attempts.order_by("number"))
    assert [one.number for one in attempts] == list(range(1, len(attempts) + 1))
    names = Counter(decision.events.values_list("name", flat=True))
    wanted = {"decision.recorded": 1, f"decision.{decision.state}": 1}
    if decision.accepted_at:
        wanted["decision.accepted"] = 1
    assert {name: n for name, n in names.items() if name != "decision.resumed"} == wanted
    about = OutgoingEvent.objects.filter(about=f"decision:{decision.pk}")
    assert Counter(about.values_list("type", flat=True)) == names
    everything_fits()


def everything_fits() -> None:
    """Of all rows, whatever happened to them."""
    for cancellation in CancellationRequest.objects.prefetch_related("events"):
        moves = sorted(cancellation.events.filter(name="cancellation.moved"), key=lambda event: event.pk)
        came = cancellation.events.filter(name__in=("cancellation.requested", "cancellation.recorded"))
        assert came.count() == 1, cancellation.pk
        at = [came[0].detail.get("to") or "waiting", *(move.detail["to"] for move in moves)]
        assert [move.detail["from"] for move in moves] == at[:-1], (cancellation.pk, at)
        if not cancellation.events.filter(name="cancellation.closed").exists():
            assert at[-1] == cancellation.state, (cancellation.pk, at)
        told = OutgoingEvent.objects.filter(about=f"cancellation:{cancellation.pk}")
        assert told.filter(type="cancellation.settled").count() <= 1, cancellation.pk
        if moves and moves[0].detail["from"] == "waiting":
            assert told.filter(type="cancellation.settled").count() == 1, cancellation.pk
    for line in LineItem.objects.filter(order__cancelled_lines__isnull=False).distinct():
        steps = CancelledLine.objects.filter(line_item=line)
        assert sum(step.quantity for step in steps) == line.cancelled_in_all
    assert not CancellationRequest.objects.filter(order=None).exists()


def pulled_once(scene: Scene, shop: Shop) -> None:
    """Everything is here once and as the undisturbed pull brought it; no page by half, and nothing left open."""
    everything_fits()
    assert not SyncRun.objects.running().exists()
    if Connection.objects.get(pk=shop.connection_id).state == Connection.State.RECONNECT:
        assert Stalled.RECONNECT in scene.honestly
        return
    latest = {run.kind: run for run in SyncRun.objects.filter(shop=shop).order_by("pk")}
    assert {run.state for run in latest.values()} == {SyncRun.State.SUCCEEDED}, [run.error for run in latest.values()]
    for cursor in SyncCursor.objects.filter(shop=shop):
        assert cursor.synced_until and not cursor.page_token and not cursor.window_until, cursor.kind
    found = what_is_here(shop)
    scene.reference = scene.reference or found
    if Announcement.objects.filter(shop=shop, marketplace_id__startswith="unread/").exists():
        # Reading may have used them up, and a person is told to look over there.
        found["announced"] = scene.reference["announced"]
    for name, rows in found.items():
        wanted = scene.reference[name]
        assert rows == wanted, f"{name}: too many {list(rows - wanted)[:3]}, missing {list(wanted - rows)[:3]}"


def what_is_here(shop: Shop) -> dict[str, Counter[Any]]:
    """All of a shop's rows by what they say, without what numbers and clocks make different."""
    there = {
        "orders": Order.objects.filter(shop=shop).values_list("marketplace_id", "status", "is_cancelled", "total"),
        "lines": LineItem.objects.filter(order__shop=shop).values_list(
            "order__marketplace_id", "marketplace_id", "status", "quantity", "is_cancelled", "package_id"
        ),
        "packages": Package.objects.filter(order__shop=shop).values_list("order__marketplace_id", "marketplace_id"),
        "requests": CancellationRequest.objects.filter(shop=shop).values_list(
            "marketplace_id", "order__marketplace_id", "state", "status", "needs_answer", "refund_total"
        ),
        "lines of requests": CancellationLine.objects.filter(cancellation__shop=shop).values_list(
            "cancellation__marketplace_id", "marketplace_id", "quantity", "refund_total"
        ),
        "cancelled": CancelledLine.objects.filter(shop=shop).values_list(
            "line_item__marketplace_id", "quantity", "cancelled_in_all", "is_told"
        ),
        "announced": Announcement.objects.filter(shop=shop).values_list("title", "order__marketplace_id"),
        "events": Event.objects.filter(shop=shop).values_list(
            "name", "cancellation__marketplace_id", "detail__from", "detail__to"
        ),
        "told": OutgoingEvent.objects.filter(shop=shop).values_list(
            "type", "data__cancellation_marketplace_id", "data__order_marketplace_id", "data__from", "data__to",
            "data__line_item_marketplace_id", "data__settled_by",
        ),
    }  # fmt: skip
    return {name: Counter(rows) for name, rows in there.items()}
