"""What happens when nobody answers, shop by shop, and what one was told."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from safety import ladder as ladders
from safety import nets, offered, reach, trying
from safety.forms import ChatForm, NetForm, ladder_forms, refuse
from safety.models import Channel, SafetyNet, Telling
from safety.writing import in_words
from shops.markets import capabilities
from shops.models import Role, Shop
from shops.paging import key_page
from shops.roles import must_have_role

INVALID = 422
SHOWN = 10


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def visible_shop(request: HttpRequest, pk: int) -> Shop:
    return get_object_or_404(Shop.objects.visible_to(request.user).defer("cipher"), pk=pk)


def managed_shop(request: HttpRequest, pk: int) -> Shop:
    found = visible_shop(request, pk)
    must_have_role(person(request), found, Role.MANAGER)
    return found


@require_safe
def shop(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_shop(request, pk)
    return render(request, "safety/shop.html", facts(request, found))


def facts(request: HttpRequest, found: Shop, chat_form: ChatForm | None = None) -> dict[str, Any]:
    market = capabilities(found, timezone.now())
    tests = trying.last_tests(found)
    told = Telling.objects.visible_to(request.user).filter(shop=found).exclude(why=Telling.Why.TEST)
    return {
        "shop": found,
        "market": market,
        "silence": offered.silence(market),
        "has_deadlines": not offered.no_deadlines(market),
        "net": nets.net_of(found),
        "rungs": ladders.effective(found),
        "is_own": ladders.rungs_of(found).exists(),
        "chat": ladders.chat_of(found),
        "chat_of_all": ladders.chat_of(None),
        "chat_form": chat_form or ChatForm(),
        "problems": reach.problems(found),
        "channels": [(one, tests.get(one.value), trouble(tests.get(one.value))) for one in Channel],
        "is_testing": any(test.state == Telling.State.WAITING for test in tests.values()),
        "told": [(one, trouble(one)) for one in told.select_related("person", "cancellation")[:SHOWN]],
        "looks_after": Shop.objects.where_role(request.user, Role.MANAGER).filter(pk=found.pk).exists(),
    }


def trouble(telling: Telling | None) -> str:
    return str(in_words(telling.problem)) if telling and telling.problem else ""


@require_http_methods(["GET", "POST"])
def net(request: HttpRequest, pk: int) -> HttpResponse:
    """The form. “How often” answers with the same form and a figure, and saves nothing."""
    found = managed_shop(request, pk)
    form = NetForm(found, person(request), nets.net_of(found), request.POST or None)
    would = None
    if form.is_valid():
        if "preview" in request.POST:
            would = preview(found, form.cleaned_data["minutes"])
        elif saved(form, person(request)):
            messages.success(request, _("Saved. The safety net is on."))
            return redirect("safety:shop", found.pk)
    context = {
        "shop": found, "form": form, "would": would,
        "silence": offered.silence(capabilities(found, timezone.now())),
    }  # fmt: skip
    return render(request, "safety/net.html", context, status=INVALID if form.errors else 200)


def preview(found: Shop, minutes: int) -> str:
    count = nets.would_have_caught(found, minutes, timezone.now())
    words = ngettext(
        "Had this net been on for the last 30 days, it would have acted on %(count)d request.",
        "Had this net been on for the last 30 days, it would have acted on %(count)d requests.",
        count,
    )
    return words % {"count": count}


def saved(form: NetForm, user: User) -> bool:
    """For all shops that were chosen or for none; False when the form now says what is wrong."""
    try:
        with transaction.atomic():
            for one in form.shops():
                nets.set_net(one, user, form.wish())
    except ValidationError as problem:
        refuse(form, problem)
        return False
    return True


@require_POST
def switch_off(request: HttpRequest, pk: int) -> HttpResponse:
    found = managed_shop(request, pk)
    nets.switch_off(found, person(request))
    messages.success(request, _("The safety net is off."))
    return redirect("safety:shop", found.pk)


@require_http_methods(["GET", "POST"])
def ladder(request: HttpRequest, pk: int) -> HttpResponse:
    return ladder_of(request, managed_shop(request, pk))


@require_http_methods(["GET", "POST"])
def all_shops(request: HttpRequest) -> HttpResponse:
    """What holds where a shop has no rungs of its own, for superusers."""
    ladders.must_look_after(person(request), None)
    return ladder_of(request, None)


def ladder_of(request: HttpRequest, found: Shop | None) -> HttpResponse:
    forms, problem = ladder_forms(found, list(ladders.rungs_of(found)), request.POST or None), ""
    if forms.is_valid():
        try:
            ladders.set_ladder(found, person(request), forms.wishes())
        except ValidationError as no:
            problem = " ".join(no.messages)
        else:
            messages.success(request, _("Saved."))
            return redirect("safety:shop", found.pk) if found else redirect("safety:all_shops")
    is_wrong = bool(problem) or (request.method == "POST" and not forms.is_valid())
    return ladder_page(request, found, forms, problem, ChatForm(), is_wrong=is_wrong)


def ladder_page(
    request: HttpRequest, found: Shop | None, forms: Any, problem: str, chat_form: ChatForm, *, is_wrong: bool
) -> HttpResponse:
    context = {
        "shop": found, "forms": forms, "problem": problem, "chat": None if found else ladders.chat_of(None),
        "chat_form": chat_form, "nets": [] if found else every_net(),
        "action": reverse("safety:chat_of_all"),
    }  # fmt: skip
    return render(request, "safety/ladder.html", context, status=INVALID if is_wrong else 200)


def every_net() -> list[SafetyNet]:
    return list(SafetyNet.objects.filter(is_on=True).select_related("shop", "set_by").defer("shop__cipher"))


@require_POST
def chat(request: HttpRequest, pk: int) -> HttpResponse:
    found = managed_shop(request, pk)
    if form := chat_changed(request, found):
        return render(request, "safety/shop.html", facts(request, found, form), status=INVALID)
    return redirect("safety:shop", found.pk)


@require_POST
def chat_of_all(request: HttpRequest) -> HttpResponse:
    ladders.must_look_after(person(request), None)
    if form := chat_changed(request, None):
        forms = ladder_forms(None, list(ladders.rungs_of(None)), None)
        return ladder_page(request, None, forms, "", form, is_wrong=True)
    return redirect("safety:all_shops")


def chat_changed(request: HttpRequest, found: Shop | None) -> ChatForm | None:
    """The form where it is wrong."""
    if "remove" in request.POST:
        ladders.remove_chat(found, person(request))
        messages.success(request, _("The chat channel is removed."))
        return None
    form = ChatForm(request.POST)
    if form.is_valid():
        try:
            ladders.set_chat(found, person(request), form.cleaned_data["url"])
        except ValidationError as problem:
            refuse(form, problem)
        else:
            messages.success(request, _("The chat channel is set. Send a test to see whether it takes messages."))
            return None
    return form


@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    found = managed_shop(request, pk)
    try:
        trying.send_test(found, person(request), request.POST.get("channel", ""))
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
    else:
        messages.success(request, _("The test is on its way: what came of it stands below in a few seconds."))
    return redirect("safety:shop", found.pk)


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    rows = Telling.objects.notices_of(request.user).select_related("shop", "cancellation").defer("shop__cipher")
    context = {
        "page": key_page(rows, ("-pk",), request.GET.get("page", "")),
        "unread": Telling.objects.notices_of(request.user).unread().count(),
        "now": timezone.now(),
    }
    is_fragment = request.headers.get("HX-Target") == "notices"
    return render(request, "safety/_notices.html" if is_fragment else "safety/notices.html", context)


@require_POST
def read_notices(request: HttpRequest) -> HttpResponse:
    """All that there are so far, up to the one that was on the page."""
    last = request.POST.get("last", "")
    mine = Telling.objects.notices_of(request.user).unread()
    if last.isascii() and last.isdigit() and len(last) < 19:
        mine.filter(pk__lte=int(last)).update(read_at=timezone.now())
    return redirect("safety:notices")
