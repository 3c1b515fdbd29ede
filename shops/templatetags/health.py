"""Whether anybody is there who does the work."""

from typing import Any

from django import template

from shops import heartbeat

register = template.Library()


@register.inclusion_tag("shops/_nobody_works.html")
def nobody_works() -> dict[str, Any]:
    """Says so on the page, where decisions would not be sent; nothing where a worker lives."""
    return {"worker": heartbeat.silence(heartbeat.WORKER), "beat": heartbeat.silence(heartbeat.BEAT)}
