"""What workers go through, to be played again and again: a worker of `test_crash_points` dies at each line of it."""

import io
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.utils import timezone
from PIL import Image

from audit.models import Entry
from cancellations import delivery, journal, live, sync, tasks
from cancellations.calls import target_of
from cancellations.checks import Details, NotAllowed
from cancellations.decisions import decide
from cancellations.evidence import Picture
from cancellations.models import Announcement, CancellationRequest, Decision, Verdict
from cancellations.recording import Heard, close, handle, record
from orders.models import CancelledLine, Order
from shops import parts, pulling, tokens
from shops.models import OutgoingEvent, Shop, SyncCursor, SyncRun
from tests.cancellations.afterwards import Scene, Stalled, State, decided_once, pulled_once
from tests.sandbox_process import SandboxProcess
from tests.world import SupplierWorld, World, confirmed_elsewhere, connected_world, supplier_world

PACKED, OUT_OF_STOCK = "seller_reject_apply_product_has_been_packed", "seller_cancel_reason_out_of_stock"


@dataclass(frozen=True)
class Play:
    """How a scene is set. A variation of another is stopped where it does what the other does not, and wherever
    something can be seen from outside; the other is stopped everywhere.
    """

    connect: Callable[[SandboxProcess], World]
    set: Callable[[Any], Scene]
    of: str = ""


PLAYS: dict[str, Play] = {}
SetScene = Callable[[Any], Scene]


def tiktok(*, of: str = "") -> Callable[[SetScene], SetScene]:
    return played(lambda sandbox: connected_world(sandbox, pulled=("DE", "TH", "US")), of)


def crux(*, of: str = "") -> Callable[[SetScene], SetScene]:
    return played(supplier_world, of)


def played(connect: Callable[[SandboxProcess], World], of: str) -> Callable[[SetScene], SetScene]:
    def add(set_scene: SetScene) -> SetScene:
        PLAYS[set_scene.__name__] = Play(connect, set_scene, of)
        return set_scene

    return add


def come_by(world: World, decision: Decision, visits: int = 10) -> None:
    """Workers look in until the decision needs none; the waits between their visits are skipped."""
    for _ in range(visits):
        world.skip_waiting(decision)
        delivery.deliver(decision.pk)
        decision.refresh_from_db()
        if not decision.is_moving:
            return


def deciding(
    world: World,
    about: Order,
    there: Callable[[], object],
    make: Callable[[], Decision],
    later_there: Callable[[], object] = lambda: None,
    **expected: Any,
) -> Scene:
    there()
    decision = make()
    world.now()
    scene = Scene(world, there, later_there, decision=decision, **expected)
    scene.work = lambda: come_by(world, Decision.objects.get(pk=decision.pk))
    scene.check = lambda scene: decided_once(scene, about)
    return scene


def asked(world: World, region: str, **of_order: object) -> tuple[Order, Callable[[], object]]:
    order = world.orders(region, **of_order)[0]
    return order, lambda: world.sandbox.ask_to_cancel(order_id=order.marketplace_id)


def read(order: Order) -> CancellationRequest:
    sync.read_requests_of_order(order.shop, order.marketplace_id)
    return CancellationRequest.objects.get(order=order)


def approving(world: World, fault: dict[str, Any] | None = None, on: str = "approve-cancellation", **how: Any) -> Scene:
    order, ask = asked(world, "TH")
    expected = {"effects": ["cancellation.approved"], **how}
    if fault:
        expected.setdefault("later_there", lambda: world.sandbox.fault(on, **{"count": 1, **fault}))
    return deciding(world, order, ask, lambda: world.approve(read(order)), **expected)


@tiktok()
def approve(world: World) -> Scene:
    return approving(world)


@tiktok(of="approve")
def approve_and_the_answer_is_lost(world: World) -> Scene:
    return approving(world, {"kind": "reset_after"})


@tiktok(of="approve")
def approve_and_the_call_is_lost(world: World) -> Scene:
    return approving(world, {"kind": "reset_before"})


@tiktok(of="approve")
def approve_not_now(world: World) -> Scene:
    return approving(world, {"kind": "rate_limited", "retry_after": 1})


