import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User


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
