"""Whether anybody is there who does the work."""

from typing import TYPE_CHECKING, Any

from django import template
from django.db.models import Q

from shops import heartbeat
from shops.health import words_of
from shops.models import Alert, Role, Shop

if TYPE_CHECKING:
    from accounts.models import User

register = template.Library()
SHOWN = 5


@register.inclusion_tag("shops/_nobody_works.html")
def nobody_works() -> dict[str, Any]:
    """Says so on the page, where decisions would not be sent; nothing where a worker lives."""
    worker, beat = heartbeat.silences(heartbeat.WORKER, heartbeat.BEAT)
    return {"worker": worker, "beat": beat}


@register.inclusion_tag("shops/_alerts.html")
def open_alerts(user: "User") -> dict[str, Any]:
    """What managers have to look into in the shops that they look after.

    That nobody would be told stands on the shops' own pages; superusers, who can set it for all, have one line of it.
    """
    managed = Shop.objects.where_role(user, Role.MANAGER)
    opened, untold = Alert.objects.open(), Q(kind=Alert.Kind.NOBODY_TOLD)
    alerts = opened.filter(~untold, shop__in=managed).select_related("shop").defer("shop__cipher")[:SHOWN]
    return {
        "alerts": [(alert, words_of(alert)) for alert in alerts],
        "untold": opened.filter(untold, shop__in=managed).count() if user.is_superuser else 0,
    }
