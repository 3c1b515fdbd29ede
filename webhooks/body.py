"""What is sent of an event, the same bytes at every try."""

import json

from shops.models import OutgoingEvent
from shops.outgoing import moment


def body(event: OutgoingEvent, indent: int | None = None) -> bytes:
    told = {"type": event.type, "timestamp": moment(event.at), "data": event.data}
    return json.dumps(told, ensure_ascii=False, indent=indent, separators=None if indent else (",", ":")).encode()
