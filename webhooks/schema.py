"""The events in the OpenAPI description, in the section that OpenAPI 3.1 has for them."""

from collections.abc import Mapping, Set
from typing import Any

from webhooks.events import TEST, TEST_NAME, TYPES, Kind, example

# By what it is told of, the fields that may be null. All fields are always there.
MAY_BE_NULL = {
    "cancellation": {"order", "deadline", "refund", "from", "decision"},
    "deadline": {"order", "refund"},
    "decision": {
        "order", "cancellation", "cancellation_marketplace_id", "stalled_because", "gives_back"
    },
}  # fmt: skip
HEADERS = {
    "webhook-id": "The id of the event, the same at every try.",
    "webhook-timestamp": "When this try was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and a signature; several, with a space between, while a secret is being changed.",
}


def describe_events(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["webhooks"] = {name: {"post": operation(name, kind)} for name, kind in {**TYPES, TEST_NAME: TEST}.items()}
    return result


def operation(name: str, kind: Kind) -> dict[str, Any]:
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
            "content": {"application/json": {"schema": body(name, kind), "example": example(name, kind)}},
        },
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "Wants no more: nothing is sent any more."},
            "default": {"description": "Tried again for three days."},
        },
    }


def body(name: str, kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": name},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": shape(kind.example, MAY_BE_NULL.get(name.split(".")[0], set())),
        },
    }


def shape(value: Any, may_be_null: Set[str] = frozenset()) -> dict[str, Any]:
    """What an example is of. More fields may be added; null in an example stands for a text that may be missing."""
    if isinstance(value, Mapping):
        fields = {name: shape(one) for name, one in value.items()}
        for name in may_be_null & fields.keys():
            fields[name]["type"] = [fields[name]["type"], "null"]
        return {"type": "object", "required": list(fields), "properties": fields}
    if isinstance(value, list):
        return {"type": "array", "items": shape(value[0])}
    kinds = {bool: "boolean", int: "integer", str: "string", type(None): "string"}
    return {"type": kinds[type(value)]}
