"""A person's own API tokens."""

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import NewTokenForm
from accounts.models import ApiToken, User
from accounts.tokens import end_token, make_token, shops_for


@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    seen = Prefetch("shops", shops_for(request.user))
    own = ApiToken.objects.filter(user=request.user).select_related("made_by").prefetch_related(seen)
    return render(request, "accounts/tokens.html", {"tokens": own})


@require_http_methods(["GET", "POST"])
@never_cache
def new_token(request: HttpRequest) -> HttpResponse:
    """The answer to the form holds the token; it is not stored, so there is no second look."""
    assert isinstance(request.user, User)
    form = NewTokenForm(request.user, request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/new_token.html", {"form": form}, status=422 if form.is_bound else 200)
    row, text = make_token(request.user, **form.verb(), made_by=request.user)
    return render(request, "accounts/token_made.html", {"token": row, "text": text})


@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, begin: str) -> HttpResponse:
    own = ApiToken.objects.filter(user=request.user.pk, token_key__startswith=begin)
    token = get_object_or_404(own.order_by("created")[:1])
    if request.method == "GET":
        return render(request, "accounts/end_token.html", {"token": token})
    end_token(token)
    messages.success(request, _("The token is ended: whoever holds it is no longer let in."))
    return redirect("accounts:tokens")
