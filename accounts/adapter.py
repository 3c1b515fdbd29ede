import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from django.http import HttpRequest


class ClosedSignUpAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an administrator; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Who signed in just now is not asked again before they set up how they sign in."""
        proofs = get_authentication_records(context.request, context.request.user)
        latest = max((proof["at"] for proof in proofs), default=0)
        return bool(time.time() - latest > app_settings.REAUTHENTICATION_TIMEOUT)
