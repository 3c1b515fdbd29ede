"""What people sign in with, for whoever has to help them: looked at and ended, never made or altered here."""

from typing import Any

import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401 - these register pages of their own; ours take their place
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import audited, sessions
from audit import log
from config.admin import ForSuperusers

# The provider is the environment's, and none of its tokens are kept.
for model in (Authenticator, SocialAccount, SocialApp, SocialToken, UserSession):
    admin.site.unregister(model)


class Ended(ForSuperusers):
    """Rows that are deleted to end something, each of them with an entry in the audit log."""

    list_select_related = ("user",)
    search_fields = ("user__email",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


@admin.register(Authenticator)
class AuthenticatorAdmin(Ended):
    """Somebody who lost their telephone gets in with the password again, once this is deleted."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    fields = ("user", "type", "created_at", "last_used_at")

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        log.write("second_factor.removed", about=obj.user, before=audited.kind_of(obj))
        obj.delete()
        delete_dangling_recovery_codes(obj.user)


@admin.register(SocialAccount)
class SocialAccountAdmin(Ended):
    """Who is known to the provider by which number. Once this is deleted, the address decides again."""

    list_display = ("user", "uid", "date_joined", "last_login")
    fields = ("user", "uid", "date_joined", "last_login")

    def delete_model(self, request: HttpRequest, obj: SocialAccount) -> None:
        log.write("openid.unlinked", about=obj.user, before={"subject": obj.uid})
        obj.delete()


@admin.register(UserSession)
class UserSessionAdmin(Ended):
    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    fields = ("user", "created_at", "last_seen_at", "ip", "user_agent")

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        sessions.Adapter().end_sessions([obj])
