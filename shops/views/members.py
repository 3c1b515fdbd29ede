"""Who is let into a shop."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from shops.forms.members import MemberForm, NewMemberForm
from shops.members import let_go, let_in
from shops.models import Membership, Role, Shop
from shops.roles import must_have_role
from shops.views.shops import visible_shop

INVALID = 422


@require_http_methods(["GET", "POST"])
def members(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody with a part in the shop; managers add people and change what they may do."""
    shop = managed_shop(request, pk)
    form = NewMemberForm(shop, request.POST or None)
    if form.is_valid() and changed(request, form, shop, form.cleaned_data["email"]):
        messages.success(request, _("%(person)s is a member now.") % {"person": form.cleaned_data["email"]})
        return redirect("shops:members", shop.pk)
    return page(request, shop, form=form)


@require_POST
def member(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a member may do."""
    membership = managed_membership(request, pk)
    form = MemberForm.about(membership, request.POST)
    shop = membership.shop
    assert shop
    if form.is_valid() and changed(request, form, shop, membership.user):
        messages.success(request, _("Saved."))
        return redirect("shops:members", shop.pk)
    return page(request, shop, about=membership, its=form)


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    membership = managed_membership(request, pk)
    shop, person = membership.shop, membership.user
    assert shop
    try:
        let_go(membership, as_user(request))
    except ValidationError as no:
        messages.error(request, " ".join(no.messages))
    else:
        messages.success(request, _("%(person)s is no longer a member.") % {"person": person})
    if not Shop.objects.where_role(request.user, Role.MANAGER).filter(pk=shop.pk).exists():
        return redirect("shops:list")
    return redirect("shops:members", shop.pk)


def managed_shop(request: HttpRequest, pk: int) -> Shop:
    shop = visible_shop(request, pk)
    must_have_role(as_user(request), shop, Role.MANAGER)
    return shop


def managed_membership(request: HttpRequest, pk: int) -> Membership:
    rows = Membership.objects.filter(shop__in=Shop.objects.visible_to(request.user))
    membership = get_object_or_404(rows.select_related("user", "shop"), pk=pk)
    assert membership.shop
    must_have_role(as_user(request), membership.shop, Role.MANAGER)
    return membership


def as_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def changed(request: HttpRequest, form: MemberForm, shop: Shop, person: User) -> bool:
    """False when the form now says what is wrong with it."""
    try:
        let_in(shop, person, Role(form.cleaned_data["role"]), form.chosen(), as_user(request))
    except ValidationError as problems:
        for name, words in problems.message_dict.items():
            form.add_error(name, words)
        return False
    return True


def page(
    request: HttpRequest, shop: Shop, *, form: forms.Form | None = None,
    about: Membership | None = None, its: forms.Form | None = None,
) -> HttpResponse:  # fmt: skip
    of_shop = shop.memberships.select_related("user").order_by("user__first_name", "user__last_name", "user__email")
    context: dict[str, Any] = {
        "shop": shop,
        "members": [(one, its if one == about else MemberForm.about(one)) for one in of_shop],
        "of_groups": Membership.objects.filter(group__shops=shop).select_related("user", "group").order_by("group"),
        "form": form or NewMemberForm(shop),
        "opened": about.pk if about else None,
    }
    is_wrong = bool((form and form.errors) or (its and its.errors))
    return render(request, "shops/members.html", context, status=INVALID if is_wrong else 200)
