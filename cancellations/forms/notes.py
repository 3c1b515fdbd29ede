"""Words for those who come after."""

from django import forms
from django.utils.translation import gettext_lazy


class SetAsideForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("What you found"),
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        help_text=gettext_lazy("For those who come after you. The request can then be decided anew."),
        error_messages={"required": gettext_lazy("Say what you found, for those who come after you.")},
    )


class DeclineForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Why you do not countersign"),
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        help_text=gettext_lazy("For who decided this. Nothing is sent, and the request can be decided anew."),
        error_messages={"required": gettext_lazy("Say why, for who decided this.")},
    )


class CloseForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Why it needs no answer"),
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        help_text=gettext_lazy("Withdrawn, settled elsewhere, or recorded by mistake: for those who come after you."),
        error_messages={"required": gettext_lazy("Say why it needs no answer, for those who come after you.")},
    )
