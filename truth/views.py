"""The list of what does not agree, with a button for each."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations.checks import NotAllowed
from cancellations.views.asking import INVALID, wants_fragment
from marketplaces.records import Money
from shops.models import Role, Shop
from shops.paging import key_page
from truth import repairing
from truth.filters import DisagreementFilter
from truth.forms import RepairForm
from truth.models import Check, Disagreement

if TYPE_CHECKING:
    from cancellations.views.asking import Request

ORDER = ("-pk",)
CHECKS_SHOWN = 50


@require_GET
@never_cache
@vary_on_headers("HX-Request")
def disagreements(request: "Request") -> HttpResponse:
    """Newest first, with the money at stake in all of them; for htmx the list alone."""
    narrowed = DisagreementFilter(request.GET, Disagreement.objects.visible_to(request.user), request=request)
    rows = narrowed.rows()
    page = key_page(rows.with_columns(), ORDER, request.GET.get("page", ""))
    checks = checks_of(request, narrowed)
    context = {
        "filter": narrowed,
        "page": page,
        "rows": with_offers(request, page.rows),
        "totals": totals(rows.filter(settled_at=None)),
        "checks": checks,
        "is_moving": any(one.step for one, _may in checks) or any(row.is_looked_at_again for row in page.rows),
        "is_narrowed": any(request.GET.get(name) for name in ("shop", "kind", "state")),
    }
    return render(request, "truth/_list.html" if wants_fragment(request) else "truth/list.html", context)


def checks_of(request: "Request", narrowed: DisagreementFilter) -> list[tuple[Check, bool]]:
    """How far each shop is, and whether this person may have it checked now; of the shop that is chosen, or of all."""
    rows = Check.objects.visible_to(request.user).possible().select_related("shop").defer("shop__cipher")
    shop = narrowed.form.cleaned_data.get("shop") if narrowed.is_valid() else None
    found = list((rows.filter(shop=shop) if shop else rows).order_by("shop__name", "pk")[:CHECKS_SHOWN])
    known = repairing.roles(request.user, [one.shop_id for one in found])
    return [(one, known.get(one.shop_id) == Role.MANAGER) for one in found]


def with_offers(request: "Request", rows: Sequence[Disagreement]) -> list[tuple[Disagreement, Any]]:
    known = repairing.roles(request.user, [row.shop_id for row in rows])
    return [(row, repairing.offers(row, known.get(row.shop_id))) for row in rows]


def totals(rows: Any) -> list[Money]:
    """What is at stake, by currency; of an order about which several things differ, the most of them."""
    of_orders = rows.filter(amount__isnull=False).order_by("currency").values_list("currency", "order")
    sums: Counter[str] = Counter()
    for currency, _order, most in of_orders.annotate(Max("amount")):
        sums[currency] += most
    return [Money(Decimal(amount), currency) for currency, amount in sums.items()]


def visible(request: "Request", pk: int) -> Disagreement:
    return get_object_or_404(Disagreement.objects.visible_to(request.user).with_columns(), pk=pk)


@require_GET
@never_cache
def disagreement(request: "Request", pk: int) -> HttpResponse:
    return shown(request, visible(request, pk))


def shown(request: "Request", row: Disagreement, errors: Sequence[str] = (), status: int = 200) -> HttpResponse:
    ((_row, offers),) = with_offers(request, [row])
    context = {"row": row, "offers": offers, "errors": errors, "note": request.POST.get("note", "")}
    return render(request, "truth/disagreement.html", context, status=status)


@require_POST
def repair(request: "Request", pk: int) -> HttpResponse:
    """Do what the button says. A note that is missing is asked for on a page of its own."""
    row, form = visible(request, pk), RepairForm(request.POST)
    if not form.is_valid():
        return shown(request, row, [str(why) for told in form.errors.values() for why in told], INVALID)
    try:
        repairing.repair(row, form.cleaned_data["repair"], request.user, form.cleaned_data["note"])
    except ValidationError as problem:
        return shown(request, row, problem.messages, INVALID)
    except NotAllowed as refusal:
        messages.warning(request, str(refusal))
        return redirect(row)
    left = row.how == Disagreement.How.LEFT
    messages.success(request, _("Left as it is.") if left else _("Done. It is looked at again in a moment."))
    return redirect(row)


@require_POST
def check(request: "Request", pk: int) -> HttpResponse:
    shop = get_object_or_404(Shop.objects.visible_to(request.user), pk=pk)
    repairing.check_now(shop, request.user)
    messages.success(request, _("“%(shop)s” is compared now.") % {"shop": shop})
    return redirect("truth:list")
