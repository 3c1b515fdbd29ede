"""Times as staff read them: how long still, when in the shop's zone, when in their own."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def span(seconds: float | None) -> str:
    """The two largest units of a length of time: “2 d 4 h”, “5 h 12 min”, “48 s”. static/app.js writes the same."""
    if seconds is None:
        return ""
    left = abs(int(seconds))
    days, hours, minutes = left // 86400, left // 3600 % 24, left // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes >= 10 else f"{minutes} min {left % 60:02} s" if minutes else f"{left} s"


@register.filter
def clock(moment: datetime | None, zone: ZoneInfo | None = None) -> str:
    """The hour in `zone` or the reader's own; with the day, when that is not today there."""
    if moment is None:
        return ""
    here = timezone.localtime(moment)
    there = moment.astimezone(zone) if zone else here
    hour, today = f"{there:%H:%M}", timezone.localdate()
    # “Tomorrow” is the reader's tomorrow; where it is another day at that moment, only its date is clear.
    days = (here.date() - today).days if there.date() == here.date() else None
    if days == 0:
        return hour
    if days == 1:
        return _("tomorrow %(hour)s") % {"hour": hour}
    if days == -1:
        return _("yesterday %(hour)s") % {"hour": hour}
    same_year = there.year == today.year
    return f"{formats.date_format(there, 'MONTH_DAY_FORMAT' if same_year else 'SHORT_DATE_FORMAT')} {hour}"


def in_full(there: datetime) -> str:
    """All there is to know: “Saturday, November 21, 2026, 09:00:46 UTC”."""
    parts = (formats.date_format(there, part) for part in ("l", "DATE_FORMAT", "H:i:s"))
    return f"{', '.join(parts)} {there.tzname()}"


@register.simple_tag
def moment(when: datetime | None, zone: ZoneInfo | None = None) -> SafeString | str:
    """A <time> with the clock in `zone` (the reader's own without one); everything there is to know is its title."""
    if when is None:
        return "–"
    there = when.astimezone(zone or timezone.get_current_timezone())
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), in_full(there), clock(when, zone))


@register.simple_tag
def countdown(until: datetime | None) -> SafeString | str:
    """A <time> that says how long it is until then; static/app.js keeps it true."""
    if until is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-countdown data-over="{}">{}</time>',
        until.isoformat(),
        in_full(timezone.localtime(until)),
        _("over for"),
        left(until),
    )


@register.filter
def left(until: datetime) -> str:
    """How long it is until then, or has been since."""
    seconds = (until - timezone.now()).total_seconds()
    return span(seconds) if seconds > 0 else f"{_('over for')} {span(seconds)}"


@register.simple_tag
def ago(when: datetime | None) -> SafeString | str:
    """A <time> that says how long it has been."""
    if when is None:
        return _("never")
    seconds = (timezone.now() - when).total_seconds()
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        when.isoformat(),
        in_full(timezone.localtime(when)),
        span(max(0, seconds)),
    )


@register.filter
def is_readers_zone_at(zone: ZoneInfo, when: datetime) -> bool:
    """Whether the reader's clock shows the same as the one in this zone at that moment."""
    return when.astimezone(zone).utcoffset() == timezone.localtime(when).utcoffset()
