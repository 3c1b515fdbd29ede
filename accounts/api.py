"""Who is let in over the API, and how far an API token lets them go."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken, Scope, User
from accounts.tokens import note_use
from audit import origin
from config.api.throttling import allowance

if TYPE_CHECKING:
    from rest_framework.views import APIView


class ApiTokens(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Token …`. `user.token` is the row then, which `Shop.objects.visible_to` and the like ask."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        address = origin.address_of(request._request)
        if request.headers.get("Authorization"):
            must_not_guess(address, calls=0)
        try:
            found = super().authenticate(request)
        except AuthenticationFailed:
            must_not_guess(address, calls=1)
            raise
        if found is None:
            return None
        user, token = found
        user.token = token
        note_use(token, address)
        return user, token

    def authenticate_credentials(self, token: bytes) -> Any:
        """By its hash, in one query. A header that is no text is a wrong token."""
        row = None
        if token.isalnum():
            alive = ApiToken.objects.alive().select_related("user")
            row = alive.filter(digest=hash_token(token.decode())).first()
        if row is None:
            raise AuthenticationFailed(_("Invalid token."))
        return self.validate_user(row)


def must_not_guess(address: str | None, calls: int) -> None:
    """Raises Throttled where too many wrong tokens came from this address, before any more is looked for."""
    tried = allowance("failed", settings.API_FAILED_RATE, address, calls=calls) if address else None
    if tried and not tried.is_kept:
        raise Throttled(tried.seconds)


class WithinScope(BasePermission):
    """A token that only reads is refused whatever changes something, even what every viewer may do."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = getattr(request.user, "token", None)
        if token is not None and token.scope == Scope.READ and request.method not in SAFE_METHODS:
            raise PermissionDenied(_("This API token only reads. Make one with the scope “decide” or “admin”."))
        return True


class ApiTokensScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiTokens
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        description = (
            "`Token` and an API token, such as `Token 3f9c…`. A token acts for a person and has a scope: `read` gets "
            "403 for every method but GET, `decide` also answers requests, `admin` may do all that its person may. It "
            "may be limited to some of that person's shops; the others are not there for it."
        )
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}
