"""How packages leave that are shipped to reject a request, and what of it can be seen to be wrong before it is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from orders.models import Order
from orders.parcels import parcels_to_ship

# No marketplace says what its carriers' numbers look like; this is what those of all carriers have in common.
TRACKING_NUMBER = re.compile(r"[A-Za-z0-9-]*")
SHORTEST, LONGEST = 5, 50
EXAMPLE = "9400111899223197428490"


@dataclass(frozen=True)
class Shipping:
    """How the packages leave; see marketplaces.records.Shipment. Slot times are aware.

    Without `package_ids` all packages leave that have not left yet.
    """

    handover_method: str = ""
    pickup_start: datetime | None = None
    pickup_end: datetime | None = None
    tracking_number: str = ""
    shipping_provider_id: str = ""
    package_ids: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        slot = {}
        if self.pickup_start and self.pickup_end:
            slot = {"pickup_slot": {"start": self.pickup_start.isoformat(), "end": self.pickup_end.isoformat()}}
        return {
            "handover_method": self.handover_method,
            "tracking_number": self.tracking_number,
            "shipping_provider_id": self.shipping_provider_id,
            "package_ids": list(self.package_ids),
            **slot,
        }


def needs_tracking(order: Order) -> bool:
    """Whether a carrier of the seller's own takes it, as where the marketplace has made no package yet."""
    return order.is_sent_by_seller or not parcels_to_ship(order)


def shipping_problems(order: Order | None, shipping: Shipping) -> dict[str, str]:
    """What is wrong, by field."""
    if order is None:
        return {}
    problems = {"package_ids": wrong_packages(order, shipping)}
    if needs_tracking(order):
        problems["tracking_number"] = wrong_tracking_number(shipping.tracking_number)
        if not shipping.shipping_provider_id:
            problems["shipping_provider_id"] = _("Choose the carrier that takes the parcel.")
        if shipping.handover_method:
            problems["handover_method"] = _("A carrier of the seller's takes this order: leave it out.")
    else:
        problems |= not_by_the_marketplaces_carrier(shipping)
    if shipping.pickup_start and shipping.handover_method != "PICKUP":
        problems["pickup_start"] = _("Only a pick-up has a time: leave it out.")
    return {name: words for name, words in problems.items() if words}


def not_by_the_marketplaces_carrier(shipping: Shipping) -> dict[str, str]:
    problems = {}
    if not shipping.handover_method:
        problems["handover_method"] = _("Choose how the parcel is handed over.")
    for name in ("tracking_number", "shipping_provider_id"):
        if getattr(shipping, name):
            problems[name] = _("The marketplace's carrier takes this order: leave it out.")
    return problems


def wrong_packages(order: Order, shipping: Shipping) -> str:
    chosen = set(shipping.package_ids)
    if foreign := chosen - {package.marketplace_id for package in order.packages.all()}:
        return _("Not a package of this order: %(ids)s.") % {"ids": ", ".join(sorted(foreign))}
    waiting = {package.marketplace_id for package, _lines in parcels_to_ship(order)}
    if left := chosen - waiting:
        return _("This package has left already: %(ids)s.") % {"ids": ", ".join(sorted(left))}
    if order.is_sent_by_seller and len(chosen or waiting) > 1:
        return _("A tracking number belongs to one package: choose the one that it is on.")
    return ""


def wrong_tracking_number(number: str) -> str:
    if not number:
        return _("The seller sends this order, so it needs a tracking number.")
    if any(char.isspace() for char in number):
        return _("Leave out the spaces of the tracking number.")
    if not TRACKING_NUMBER.fullmatch(number):
        return _("A tracking number has letters from A to Z, digits and hyphens only, such as %(example)s.") % {
            "example": EXAMPLE
        }
    if not SHORTEST <= len(number) <= LONGEST:
        return _("A tracking number has %(least)d to %(most)d characters; this has %(length)d.") % {
            "least": SHORTEST, "most": LONGEST, "length": len(number),
        }  # fmt: skip
    return ""
