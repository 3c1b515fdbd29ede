from datetime import datetime

from django import template
from django.utils import timezone

from cancellations.models import CancellationRequest, Claim, TimeLeft

register = template.Library()


@register.filter
def time_left(deadline: datetime | None) -> str:
    """The band of time left until a deadline, as a word for a CSS class."""
    return TimeLeft.until(deadline, timezone.now()).value


@register.filter
def on_it(row: CancellationRequest) -> Claim | None:
    """Who has this request open at this moment."""
    return row.on_it(timezone.now())
