"""What one was told and has not read, and how a shop stands when nobody answers."""

from typing import TYPE_CHECKING, Any

from django import template
from django.db.models import Q
from django.utils import timezone

from safety import ladder, nets, offered, reach
from safety.models import Telling
from shops.markets import capabilities
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User

register = template.Library()


@register.simple_tag
def unread_notices(user: "User") -> int:
    """Of what still waits for an answer, and tests. One query."""
    waits = Q(cancellation__needs_answer=True, deadline__gt=timezone.now()) | Q(why=Telling.Why.TEST)
    return Telling.objects.notices_of(user).unread().filter(waits).count()


@register.inclusion_tag("safety/_of_shop.html")
def when_nobody_answers(shop: Shop) -> dict[str, Any]:
    market = capabilities(shop, timezone.now())
    return {
        "shop": shop,
        "silence": offered.silence(market),
        "has_deadlines": not offered.no_deadlines(market),
        "net": nets.net_of(shop),
        "rungs": ladder.effective(shop),
        "problems": reach.problems(shop),
    }
