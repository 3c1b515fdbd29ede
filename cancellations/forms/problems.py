"""What was found wrong after a form was valid, said where the form says such things."""

from django import forms
from django.core.exceptions import ValidationError


def add_problems(form: forms.Form, problems: ValidationError) -> None:
    """Put each at the field that it is about, or at the top where the form has no such field."""
    for name, errors in problems.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)
