"""A net, a ladder and a chat channel, as a manager says them."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from safety import ladder, nets, offered
from safety.models import FEWEST_MINUTES, LONGEST_URL, MOST_MINUTES, Channel, Rung, SafetyNet
from shops.markets import capabilities
from shops.models import Role, Shop
from shops.roles import members_of

SELECT = {"class": "form-select"}
INPUT = {"class": "form-control", "autocomplete": "off"}
BETWEEN = lazy(nets.between_minutes, str)()
MINUTES: dict[str, Any] = {
    "min_value": FEWEST_MINUTES, "max_value": MOST_MINUTES,
    "error_messages": {"min_value": BETWEEN, "max_value": BETWEEN},
}  # fmt: skip


class NetForm(forms.Form):
    """What this market does not offer cannot be chosen; the page says why beside it."""

    action = forms.ChoiceField(label=gettext_lazy("What is done then"), widget=forms.RadioSelect)
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes before the deadline"),
        widget=forms.NumberInput(attrs=INPUT | {"inputmode": "numeric"}),
        help_text=gettext_lazy("When nobody has answered by then."), **MINUTES,
    )  # fmt: skip
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"), required=False, widget=forms.Select(attrs=SELECT),
        help_text=gettext_lazy("For a rejection. It is given where the marketplace offers it for the request."),
    )  # fmt: skip
    comment = forms.CharField(
        label=gettext_lazy("Comment"), required=False, widget=forms.Textarea(attrs=INPUT | {"rows": 3}),
        help_text=gettext_lazy("For a rejection. The buyer reads it."),
    )  # fmt: skip
    also = forms.ModelMultipleChoiceField(
        Shop.objects.none(), label=gettext_lazy("Set it for these shops of the same market as well"), required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )  # fmt: skip

    def __init__(self, shop: Shop, user: User, net: SafetyNet | None, data: Any = None) -> None:
        names = ("action", "minutes", "reason", "comment")
        initial = {name: getattr(net, name) for name in names} if net else {"action": "tell", "minutes": 30}
        super().__init__(data, initial=initial)
        now = timezone.now()
        self.shop, self.offered = shop, offered.choices(shop, now)
        market = capabilities(shop, now)
        action, reason, also = self.fields["action"], self.fields["reason"], self.fields["also"]
        assert isinstance(action, forms.ChoiceField)
        assert isinstance(reason, forms.ChoiceField)
        assert isinstance(also, forms.ModelMultipleChoiceField)
        action.choices = [(one.action.value, one.action.label) for one in self.offered if not one.why_not]
        can_reject = "reject" in dict(action.choices)
        reason.choices = [("", _("Choose a reason")), *offered.reject_reasons(shop, market)]
        if not (can_reject and market.takes_reject_reason):
            del self.fields["reason"]
        if not (can_reject and market.takes_comment):
            del self.fields["comment"]
        same = Shop.objects.where_role(user, Role.MANAGER).filter(marketplace=shop.marketplace, region=shop.region)
        also.queryset = same.active().exclude(pk=shop.pk).only("name", "region")
        if not also.queryset.exists():
            del self.fields["also"]

    def rows(self) -> list[tuple[offered.Choice, bool]]:
        """Each choice, offered or not, and whether it is ticked."""
        ticked = self["action"].value()
        return [(one, one.action == ticked) for one in self.offered]

    def wish(self) -> nets.Wish:
        """A reason or a comment that another choice leaves over is left out."""
        told = self.cleaned_data
        extra = told if told["action"] == "reject" else {}
        return nets.Wish(
            told["action"], told["minutes"], reason=extra.get("reason", ""), comment=extra.get("comment", "")
        )

    def shops(self) -> list[Shop]:
        return [self.shop, *self.cleaned_data.get("also", ())]


def refuse(form: forms.Form, problem: ValidationError) -> None:
    """Show what a verb found wrong, each at its field."""
    for name, words in problem.message_dict.items():
        form.add_error(name if name in form.fields else None, words)


class RungForm(forms.Form):
    """One rung; without minutes it is none."""

    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes before the deadline"), required=False,
        widget=forms.NumberInput(attrs=INPUT | {"inputmode": "numeric"}), **MINUTES,
    )  # fmt: skip
    who = forms.ChoiceField(label=gettext_lazy("Who is told"), required=False, widget=forms.Select(attrs=SELECT))
    channel = forms.ChoiceField(
        label=gettext_lazy("How"), choices=Channel.choices, required=False, widget=forms.Select(attrs=SELECT)
    )

    def __init__(self, *args: Any, people: Sequence[User], **more: Any) -> None:
        super().__init__(*args, **more)
        who = self.fields["who"]
        assert isinstance(who, forms.ChoiceField)
        roles = [one for one in Rung.Who.choices if one[0] != Rung.Who.PERSON]
        who.choices = [*roles, *((str(person.pk), str(person)) for person in people)]
        self.people = {str(person.pk): person for person in people}

    def wish(self) -> ladder.Wish | None:
        told = self.cleaned_data
        if not told.get("minutes"):
            return None
        person = self.people.get(told["who"])
        return ladder.Wish(told["minutes"], Rung.Who.PERSON if person else told["who"], told["channel"], person)


class RungForms(forms.BaseFormSet):  # type: ignore[type-arg]
    def wishes(self) -> list[ladder.Wish]:
        return [wish for form in self.forms if form.has_changed() or form.initial if (wish := form.wish())]


def ladder_forms(shop: Shop | None, rungs: Sequence[Rung], data: Any = None) -> RungForms:
    """The rungs that there are, and three empty ones."""
    initial = [{"minutes": one.minutes, "who": str(one.person_id or one.who), "channel": one.channel} for one in rungs]
    made = forms.formset_factory(RungForm, formset=RungForms, extra=3, max_num=ladder.MOST_RUNGS, validate_max=True)
    found = made(data, initial=initial, prefix="rungs", form_kwargs={"people": people_of(shop, rungs)})
    assert isinstance(found, RungForms)
    return found


def people_of(shop: Shop | None, rungs: Sequence[Rung]) -> list[User]:
    """Members of the shop who can sign in; for all shops superusers; and who is named already."""
    named = {one.person_id for one in rungs if one.person_id}
    people = User.objects.filter(is_active=True)
    if shop:
        own = people.filter(memberships__in=members_of(Shop.objects.filter(pk=shop.pk)))
    else:
        own = people.filter(is_superuser=True)
    both = own | User.objects.filter(pk__in=named)
    return list(both.distinct().order_by("first_name", "last_name", "email"))


class ChatForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Address"), max_length=LONGEST_URL,
        widget=forms.TextInput(attrs=INPUT | {"inputmode": "url", "spellcheck": "false"}),
        help_text=gettext_lazy("Of an incoming webhook as Slack has them. It is kept encrypted and not shown again."),
    )  # fmt: skip
