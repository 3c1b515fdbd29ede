"""To the OpenID Connect provider and back. Without a provider in the environment, these addresses lead nowhere."""

import secrets

from allauth.account.internal.decorators import login_not_required
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from accounts.oidc import NONCE, Conversation, Provider

# What answers of another party can lead to that are not what they should be. RequestException is a provider that is
# down, or whose answer is no JSON.
NOT_AS_IT_SHOULD_BE = (RequestException, OAuth2Error, KeyError, TypeError, ValueError, AttributeError)


def provider_or_404(request: HttpRequest, provider_id: str) -> Provider:
    try:
        provider: Provider = get_adapter(request).get_provider(request, provider_id)
    except SocialApp.DoesNotExist as nothing:
        raise Http404 from nothing
    return provider


def failed(request: HttpRequest, provider: Provider, error: Exception) -> HttpResponse:
    page: HttpResponse = render_authentication_error(request, provider, exception=error)
    return page


@login_not_required  # type: ignore[untyped-decorator]
@never_cache
@require_POST
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    provider = provider_or_404(request, provider_id)
    if request.user.is_authenticated:
        return redirect("cancellations:queue")
    nonce = request.session[NONCE] = secrets.token_urlsafe(24)
    try:
        next_url = get_next_redirect_url(request)
        there: HttpResponse = provider.redirect(request, "login", next_url=next_url, auth_params={"nonce": nonce})
    except NOT_AS_IT_SHOULD_BE as error:
        return failed(request, provider, error)
    return there


@login_not_required  # type: ignore[untyped-decorator]
@never_cache
@require_safe
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    provider = provider_or_404(request, provider_id)
    try:
        answer: HttpResponse = OAuth2CallbackView.adapter_view(Conversation(request, provider_id))(request)
    except NOT_AS_IT_SHOULD_BE as error:
        return failed(request, provider, error)
    return answer
