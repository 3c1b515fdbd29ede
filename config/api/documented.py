"""How problems, and what integrators must know about markets, stand in the OpenAPI description."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from config.api.problems import PROBLEM_JSON, TITLES

US_REJECT = (
    "**United States:** shipping a package rejects the buyer's request, and the marketplace's Reject Cancellation "
    "endpoint was to be left by **March 31, 2024**. Since that day `reject` is answered with 422 for a US shop, unless "
    "an administrator has allowed it for that shop; send `ship_to_reject` instead. The request's `offers` say which "
    "verdicts can work, why not, and link the notice."
)


class MarketplaceWords(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="The marketplace's own code; empty where it gave none.")
    message = serializers.CharField(
        help_text="The marketplace's own words; ours where none came that can be read, as after a lost connection."
    )
    request_id = serializers.CharField(help_text="What the marketplace's support asks for.")


class NoticeSerializer(serializers.Serializer[Any]):
    """Something integrators must know about a market, with the page that says so."""

    text = serializers.CharField()
    url = serializers.CharField()
    date = serializers.DateField(allow_null=True, help_text="The day from which the rule holds.")


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. Compare `type`; the other members are for people, and may be worded better at any time."""

    type = serializers.CharField(help_text="A stable relative URI. docs/api.md lists all of them.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong by field, written like `items[1].line_item`.",
    )
    decision = serializers.URLField(
        required=False, help_text="The decision that is there (409), or that settled the request (422)."
    )
    cancellation = serializers.URLField(required=False, help_text="With `already-recorded`: the request that is there.")
    orders = serializers.ListField(
        child=serializers.URLField(), required=False, help_text="With `ambiguous`: the orders that it may mean."
    )
    shops = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="With `ambiguous`: the shop of each of `orders`."
    )
    notice = NoticeSerializer(required=False, help_text="With 422: the market's rule behind it.")
    marketplace = MarketplaceWords(required=False, help_text="With errors of the marketplace: what it said.")


EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "malformed": {"detail": "JSON parse error - Expecting ',' delimiter: line 1 column 20 (char 19)"},
    "invalid": {
        "detail": "Nothing was stored: see `errors` for each field.",
        "errors": {"items[1].line_item": ["This order has no such line item."]},
    },
    "not-authenticated": {"detail": "Authentication credentials were not provided."},
    "forbidden": {"detail": "Your role in this shop does not allow this."},
    "not-found": {"detail": "There is nothing at this address that you may see."},
    "ambiguous": {
        "detail": "Several orders go by this. Choose one of them.",
        "orders": ["https://countermand.example/api/v1/orders/815/", "https://countermand.example/api/v1/orders/816/"],
        "shops": [3, 7],
    },
    "already-decided": {
        "detail": "Ada Lovelace has decided already: approve (recorded).",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "already-recorded": {
        "detail": "Ada Lovelace has recorded this request already, and it waits for an answer.",
        "cancellation": "https://countermand.example/api/v1/cancellations/4711/",
    },
    "too-late": {
        "detail": "Too late to take it back: it is sending.",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "not-stalled": {
        "detail": "This decision is confirmed, so there is nothing to ask.",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "not-unsigned": {
        "detail": "You decided this yourself: somebody else has to countersign.",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "idempotency-key-reused": {"detail": "This key was sent with another request. Take a new one for this."},
    "idempotency-key-in-use": {
        "detail": "The first request with this key is still being answered. Send it again in a moment."
    },
    "too-many-requests": {"detail": "You call more often than is allowed. Wait 12 seconds."},
    "too-large": {"detail": "The body may have at most 5242880 bytes."},
    "unsupported-media-type": {"detail": 'Unsupported media type "text/plain" in request.'},
    "not-allowed": {
        "detail": (
            "In United States the Reject Cancellation endpoint was to be left by March 31, 2024: shipping the package "
            "rejects the request instead. Use “ship to reject”."
        ),
        "notice": {
            "text": "In the US a request is rejected by shipping the order.",
            "url": "https://marketplace.example/notices/order-cancellation",
            "date": "2024-03-31",
        },
    },
    "marketplace-refused": {
        "detail": "The marketplace refused to answer this.",
        "marketplace": {"code": "25020012", "message": "cancel order status is invalid", "request_id": "2026112008…"},
    },
    "marketplace-unavailable": {
        "detail": "The marketplace does not answer. Nothing was lost; try again.",
        "marketplace": {"code": "36009003", "message": "Internal error", "request_id": "2026112008…"},
    },
    "reconnect": {
        "detail": "The marketplace no longer accepts this shop's authorization.",
        "marketplace": {"code": "105002", "message": "Expired credentials", "request_id": "2026112008…"},
    },
}


def problems(*kinds: str) -> dict[Any, OpenApiResponse]:
    """Problems for `extend_schema(responses={200: …, **problems("not-found")})`; 401 is always among them."""
    by_status: dict[int, list[str]] = {}
    for kind in ("not-authenticated", *kinds):
        by_status.setdefault(TITLES[kind][0], []).append(kind)
    return {
        (code, PROBLEM_JSON): OpenApiResponse(
            ProblemSerializer,
            description=" / ".join(TITLES[kind][1] for kind in names) + ".",
            examples=[example(kind, code) for kind in names],
        )
        for code, names in sorted(by_status.items())
    }


def example(kind: str, code: int) -> OpenApiExample:
    value = {"type": f"/problems/{kind}", "title": TITLES[kind][1], "status": code, **EXAMPLES[kind]}
    return OpenApiExample(kind, value, response_only=True, status_codes=[str(code)], media_type=PROBLEM_JSON)
