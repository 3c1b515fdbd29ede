"""The queue, a request's page, the four verdicts' forms, and the decision that follows from them.

Every page works without JavaScript: a form's answer is then a redirect. htmx asks for the same addresses and gets the
fragment alone.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers
from django_htmx.middleware import HtmxDetails

from cancellations import decisions, history, live, rules
from cancellations.decisions import AlreadyDecided, NotAllowed, TooLate
from cancellations.filters import QueueFilter
from cancellations.forms import FORMS, CancelItemsForm, SetAsideForm, VerdictForm
from cancellations.models import CancellationRequest, Decision, Evidence, TimeLeft, Verdict
from marketplaces.errors import MarketplaceError
from orders.models import Order
from shops.models import Role, Shop
from shops.paging import key_page
from shops.roles import must_be_agent, must_have_role

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User

    class Request(HttpRequest):
        htmx: HtmxDetails
        user: User


BY_TIME_LEFT = ("deadline", "created_at", "pk")
NEWEST_FIRST = ("-created_at", "-pk")
INVALID = 422  # a form that says what is wrong with it


def wants_fragment(request: "Request") -> bool:
    return bool(request.htmx) and not request.htmx.history_restore_request


# --- the queue --------------------------------------------------------------------------------------------------------


@require_GET
@vary_on_headers("HX-Request")
def queue(request: "Request") -> HttpResponse:
    everything = CancellationRequest.objects.visible_to(request.user)
    chosen = QueueFilter(request.GET, queryset=everything, request=request)
    rows = chosen.rows()
    order = BY_TIME_LEFT if chosen.is_valid() and chosen.shows_waiting else NEWEST_FIRST
    page = key_page(rows.with_queue_columns(), order, request.GET.get("page", ""))
    context = {
        "filter": chosen,
        "page": page,
        "bands": bands(request, chosen),
        "stalled": stalled(request),
        "notices": {row.shop.region: row.shop for row in page.rows if row.needs_answer},
        "is_narrowed": any(value for name, value in request.GET.items() if name in chosen.filters),
    }
    template = "cancellations/_queue.html" if wants_fragment(request) else "cancellations/queue.html"
    return render(request, template, context)


def bands(request: "Request", chosen: QueueFilter) -> list[tuple[str, str, int]]:
    """(band, words, how many wait) whichever band is chosen; none where the list is not about what waits."""
    if not chosen.is_valid() or not chosen.shows_waiting:
        return []
    now = timezone.now()
    wider = request.GET.copy()
    wider.pop("left", None)
    rows = QueueFilter(wider, queryset=chosen.queryset, request=request).rows()
    counts = rows.order_by().aggregate(
        all=Count("pk"), **{band.value: Count("pk", filter=band.q(now)) for band in TimeLeft}
    )
    return [("", _("All"), counts["all"]), *((band.value, str(band.label), counts[band.value]) for band in TimeLeft)]


def stalled(request: "Request") -> list[Decision]:
    """Decisions that only a person can move on, whatever has become of their requests."""
    return list(
        Decision.objects.visible_to(request.user)
        .filter(state=Decision.State.STALLED)
        .select_related("shop", "order", "cancellation", "made_by")[:21]
    )


# --- a request's page -------------------------------------------------------------------------------------------------


def visible_cancellation(request: "Request", pk: int) -> CancellationRequest:
    rows = CancellationRequest.objects.visible_to(request.user).with_queue_columns()
    return get_object_or_404(rows.select_related("shop__connection"), pk=pk)


def may(request: "Request", shop: Shop, role: Role) -> bool:
    return Shop.objects.where_role(request.user, role).filter(pk=shop.pk).exists()


def facts(request: "Request", cancellation: CancellationRequest) -> dict[str, Any]:
    """What the page and each of its fragments need."""
    now = timezone.now()
    decision = next(iter(cancellation.history), None)
    if decision:
        decision.shop, decision.order = cancellation.shop, cancellation.order  # as read, without asking again
    return {
        "cancellation": cancellation,
        "shop": cancellation.shop,
        "market": rules.capabilities(cancellation.shop, now),
        "now": now,
        "time_left": TimeLeft.until(cancellation.deadline, now),
        "offers": dict(sorted(rules.offers(cancellation, now).items(), key=lambda one: not one[1].allowed)),
        "can_decide": may(request, cancellation.shop, Role.AGENT),
        **({"decision": decision, **about(request, decision)} if decision else {}),
    }


@require_GET
@vary_on_headers("HX-Request")
def cancellation(request: "Request", pk: int) -> HttpResponse:
    found = visible_cancellation(request, pk)
    context = facts(request, found) | {"history": history.of_cancellation(found)}
    return render(request, "cancellations/cancellation.html", context)


# --- the verdicts -----------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def decide(request: "Request", pk: int, verdict: Verdict) -> HttpResponse:
    """The form of a verdict, and what becomes of it."""
    found = visible_cancellation(request, pk)
    must_be_agent(request.user, found.shop)
    try:
        market = decisions.must_be_offered(found, verdict)
        form = FORMS[verdict](found, market, *((request.POST, request.FILES) if request.method == "POST" else ()))
        if form.is_valid() and (made := send_in(request, found, verdict, form)):
            return decided(request, made)
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
    context = facts(request, cancellation) | {"form": form, "verdict": verdict}
    context["offer"] = context["offers"][verdict]
    context["fragment"] = f"cancellations/_{form.template}.html"
    template = context["fragment"] if wants_fragment(request) else "cancellations/decide.html"
    return render(request, template, context, status=INVALID if form.is_bound else 200)


def add_problems(form: VerdictForm | CancelItemsForm, problems: ValidationError) -> None:
    """Put what decisions found wrong at the field it is about, or at the top where the form has no such field."""
    for name, errors in problems.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def decided(request: "Request", decision: Decision, message: str = "") -> HttpResponse:
    if not wants_fragment(request):
        if message:
            messages.info(request, message)
        return redirect(f"{decision.get_absolute_url()}#answer")
    response = render(request, "cancellations/_decision.html", about(request, decision) | {"message": message})
    response["HX-Trigger"] = "moved"
    return response


def already_decided(request: "Request", verdict: Verdict, earlier: AlreadyDecided) -> HttpResponse:
    """A second click of the same person is answered by what the first one did, and nothing needs to be said."""
    decision = earlier.decision
    is_same = decision.made_by_id == request.user.pk and decision.verdict == verdict and request.method == "POST"
    return decided(request, decision, "" if is_same else str(earlier))


def not_allowed(request: "Request", pk: int, refusal: NotAllowed) -> HttpResponse:
    """What was on the screen is out of date: say so and show how it stands now."""
    found = visible_cancellation(request, pk)
    if not wants_fragment(request):
        messages.error(request, _("Nothing was sent. %(why)s") % {"why": refusal})
        return redirect(f"{found.get_absolute_url()}#answer")
    context = facts(request, found) | {"refusal": refusal}
    response = render(request, "cancellations/_verdicts.html", context)
    response["HX-Trigger"] = "moved"
    return response


def no_answer(
    request: "Request", cancellation: CancellationRequest, verdict: Verdict, error: MarketplaceError
) -> HttpResponse:
    context = facts(request, cancellation) | {"error": error, "verdict": verdict, "again": request.get_full_path()}
    context["fragment"] = "cancellations/_no_answer.html"
    template = context["fragment"] if wants_fragment(request) else "cancellations/decide.html"
    return render(request, template, context)


# --- the decision -----------------------------------------------------------------------------------------------------


def visible_decision(request: "Request", pk: int) -> Decision:
    return get_object_or_404(
        Decision.objects.visible_to(request.user).select_related(
            "shop__connection", "order", "cancellation", "made_by"
        ),
        pk=pk,
    )


def about(request: "Request", decision: Decision) -> dict[str, Any]:
    """What the decision's fragment shows. `seen` changes when there is something new to show."""
    attempts = list(decision.attempts.all())
    done = sum(attempt.finished_at is not None for attempt in attempts)
    return {
        "decision": decision,
        "shop": decision.shop,
        "market": rules.capabilities(decision.shop, timezone.now()),
        "attempts": attempts,
        "seen": f"{decision.state}.{len(attempts)}.{done}.{decision.failures}.{is_in_undo_window(decision)}",
        "undo": undo_seconds(request, decision),
        "can_ask": decision.state == Decision.State.STALLED and may(request, decision.shop, Role.AGENT),
        "can_set_aside": decision.state == Decision.State.STALLED and may(request, decision.shop, Role.MANAGER),
        "set_aside_form": SetAsideForm(),
    }