@tiktok(of="approve")
def approve_with_a_token_that_has_ended(world: World) -> Scene:
    return approving(world, {"kind": "expired_token"}, honestly={Stalled.RECONNECT})


@tiktok(of="approve")
def read_back_with_a_token_that_has_ended(world: World) -> Scene:
    return approving(world, {"kind": "expired_token"}, on="search-cancellations", honestly={Stalled.RECONNECT})


@tiktok(of="approve")
def approve_and_the_token_cannot_be_renewed_now(world: World) -> Scene:
    def trouble() -> None:
        world.sandbox.fault("approve-cancellation", "expired_token", count=1)
        world.sandbox.fault("refresh-access-token", "server_error", count=1)

    return approving(world, later_there=trouble, honestly={Stalled.RECONNECT})


@tiktok(of="approve")
def approve_what_cannot_be_read_back_at_once(world: World) -> Scene:
    return approving(world, {"kind": "server_error", "count": 3}, on="search-cancellations")


@tiktok(of="approve")
def approve_after_the_seller_took_the_authorization_back(world: World) -> Scene:
    shop = world.shop("TH")
    gone = lambda: world.sandbox.post("deauthorize", shop_id=shop.marketplace_id)  # noqa: E731
    return approving(world, later_there=gone, effects=[], ends=State.STALLED, honestly={Stalled.RECONNECT})


@tiktok(of="approve")
def approve_what_the_buyer_withdrew(world: World) -> Scene:
    order, ask = asked(world, "TH")

    def withdraw() -> None:
        world.sandbox.post("buyer", action="withdraw", order_id=order.marketplace_id)

    return deciding(world, order, ask, lambda: world.approve(read(order)), withdraw, ends=State.REFUSED)


@tiktok(of="approve")
def approve_what_is_known_to_be_withdrawn(world: World) -> Scene:
    order, ask = asked(world, "TH")

    def ask_and_withdraw() -> None:
        ask()
        world.sandbox.post("buyer", action="withdraw", order_id=order.marketplace_id)

    def make() -> Decision:
        read(order)
        CancellationRequest.objects.filter(order=order).update(state="waiting", needs_answer=True)
        decision = world.approve(CancellationRequest.objects.get(order=order))
        CancellationRequest.objects.filter(order=order).update(state="closed", needs_answer=False)
        return decision

    return deciding(world, order, ask_and_withdraw, make, ends=State.REFUSED)


@tiktok()
def reject_with_a_picture(world: World) -> Scene:
    order, ask = asked(world, "TH")
    content = io.BytesIO()
    Image.new("RGB", (300, 300), "teal").save(content, "PNG")
    shown = Picture("packed.png", content.getvalue(), "image/png", 300, 300)

    def make() -> Decision:
        return decide(read(order), Verdict.REJECT, world.agent, Details(reason=PACKED, pictures=[shown]))

    return deciding(world, order, ask, make, effects=["cancellation.rejected"])


@tiktok(of="reject_with_a_picture")
def reject_and_the_upload_is_lost(world: World) -> Scene:
    scene = reject_with_a_picture(world)
    scene.later_there = lambda: world.sandbox.fault("upload-product-image", "reset_after", count=1)
    return scene


@tiktok()
def ship_to_reject(world: World) -> Scene:
    order, ask = asked(world, "US", shipping_type="seller", packages=None)

    def make() -> Decision:
        cancellation = read(order)
        provider = live.shipping_providers(order)[0].marketplace_id
        return world.ship(cancellation, tracking_number="1Z999AA10123456784", shipping_provider_id=provider)

    return deciding(world, order, ask, make, effects=["package.shipped", "cancellation.rejected_by_shipping"])


@tiktok()
def cancel_items(world: World) -> Scene:
    order = world.orders("US")[0]
    chosen = {line.pk: 1 for line in order.lines.all()}
    make = lambda: world.cancel_items(order, chosen, OUT_OF_STOCK)  # noqa: E731
    return deciding(world, order, lambda: None, make, effects=["order.cancelled"])


@tiktok(of="cancel_items")
def cancel_items_and_the_answer_is_lost(world: World) -> Scene:
    scene = cancel_items(world)
    scene.later_there = lambda: world.sandbox.fault("cancel-order", "reset_after", count=1)
    return scene


