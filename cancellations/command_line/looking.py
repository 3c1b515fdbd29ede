"""What is only looked at."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from accounts.templatetags.times import clock, span
from cancellations import checks, history, live
from cancellations.command_line import finding
from cancellations.command_line.people import Desk
from cancellations.filters import CancellationFilter
from cancellations.models import CancellationRequest, Decision
from cancellations.offers import offers_to
from cancellations.serializers.going_out import (
    CancellationDetailSerializer,
    CancellationSerializer,
    DecisionDetailSerializer,
    RejectReasonsSerializer,
)
from orders.templatetags.money import money
from shops import markets

FILTERS = ("state", "needs_answer", "left", "q", "whose", "market", "reason", "age", "verdict", "decision")
LOOK_AGAIN_SECONDS = 0.5
ANY_WORD = ("reason", "market")


def list_requests(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no("list"):
        limit = told["limit"]
        found = list(narrowed(desk, told).by_time_left()[: limit + 1])
        rows = found[:limit]
        if desk.as_json:
            desk.show(CancellationSerializer, rows, many=True)
        else:
            desk.lay_out(HEADS, [columns(row) for row in rows], gives_way=("SHOP", "STATE", "REASON"))
        if len(found) > limit:
            desk.remark(f"There are more than these {limit}: see --limit.")
        for name, word in never_seen(desk, told) if not rows else ():
            desk.remark(f"--{name} {word}: no request that you may see has ever had it.")
    return desk.exit_code


def narrowed(desk: Desk, told: dict[str, Any]) -> Any:
    """Raises ValidationError by the name of the filter."""
    asked = QueryDict(mutable=True)
    asked.update({name: told[name] for name in FILTERS if told.get(name)})
    if told.get("shop"):
        asked["shop"] = str(finding.shop(desk, told["shop"]).pk)
    everything = CancellationRequest.objects.visible_to(desk.user).with_queue_columns().select_related("recorded_by")
    chosen = CancellationFilter(asked, queryset=everything, request=desk.request)
    if not chosen.is_valid():
        raise ValidationError({name: list(errors) for name, errors in chosen.form.errors.as_data().items()})
    return chosen.qs


def never_seen(desk: Desk, told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(filter, word) of the filters that take any word, where it is of no request: mistyped, more often than not."""
    everything = CancellationRequest.objects.visible_to(desk.user)
    for name in ANY_WORD:
        word = told.get(name)
        asked = QueryDict(mutable=True)
        asked.update({name: word} if word else {})
        if word and not CancellationFilter(asked, queryset=everything, request=desk.request).qs.exists():
            yield name, word


HEADS = ("ID", "ORDER", "SHOP", "STATE", "REFUND", "LEFT", "REASON")


def columns(row: CancellationRequest) -> Sequence[str]:
    seconds = row.seconds_left(timezone.now()) if row.needs_answer else None
    left = "" if seconds is None else span(seconds) if seconds > 0 else "over"
    decision = row.live_decision
    state = f"{row.get_state_display()}, {decision.get_verdict_display()}" if decision else row.get_state_display()
    return (
        str(row.pk), row.order_label, str(row.shop), state, money(row.refund()), left, row.reason_text or row.reason,
    )  # fmt: skip


def show(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(told["id"]):
        show_one(desk, finding.request(desk, told["id"]))
    return desk.exit_code


def show_one(desk: Desk, row: CancellationRequest) -> None:
    if desk.as_json:
        desk.show(CancellationDetailSerializer, row)
        return
    for line in in_full(desk, row):
        desk.say(line)


def in_full(desk: Desk, row: CancellationRequest) -> Iterator[str]:
    now = timezone.now()
    facts = {
        "Request": f"{row.marketplace_id} ({row.pk})",
        "Order": row.order_label,
        "Shop": str(row.shop),
        "State": f"{row.get_state_display()} ({row.status})",
        "Reason": row.reason_text or row.reason,
        "Refund": money(row.refund()),
        "Asked": clock(row.created_at),
        "Deadline": clock(row.deadline) if row.deadline else "",
    }
    yield from (f"{name + ':':<10} {value}" for name, value in facts.items() if value)
    for line in row.lines.all():
        yield f"{'':<10} {line.quantity} × {line} {line.seller_sku}".rstrip()
    yield ""
    for offer in offers_to(desk.user, row, now).values():
        if offer.exists:
            yield f"{offer.verdict.label}: {offer.why_not or offer.effect}"
    yield ""
    for entry in history.of_cancellation(row, now):
        told = " · ".join(part for part in (entry.text, entry.who, entry.detail, entry.code) if part)
        yield f"{clock(entry.at):>16}  {told}"


def reasons(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(told["id"]):
        found = finding.request(desk, told["id"])
        market = markets.capabilities(found.shop, timezone.now())
        none = checks.not_taken(market, {"reason"}).get("reason", "")
        known = [] if none else live.reject_reasons(found, told["locale"])
        if desk.as_json:
            desk.show(RejectReasonsSerializer, {"takes_reason": not none, "explanation": none, "reasons": known})
        elif none:
            desk.say(none)
        else:
            desk.lay_out(("REASON", "TEXT"), [(one.name, one.text) for one in known], gives_way=("TEXT",))
    return desk.exit_code


def decision(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(str(told["id"])):
        found = finding.decision(desk, told["id"])
        if told["wait"] is not None:
            found = ended(desk, found, told["wait"])
            desk.refused += found.state != Decision.State.CONFIRMED
        tell_of(desk, [found], is_one=True)
    return desk.exit_code


def ended(desk: Desk, found: Decision, seconds: int) -> Decision:
    """Once no worker has anything more to do about it, or the time is over."""
    until = time.monotonic() + seconds
    while found.is_moving and time.monotonic() < until:
        time.sleep(min(LOOK_AGAIN_SECONDS, seconds))
        found = finding.decision(desk, found.pk)
    return found


def tell_of(desk: Desk, found: Sequence[Decision], *, is_one: bool = False) -> None:
    if desk.as_json:
        desk.show(DecisionDetailSerializer, found[0] if is_one else found, many=not is_one)
        return
    heads = ("DECISION", "ABOUT", "VERDICT", "STATE", "REFUND", "CODE", "WHAT WAS SAID")
    rows = [
        (
            str(one.pk), one.order_label, one.get_verdict_display(), one.get_state_display(), money(one.money),
            one.code, " ".join(part for part in (one.message, one.note) if part),
        )
        for one in found
    ]  # fmt: skip
    if rows:
        desk.lay_out(heads, rows, gives_way=("VERDICT", "STATE", "WHAT WAS SAID"))
