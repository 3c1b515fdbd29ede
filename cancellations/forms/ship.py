"""The form of shipping to reject: which packages leave, and how."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import prefetch_related_objects
from django.utils.datastructures import MultiValueDict
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.templatetags.times import clock, is_readers_zone_at
from cancellations import decisions, live
from cancellations.checks import Details
from cancellations.forms.verdicts import VerdictForm
from cancellations.shipping import EXAMPLE, LONGEST, SHORTEST, Shipping, needs_tracking
from marketplaces.errors import MarketplaceError
from marketplaces.records import PickupSlot
from orders.models import LineItem, Order, Package
from orders.parcels import lines_to_ship, parcels_to_ship


@dataclass
class Parcel:
    """A package that can leave. Without lines where nobody could say what is in it."""

    package: Package
    lines: Sequence[LineItem]
    status: str
    tracking_number: str
    carrier: str
    is_chosen: bool = True


class ShipForm(VerdictForm):
    """How the parcels leave: by the marketplace's carrier, or by one of the seller's own with a tracking number."""

    template = "ship"

    package_ids = forms.MultipleChoiceField(
        label=gettext_lazy("Packages"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy("Choose at least one package."),
            "invalid_choice": gettext_lazy("This package is not part of the order, or has left already: choose again."),
        },
    )
    way = forms.ChoiceField(
        label=gettext_lazy("How the parcel is handed over"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose how the parcel is handed over."),
            "invalid_choice": gettext_lazy("This way or time is not on offer (any more): choose again."),
        },
    )
    shipping_provider_id = forms.ChoiceField(
        label=gettext_lazy("Carrier"),
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "required": gettext_lazy("Choose the carrier that takes the parcel."),
            "invalid_choice": gettext_lazy("The marketplace does not take this carrier for this order."),
        },
    )
    tracking_number = forms.CharField(
        label=gettext_lazy("Tracking number"),
        widget=forms.TextInput(attrs={"class": "form-control font-monospace", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("The seller sends this order, so it needs a tracking number.")},
    )

    def ask(self) -> None:
        order = self.cancellation.order
        assert order is not None
        self.order: Order = order
        prefetch_related_objects([order], "lines", "packages")
        self.lines = lines_to_ship(order)
        self.parcels = [self.parcel(package, lines) for package, lines in parcels_to_ship(order)]
        self.is_own_carrier = needs_tracking(order)
        self.offer_packages()
        if self.is_own_carrier:
            del self.fields["way"]
            self.offer_carriers()
        else:
            del self.fields["shipping_provider_id"], self.fields["tracking_number"]
            sent = self.data.get("way", "")
            self.choices("way").choices = self.asked(self.ways, [(sent, sent)] if sent else [])

    def parcel(self, package: Package, lines: Sequence[LineItem]) -> Parcel:
        """As we read it with its order; where that told nothing of what is in it, as the marketplace tells it now."""
        known = Parcel(package, lines, package.status, package.tracking_number, package.shipping_provider)
        if lines:
            return known
        try:
            told = live.package(self.order, package.marketplace_id)
        except MarketplaceError:  # it can be shipped all the same
            return known
        within = [line for line in self.lines if line.marketplace_id in told.line_item_ids]
        return Parcel(package, within, told.status, told.tracking_number, told.shipping_provider)

    def choices(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field

    def offer_packages(self) -> None:
        """All of them, unless a tracking number is only for one."""
        own = [parcel.package.marketplace_id for parcel in self.parcels]
        if len(own) < 2:
            del self.fields["package_ids"]
            return
        self.choices("package_ids").choices = [(one, one) for one in own]
        if not self.is_own_carrier:
            self.initial["package_ids"] = own
        ticked = set(self["package_ids"].value() or [])
        for parcel in self.parcels:
            parcel.is_chosen = parcel.package.marketplace_id in ticked

    def clean(self) -> dict[str, Any]:
        """Nobody ships what they have not seen: neither another package nor one that was not ticked."""
        now = {"", *(parcel.package.marketplace_id for parcel in self.parcels)}
        shown = self.sent("shown") or now
        if "package_ids" not in self.fields:
            shown = shown | self.sent("package_ids")
        if shown != now:
            raise ValidationError(_("What can leave has changed since you opened this: look again. Nothing was sent."))
        return super().clean()

    def sent(self, name: str) -> set[str]:
        """All that came under this name, which may be no field."""
        return set(self.data.getlist(name)) if isinstance(self.data, MultiValueDict) else set()

    def offer_carriers(self) -> None:
        sent = self.data.get("shipping_provider_id", "")
        carriers = self.asked(
            lambda: [(known.marketplace_id, known.name) for known in live.shipping_providers(self.order)],
            [(sent, sent)] if sent else [],
        )
        by_name = sorted(carriers, key=lambda known: known[1].lower())
        self.choices("shipping_provider_id").choices = [("", _("Choose a carrier")), *by_name]
        self.fields["tracking_number"].help_text = _(
            "As on the label, %(least)d to %(most)d letters, digits and hyphens, such as %(example)s."
        ) % {"least": SHORTEST, "most": LONGEST, "example": EXAMPLE}

    def chosen(self) -> list[str]:
        """The ids of the packages that leave."""
        return [parcel.package.marketplace_id for parcel in self.parcels if parcel.is_chosen]

    def ways(self) -> list[tuple[str, str]]:
        """How all that is ticked can be handed over together."""
        options = live.handover_options(self.order, self.chosen())
        if options is None:
            return []
        ways = [("DROP_OFF", _("Drop it off at a collection point"))] if options.can_drop_off else []
        slots = [slot for slot in options.pickup_slots if slot.available] if options.can_pickup else []
        if options.can_pickup and not options.pickup_slots:
            ways.append(("PICKUP", _("Have it picked up")))
        return ways + [(as_value(slot), self.in_words(slot)) for slot in slots]

    def in_words(self, slot: PickupSlot) -> str:
        zone = self.cancellation.shop.zone
        there = _("Pick-up %(time)s (%(zone)s)") % {"time": from_to(slot, zone), "zone": zone}
        if is_readers_zone_at(zone, slot.start):
            return there
        yours = _("%(time)s yours") % {"time": from_to(slot)}
        return format_html('{} <span class="d-block small text-secondary">{}</span>', there, yours)

    def clean_tracking_number(self) -> str:
        """Labels print it in groups; people type it as it is printed."""
        return "".join(self.cleaned_data["tracking_number"].split())

    def happens(self) -> list[str]:
        """What the button does, sentence by sentence."""
        name = {"marketplace": self.market.marketplace_name}
        return [
            self.what_leaves(),
            _("%(marketplace)s rejects the request because of it: the order goes on, and nothing is refunded.") % name,
            decisions.until_when_it_can_be_undone(self.cancellation),
        ]

    def what_leaves(self) -> str:
        if len(self.parcels) > 1:
            return _("The packages that are ticked are marked as shipped. The others stay as they are.")
        if not self.parcels:
            return ngettext(
                "%(marketplace)s makes one package of the item and marks it as shipped.",
                "%(marketplace)s makes one package of the %(count)d items and marks it as shipped.",
                units(self.lines),
            ) % {"marketplace": self.market.marketplace_name, "count": units(self.lines)}
        (parcel,) = self.parcels
        if not parcel.lines:
            return _("Package %(package)s is marked as shipped.") % {"package": parcel.package}
        return ngettext(
            "Package %(package)s with one item is marked as shipped.",
            "Package %(package)s with %(count)d items is marked as shipped.",
            units(parcel.lines),
        ) % {"package": parcel.package, "count": units(parcel.lines)}

    def details(self) -> Details:
        method, *slot = self.cleaned_data.get("way", "").split() or [""]
        start, end = (datetime.fromisoformat(time) for time in slot) if len(slot) == 2 else (None, None)
        return Details(
            shipping=Shipping(
                handover_method=method,
                pickup_start=start,
                pickup_end=end,
                tracking_number=self.cleaned_data.get("tracking_number", ""),
                shipping_provider_id=self.cleaned_data.get("shipping_provider_id", ""),
                package_ids=self.chosen(),
            )
        )


def units(lines: Sequence[LineItem]) -> int:
    return sum(line.open_quantity for line in lines)


def from_to(slot: PickupSlot, zone: ZoneInfo | None = None) -> str:
    """“tomorrow 09:00 to 12:00” in `zone` or the reader's own, or with both days where they are two."""
    start, end = (moment.astimezone(zone or get_current_timezone()) for moment in (slot.start, slot.end))
    last = date_format(end, "H:i") if start.date() == end.date() else clock(slot.end, zone)
    return _("%(start)s to %(end)s") % {"start": clock(slot.start, zone), "end": last}


def as_value(slot: PickupSlot) -> str:
    return f"PICKUP {slot.start.isoformat()} {slot.end.isoformat()}"
