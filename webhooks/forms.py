"""What an endpoint shall be, as its owner says it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from shops import addresses
from shops.models import Role, Shop
from webhooks.endpoints import Wish
from webhooks.events import TYPES
from webhooks.models import LONGEST_URL, Endpoint


class EndpointForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=80,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )  # fmt: skip
    url = forms.CharField(
        label=gettext_lazy("Address"), max_length=LONGEST_URL,
        widget=forms.TextInput(
            attrs={"class": "form-control", "autocomplete": "off", "inputmode": "url", "spellcheck": "false"}
        ),
        help_text=gettext_lazy("Where each event is sent with POST, such as https://erp.example/hooks."),
    )  # fmt: skip
    types = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip
    is_limited = forms.BooleanField(
        required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
        label=gettext_lazy("Only of these shops. Otherwise of all that you manage, now and later."),
    )  # fmt: skip
    shops = forms.ModelMultipleChoiceField(
        Shop.objects.none(), required=False, label=gettext_lazy("Shops"),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def __init__(self, user: User, data: Any = None, endpoint: Endpoint | None = None) -> None:
        initial = {}
        if endpoint:
            initial = {"shops": [shop.pk for shop in endpoint.shops.only("pk")]}
            initial |= {name: getattr(endpoint, name) for name in ("name", "url", "types", "is_limited")}
        super().__init__(data, initial=initial)
        types, shops = self.fields["types"], self.fields["shops"]
        assert isinstance(types, forms.MultipleChoiceField) and isinstance(shops, forms.ModelMultipleChoiceField)
        types.choices = [(name, kind.words) for name, kind in TYPES.items()]
        shops.queryset = Shop.objects.where_role(user, Role.MANAGER).only("name", "region")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        addresses.check(url)
        return url

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if told.get("is_limited") and "shops" in told and not told["shops"]:
            self.add_error("shops", _("Choose at least one shop, or let it be told of all of yours."))
        if not told.get("is_limited") and told.get("shops"):
            self.add_error("is_limited", _("You chose shops: tick this, so that it is told of these alone."))
        return told

    def wish(self) -> Wish:
        told = self.cleaned_data
        return Wish(told["name"], told["url"], told["types"], list(told["shops"]) if told["is_limited"] else None)

    def refuse(self, problem: ValidationError) -> None:
        """Show what a verb found wrong, each at its field."""
        for name, words in problem.message_dict.items():
            self.add_error(name if name in self.fields else None, words)
