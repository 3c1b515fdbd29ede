"""The events in the OpenAPI description, in the section that OpenAPI 3.1 has for them."""

from typing import Any

from webhooks.events import TYPES, Kind, example

HEADERS = {
    "webhook-id": "The id of the event, the same at every try.",
    "webhook-timestamp": "When this try was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and a signature; several, with a space between, while a secret is being changed.",
}


def describe_events(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["webhooks"] = {name: {"post": operation(name, kind)} for name, kind in TYPES.items()}
    return result


def operation(name: str, kind: Kind) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": name},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": shape(kind.example),
        },
    }
    return {
        "operationId": name.replace(".", "_") + "_webhook",
        "summary": kind.when.split(". ")[0].rstrip(".") + ".",
        "description": kind.when,
        "tags": ["webhooks"],
        "parameters": [
            {"name": header, "in": "header", "required": True, "schema": {"type": "string"}, "description": words}
            for header, words in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example(name, kind)}},
        },
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "Wants no more: nothing is sent any more."},
            "default": {"description": "Tried again for three days."},
        },
    }


def shape(value: Any) -> dict[str, Any]:
    """What an example is of. Fields may be null, and more may be added."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: shape(one) for name, one in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": shape(value[0])}
    kinds = {bool: "boolean", int: "integer", str: "string"}
    return {"type": [kinds[type(value)], "null"]} if type(value) in kinds else {}
