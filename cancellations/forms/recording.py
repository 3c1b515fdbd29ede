"""Writing down that somebody asks to cancel, where the marketplace does not say so itself."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cancellations.models import Announcement, CancellationRequest
from cancellations.recording import Heard
from marketplaces.base import Capabilities
from orders.models import LineItem, Order
from shops.models import Shop

Channel = CancellationRequest.Channel
WHOLE = "order"


class FindOrderForm(forms.Form):
    """Which order somebody asks about, of the shops whose requests are recorded by hand."""

    q = forms.CharField(
        label=gettext_lazy("Order number, order id, product or SKU"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "form-control", "type": "search", "autocomplete": "off"}),
    )
    shop = forms.ModelChoiceField(
        label=gettext_lazy("Shop"),
        queryset=Shop.objects.none(),
        required=False,
        empty_label=gettext_lazy("Every shop"),
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def __init__(self, shops: Sequence[Shop], data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.shops = shops
        shop = self.fields["shop"]
        assert isinstance(shop, forms.ModelChoiceField)
        shop.queryset = Shop.objects.filter(pk__in=[one.pk for one in shops])
        if len(shops) == 1:
            del self.fields["shop"]

    def orders(self, at_most: int) -> Sequence[Order]:
        """The newest that fit what was typed; without a word, the newest of which something may still be open."""
        if not self.is_valid():
            return []
        chosen = self.cleaned_data.get("shop")
        rows = Order.objects.filter(shop__in=[chosen] if chosen else self.shops)
        text = self.cleaned_data["q"].strip()
        rows = rows.search(text) if text else rows.filter(is_cancelled=False, is_shipped=False)
        return list(rows.select_related("shop").prefetch_related("lines")[:at_most])


class RecordForm(forms.Form):
    """What somebody asks to have cancelled, and how we came to know."""

    line_item = forms.ChoiceField(
        label=gettext_lazy("What should be cancelled"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose the whole order or one of its lines."),
            "invalid_choice": gettext_lazy("This line is not part of the order, or can no longer be cancelled."),
        },
    )
    through = forms.ChoiceField(
        label=gettext_lazy("Heard through"),
        # An order that tells of it by itself is announced, not heard of by a person.
        choices=[choice for choice in Channel.choices if choice[0] != Channel.ORDER],
        initial=Channel.EMAIL,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    asked_at = forms.DateTimeField(
        label=gettext_lazy("Asked at"),
        widget=forms.DateTimeInput(attrs={"class": "form-control", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": gettext_lazy("Enter a date and a time.")},
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
        help_text=gettext_lazy("Who asked, and in which words: for whoever answers."),
    )

    def __init__(
        self, order: Order, market: Capabilities, data: QueryDict | None = None, told: Announcement | None = None
    ) -> None:
        """`told` is the announcement that made somebody look, and so knows when it was asked."""
        initial = {"asked_at": timezone.localtime(told.announced_at if told else None)}
        super().__init__(data, initial=initial | ({"heard_through": Channel.DASHBOARD} if told else {}))
        lines = list(order.lines.all())
        self.open_lines = [line for line in lines if line.open_quantity]
        # The only line of an order is the order.
        self.single_lines = self.open_lines if market.can_cancel_lines and len(lines) > 1 else []
        what, asked_at = self.fields["line_item"], self.fields["asked_at"]
        assert isinstance(what, forms.ChoiceField)
        what.choices = [(WHOLE, _("The whole order")), *((str(line.pk), str(line)) for line in self.single_lines)]
        if not self.single_lines:
            what.initial = WHOLE
        asked_at.help_text = _("In your time zone, %(zone)s.") % {"zone": timezone.get_current_timezone_name()}

    @cached_property
    def chosen(self) -> str:
        return str(self["line_item"].value() or "")

    def rows(self) -> Sequence[tuple[LineItem, bool]]:
        """(line, whether it is chosen) of every line that can be asked for alone."""
        return [(line, str(line.pk) == self.chosen) for line in self.single_lines]

    def line(self) -> LineItem | None:
        """The line that is to be cancelled once the form is valid; None for the whole order."""
        return next((line for line in self.single_lines if str(line.pk) == self.cleaned_data["line_item"]), None)

    def heard(self) -> Heard:
        told = self.cleaned_data
        return Heard(through=told["through"], asked_at=told["asked_at"], note=told["note"])
