import re
from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.template.base import NodeList, Parser, Token
from django.template.context import Context
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

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


@register.filter
def city(zone: ZoneInfo) -> str:
    """What people call a time zone for short: its city."""
    return str(zone).rpartition("/")[2].replace("_", " ")


SPACES = re.compile(r"\s+")
AROUND_BLOCKS = re.compile(r" ?(</?(?:div|table|tbody|td|th|tr)\b[^>]*>) ?")


class Lean(template.Node):
    def __init__(self, inside: NodeList) -> None:
        self.inside = inside

    def render(self, context: Context) -> SafeString:
        written = SPACES.sub(" ", self.inside.render(context))
        return mark_safe(AROUND_BLOCKS.sub(r"\1", written))  # noqa: S308 - it was safe before


@register.tag
def lean(parser: Parser, token: Token) -> Lean:
    """Without the white space that nobody sees: of a long list's bytes, indentation would be a third."""
    inside = parser.parse(("endlean",))
    parser.delete_first_token()
    return Lean(inside)
