"""What is decided, and what becomes of decisions: by `DecisionRequest`, as over the API, and the verbs themselves."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from cancellations import decisions
from cancellations.command_line import finding
from cancellations.command_line.looking import tell_of
from cancellations.command_line.people import REFUSED, Desk
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.serializers.coming_in import DecisionRequest
from marketplaces.records import Money
from orders.templatetags.money import money

SHIPPING = (
    "tracking_number", "shipping_provider_id", "handover_method", "pickup_start", "pickup_end", "package_ids",
)  # fmt: skip


def approve(desk: Desk, told: dict[str, Any]) -> int:
    rows = asked_for(desk, told["ids"])
    if len(rows) > 1 and not told["yes"] and not desk.agrees(question(list(rows.values()))):
        return REFUSED
    return decide_each(desk, rows, {"verdict": Verdict.APPROVE, **haste(told)})


def reject(desk: Desk, told: dict[str, Any]) -> int:
    images: Sequence[tuple[str, bytes]] = ()
    with desk.or_says_no("--image"):
        images = [picture(path) for path in told["image"]]
    if desk.refused:
        return desk.exit_code
    body = {"verdict": Verdict.REJECT, "reason": told["reason"], "comment": told["comment"], **haste(told)}

    def fresh() -> dict[str, Any]:
        """Each of several requests gets them, and reading one closes it."""
        uploads = [SimpleUploadedFile(name, content) for name, content in images]
        return {"images": uploads} if uploads else {}

    return decide_each(desk, asked_for(desk, told["ids"]), body, fresh)


def ship(desk: Desk, told: dict[str, Any]) -> int:
    shipping = {name: told[name] for name in SHIPPING if told[name]}
    body = {"verdict": Verdict.SHIP_TO_REJECT, "shipping": shipping, **haste(told)}
    return decide_each(desk, asked_for(desk, [told["id"]]), body, is_one=True)


def cancel_items(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(told["order"]):
        order = finding.order(desk, told["order"])
        items = [item(order, text) for text in told["line"]]
        body = {"verdict": Verdict.CANCEL_ITEMS, "order": order.pk, "items": items, **haste(told)}
        if told["reason"]:
            body["reason"] = told["reason"]
        tell_of(desk, [made(desk, body)], is_one=True)
    return desk.exit_code


def item(order: Any, text: str) -> dict[str, Any]:
    """Of “ID=QUANTITY”; an id alone is one of it."""
    name, _sign, quantity = text.partition("=")
    try:
        return {"line_item": finding.line(order, name).pk, "quantity": quantity or 1}
    except ValidationError as problem:
        raise ValidationError({f"--line {name}": problem.detail}) from None


def haste(told: Mapping[str, Any]) -> dict[str, int]:
    return {"undo_seconds": 0} if told["at_once"] else {}


def picture(path: str) -> tuple[str, bytes]:
    try:
        return Path(path).name, Path(path).read_bytes()
    except OSError as error:
        raise ValidationError({path: error.strerror or _("This file cannot be read.")}) from None


def asked_for(desk: Desk, names: Sequence[str]) -> dict[str, CancellationRequest]:
    """By what they were called; those that are not found are told of, and left out."""
    rows: dict[str, CancellationRequest] = {}
    for name in desk.named(names):
        with desk.or_says_no(name):
            row = finding.request(desk, name)
            if row not in rows.values():
                rows[name] = row
    return rows


def question(rows: Sequence[CancellationRequest]) -> str:
    sums: Counter[str] = Counter()
    unknown = 0
    for row in rows:
        refund = row.refund()
        if refund is None:
            unknown += 1
        else:
            sums[refund.currency] += refund.amount  # type: ignore[assignment]
    told = [money(Money(Decimal(amount), currency)) for currency, amount in sums.items()]
    told += [f"{unknown} of unknown value"] if unknown else []
    return f"Approve {len(rows)} requests, {', '.join(told)}?"


def decide_each(
    desk: Desk, rows: Mapping[str, CancellationRequest], body: Mapping[str, Any],
    fresh: Callable[[], Mapping[str, Any]] = dict, *, is_one: bool = False,
) -> int:  # fmt: skip
    """One after the other, each by itself: what is refused keeps no other."""
    recorded = []
    given = {name: value for name, value in body.items() if value not in ("", None)}
    for name, row in rows.items():
        with desk.or_says_no(name):
            recorded.append(made(desk, {**given, "cancellation": row.pk, **fresh()}))
    if recorded or (desk.as_json and not is_one):
        tell_of(desk, recorded, is_one=is_one)
    return desk.exit_code


def made(desk: Desk, body: Mapping[str, Any]) -> Decision:
    told = DecisionRequest(data=body, context={"request": desk.request})
    told.is_valid(raise_exception=True)
    return finding.decision(desk, told.record().pk)


# --- what becomes of decisions --------------------------------------------------------------------------------------


def change_each(desk: Desk, told: dict[str, Any], change: Callable[[Decision], None]) -> int:
    changed = []
    for name in desk.named(told["ids"]):
        with desk.or_says_no(name):
            change(finding.decision(desk, name))
            changed.append(finding.decision(desk, name))
    if changed or desk.as_json:
        tell_of(desk, changed)
    return desk.exit_code


def withdraw(desk: Desk, told: dict[str, Any]) -> int:
    return change_each(desk, told, lambda found: decisions.withdraw(found, desk.user))


def countersign(desk: Desk, told: dict[str, Any]) -> int:
    return change_each(desk, told, lambda found: decisions.countersign(found, desk.user))


def ask_again(desk: Desk, told: dict[str, Any]) -> int:
    return change_each(desk, told, lambda found: decisions.ask_again(found, desk.user))


def decline(desk: Desk, told: dict[str, Any]) -> int:
    return change_each(desk, told, lambda found: decisions.decline(found, desk.user, told["note"]))


def set_aside(desk: Desk, told: dict[str, Any]) -> int:
    return change_each(desk, told, lambda found: decisions.set_aside(found, desk.user, told["note"]))
