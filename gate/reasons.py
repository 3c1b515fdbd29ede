"""What the gate answers, why, and each in one sentence for people. The codes are stable."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.templatetags.times import clock
from gate.facts import Facts


class Verdict(models.TextChoices):
    SHIP = "ship", _("Ship")
    HOLD = "hold", _("Hold")
    PULL = "pull", _("Pull")

    @property
    def meaning(self) -> str:
        return str(MEANINGS[self])


MEANINGS = {
    Verdict.SHIP: _("Nothing stands against it: pack it and hand it over."),
    Verdict.HOLD: _("Leave it where it is: do not pack it and do not hand it over."),
    Verdict.PULL: _("Take it, or what is listed of it, out of what leaves."),
}


class Reason(models.TextChoices):
    """Of one verdict each, but for `request_waits`: hold before anything is packed, pull afterwards."""

    # ship
    NOTHING_AGAINST = "nothing_against", _("Nothing stands against it.")
    SHIP_TO_REJECT = "ship_to_reject", _("It has to leave: shipping it is what rejects the buyer's request.")
    TAKEN_OUT = "taken_out", _("What is cancelled of it was taken out. The rest may leave.")
    # pull
    CANCELLED = "cancelled", _("It is cancelled.")
    JUST_CANCELLED = "just_cancelled", _("The marketplace has just said that the order is cancelled.")
    JUST_APPROVED = (
        "just_approved",
        _("The marketplace has just said that a cancellation is approved. For how much of it is not read yet."),
    )
    APPROVAL_UNDER_WAY = "approval_under_way", _("Its cancellation was approved here and is on its way.")
    ITEMS_UNDER_WAY = "items_under_way", _("Items of it are being cancelled from here.")
    PART_CANCELLED = "part_cancelled", _("A part of it is cancelled. Take that out; then the rest may leave.")
    REQUEST_WAITS = "request_waits", _("Somebody asks to cancel it and waits for an answer.")
    # hold
    DECISION_UNDER_WAY = "decision_under_way", _("A decision about it is on its way, and its outcome is not known yet.")
    DECISION_STALLED = "decision_stalled", _("What became of a decision about it is not known: somebody has to look.")
    NOT_READ_YET = "not_read_yet", _("The marketplace has just told of a change that is not read yet.")
    ON_HOLD = "on_hold", _("The marketplace holds the order.")
    NOT_READY = "not_ready", _("The order is not ready to be shipped.")
    ALREADY_LEFT = "already_left", _("It has left already.")
    PUT_BACK = "put_back", _("It was taken out of what leaves, and may leave again: put it back first.")
    NOT_ASKED = "not_asked", _("What is known here is too old to let it leave: ask the marketplace first.")


PACKED_AND_ASKED = _("Somebody asks to cancel it, and it is packed already.")
SHIPPING_WOULD_REJECT = _(
    "Somebody asks to cancel it, and it is packed already: if it leaves, that rejects the request."
)
ALL_OF_PARCEL = _("Everything in this parcel is cancelled.")
NOT_READY_WITH_STATUS = _("The order cannot be shipped as it stands: %(status)s.")


def words(verdict: Verdict, reason: Reason, facts: Facts, package_id: str) -> str:
    if reason == Reason.REQUEST_WAITS and verdict == Verdict.PULL:
        return str(SHIPPING_WOULD_REJECT if facts.market.shipping_rejects else PACKED_AND_ASKED)
    if reason == Reason.CANCELLED and package_id and not facts.order.is_cancelled:
        return str(ALL_OF_PARCEL)
    if reason == Reason.NOT_READY:
        status = facts.order.status
        return str(NOT_READY_WITH_STATUS) % {"status": facts.market.status_labels.get(status, status)}
    return str(reason.label)


def caution(as_of: datetime | None) -> str:
    if as_of is None:
        return gettext("This shop has never been read to the end.")
    return gettext("No data since %(time)s.") % {"time": clock(as_of)}
