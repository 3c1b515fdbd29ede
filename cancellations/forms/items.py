"""Which items of an order to cancel, and how many of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cancellations import checks, decisions, rules
from marketplaces.base import CancelReason, Capabilities
from orders.models import LineItem, Order


@dataclass(frozen=True)
class Row:
    """A line as the template shows it. `quantity` is None where there is only one of it."""

    line: LineItem
    quantity: forms.BoundField | None
    is_chosen: bool
    why_not: str


class CancelItemsForm(forms.Form):
    """Line items to cancel. `ineligible` says, by line item id, why the marketplace would not cancel it."""

    items = forms.MultipleChoiceField(
        label=gettext_lazy("Items"),
        error_messages={
            "required": gettext_lazy("Choose at least one item."),
            "invalid_choice": gettext_lazy(
                "One of these items is not part of this order, or can no longer be cancelled."
            ),
        },
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a reason."),
            "invalid_choice": gettext_lazy("This reason does not fit the order's state or a part of an order."),
        },
    )

    def __init__(
        self, order: Order, market: Capabilities, now: datetime, data: QueryDict | None = None,
        ineligible: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data, prefix=None)
        self.order, self.market, self.now = order, market, now
        self.ineligible = ineligible or {}
        self.lines = [line for line in order.lines.all() if line.open_quantity]
        items = self.fields["items"]
        assert isinstance(items, forms.MultipleChoiceField)
        items.choices = [(str(line.pk), str(line)) for line in self.lines]
        self.known_reasons = rules.cancel_reasons(order, now, partial=False)
        if market.takes_cancel_reason:
            reason = self.fields["reason"]
            assert isinstance(reason, forms.ChoiceField)
            reason.choices = [(one.name, one.text) for one in self.known_reasons]
        else:
            del self.fields["reason"]
        self.ask_how_many()
        if not market.can_cancel_lines and not self.is_bound:
            self.initial["items"] = [str(line.pk) for line in self.lines]

    def ask_how_many(self) -> None:
        """Also where one is left of what was shown as more: a number that was typed is never passed over."""
        for line in self.lines:
            if line.open_quantity > 1 or self.has_changed_since_shown(line) or f"quantity_{line.pk}" in self.data:
                out_of_range = _("Between 1 and %(most)d of it can be cancelled.") % {"most": line.open_quantity}
                self.fields[f"quantity_{line.pk}"] = forms.IntegerField(
                    label=_("How many"), min_value=1, max_value=line.open_quantity, initial=line.open_quantity,
                    required=False,
                    widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
                    error_messages={"min_value": out_of_range, "max_value": out_of_range},
                )  # fmt: skip

    def has_changed_since_shown(self, line: LineItem) -> bool:
        """Whether another quantity is open now than the page said beside the line."""
        open_now = str(line.open_quantity)
        return bool(self.data.get(f"open_{line.pk}", open_now) != open_now)

    def rows(self) -> Sequence[Row]:
        """Every line that is not cancelled or gone yet."""
        chosen = set(self["items"].value() or [])
        return [
            Row(
                line,
                self[name] if (name := f"quantity_{line.pk}") in self.fields else None,
                str(line.pk) in chosen,
                self.ineligible.get(line.marketplace_id, ""),
            )
            for line in self.lines
        ]

    def can_be_sent(self) -> bool:
        """Whether there is anything left that the marketplace would cancel."""
        return any(not row.why_not for row in self.rows())

    def reasons(self) -> Sequence[tuple[Any, Sequence[str]]]:
        """(radio button, what to know before choosing it) of each reason that this market and state allow."""
        return list(zip(self["reason"], map(self.to_know, self.known_reasons), strict=True))

    def to_know(self, reason: CancelReason) -> list[str]:
        words = []
        if not reason.partial and self.market.can_cancel_lines and len(self.lines) > 1:
            words.append(_("For the whole order only."))
        if reason.seller_fault:
            words.append(_("Counts as the seller's fault here."))
        elif reason.fault_since:  # which is to come
            words.append(
                _("Counts as the seller's fault here from %(date)s.") % {"date": date_format(reason.fault_since)}
            )
        return words

    def clean(self) -> dict[str, Any]:
        """What the decision would be refused for, said before it is made."""
        for line in self.lines:
            self.check_number(line, is_ticked=str(line.pk) in (self["items"].value() or []))
        if self.errors or "items" not in self.cleaned_data:
            return self.cleaned_data
        chosen = self.chosen()
        off = [line for line in self.lines if line.pk in chosen and line.marketplace_id in self.ineligible]
        for line in off:
            self.add_error("items", not_eligible(line, self.ineligible[line.marketplace_id]))
        if not off:
            checks.check_items(self.order, chosen, self.why())
        return self.cleaned_data

    def check_number(self, line: LineItem, *, is_ticked: bool) -> None:
        """The number beside a line is about what was shown there, and stands beside every ticked line and no other."""
        name, open_now = f"quantity_{line.pk}", line.open_quantity
        if self.has_changed_since_shown(line):
            self.errors.pop(name, None)  # whether it was in range says nothing now
            self.add_error(name, look_again(open_now))
        elif is_ticked and self.data.get(name) == "":
            self.add_error(name, _("Say how many of it."))
        elif not is_ticked and self.cleaned_data.get(name) not in (None, open_now):
            self.add_error(name, _("Tick the line to cancel so many of it."))

    def stays(self) -> list[tuple[LineItem, int]]:
        """(line, how many) of what is left of the order once the chosen items are cancelled; lines must be chosen."""
        chosen = self.chosen()
        left = [
            (line, line.quantity - line.cancelled_in_all - chosen.get(line.pk, 0)) for line in self.order.lines.all()
        ]
        return [(line, quantity) for line, quantity in left if quantity > 0]

    def until_when(self) -> str:
        return decisions.until_when_it_can_be_undone()

    def chosen(self) -> dict[int, int]:
        """{LineItem.pk: quantity} once the form is valid."""
        quantities = {line.pk: line.open_quantity for line in self.lines}
        return {
            pk: self.cleaned_data.get(f"quantity_{pk}") or quantities[pk] for pk in map(int, self.cleaned_data["items"])
        }

    def why(self) -> str:
        """The reason's code, once the form is valid; empty where the marketplace takes none."""
        return str(self.cleaned_data.get("reason", ""))


def not_eligible(line: LineItem, why: str) -> ValidationError:
    return ValidationError(_("The marketplace would not cancel “%(item)s”: %(why)s"), params={"item": line, "why": why})


def look_again(open_now: int) -> str:
    return ngettext(
        "This has changed meanwhile: %(open)d of it is open now. Look again.",
        "This has changed meanwhile: %(open)d of it are open now. Look again.",
        open_now,
    ) % {"open": open_now}
