"""Connecting a seller: choose the app, let the seller consent, watch it, choose the shops."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from marketplaces.base import Audience, Marketplace
from shops.connecting import choosing, consent, registering, words
from shops.connecting.entitled import may_change_app, must_connect
from shops.forms.connecting import AppForm, SignInForm
from shops.models import App, ConnectAttempt, Connection, Shop

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django_htmx.middleware import HtmxDetails

    from accounts.models import User

    class Request(HttpRequest):
        htmx: HtmxDetails
        user: User


@dataclass(frozen=True)
class Way:
    """One way to connect a seller: with an app of ours, or with the seller's own name and password."""

    slug: str
    platform: Marketplace
    audience: Audience | None
    app: App | None


def ways(request: "Request") -> list[Way]:
    apps = {(app.marketplace, app.audience): app for app in App.objects.all()}
    found = []
    for slug, platform in registering.platforms():
        if platform.signs_in_with_password:
            found.append(Way(slug, platform, None, None))
        found += [Way(slug, platform, one, apps.get((slug, one.name))) for one in platform.audiences]
    return found


@require_GET
def connect(request: "Request") -> HttpResponseBase:
    must_connect(request.user)
    under_way = ConnectAttempt.objects.filter(user=request.user, state__in=ConnectAttempt.UNSETTLED[1:])
    context = {"ways": ways(request), "under_way": under_way.defer("code", "password", "authorization")}
    return may_lead_to_consent(render(request, "shops/connect.html", context))


def may_lead_to_consent(response: HttpResponse) -> HttpResponse:
    """Browsers hold redirects after a form to the page's policy, so it names the consent pages of our apps."""
    response._csp_update = {"form-action": registering.consent_origins()}  # type: ignore[attr-defined]
    return response


