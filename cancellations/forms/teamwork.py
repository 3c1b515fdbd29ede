"""Whose a request is, and what colleagues should know about it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.models import User
from cancellations.models import CancellationRequest
from cancellations.teamwork import LONGEST_NOTE, may_be_assigned


class AssignForm(forms.Form):
    to = forms.ModelChoiceField(
        queryset=User.objects.none(),
        required=False,
        label=gettext_lazy("Assigned to"),
        empty_label=gettext_lazy("Nobody"),
        widget=forms.Select(attrs={"class": "form-select"}),
        error_messages={"invalid_choice": gettext_lazy("This person may not decide in this shop (any more).")},
    )

    def __init__(self, cancellation: CancellationRequest, data: Any = None) -> None:
        super().__init__(data, initial={"to": cancellation.assigned_to_id})
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = may_be_assigned(cancellation.shop)


class NoteForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("A note for colleagues"),
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 2}),
        help_text=gettext_lazy("It stays here: the marketplace and the buyer never see it."),
        error_messages={"required": gettext_lazy("Write something.")},
    )
