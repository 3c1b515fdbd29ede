"""What is typed in to connect a seller. Nothing of it is ever shown again."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketplaces.base import Marketplace
from shops.markets import check_options
from shops.models import App, Connection

TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
OPTION = "option_"


class AppForm(forms.Form):
    app_key = forms.CharField(label=gettext_lazy("App key"), max_length=100, widget=forms.TextInput(attrs=TEXT))
    app_secret = forms.CharField(
        label=gettext_lazy("App secret"),
        max_length=200,
        required=False,
        widget=forms.PasswordInput(attrs={**TEXT, "autocomplete": "new-password"}),
    )
    service_id = forms.CharField(
        label=gettext_lazy("Service id"),
        max_length=100,
        widget=forms.TextInput(attrs=TEXT),
        help_text=gettext_lazy("The number in the app's authorization link, after “service_id=”."),
    )

    def __init__(self, app: App | None, data: Any = None) -> None:
        known = {"app_key": app.app_key, "service_id": app.service_id} if app else {}
        super().__init__(data, initial=known)
        self.fields["app_secret"].required = not (app and app.app_secret)
        if app and app.app_secret:
            self.fields["app_secret"].help_text = _(
                "One is stored and is never shown. Leave this empty to keep it; a new one reaches every connection of "
                "this app at once."
            )


class SignInForm(forms.Form):
    """A user's name and password, and in what the account differs from others at this marketplace."""

    user_name = forms.CharField(label=gettext_lazy("User name"), max_length=100, widget=forms.TextInput(attrs=TEXT))
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={**TEXT, "autocomplete": "new-password"}),
    )

    def __init__(
        self, slug: str, platform: Marketplace, connection: Connection | None, data: Any = None, user_name: str = ""
    ) -> None:
        super().__init__(data, initial={"user_name": user_name or (connection.app_key if connection else "")})
        self.slug, self.platform = slug, platform
        for option in platform.options:
            value = (connection.options if connection else {}).get(option.name, option.default)
            label, name = _(option.text).rstrip("."), OPTION + option.name
            if option.choices:
                choices = [(value, _(text)) for value, text in option.choices.items()]
                self.fields[name] = forms.ChoiceField(
                    label=label, choices=choices, initial=value, widget=forms.Select(attrs={"class": "form-select"})
                )
            else:
                self.fields[name] = forms.CharField(
                    label=label, initial=value, required=False, max_length=200, widget=forms.TextInput(attrs=TEXT)
                )

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not self.errors:
            try:
                check_options(self.slug, self.options)
            except ValidationError as problem:
                self.add_error(None, problem)
        return told

    @property
    def options(self) -> dict[str, str]:
        """Those that differ from what is usual."""
        chosen = [(option, self.cleaned_data.get(OPTION + option.name)) for option in self.platform.options]
        return {option.name: value for option, value in chosen if value and value != option.default}

    @property
    def has_option_errors(self) -> bool:
        """What is wrong with no field of its own is wrong with the options together."""
        return bool(self.non_field_errors() or any(field.errors for field in self.option_fields))

    @property
    def option_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(OPTION)]
