"""What goes with a repair."""

from django import forms


class RepairForm(forms.Form):
    """Which repairs want a note is known to the verb; here it is only seen to that it can be stored."""

    repair = forms.CharField(required=False)
    note = forms.CharField(required=False, max_length=2000)
