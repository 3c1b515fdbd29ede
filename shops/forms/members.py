"""Who may do what in a shop, as a manager says it."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from shops.models import Membership, Permission, Role, Shop


class MemberForm(forms.Form):
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=Role.choices, initial=Role.AGENT,
        widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip
    is_special = forms.BooleanField(
        label=gettext_lazy("Other permissions than the role brings"), required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )  # fmt: skip
    permissions = forms.MultipleChoiceField(
        label=gettext_lazy("May do"), choices=Permission.choices, required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text=gettext_lazy("Only counts with the box above. Viewers read, whatever is ticked."),
    )  # fmt: skip

    @classmethod
    def about(cls, membership: Membership, data: Any = None) -> "MemberForm":
        """As it stands, to be changed; several stand on one page."""
        return MemberForm(
            data,
            prefix=f"member-{membership.pk}",
            initial={
                "role": membership.role,
                "is_special": membership.permissions is not None,
                "permissions": membership.allowed,
            },
        )

    def clean(self) -> dict[str, Any]:
        """What was ticked must not be lost without a word."""
        told = super().clean() or {}
        if "permissions" in self.changed_data and not told.get("is_special"):
            self.add_error("is_special", _("Tick this too, or what you have ticked below does not count."))
        return told

    def chosen(self) -> list[Permission] | None:
        """None is what the role brings."""
        if not self.cleaned_data["is_special"]:
            return None
        return [Permission(name) for name in self.cleaned_data["permissions"]]


class NewMemberForm(MemberForm):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        widget=forms.EmailInput(attrs={"class": "form-control", "autocomplete": "off"}),
        help_text=gettext_lazy("Of somebody who can sign in here already."),
    )
    field_order = ("email", "role", "is_special", "permissions")

    def __init__(self, shop: Shop, data: Any = None) -> None:
        super().__init__(data, initial={"permissions": Permission.of_role(Role.AGENT)})
        self.shop = shop

    def clean_email(self) -> User:
        """The person. Who asks is a manager, who may know whether there is one."""
        found = User.objects.filter(email=self.cleaned_data["email"].lower(), is_active=True).first()
        if found is None:
            raise forms.ValidationError(_("Nobody signs in here with this address. An administrator adds people."))
        if self.shop.memberships.filter(user=found).exists():
            raise forms.ValidationError(_("%(person)s is a member already: change it above.") % {"person": found})
        return found
