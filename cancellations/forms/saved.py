"""The name of a view, and who sees it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import log
from cancellations.filters import QueueFilter
from cancellations.models import SavedView

LONGEST_QUERY = 2000
MOST_VIEWS = 50


class SavedViewForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = SavedView
        fields = ("name", "is_shared")
        labels = {"is_shared": gettext_lazy("Everybody who signs in here may use it")}
        help_texts = {
            "is_shared": gettext_lazy("They see its name and its filters, and of requests what they may see anyway.")
        }
        widgets = {
            "name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
            "is_shared": forms.CheckboxInput(attrs={"class": "form-check-input"}),
        }
        error_messages = {"name": {"required": gettext_lazy("Give it a name.")}}

    def __init__(self, view: SavedView, data: Any = None) -> None:
        super().__init__(data, instance=view)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        theirs = SavedView.objects.filter(owner=self.instance.owner).exclude(pk=self.instance.pk)
        if theirs.filter(name__iexact=name).exists():
            raise ValidationError(_("There is a view of this name already."))
        if not self.instance.pk and theirs.count() >= MOST_VIEWS:
            raise ValidationError(_("You have %(number)d views. Delete one first.") % {"number": MOST_VIEWS})
        return name

    def store(self) -> bool:
        """Whether it is stored; else the form says what is wrong."""
        if not self.is_valid():
            return False
        try:
            with transaction.atomic():
                self.save()
                if "is_shared" in self.changed_data:  # what others see
                    is_shared = self.instance.is_shared
                    log.write("saved_view.shared", about=self.instance, after={"is_shared": is_shared})
        except IntegrityError:
            self.add_error("name", _("There is a view of this name already."))
        return self.is_valid()


class NewViewForm(SavedViewForm):
    """`chosen` has the filters that are to be kept, as they stand in the address."""

    query = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, view: SavedView, chosen: QueueFilter, data: Any = None) -> None:
        super().__init__(view, data)
        self.chosen = chosen
        self.initial["query"] = chosen.query

    def clean(self) -> dict[str, Any]:
        if not self.chosen.query:
            raise ValidationError(_("Set a filter first: the queue as it is needs no view."))
        if self.chosen.wrong():
            raise ValidationError(_("One of these filters asks for something that is not here."))
        if len(self.chosen.query) > LONGEST_QUERY:
            raise ValidationError(_("These filters are too long to be kept: shorten what is searched for."))
        self.instance.query = self.chosen.query
        return super().clean() or {}