@tiktok(of="approve")
def go_on_after_connecting_again(world: World) -> Scene:
    scene = approving(world)
    assert scene.decision
    Decision.objects.filter(pk=scene.decision.pk).update(state=State.STALLED, stalled_because=Stalled.RECONNECT)
    carry_on = scene.work
    scene.work = lambda: (journal.resume_reconnected(), carry_on())
    return scene


# --- where a marketplace shows no requests --------------------------------------------------------------------------


def answering(
    world: SupplierWorld,
    verdict: Verdict,
    *,
    line: bool = False,
    is_asked: bool = True,
    fault: str = "",
    **expected: Any,
) -> Scene:
    order = world.orders_of("open", status="Unallocated")[0]
    item = order.lines.all()[1] if line else None
    there = (lambda: world.ask(order, item)) if is_asked else (lambda: None)
    called = f"{'confirm' if verdict == Verdict.APPROVE else 'reject'}-order{'-item' if line else ''}-cancelation"

    def make() -> Decision:
        return decide(record(order, item, world.agent, Heard()), verdict, world.agent)

    later = (lambda: world.sandbox.fault(called, fault, count=1)) if fault else (lambda: None)
    done = ["cancellation.approved" if verdict == Verdict.APPROVE else "cancellation.rejected"]
    told = {"effects": done, "honestly": {Stalled.OUTCOME_UNKNOWN} if verdict == Verdict.REJECT else set(), **expected}
    return deciding(world, order, there, make, later, **told)


@crux()
def confirm_an_order(world: SupplierWorld) -> Scene:
    return answering(world, Verdict.APPROVE)


@crux(of="confirm_an_order")
def confirm_a_line(world: SupplierWorld) -> Scene:
    return answering(world, Verdict.APPROVE, line=True)


@crux(of="confirm_an_order")
def confirm_and_the_answer_is_lost(world: SupplierWorld) -> Scene:
    return answering(world, Verdict.APPROVE, fault="reset_after")


@crux(of="confirm_an_order")
def confirm_what_was_never_asked(world: SupplierWorld) -> Scene:
    """After a lost answer the same no may be about a first call that did it, so somebody has to look."""
    unclear = {Stalled.OUTCOME_UNKNOWN}
    return answering(world, Verdict.APPROVE, is_asked=False, effects=[], ends=State.REFUSED, honestly=unclear)


@crux()
def reject_an_order(world: SupplierWorld) -> Scene:
    return answering(world, Verdict.REJECT)


@crux(of="reject_an_order")
def reject_a_line(world: SupplierWorld) -> Scene:
    return answering(world, Verdict.REJECT, line=True)


@crux(of="reject_an_order")
def reject_and_the_answer_is_lost(world: SupplierWorld) -> Scene:
    return answering(world, Verdict.REJECT, fault="reset_after", ends=State.STALLED)


@crux(of="confirm_an_order")
def cancel_a_quantity(world: SupplierWorld) -> Scene:
    order = next(
        one for one in world.orders_of("open", status="Unallocated") if all(n.quantity > 2 for n in one.lines.all())
    )
    make = lambda: world.cancel_items(order, {order.lines.all()[0].pk: 2}, "")  # noqa: E731
    return deciding(world, order, lambda: None, make, effects=["line_items.allocated"])


# --- pulling --------------------------------------------------------------------------------------------------------


def pulled(world: World, shop: Shop, there: Callable[[], object] = lambda: None, **expected: Any) -> Scene:
    """What is due is pulled as beat and worker do it."""
    there()
    Shop.objects.update(next_pull_at=timezone.now() + timedelta(days=1))
    scene = Scene(world, there, **expected)

    def work() -> None:
        Shop.objects.filter(pk=shop.pk).update(next_pull_at=timezone.now() - timedelta(seconds=1), rests_until=None)
        for one in pulling.claim_due_shops(timezone.now()):
            tasks.pull_shop(one.pk)

    scene.work, scene.check = work, lambda scene: pulled_once(scene, shop)
    return scene


@tiktok()
def pull_for_the_first_time(world: World) -> Scene:
    return pulled(world, world.shop("GB"))


