from django import forms
from django.utils.translation import gettext_lazy as _

from exports.models import ExportFormat


class HowForm(forms.Form):
    """As what kind of file."""

    format = forms.ChoiceField(
        label=_("Format"), choices=ExportFormat.choices, initial=ExportFormat.CSV, widget=forms.RadioSelect
    )
    is_compressed = forms.BooleanField(
        label=_("Compressed (gzip)"), required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )
