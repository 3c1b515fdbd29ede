import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import ApiToken, Scope, User
from accounts.tokens import shops_for


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("first_name", "last_name", "time_zone", "language")
        widgets = {
            "first_name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "family-name"}),
            "time_zone": forms.TextInput(attrs={"class": "form-control", "list": "time_zones", "autocomplete": "off"}),
            "language": forms.Select(attrs={"class": "form-select"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        language.choices = [("", _("The one that my browser asks for")), *settings.LANGUAGES]

    def time_zones(self) -> list[str]:
        """Every zone that is named after a place, to choose from while typing."""
        return sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))


class NewTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """The shops that can be chosen are those that whoever fills it in sees."""

    days = forms.IntegerField(label=gettext_lazy("Ends after so many days"), min_value=1)

    class Meta:
        model = ApiToken
        fields = ("name", "scope", "is_limited", "shops")
        widgets = {
            "name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
            "scope": forms.RadioSelect,
            "shops": forms.CheckboxSelectMultiple,
        }

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shops, scope, days = self.fields["shops"], self.fields["scope"], self.fields["days"]
        assert isinstance(shops, forms.ModelMultipleChoiceField) and isinstance(scope, forms.ChoiceField)
        shops.queryset = shops_for(person)
        shops.required = False
        scope.choices = Scope.choices
        scope.initial = Scope.READ
        days.initial = min(90, settings.API_TOKEN_MAX_DAYS)
        days.validators.append(MaxValueValidator(settings.API_TOKEN_MAX_DAYS))
        days.widget.attrs |= {"class": "form-control", "max": settings.API_TOKEN_MAX_DAYS}
        self.fields["name"].required = True

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("is_limited") and "shops" in cleaned and not cleaned["shops"]:
            self.add_error("shops", _("Choose at least one shop, or let the token see all of yours."))
        if not cleaned.get("is_limited") and cleaned.get("shops"):
            self.add_error("is_limited", _("You chose shops: tick this, so that the token sees these alone."))
        return cleaned

    def verb(self) -> dict[str, Any]:
        """What `tokens.make_token` takes."""
        said = self.cleaned_data
        shops = said["shops"] if said["is_limited"] else None
        return {"scope": Scope(said["scope"]), "days": said["days"], "name": said["name"], "shops": shops}
