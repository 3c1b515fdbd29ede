"""Which items of an order to cancel, and how many of each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cancellations import rules
from marketplaces.base import Capabilities
from orders.models import Order


class CancelItemsForm(forms.Form):
    """Line items to cancel. `choices()` are the lines as the template shows them."""

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
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={
            "required": gettext_lazy("Choose a reason."),
            "invalid_choice": gettext_lazy("This reason does not fit the order's state or a part of an order."),
        },
    )

    def __init__(self, order: Order, market: Capabilities, now: datetime, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix=None)
        self.order, self.market = order, market
        self.lines = [line for line in order.lines.all() if line.open_quantity]
        items = self.fields["items"]
        assert isinstance(items, forms.MultipleChoiceField)
        items.choices = [(str(line.pk), str(line)) for line in self.lines]
        self.offer_reasons(now)
        self.ask_how_many()
        if not market.can_cancel_lines and not self.is_bound:
            self.initial["items"] = [str(line.pk) for line in self.lines]

    def offer_reasons(self, now: datetime) -> None:
        if not self.market.takes_cancel_reason:
            del self.fields["reason"]
            return
        reason = self.fields["reason"]
        assert isinstance(reason, forms.ChoiceField)
        known = rules.cancel_reasons(self.order, now, partial=False)
        only_whole = self.market.can_cancel_lines and len(self.lines) > 1
        only = _("%(reason)s – whole order only")
        reason.choices = [
            ("", _("Choose a reason")),
            *((one.name, only % {"reason": one.text} if only_whole and not one.partial else one.text) for one in known),
        ]

    def ask_how_many(self) -> None:
        for line in self.lines:
            if line.open_quantity > 1:
                self.fields[f"quantity_{line.pk}"] = forms.IntegerField(
                    label=_("How many"), min_value=1, max_value=line.open_quantity, initial=line.open_quantity,
                    required=False,
                    widget=forms.NumberInput(attrs={"class": "form-control form-control-sm"}),
                )  # fmt: skip

    def rows(self) -> Sequence[tuple[Any, Any, bool]]:
        """(line, its quantity field or None, whether it is chosen) of every line that can still be cancelled."""
        chosen = set(self["items"].value() or [])
        return [
            (line, self[name] if (name := f"quantity_{line.pk}") in self.fields else None, str(line.pk) in chosen)
            for line in self.lines
        ]

    def clean(self) -> dict[str, Any]:
        """A number beside a line that was not ticked would be passed over, so it is asked about."""
        chosen = set(self.cleaned_data.get("items", []))
        for line in self.lines:
            name = f"quantity_{line.pk}"
            if str(line.pk) not in chosen and self.cleaned_data.get(name) not in (None, line.open_quantity):
                self.add_error(name, _("Tick the line to cancel so many of it."))
        return self.cleaned_data

    def chosen(self) -> dict[int, int]:
        """{LineItem.pk: quantity} once the form is valid."""
        quantities = {line.pk: line.open_quantity for line in self.lines}
        return {
            pk: self.cleaned_data.get(f"quantity_{pk}") or quantities[pk] for pk in map(int, self.cleaned_data["items"])
        }

    def why(self) -> str:
        """The reason's code, once the form is valid; empty where the marketplace takes none."""
        return str(self.cleaned_data.get("reason", ""))
