"""Signing in with OpenID Connect, where the environment names a provider.

Stricter than allauth by itself: every identity token's signature, issuer and nonce are checked, an address counts only
where the provider says that it is verified, and whoever signs in is bound to the provider's own number for them.
"""

import hashlib
from typing import Any

import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.translation import gettext as _

from accounts.models import User
from audit import log

logger = structlog.get_logger(__name__)

PROVIDER_ID = "provider"  # as it stands in our addresses
NONCE = "oidc_nonce"


class Conversation(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """What is asked of the provider, and what of its answers is believed."""

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        if str(config.get("issuer", "")).rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("The discovery document is another issuer's.")
        return config

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **more: Any) -> SocialLogin:
        claims = self.verified(more["response"].get("id_token") or "", app)
        nonce = request.session.pop(NONCE, None)
        if not nonce or claims.get("nonce") != nonce:
            raise OAuth2Error("The identity token is not the answer to this sign-in.")
        if "email" not in claims:
            told = self._fetch_user_info(token.token)
            if told.get("sub") != claims["sub"]:
                raise OAuth2Error("The user info is another person's.")
            claims = {**told, **claims}
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def verified(self, id_token: str, app: SocialApp) -> dict[str, Any]:
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )
        return claims


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = Conversation

    def extract_uid(self, data: dict[str, Any]) -> str:
        """Numbers are an issuer's own: another one, who comes to be asked later, may count from one again."""
        issuer, number = hashlib.sha256(settings.OIDC_ISSUER.encode()).hexdigest()[:12], super().extract_uid(data)
        return f"{issuer}:{number}" if number else ""

    def extract_email_addresses(self, data: dict[str, Any]) -> list[Any]:
        """Some providers write "false" as a word."""
        addresses: list[Any] = super().extract_email_addresses(data)
        for address in addresses:
            address.verified = address.verified is True or address.verified == "true"
        return addresses

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Nothing of what else the provider told is kept."""
        return {}


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """The environment's one, if any; none comes from the database."""
        if not is_configured() or provider not in (None, PROVIDER_ID, Provider.id):
            return []
        app = SocialApp(
            provider=Provider.id, provider_id=PROVIDER_ID, name=settings.OIDC_NAME,
            client_id=settings.OIDC_CLIENT_ID, secret=settings.OIDC_CLIENT_SECRET,
            settings={"server_url": settings.OIDC_ISSUER},
        )  # fmt: skip
        return [app]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(settings.OIDC_CREATES_USERS)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.email = User.objects.normalize_email(user.email)
        user.first_name, user.last_name = user.first_name[:150], user.last_name[:150]
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Whom the provider vouches for is let in as the one active user with that address, and as nobody else."""
        if objection := self.objection(request, sociallogin):
            log.write("person.sign_in_failed", after={"by": "openid", "why": objection})
            raise refused(request, objection)

    def objection(self, request: HttpRequest, sociallogin: SocialLogin) -> str | None:
        address = verified_address(sociallogin)
        if address is None:
            return _("The provider does not say that your e-mail address is verified.")
        domain = address.rpartition("@")[2]
        if settings.OIDC_ALLOWED_DOMAINS and domain not in settings.OIDC_ALLOWED_DOMAINS:
            return _("People with an address at %(domain)s do not sign in here.") % {"domain": domain}
        if not sociallogin.is_existing and (words := link(request, sociallogin, address)):
            return words
        if sociallogin.is_existing:
            return None if sociallogin.user.is_active else _("This account is closed.")
        if not self.is_open_for_signup(request, sociallogin):
            words = _("Nobody here has the address %(address)s. An administrator makes accounts.")
            return words % {"address": address}
        return None

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        if error == AuthError.CANCELLED:
            raise refused(request, _("You broke it off at the provider. Nothing has changed."))
        logger.warning("openid_connect_failed", error=repr(exception)[:500])


@transaction.atomic
def link(request: HttpRequest, sociallogin: SocialLogin, address: str) -> str | None:
    """From now on the provider's number stands for the person with this address; the reason where it must not.

    An address that the provider gives to somebody else later has another number, and opens nothing to them.
    """
    user = User.objects.select_for_update().filter(email=address).first()
    if user is None:
        return None
    if not user.is_active:
        return _("This account is closed.")
    if SocialAccount.objects.filter(user=user, provider=sociallogin.account.provider).exists():
        return _("Somebody else at the provider has signed in with this address before. Ask an administrator.")
    sociallogin.connect(request, user)
    return None


def is_configured() -> bool:
    return bool(settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET)


def verified_address(sociallogin: SocialLogin) -> str | None:
    verified = [one.email.lower() for one in sociallogin.email_addresses if one.verified]
    return verified[0] if len(sociallogin.email_addresses) == 1 and verified else None


def refused(request: HttpRequest, words: str) -> ImmediateHttpResponse:
    page = render(request, "socialaccount/authentication_error.html", {"words": words}, status=403)
    return ImmediateHttpResponse(page)
