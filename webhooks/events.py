"""Every event that endpoints are told of. The form, the API's description and docs/webhooks.md are made of this."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ORDER = {"order": 9, "order_marketplace_id": "577087614418520388", "order_number": ""}
REFUND = {"amount": "26.98", "currency": "GBP"}
CANCELLATION = {
    "cancellation": 17, "url": "https://countermand.example/api/v1/cancellations/17/",
    "cancellation_marketplace_id": "4035318504086604516", "shop": 3, **ORDER, "kind": "BUYER_CANCEL",
    "asked_by": "buyer", "reason": "ecom_order_to_ship_canceled_reason_created_by_mistakes", "needs_answer": True,
    "deadline": "2026-11-22T08:00:00Z", "refund": REFUND,
}  # fmt: skip
SETTLED = {**CANCELLATION, "needs_answer": False}
DECISION = {
    "decision": 5, "url": "https://countermand.example/api/v1/decisions/5/", "shop": 3, "cancellation": 17,
    "cancellation_marketplace_id": "4035318504086604516", **ORDER, "verdict": "approve", "state": "accepted",
    "stalled_because": None, "gives_back": REFUND, "code": "0", "request_id": "202611210800000101890",
}  # fmt: skip
LINE = {
    "cancelled_line": 41, "line_item": 77, "line_item_marketplace_id": "577087614419520388",
    "sku_id": "1729386416015446952", "seller_sku": "TOTE-BLK", "product_id": "1729386416015446000", "quantity": 1,
    "cancelled_in_all": 1, "amount": {"amount": "12.00", "currency": "GBP"}, "was_shipped": False, "was_paid": True,
}  # fmt: skip
OF_ORDER = {"shop": 3, "url": "https://countermand.example/api/v1/orders/9/", **ORDER, "warehouse_id": ""}
SHOP = {
    "shop": 3, "url": "https://countermand.example/api/v1/shops/3/", "marketplace": "a_marketplace",
    "shop_marketplace_id": "7495540735365000001", "name": "Mugs and more", "region": "GB",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """`words` are for people who choose, `when` is for those who write the receiver, `example` is `data`."""

    words: Promise
    when: str
    example: Mapping[str, Any]


def decided(state: str, **more: Any) -> dict[str, Any]:
    return {**DECISION, "state": state, **more}


def unsent(state: str, **more: Any) -> dict[str, Any]:
    """The marketplace has said nothing yet."""
    return decided(state, code="", request_id="", **more)


TYPES: dict[str, Kind] = {
    "cancellation.requested": Kind(
        _("Somebody asks to cancel"),
        "A request came in, or staff recorded one. Also of one that was over before it was first read; then the event "
        "that tells of its end follows.",
        {**CANCELLATION, "from": None, "to": "waiting"},
    ),
    "deadline.near": Kind(
        _("A request is about to be decided by silence"),
        "Once for each deadline, DEADLINE_NEAR_HOURS (2) before it, of a request that nobody has decided.",
        {**CANCELLATION, "seconds_left": 7200},
    ),
    "cancellation.settled": Kind(
        _("A request is settled"),
        "It waits no more. `to` is `approved`, `completed` (refunded already) or `closed` (ended without cancelling). "
        "`settled_by` is `decision` (ours, which `decision` names), `deadline` (approved after it had passed), `staff` "
        "(closed by hand) or `elsewhere`. `refund` is of the whole request; null where nothing is refunded (`closed`) "
        "or the marketplace tells none.",
        {**SETTLED, "from": "waiting", "to": "approved", "settled_by": "decision", "decision": 5},
    ),
    "cancellation.withdrawn": Kind(
        _("A request ended without a cancellation and without us"),
        "After `cancellation.settled`, where it was closed and no decision of ours did it: the buyer took it back, or "
        "somebody rejected it in the marketplace's own screens. The marketplace does not tell which.",
        {**SETTLED, "refund": None, "from": "waiting", "to": "closed"},
    ),
    "cancellation.moved": Kind(
        _("A settled request changed again"),
        "Any other change of state, above all from `approved` to `completed`: the marketplace has paid back.",
        {**SETTLED, "from": "approved", "to": "completed"},
    ),
    "decision.recorded": Kind(
        _("Somebody decided"), "A decision was made and is sent when its undo window ends.", unsent("recorded")
    ),
    "decision.waits_for_second_person": Kind(
        _("A decision waits for a second person"),
        "It gives back more than its maker gives back alone, and is not sent before somebody countersigns.",
        unsent("unsigned"),
    ),
    "decision.countersigned": Kind(
        _("A decision was countersigned"), "It is sent when its undo window ends.", unsent("recorded")
    ),
    "decision.withdrawn": Kind(
        _("A decision was taken back"),
        "Nothing was sent: its maker took it back, the second person declined, or the request was settled first. Of "
        "one that came back with a copy of the database, what was sent since the copy is not known.",
        unsent("withdrawn"),
    ),
    "decision.accepted": Kind(
        _("The marketplace accepted a decision"), "Its answer was a yes; it is read back now.", decided("accepted")
    ),
    "decision.confirmed": Kind(
        _("The marketplace shows a decision as done"),
        "It was read back, or the marketplace's yes has to do because it never shows it.",
        decided("confirmed"),
    ),
    "decision.refused": Kind(
        _("A decision came to nothing"),
        "The marketplace refused it (see `code` and `request_id`), or the request was settled before it was sent.",
        decided("refused", code="25011011"),
    ),
    "decision.stalled": Kind(
        _("A decision needs somebody"),
        "What became of it is not known or nothing can go on by itself: see `stalled_because`.",
        unsent("stalled", stalled_because="outcome_unknown"),
    ),
    "decision.asked_again": Kind(
        _("Somebody had a stalled decision asked about again"), "A worker asks the marketplace now.", unsent("sending")
    ),
    "decision.resumed": Kind(
        _("A decision goes on, since its shop is connected again"),
        "It had stalled with `reconnect`. It is sent, asked about or read back now, whichever it was at.",
        decided("sending"),
    ),
    "decision.set_aside": Kind(
        _("A stalled decision was set aside"),
        "A manager ended it; the request can be decided anew. Or it came back with a copy of the database and waited "
        "for a second person, while the request had been settled.",
        unsent("set_aside"),
    ),
    "line_items.cancelled": Kind(
        _("Lines of an order were cancelled"),
        "Once for each time that more of an order's lines show as cancelled, whoever cancelled them.",
        {**OF_ORDER, "lines": [LINE]},
    ),
    "stock.released": Kind(
        _("Units of a cancelled line are free again"),
        "Exactly one id for each cancelled line and step of its quantity, of the units that had not left the seller. "
        "Act on an id once.",
        {**OF_ORDER, **LINE},
    ),
    "money.returned": Kind(
        _("What was paid for a cancelled line goes back"),
        "As `stock.released`, where the order shows as paid: never where a marketplace does not tell that, and "
        "`was_paid` is false there. `amount` is what these units cost in the order (price × "
        "quantity), not what is refunded: shipping, taxes and fees are in the `refund` of `cancellation.settled`.",
        {**OF_ORDER, **LINE},
    ),
    "shop.connected": Kind(_("A shop is connected"), "For the first time, or again after it was not.", SHOP),
    "shop.disconnected": Kind(
        _("A shop is no longer connected"),
        "`because` is `rejected` (the marketplace does not take the authorization), `taken_back` (the seller ended it "
        "there) or `by_hand` (somebody disconnected it here).",
        {**SHOP, "because": "taken_back"},
    ),
}
# What the button sends; nobody has to choose it.
TEST_NAME = "endpoint.test"
TEST = Kind(_("A test"), "Somebody pressed the test button of this endpoint.", {"endpoint": 4})


def example(name: str, kind: Kind) -> dict[str, Any]:
    """A whole body."""
    return {"type": name, "timestamp": "2026-11-21T08:00:00Z", "data": dict(kind.example)}


def table() -> str:
    """For docs/webhooks.md."""
    rows = [f"| `{name}` | {kind.when} |" for name, kind in TYPES.items()]
    return "\n".join(["| event | when |", "|---|---|", *rows])