@tiktok(of="pull_for_the_first_time")
def pull_for_the_first_time_in_parts(world: World) -> Scene:
    scene = pull_for_the_first_time(world)
    whole = scene.work

    def work() -> None:
        with patch.object(parts, "ROWS_OF_A_PART", 8):
            whole()

    scene.work = work
    return scene


@tiktok()
def pull_what_changed(world: World) -> Scene:
    """A new request, one that the buyer withdrew, and one that somebody approved in the marketplace's own screens."""
    shop = world.shop("TH")
    withdrawn, approved = CancellationRequest.objects.waiting().filter(shop=shop).order_by("pk")[:2]
    order = world.orders("TH")[0]

    def there() -> None:
        world.sandbox.ask_to_cancel(order_id=order.marketplace_id)
        world.sandbox.post("buyer", action="withdraw", cancel_id=withdrawn.marketplace_id)
        confirmed_elsewhere(approved)

    return pulled(world, shop, there)


@tiktok(of="pull_what_changed")
def pull_with_a_token_that_has_ended(world: World) -> Scene:
    scene = pull_what_changed(world)
    scene.later_there = lambda: world.sandbox.fault("search-cancellations", "expired_token", count=1)
    scene.honestly = {Stalled.RECONNECT}
    return scene


@tiktok(of="pull_what_changed")
def pull_what_is_refused_at_first(world: World) -> Scene:
    scene = pull_what_changed(world)
    scene.later_there = lambda: world.sandbox.fault("search-cancellations", "business_error", count=1)
    once = scene.work
    scene.work = lambda: (once(), once())
    return scene


@tiktok(of="pull_what_changed")
def pull_everything_again(world: World) -> Scene:
    """What no pull of changes would read is put right, since a person asked for all of it."""
    shop = world.shop("TH")
    lost = CancellationRequest.objects.filter(shop=shop).order_by("updated_at")[0]
    lost.events.all().delete()
    lost.delete()
    pulling.ask_for_pull(shop, full=True)
    return pulled(world, shop)


@crux()
def pull_a_supplier_for_the_first_time(world: SupplierWorld) -> Scene:
    shop = world.supplier
    for model in (OutgoingEvent, SyncRun, SyncCursor, Announcement, CancelledLine, Order):
        model.objects.filter(shop=shop).delete()
    return pulled(world, shop)


@crux(of="pull_a_supplier_for_the_first_time")
def pull_what_a_supplier_has_to_know(world: SupplierWorld) -> Scene:
    """A retailer asks anew, and somebody confirmed in the marketplace's own screens what we had recorded."""
    first, second = world.orders_of("open", status="Unallocated")[:2]
    request = record(first, None, world.agent, Heard())

    def there() -> None:
        world.ask(first)
        # Whose token has ended with each reset, as in all scenes there.
        supplier = Shop.objects.select_related("connection").get(pk=world.supplier.pk)
        tokens.call_for(supplier, lambda adapter: adapter.approve(target_of(request), ""))
        world.ask(second)

    return pulled(world, world.supplier, there)


# --- what people write down -----------------------------------------------------------------------------------------


@crux()
def write_down_and_close(world: SupplierWorld) -> Scene:
    order, announcement = world.orders_of("open", status="Unallocated")[0], Announcement.objects.waiting()[0]

    def work() -> None:
        if not CancellationRequest.objects.filter(order=order).exists():
            record(Order.objects.get(pk=order.pk), None, world.agent, Heard())
        request = CancellationRequest.objects.get(order=order)
        handle(Announcement.objects.get(pk=announcement.pk), world.agent, request)
        with suppress(NotAllowed):
            close(request, world.agent, "It was another order.")

    def check(scene: Scene) -> None:
        request = CancellationRequest.objects.get(order=order)
        names = ["cancellation.recorded", "cancellation.closed"]
        assert [event.name for event in request.events.order_by("pk")] == names
        told = OutgoingEvent.objects.filter(about=f"cancellation:{request.pk}").values_list("type", flat=True)
        assert sorted(told) == ["cancellation.requested", "cancellation.settled"]
        written = Entry.objects.filter(action__in=[*names, "announcement.handled"]).values_list("action", flat=True)
        assert Counter(written) == Counter([*names, "announcement.handled"])

    return Scene(world, work=work, check=check)
