"""What the OpenAPI description says beyond what the views say: words for columns, and an example of every body."""

from collections.abc import Mapping
from typing import Any

from django.utils.text import capfirst
from rest_framework import serializers

from config.api.collection import FILE, FORM, operations
from config.api.schema import Described

SERVER = "https://countermand.example/api/v1/"
ABOUT = """\
What staff decide on the screens, programs decide here: the same rules, the same roles, the same verbs.

Send `Authorization: Token …`. Ids are ours (`id`) or the marketplace's (`marketplace_id`, always text); money is an
amount as text with its currency; times are RFC 3339 in UTC. Lists come in pages: follow `next` as it is. Every error is
a problem (RFC 9457): compare its `type`. A name that is not known, in a body or behind the question mark, is refused.
Words from outside, such as an order's `status`, may be new tomorrow.
"""
TAGS: Mapping[str, str] = {
    "announcements": "What a marketplace says happened without saying to which order.",
    "audit": "Who did what, when and from where.",
    "batches": "One verdict for many requests, with what became of each.",
    "cancellations": "Buyers' requests, what can be decided about them, and what the staff shares about them.",
    "cancelled-lines": "The ledger that stock and money events are made of.",
    "decisions": "What staff want done, and every call that was made for it.",
    "deliveries": "What was sent to your endpoints, and what came back.",
    "endpoints": "Addresses of yours that are told what happens.",
    "evidence": "Images that go with a rejection.",
    "health": "How shops stand: what is read, what failed, what waits.",
    "orders": "Orders with lines and packages, and what can be cancelled of them.",
    "shops": "Your shops, what their markets allow, and how they are read.",
    "tellings": "Who was told that nobody has answered, and who could not be.",
}
# What a field holds, by its name; numbers, times and words of an enum need no entry.
HOLDS: Mapping[str, Any] = {
    "marketplace": "marketplace",
    "marketplace_id": "577087614418520388",
    "marketplace_name": "Marketplace",
    "marketplace_image_id": "tos-useast5/a1b2c3",
    "line_item_marketplace_id": "577087614418651460",
    "order_marketplace_id": "577087614418520388",
    "order_number": "PO-104417",
    "number": "PO-104417",
    "name": "Ada Lovelace",
    "actor_name": "Ada Lovelace",
    "who": "Ada Lovelace",
    "product_name": "Cotton tote bag",
    "sku_name": "Black, Standard",
    "seller_sku": "TOTE-BLK",
    "reason": "order_manage_list_action_respond_popup_reject_reason_delivered_uk",
    "reason_text": "Product delivery is on schedule",
    "comment": "It left yesterday.",
    "note": "Called the carrier: it is still there.",
    "status": "AWAITING_SHIPMENT",
    "order_statuses": "AWAITING_SHIPMENT",
    "region": "GB",
    "market_name": "United Kingdom",
    "recipient_region": "GB",
    "time_zone": "Europe/London",
    "language": "en",
    "currency": "GBP",
    "tracking_number": "JD014600003RQ",
    "shipping_provider": "Royal Mail",
    "mime_type": "image/png",
    "original_name": "proof.png",
    "code": "25020012",
    "error_code": "36009003",
    "message": "cancel order status is invalid",
    "request_id": "202611200812345678ABCDEF",
    "action": "decision.recorded",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "address": "203.0.113.7",
    "url": f"{SERVER}decisions/4711/",
}
BY_FORMAT: Mapping[str, Any] = {
    "date-time": "2026-11-20T08:00:00Z",
    "date": "2026-11-20",
    "time": "08:00:00",
    "uri": f"{SERVER}cancellations/4711/",
    "uuid": "2f1f7a52-6d1e-4b52-9f0f-0f4f2a3a9c11",
    "email": "ada@countermand.example",
    "binary": FILE,
}