def app(request: "Request", slug: str, audience: str) -> HttpResponseBase:
    """Our app for these sellers: its key and secret, and the address that it has to send them back to."""
    must_connect(request.user)
    try:
        sellers = registering.audience_of(slug, audience)
    except ValidationError:
        raise Http404 from None
    known = App.objects.filter(marketplace=slug, audience=audience).first()
    form = AppForm(known, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            registering.register_app(request.user, slug, audience, **form.cleaned_data)
        except ValidationError as problem:
            form.add_error(None, problem)
        else:
            messages.success(request, _("The app is entered. Sellers can be asked with it."))
            return redirect("shops:connect")
    context = {
        "form": form,
        "app": known,
        "sellers": sellers,
        "platform": registering.platform_of(slug),
        "may_change": may_change_app(request.user, known),
        "redirect_address": request.build_absolute_uri(reverse("shops:consent_back", args=[slug])),
    }
    return render(request, "shops/connect_app.html", context, status=422 if form.errors else 200)


@require_POST
def ask(request: "Request", pk: int) -> HttpResponseBase:
    """Send the person, who is the seller or sits beside them, to where sellers consent."""
    must_connect(request.user)
    return lead_to_consent(request, get_object_or_404(App, pk=pk))


def lead_to_consent(request: "Request", known: App | None, connection: Connection | None = None) -> HttpResponseBase:
    try:
        if known:
            registering.audience_of(known.marketplace, known.audience)
    except ValidationError:
        raise Http404 from None
    if known is None or not known.is_ready:
        messages.error(request, _("Enter our app's key, secret and service id first."))
        return redirect("shops:connect")
    return redirect(consent.ask_consent(request.user, session_key(request), known, connection))


def sign_in(request: "Request", slug: str) -> HttpResponseBase:
    """A seller's user name and password, for a new connection."""
    must_connect(request.user)
    return with_password(request, slug, None)


@require_POST
def renew(request: "Request", pk: int) -> HttpResponseBase:
    """Have the seller of this shop consent once more; where sellers have a password, ask for it."""
    connection = renewable(request, pk)
    platform = registering.platform_of(connection.marketplace)
    if platform and platform.signs_in_with_password:
        return redirect("shops:renew_sign_in", pk)
    return lead_to_consent(request, registering.app_of(connection), connection)


def renew_sign_in(request: "Request", pk: int) -> HttpResponseBase:
    connection = renewable(request, pk)
    platform = registering.platform_of(connection.marketplace)
    if not (platform and platform.signs_in_with_password):
        return redirect("shops:shop", pk)
    return with_password(request, connection.marketplace, connection)


def renewable(request: "Request", pk: int) -> Connection:
    shop = get_object_or_404(Shop.objects.visible_to(request.user).select_related("connection__app"), pk=pk)
    consent.must_be_allowed(request.user, shop.connection)
    return shop.connection


def with_password(request: "Request", slug: str, connection: Connection | None) -> HttpResponseBase:
    platform = registering.platform_of(slug)
    if platform is None or not platform.signs_in_with_password:
        raise Http404
    typed = request.POST if request.method == "POST" else None
    form = SignInForm(slug, platform, connection, typed, tried_before(request, slug))
    if request.method == "POST" and form.is_valid():
        attempt = consent.sign_in(
            request.user, session_key(request), slug, form.cleaned_data["user_name"], form.cleaned_data["password"],
            form.options, connection,
        )  # fmt: skip
        return redirect("shops:attempt", attempt.pk)
    context = {"form": form, "platform": platform, "connection": connection}
    return render(request, "shops/connect_sign_in.html", context, status=422 if form.errors else 200)


def tried_before(request: "Request", slug: str) -> str:
    """The user name of one's attempt that led back to the form."""
    try:
        pk = UUID(request.GET.get("attempt", ""))
    except ValueError:
        return ""
    own = ConnectAttempt.objects.filter(user=request.user, marketplace=slug, pk=pk)
    return own.values_list("user_name", flat=True).first() or ""


@login_not_required
@never_cache
@require_safe
def consent_back(request: "Request", slug: str) -> HttpResponseBase:
    """Where a marketplace sends sellers back to. The address holds a code, so it is left at once."""
    if registering.platform_of(slug) is None:
        raise Http404
    if not request.user.is_authenticated:
        messages.error(request, _("You were signed out meanwhile. Nothing was connected: sign in and begin again."))
        return redirect("shops:connect")
    try:
        attempt = consent.come_back(request.user, session_key(request), slug, request.GET.dict())
    except consent.NotOurs as why:
        messages.error(request, str(why))
        return redirect("shops:connect")
    return redirect("shops:attempt", attempt.pk)


@never_cache
@require_GET
def attempt(request: "Request", pk: str) -> HttpResponseBase:
    found = own_attempt(request, pk)
    template = "_connect_attempt" if request.htmx else "connect_attempt"
    return show(request, found, template=f"shops/{template}.html")


def show(
    request: "Request", found: ConnectAttempt, *, template: str = "shops/connect_attempt.html", problem: str = ""
) -> HttpResponse:
    is_choosing = found.state == ConnectAttempt.State.CHOOSING
    connection = found.connection if found.state == ConnectAttempt.State.DONE else None
    renewed = Shop.objects.visible_to(request.user).filter(connection=found.connection_id or 0).first()
    context: dict[str, Any] = {
        "attempt": found,
        "renewed": renewed,
        "seller": found.tokens.seller_name if is_choosing else "",
        "sign_in_again": sign_in_again(found, renewed),
        "right": right_way(found),
        "platform": registering.platform_of(found.marketplace),
        "steps": words.steps(found),
        "told": words.told(found),
        "choices": choosing.choices(found) if is_choosing else [],
        "shops": Shop.objects.visible_to(request.user).filter(connection=connection) if connection else [],
        "problem": problem,
        "is_moving": found.state == ConnectAttempt.State.WORKING,
    }
    return may_lead_to_consent(render(request, template, context, status=422 if problem else 200))


def sign_in_again(found: ConnectAttempt, renewed: Shop | None) -> str:
    """The form for the same user name, where the password was wrong."""
    platform = registering.platform_of(found.marketplace)
    if not (platform and platform.signs_in_with_password and found.failure == ConnectAttempt.Failure.KEY):
        return ""
    form = reverse("shops:sign_in", args=[found.marketplace])
    if found.is_renewal and renewed:
        form = reverse("shops:renew_sign_in", args=[renewed.pk])
    return f"{form}?attempt={found.pk}"


def right_way(found: ConnectAttempt) -> Way | None:
    """How to connect a seller who turned out to be another app's."""
    audience = words.right_audience(found)
    platform = registering.platform_of(found.marketplace)
    if audience is None or platform is None or found.is_renewal:
        return None
    app = App.objects.filter(marketplace=found.marketplace, audience=audience.name).first()
    return Way(found.marketplace, platform, audience, app)


@require_POST
def choose(request: "Request", pk: str) -> HttpResponseBase:
    found = own_attempt(request, pk)
    try:
        choosing.choose(found, request.user, request.POST.getlist("shop"))
    except ValidationError as problem:
        return show(request, found, problem=" ".join(problem.messages))
    return redirect("shops:attempt", found.pk)


@require_POST
def again(request: "Request", pk: str) -> HttpResponseBase:
    found = own_attempt(request, pk)
    consent.try_again(found)
    return redirect("shops:attempt", found.pk)


def own_attempt(request: "Request", pk: str) -> ConnectAttempt:
    """Nobody's but whose it is."""
    own = ConnectAttempt.objects.filter(user=request.user).select_related("app", "connection")
    return get_object_or_404(own, pk=pk)


def session_key(request: "Request") -> str:
    if not request.session.session_key:
        request.session.create()
    return request.session.session_key or ""
