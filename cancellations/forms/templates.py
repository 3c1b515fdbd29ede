"""A comment that a shop keeps for its rejections."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import changes, log
from cancellations.models import CommentTemplate, Decision, Verdict
from shops.markets import capabilities


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = CommentTemplate
        fields = ("name", "language", "reason", "text")
        widgets = {
            "name": forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
            "language": forms.Select(attrs={"class": "form-select"}),
            "text": forms.Textarea(attrs={"class": "form-control", "rows": 4}),
        }

    def __init__(self, instance: CommentTemplate, data: Any = None) -> None:
        super().__init__(data, instance=instance, prefix=None)
        shop = instance.shop
        market = capabilities(shop, timezone.now()) if shop else None
        if market:
            self.fields["text"].widget.attrs["data-limit"] = market.comment_max_length
        if not instance.pk and market:
            self.initial["language"] = market.language
        if market and market.takes_reject_reason:
            self.fields["reason"] = forms.ChoiceField(
                label=_("Reason"),
                choices=self.reasons(),
                required=False,
                widget=forms.Select(attrs={"class": "form-select"}),
                help_text=_("Those that pages list or that were given here before."),
            )
        elif market:
            del self.fields["reason"]

    def reasons(self) -> list[tuple[str, str]]:
        """Those that the market lists, those that were given, and the one that it has."""
        shop = self.instance.shop
        known = {one.name: one.text for one in capabilities(shop, timezone.now()).listed_reject_reasons}
        given = Decision.objects.filter(shop=shop, verdict=Verdict.REJECT).exclude(reason="").order_by("-pk")
        for name, text in given.values_list("reason", "reason_text")[:500]:
            known.setdefault(name, text or name)
        if self.instance.reason:
            known.setdefault(self.instance.reason, self.instance.reason)
        return [("", _("Any reason")), *sorted(known.items(), key=lambda one: one[1])]

    def store(self) -> bool:
        """Whether it could be; else the form says why."""
        if not self.is_valid():
            return False
        try:
            self.instance.validate_constraints()  # those with the shop, which is no field of this form
            with transaction.atomic():
                is_new = self.instance.pk is None
                self.save()
                self.tell(is_new=is_new)
        except ValidationError as problem:
            self.add_error(None, problem)
        except IntegrityError:  # a colleague was faster
            self.add_error("name", _("There is one of this name already, in this language."))
        return not self.errors

    def tell(self, *, is_new: bool) -> None:
        before, after = changes.of_form(self)
        if is_new:
            log.write("comment_template.added", about=self.instance, after=after)
        elif after:
            log.write("comment_template.changed", about=self.instance, before=before, after=after)
