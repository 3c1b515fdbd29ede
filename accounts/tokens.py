"""API tokens: made by the person they act for or by an administrator, shown once, kept as a hash."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ApiToken, Scope, User
from audit import log

# The last use is written down no more often than this: busy integrations ask many times a second.
NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def make_token(
    user: User, scope: Scope, days: int, *, name: str = "", shops: Iterable[Any] | None = None, made_by: Any = None
) -> tuple[ApiToken, str]:
    """The row and the token itself, which cannot be had again.

    `shops` None is every shop that the person sees, now and later. Raises ValidationError at "days" for a life that is
    none, or longer than API_TOKEN_MAX_DAYS.
    """
    if not 1 <= days <= settings.API_TOKEN_MAX_DAYS:
        words = _("A token lives for 1 to %(most)d days.") % {"most": settings.API_TOKEN_MAX_DAYS}
        raise ValidationError({"days": words})
    row, text = ApiToken.objects.create(
        user, timedelta(days=days), name=name, scope=scope, is_limited=shops is not None, made_by=made_by
    )
    if shops is not None:
        row.shops.set(shops)
    log.write("token.made", about=user, after=told(row), actor=made_by)
    return row, text


@transaction.atomic
def end_token(token: ApiToken) -> None:
    """From the next request on, whoever holds it is not let in."""
    log.write("token.ended", about=token.user, before=told(token))
    token.delete()


def note_use(token: ApiToken, address: str | None) -> None:
    now = timezone.now()
    if token.last_used_at and token.last_used_at > now - NOTED_EVERY:
        return
    not_noted = Q(last_used_at=None) | Q(last_used_at__lte=now - NOTED_EVERY)
    ApiToken.objects.filter(not_noted, pk=token.pk).update(last_used_at=now, last_used_from=address)


def shops_for(user: User) -> Any:
    """The shops that a person's token can be limited to: those they see. (Shops are known here by that relation.)"""
    shop: Any = ApiToken.shops.field.related_model
    return shop.objects.visible_to(user).only("name", "region")


def told(token: ApiToken) -> dict[str, Any]:
    """What the audit log says of a token."""
    shops = sorted(token.shops.values_list("pk", flat=True)) if token.is_limited else "all"
    return {
        "token": token.begins_with, "name": token.name, "scope": token.scope, "shops": shops,
        "ends": token.expiry.isoformat(),
    }  # fmt: skip
