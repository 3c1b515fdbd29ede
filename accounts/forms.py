import zoneinfo

from django import forms

from accounts.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("first_name", "last_name", "time_zone")
        widgets = {
            "first_name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "family-name"}),
            "time_zone": forms.TextInput(attrs={"class": "form-control", "list": "time_zones", "autocomplete": "off"}),
        }

    def time_zones(self) -> list[str]:
        """Every zone that is named after a place, to choose from while typing."""
        return sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