def is_in_undo_window(decision: Decision) -> bool:
    return decision.undo_seconds(timezone.now()) > 0


def undo_seconds(request: "Request", decision: Decision) -> int | None:
    """Seconds left to take it back; None where this person can't (any more)."""
    now = timezone.now()
    if not decision.can_be_withdrawn(now):
        return None
    role = Role.AGENT if decision.made_by_id == request.user.pk else Role.MANAGER
    return decision.undo_seconds(now) if may(request, decision.shop, role) else None


@require_GET
@vary_on_headers("HX-Request")
def decision(request: "Request", pk: int) -> HttpResponse:
    """The decision alone: htmx asks every other second while it moves, and gets 204 while nothing is new."""
    found = visible_decision(request, pk)
    context = about(request, found)
    if not wants_fragment(request) or request.htmx.target == "history":
        return render(request, "cancellations/decision.html", context | {"history": history.of_decision(found)})
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    response = render(request, "cancellations/_decision.html", context)
    response["HX-Trigger"] = "moved"
    return response


@require_POST
def undo(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    try:
        decisions.withdraw(found, request.user)
    except TooLate as late:
        return decided(request, found, str(late))
    return decided(request, found)


@require_POST
def ask_again(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    try:
        decisions.ask_again(found, request.user)
    except NotAllowed as refusal:
        return decided(request, found, str(refusal))
    return decided(request, found)


@require_POST
def set_aside(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    form = SetAsideForm(request.POST)
    try:
        if form.is_valid():
            decisions.set_aside(found, request.user, form.cleaned_data["note"])
            return decided(request, found)
    except NotAllowed as refusal:
        return decided(request, found, str(refusal))
    must_have_role(request.user, found.shop, Role.MANAGER)
    context = about(request, found) | {"set_aside_form": form}
    if wants_fragment(request):
        return render(request, "cancellations/_decision.html", context, status=INVALID)
    context["history"] = history.of_decision(found)
    return render(request, "cancellations/decision.html", context, status=INVALID)


@require_GET
def evidence(request: "Request", pk: int) -> FileResponse:
    """The image itself, for those who see the shop; it is re-encoded, and told to be nothing but an image."""
    found = get_object_or_404(Evidence.objects.filter(decision__in=Decision.objects.visible_to(request.user)), pk=pk)
    response = FileResponse(found.image.open("rb"), content_type=found.mime_type)
    response["Cache-Control"] = "private, max-age=3600"
    return response


# --- cancelling items of an order -------------------------------------------------------------------------------------


def visible_order(request: "Request", pk: int) -> Order:
    return get_object_or_404(Order.objects.visible_to(request.user).with_lines().prefetch_related("packages"), pk=pk)


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def cancel_items(request: "Request", pk: int) -> HttpResponse:
    order = visible_order(request, pk)
    must_be_agent(request.user, order.shop)
    now = timezone.now()
    offer = rules.items_offer(order, now)
    market = rules.capabilities(order.shop, now)
    form = CancelItemsForm(order, market, now, request.POST if request.method == "POST" else None)
    context = {"order": order, "shop": order.shop, "market": market, "offer": offer, "form": form}
    if request.method == "POST" and form.is_valid():
        if "preview" in request.POST:
            context |= refund_of(order, form)
        else:
            try:
                made = decisions.cancel_items(order, form.chosen(), request.user, form.cleaned_data["reason"])
                return redirect("cancellations:decision", made.pk)
            except AlreadyDecided as earlier:
                messages.info(request, str(earlier))
                return redirect("cancellations:decision", earlier.decision.pk)
            except NotAllowed as refusal:
                messages.error(request, _("Nothing was sent. %(why)s") % {"why": refusal})
                return redirect(order)
            except ValidationError as problems:
                add_problems(form, problems)
    context |= eligibility_of(order) if offer.allowed else {}
    return render(request, "cancellations/cancel_items.html", context, status=INVALID if form.errors else 200)


def eligibility_of(order: Order) -> dict[str, Any]:
    """What the marketplace says about each line now. No answer keeps nobody from the form: the call itself decides."""
    try:
        answers = live.eligibility(order)
    except MarketplaceError as error:
        return {"eligibility_error": error}
    return {
        "ineligible": {
            line_id: answer.reason or answer.code
            for answer in answers
            if not answer.eligible
            for line_id in answer.line_item_ids
        }
    }


def refund_of(order: Order, form: CancelItemsForm) -> dict[str, Any]:
    try:
        refund = live.refund_preview(order, form.chosen(), form.cleaned_data["reason"])
    except MarketplaceError as error:
        return {"refund_error": error}
    return {"refund": refund}


@require_POST
def refund(request: "Request", pk: int) -> HttpResponse:
    """What the buyer would get back for the items and the reason in the form, as the marketplace reckons it."""
    order = visible_order(request, pk)
    must_be_agent(request.user, order.shop)
    now = timezone.now()
    form = CancelItemsForm(order, rules.capabilities(order.shop, now), now, request.POST)
    context = refund_of(order, form) if form.is_valid() else {"is_incomplete": True}
    return render(request, "cancellations/_refund.html", context)


@require_GET
def items_offer(request: "Request", pk: int) -> HttpResponse:
    """Whether items of this order can be cancelled, for the order's page."""
    order = visible_order(request, pk)
    context = {"order": order, "offer": rules.items_offer(order, timezone.now())}
    context["can_decide"] = may(request, order.shop, Role.AGENT)
    return render(request, "cancellations/_items_offer.html", context)
