"""What people do to get in and out, for the audit log: connected to the signals that tell of it."""

from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social
from django.contrib.auth import signals as auth
from django.http import HttpRequest

from accounts import sessions
from accounts.models import User
from audit import log


def connect() -> None:
    auth.user_logged_in.connect(sessions.begin)
    auth.user_login_failed.connect(sign_in_failed)
    auth.user_logged_out.connect(signed_out)
    account.user_logged_in.connect(signed_in)
    account.password_changed.connect(password_changed)
    account.password_set.connect(password_changed)
    account.password_reset.connect(password_reset)
    mfa.authenticator_added.connect(factor_added)
    mfa.authenticator_reset.connect(factor_reset)
    mfa.authenticator_removed.connect(factor_removed)
    mfa.authenticator_used.connect(factor_used)
    mfa.authentication_failed.connect(factor_failed)
    social.social_account_added.connect(openid_linked)


def signed_in(sender: Any, request: HttpRequest, user: User, **more: Any) -> None:
    ways = [record.get("type") or record["method"] for record in get_authentication_records(request, user)]
    log.write("person.signed_in", about=user, actor=user, after={"by": ways})


def sign_in_failed(sender: Any, credentials: dict[str, Any], **more: Any) -> None:
    typed = credentials.get("email") or credentials.get("username") or ""
    log.write("person.sign_in_failed", after={"address": str(typed)[:254]})


def signed_out(sender: Any, user: User | None, **more: Any) -> None:
    if user is not None:
        log.write("person.signed_out", about=user, actor=user)


def password_changed(sender: Any, user: User, **more: Any) -> None:
    log.write("password.changed", about=user, actor=user)


def password_reset(sender: Any, user: User, **more: Any) -> None:
    log.write("password.reset", about=user, actor=user)


def factor_added(sender: Any, user: User, authenticator: Authenticator, **more: Any) -> None:
    log.write("second_factor.added", about=user, actor=user, after=kind_of(authenticator))


def factor_reset(sender: Any, user: User, authenticator: Authenticator, **more: Any) -> None:
    log.write("recovery_codes.made", about=user, actor=user)


def factor_removed(sender: Any, user: User, authenticator: Authenticator, **more: Any) -> None:
    log.write("second_factor.removed", about=authenticator.user, actor=user, before=kind_of(authenticator))


def factor_used(sender: Any, user: User, authenticator: Authenticator, **more: Any) -> None:
    """Codes and passkeys stand with the sign-in that they were for; a recovery code is gone afterwards."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        authenticator.refresh_from_db()
        left = len(authenticator.wrap().get_unused_codes())
        log.write("recovery_codes.used", about=user, actor=user, after={"left": left})


def factor_failed(sender: Any, user: User, authenticator: Authenticator, **more: Any) -> None:
    log.write("second_factor.failed", about=user, after=kind_of(authenticator))


def openid_linked(sender: Any, sociallogin: Any, **more: Any) -> None:
    user = sociallogin.user
    log.write("openid.linked", about=user, actor=user, after={"subject": sociallogin.account.uid})


def kind_of(authenticator: Authenticator) -> dict[str, str]:
    """Which kind, and the name that its owner gave it."""
    kind = {"kind": str(authenticator.type)}
    if authenticator.type == Authenticator.Type.WEBAUTHN:
        kind["name"] = authenticator.data["name"]
    return kind