class Explained(Described):
    def get_operation_id(self) -> str:
        """`decisions_withdraw`: what is no collection and no row is called as its address, without a `_create`."""
        name: str = super().get_operation_id()
        is_collection = "list" in (getattr(self.view, "action_map", None) or {}).values()
        if is_collection or "{" not in self.path or self.path.endswith("}/"):
            return name
        return name.removesuffix("_create").removesuffix("_retrieve")

    def _get_parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super()._get_parameters()
        for one in found:  # the pattern only keeps words out
            if one["in"] == "path" and one["schema"].get("pattern", "").startswith(
                "^\\d"
            ):  # which only keeps words out
                one["schema"] = {"type": "integer", "minimum": 1}
        return found

    def _get_serializer_field_meta(self, field: Any, direction: str) -> dict[str, Any]:
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        if "description" not in meta and (words := of_column(field)):
            meta["description"] = words
        return meta


def of_column(field: serializers.Field[Any, Any, Any, Any]) -> str:
    """What a field of rows is called where its serializer says nothing: the words of its column."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    if model is None:
        return ""
    columns: dict[str, Any] = {
        column.name: column for column in model._meta.get_fields() if hasattr(column, "verbose_name")
    }
    column = columns.get(getattr(field, "column", "") or field.source or str(field.field_name))
    if column is None:
        return ""
    if column.primary_key:
        return "Our id."
    if isinstance(field, serializers.PrimaryKeyRelatedField):
        return f"{capfirst(column.verbose_name)}: our `id` of it."
    return f"{capfirst(column.help_text or column.verbose_name).rstrip('.')}."


def with_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add an example to every body that has none; drf-spectacular's last hook."""
    tags: set[str] = set()
    for _path, _method, told in operations(result):
        tags.update(told["tags"])
        bodies = [body["content"] for body in told["responses"].values() if "content" in body]
        if sent := told.get("requestBody", {}).get("content"):
            if not has_files(result, sent.get(FORM, {}).get("schema", {})):
                sent.pop(FORM, None)  # a form works too, and is worth no words where no file goes with it
            bodies.append(sent)
        for content in bodies:
            for kind, body in content.items():
                if not body.get("examples") and (kind.endswith("json") or kind == FORM):
                    body["examples"] = {"example": {"value": example(result, body["schema"])}}
    result["info"]["description"] = ABOUT
    result["tags"] = [{"name": name, "description": TAGS.get(name, "")} for name in sorted(tags)]
    return result


def resolved(whole: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def has_files(whole: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    found = resolved(whole, schema)
    inside = [*found.get("properties", {}).values(), *([found["items"]] if "items" in found else [])]
    return found.get("format") == "binary" or any(has_files(whole, one) for one in inside)


def example(whole: Mapping[str, Any], schema: Mapping[str, Any], name: str = "") -> Any:
    """Something that fits `schema`, the same every time."""
    found = resolved(whole, schema)
    for one in (schema, found):
        if "example" in one:
            return one["example"]
        if "examples" in one:
            return one["examples"][0]
    if options := found.get("oneOf") or found.get("anyOf") or found.get("allOf"):
        return example(whole, options[0], name)
    if "enum" in found:
        return next((value for value in found["enum"] if value), found["enum"][0])
    kinds = found.get("type", "object" if "properties" in found else "string")
    kind = kinds if isinstance(kinds, str) else next(one for one in kinds if one != "null")
    return of_kind(whole, found, kind, name)


def of_kind(whole: Mapping[str, Any], found: Mapping[str, Any], kind: str, name: str) -> Any:
    if kind == "object":
        more = found.get("additionalProperties")
        known = {key: example(whole, inner, key) for key, inner in found.get("properties", {}).items()}
        return known or ({"name": example(whole, more, name)} if isinstance(more, Mapping) and more else {})
    if kind == "array":
        return [example(whole, found["items"], name)]
    if kind == "boolean":
        return bool(found.get("default", True))
    if kind in ("integer", "number"):
        return found.get(
            "default", max(found.get("minimum", 0), 1 if "quantity" in name else 0) or NUMBERS.get(name, 4711)
        )
    return BY_FORMAT.get(found.get("format", "")) or HOLDS.get(name, found.get("default") or "…")


NUMBERS: Mapping[str, int] = {
    "times": 1, "number": 1, "width": 1200, "height": 900, "size": 84120, "hours": 48, "pages": 3, "percent": 100,
    "status": 200,
}  # fmt: skip
