"""API tokens: made by an administrator, shown once, kept as a hash."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import User

# So many letters of a token tell people which one is meant, and nobody the rest.
SHOWN = 8


def make_token(user: User, days: int) -> tuple[AuthToken, str]:
    """The row and the token itself, which cannot be had again."""
    token, text = AuthToken.objects.create(user, expiry=timedelta(days=days))
    return token, text


class ApiTokens(TokenAuthentication):  # type: ignore[misc]
    """`Authorization: Token …`. Only a hash of a token is stored; a header that is no text is a wrong token."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isalnum():
            raise AuthenticationFailed(_("Invalid token."))
        return super().authenticate_credentials(token)


class ApiTokensScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiTokens
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        description = "`Token` and a token that an administrator made, such as `Token 3f9c…`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}
