"""The verdicts' forms, and what becomes of them."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from cancellations import checks, decisions
from cancellations.checks import AlreadyDecided, NotAllowed
from cancellations.forms.problems import add_problems
from cancellations.forms.ship import ShipForm
from cancellations.forms.verdicts import ApproveForm, RejectForm, VerdictForm
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.views.asking import INVALID, visible_cancellation, wants_fragment
from cancellations.views.decision import decided
from cancellations.views.facts import facts, whole_page
from marketplaces.errors import MarketplaceError
from shops.models import Permission
from shops.roles import must_be_allowed

if TYPE_CHECKING:
    from cancellations.views.asking import Request

FORMS: dict[Verdict, type[VerdictForm]] = {
    Verdict.APPROVE: ApproveForm,
    Verdict.REJECT: RejectForm,
    Verdict.SHIP_TO_REJECT: ShipForm,
}


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def decide(request: "Request", pk: int, verdict: Verdict) -> HttpResponse:
    """The form of a verdict, and what becomes of it."""
    found = visible_cancellation(request, pk)
    must_be_allowed(request.user, found.shop, Permission(verdict))
    try:
        market = checks.must_be_offered(found, verdict)
        sent = (request.POST, request.FILES) if request.method == "POST" else ()
        form = FORMS[verdict](found, market, request.user, *sent)
        if isinstance(form, RejectForm) and not form.is_bound:
            form.begin_with(request.GET.get("template", ""))
        if form.is_valid() and (made := send_in(request, found, verdict, form)):
            return decided(request, made, form.remark())
    except AlreadyDecided as earlier:
        return already_decided(request, verdict, earlier)
    except NotAllowed as refusal:
        return not_allowed(request, found.pk, refusal)
    except MarketplaceError as error:
        return no_answer(request, found, verdict, error)
    return form_page(request, found, verdict, form)


def send_in(
    request: "Request", cancellation: CancellationRequest, verdict: Verdict, form: VerdictForm
) -> Decision | None:
    """The decision, or None when the form now says what is wrong with it."""
    try:
        return decisions.decide(cancellation, verdict, request.user, form.details())
    except ValidationError as problems:
        add_problems(form, problems)
        return None


def form_page(
    request: "Request", cancellation: CancellationRequest, verdict: Verdict, form: VerdictForm
) -> HttpResponse:
    template = f"cancellations/_{form.template}.html"
    status = INVALID if form.is_bound else 200
    return in_place_of_the_answer(request, cancellation, template, {"form": form, "verdict": verdict}, status)


def in_place_of_the_answer(
    request: "Request", cancellation: CancellationRequest, template: str, about: dict[str, Any], status: int = 200
) -> HttpResponse:
    """The fragment alone, or the request's page with it."""
    is_alone = wants_fragment(request)
    context = (facts if is_alone else whole_page)(request, cancellation) | about | {"fragment": template}
    context["offer"] = context["offers"].get(context["verdict"])
    return render(request, template if is_alone else "cancellations/decide.html", context, status=status)


def already_decided(request: "Request", verdict: Verdict, earlier: AlreadyDecided) -> HttpResponse:
    """Whoever decided hears nothing of it, unless this was to be another answer; a colleague hears who was faster."""
    decision = earlier.decision
    if decision.made_by_id != request.user.pk:
        return decided(request, decision, str(earlier))
    is_another = request.method == "POST" and decision.verdict != verdict
    return decided(request, decision, _("You have decided already. Nothing else was sent.") if is_another else "")


def not_allowed(request: "Request", pk: int, refusal: NotAllowed) -> HttpResponse:
    """What was on the screen is out of date: say so and show how it stands now."""
    found = visible_cancellation(request, pk)
    if not wants_fragment(request):
        messages.error(request, _("Nothing was sent. %(why)s") % {"why": refusal})
        return redirect(found)  # its top, where the message is
    context = facts(request, found) | {"refusal": refusal}
    response = render(request, "cancellations/_verdicts.html", context)
    response["HX-Trigger"] = "moved"
    return response


def no_answer(
    request: "Request", cancellation: CancellationRequest, verdict: Verdict, error: MarketplaceError
) -> HttpResponse:
    about = {"error": error, "verdict": verdict, "again": request.get_full_path()}
    return in_place_of_the_answer(request, cancellation, "cancellations/_no_answer.html", about)
