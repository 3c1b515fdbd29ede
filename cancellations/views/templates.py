"""Comments that a shop keeps for its rejections: everybody who sees the shop reads them, its managers change them."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from audit import changes, log
from cancellations.forms.templates import TemplateForm
from cancellations.models import CommentTemplate
from cancellations.views.asking import INVALID, may
from shops.markets import capabilities
from shops.models import Role, Shop
from shops.roles import must_have_role

if TYPE_CHECKING:
    from accounts.models import User
    from cancellations.views.asking import Request


@require_http_methods(["GET", "POST"])
def of_shop(request: "Request", pk: int) -> HttpResponse:
    """The shop's templates, and a form to add one."""
    shop = get_object_or_404(Shop.objects.visible_to(request.user), pk=pk)
    market = capabilities(shop, timezone.now())
    form = TemplateForm(CommentTemplate(shop=shop), request.POST if request.method == "POST" else None)
    if form.is_bound:
        must_have_role(request.user, shop, Role.MANAGER)
        if form.store():
            messages.success(request, _("“%(name)s” is there.") % {"name": form.instance})
            return redirect("cancellations:templates", shop.pk)
    context = {
        "shop": shop,
        "market": market,
        "form": form if market.takes_comment and may(request, shop, Role.MANAGER) else None,
        "templates": CommentTemplate.objects.of_shop(shop).select_related("shop"),
    }
    return render(request, "cancellations/templates.html", context, status=INVALID if form.is_bound else 200)


def to_be_changed(request: "Request", pk: int) -> CommentTemplate:
    """Raises Http404, or PermissionDenied for whoever sees it and does not manage its shop."""
    found = get_object_or_404(CommentTemplate.objects.visible_to(request.user).select_related("shop"), pk=pk)
    must_manage(request.user, found)
    return found


def must_manage(user: "User", template: CommentTemplate) -> None:
    if template.shop:
        must_have_role(user, template.shop, Role.MANAGER)
    else:
        raise PermissionDenied(_("Templates of all shops are changed in the administration."))


@require_http_methods(["GET", "POST"])
def template(request: "Request", pk: int) -> HttpResponse:
    found = to_be_changed(request, pk)
    form = TemplateForm(found, request.POST if request.method == "POST" else None)
    if form.is_bound and form.store():
        messages.success(request, _("“%(name)s” was changed.") % {"name": found})
        return redirect("cancellations:templates", found.shop_id)
    context = {"form": form, "template": found, "shop": found.shop}
    return render(request, "cancellations/template.html", context, status=INVALID if form.is_bound else 200)


@require_POST
def delete(request: "Request", pk: int) -> HttpResponse:
    found = to_be_changed(request, pk)
    with transaction.atomic():
        log.write("comment_template.deleted", about=found, before=changes.columns_of(found, ["name", "text"]))
        found.delete()
    messages.success(request, _("“%(name)s” was deleted.") % {"name": found})
    return redirect("cancellations:templates", found.shop_id)
