"""What every API view shares: pages, problems (RFC 9457), money and time on the wire."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from babel.numbers import get_currency_precision
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema_field
from rest_framework import exceptions, serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView, set_rollback

from marketplaces.errors import CredentialsRejected, MarketplaceError, Refused, Unsupported
from marketplaces.records import Money
from shops.paging import key_page, read_token

# --- problems -------------------------------------------------------------------------------------------------------

PROBLEM_JSON = "application/problem+json"
# What clients compare is the type; titles and details are for people and may be worded better at any time.
TITLES: Mapping[str, tuple[int, str]] = {
    "malformed": (400, "The body cannot be read"),
    "invalid": (400, "A field is wrong"),
    "not-authenticated": (401, "Sign in or send a token"),
    "forbidden": (403, "Your role does not allow this"),
    "not-found": (404, "Nothing is here for you"),
    "method-not-allowed": (405, "This cannot be done here"),
    "not-acceptable": (406, "No such format"),
    "already-decided": (409, "Already decided"),
    "too-late": (409, "Too late to take it back"),
    "not-stalled": (409, "The decision does not wait for anybody"),
    "too-large": (413, "Too large"),
    "unsupported-media-type": (415, "No such content type"),
    "not-allowed": (422, "The market or the request's state does not allow this"),
    "marketplace-refused": (422, "The marketplace refused"),
    "broken": (500, "Something broke on our side"),
    "reconnect": (503, "The shop has to be connected again"),
    "marketplace-unavailable": (503, "The marketplace does not answer"),
}
BY_STATUS = {400: "invalid", 401: "not-authenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed"}
BY_STATUS |= {406: "not-acceptable", 413: "too-large", 415: "unsupported-media-type"}


@dataclass
class Problem(Exception):
    """Answer with this problem. `more` are members of its own, such as the URL of the decision that was there first."""

    kind: str
    detail: str
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        code, title = TITLES[self.kind]
        body = {"type": f"/problems/{self.kind}", "title": title, "status": code, "detail": self.detail}
        if self.errors:
            body["errors"] = dict(self.errors)
        return Response({**body, **self.more}, status=code, headers=dict(self.headers), content_type=PROBLEM_JSON)


def problem(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler. What is not known here goes on to Django and its log."""
    found = as_problem(exc)
    if found is None:
        return None
    set_rollback()
    return found.response()


def as_problem(exc: Exception) -> Problem | None:
    match exc:
        case Problem():
            return exc
        case MarketplaceError():
            return from_marketplace(exc)
        case Http404():
            return Problem("not-found", _("There is nothing at this address that you may see."))
        case PermissionDenied():
            return Problem("forbidden", str(exc) or _("Your role does not allow this."))
        case DjangoValidationError():
            return invalid(dict(paths(serializers.as_serializer_error(exc))))
        case exceptions.ValidationError():
            return invalid(dict(paths(exc.detail)))
        case exceptions.ParseError():
            return Problem("malformed", str(exc.detail))
        case exceptions.APIException():
            return from_drf(exc)
        case SuspiciousOperation():  # too many fields or files, too much text between them
            return Problem("too-large", str(exc))
    return None


def from_drf(exc: exceptions.APIException) -> Problem | None:
    kind = BY_STATUS.get(exc.status_code)
    if kind is None:
        return None
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    return Problem(kind, str(exc.detail), headers=headers)


def from_marketplace(error: MarketplaceError) -> Problem:
    """A live question failed. Its words are the marketplace's, and none of them holds a secret."""
    told = {"marketplace": {"code": error.code, "message": error.message, "request_id": error.request_id}}
    match error:
        case Unsupported():
            return Problem("not-allowed", _("The marketplace cannot tell this here."), more=told)
        case Refused():
            return Problem("marketplace-refused", _("The marketplace refused to answer this."), more=told)
        case CredentialsRejected():
            return Problem("reconnect", _("The marketplace no longer accepts this shop's authorization."), more=told)
    wait = getattr(error, "retry_after", None) or 5
    headers = {"Retry-After": f"{wait:.0f}"}
    return Problem(
        "marketplace-unavailable", _("The marketplace does not answer. Nothing was lost; try again."), {}, told, headers
    )


def broken(request: HttpRequest) -> HttpResponseBase:
    """Django's answer to an exception that nobody expected, once it is logged: a problem below /api/, else a page."""
    words = _("It has been written to the log. Look at what is there before you send anything again.")
    return outside_rest_framework(request, "broken", words) or defaults.server_error(request)


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's answer to a request that it does not even pass on, such as one for a host that is not ours."""
    words = _("The request's address or headers cannot be taken as they are.")
    return outside_rest_framework(request, "malformed", words) or defaults.bad_request(request, exception)


def outside_rest_framework(request: HttpRequest, kind: str, words: str) -> JsonResponse | None:
    if not request.path_info.startswith("/api/"):
        return None
    code, title = TITLES[kind]
    body = {"type": f"/problems/{kind}", "title": title, "status": code, "detail": words}
    return JsonResponse(body, status=code, content_type=PROBLEM_JSON)


def invalid(errors: Mapping[str, Sequence[str]]) -> Problem:
    return Problem("invalid", _("Nothing was stored: see `errors` for each field."), errors)


def paths(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """{"items": [{}, {"quantity": ["…"]}]} as ("items[1].quantity", ["…"])."""
    if isinstance(detail, Mapping):
        own = api_settings.NON_FIELD_ERRORS_KEY
        for name, inner in detail.items():
            if isinstance(name, int):
                yield from paths(inner, f"{path}[{name}]")
            else:
                yield from paths(inner, path if name == own and path else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        for number, inner in enumerate(detail):
            yield from paths(inner, f"{path}[{number}]")
    elif isinstance(detail, list):
        yield printable(path) or api_settings.NON_FIELD_ERRORS_KEY, [printable(str(words)) for words in detail]
    elif detail:
        yield printable(path) or api_settings.NON_FIELD_ERRORS_KEY, [printable(str(detail))]


def printable(words: str) -> str:
    """Errors repeat what was sent; half a surrogate pair, which JSON can hold and UTF-8 can't, as a question mark."""
    return words.encode("utf-8", "replace").decode()


class NowhereView(APIView):
    """Any other address below /api/, so that a mistyped one is answered like all the rest."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404


# --- lists and pages ------------------------------------------------------------------------------------------------


class FiltersLists:
    """Parameters that narrow a list say nothing about a single row."""

    action: str

    def filter_queryset(self, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        narrowed: QuerySet[Any] = super().filter_queryset(queryset) if self.action == "list" else queryset  # type: ignore[misc]
        return narrowed


class Pages(BasePagination):
    """Pages that stay right while rows arrive: each begins after the last row of the one before, not at a number.

    A view says its order in `page_order`, as `shops.paging` takes it. With several orders it is a dictionary by the
    value of the parameter `ordering`, the default first.
    """

    def paginate_queryset(  # type: ignore[override]
        self, queryset: "QuerySet[Any]", request: Request, view: APIView | None = None
    ) -> Sequence[Any]:
        self.request = request
        order = self.order(request, view)
        token = request.query_params.get("cursor", "")
        if token and read_token(token, order)[0] is None:
            raise invalid({"cursor": [_("This is no cursor of this list; follow `next` as it is.")]})
        self.page = key_page(queryset, order, token, self.size(request))
        return self.page.rows

    def order(self, request: Request, view: Any) -> Sequence[str]:
        orders: Sequence[str] | Mapping[str, Sequence[str]] = view.page_order
        if not isinstance(orders, Mapping):
            return orders
        name = request.query_params.get("ordering") or next(iter(orders))
        if name not in orders:
            raise invalid({"ordering": [_("Choose one of: %(names)s.") % {"names": ", ".join(orders)}]})
        return orders[name]

    def size(self, request: Request) -> int:
        text = request.query_params.get("page_size") or str(api_settings.PAGE_SIZE)
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_PAGE_SIZE):
            raise invalid({"page_size": [_("Between 1 and %(most)d.") % {"most": MAX_PAGE_SIZE}]})
        return int(text)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.link(self.page.next), "previous": self.link(self.page.previous), "results": data})

    def link(self, token: str) -> str | None:
        return replace_query_param(self.request.build_absolute_uri(), "cursor", token) if token else None

    def get_paginated_response_schema(self, schema: Any) -> Any:
        example = "https://countermand.example/api/v1/cancellations/?cursor=W2ZhbHNlLCA0NzExXQ"
        link = {"type": ["string", "null"], "format": "uri", "example": example}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**link, "description": "The next page as it is to be fetched; null on the last one."},
                "previous": {**link, "description": "The page before; null on the first one."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        cursor = {"type": "string"}
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": api_settings.PAGE_SIZE}
        parameters: list[Any] = [
            parameter("cursor", cursor, "Where the page begins. Take it from `next`."),
            parameter("page_size", size, "How many rows a page has."),
        ]
        if isinstance(view.page_order, dict):
            names = list(view.page_order)
            parameters.append(parameter("ordering", {"type": "string", "enum": names, "default": names[0]}, "Order."))
        return parameters


MAX_PAGE_SIZE = 200


def parameter(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": dict(schema), "description": description}


# --- on the wire ----------------------------------------------------------------------------------------------------

# CLDR still counts sen; no shop prices in them.
WITHOUT_DECIMALS = frozenset({"IDR"})


def plain_amount(money: Money) -> str:
    """ "26.98" for 26.9800 GBP and "150000" for 150000.0000 IDR; what is finer than the currency's coins is kept."""
    least = 0 if money.currency in WITHOUT_DECIMALS else get_currency_precision(money.currency)
    rounded = money.amount.quantize(Decimal(1).scaleb(-least))
    return f"{rounded if rounded == money.amount else money.amount.normalize():f}"


@extend_schema_field(
    {
        "type": ["object", "null"],
        "required": ["amount", "currency"],
        "properties": {
            "amount": {"type": "string", "description": "A decimal number as text, never a float.", "example": "26.98"},
            "currency": {"type": "string", "description": "ISO 4217.", "example": "GBP"},
        },
    }
)
class MoneyField(serializers.Field):  # type: ignore[type-arg]
    """An amount of the row's own `currency` as {"amount": "26.98", "currency": "GBP"}; read only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)
        self.column = ""

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        self.column, self.source, self.source_attrs = self.source or field_name, "*", []

    def to_representation(self, row: Any) -> dict[str, str] | None:
        amount = getattr(row, self.column)
        if amount is None:
            return None
        return {"amount": plain_amount(Money(amount, row.currency)), "currency": row.currency}


class UtcTime(serializers.DateTimeField):
    """RFC 3339 in UTC, whatever zone the reader likes; what is sent must name its offset."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, default_timezone=UTC)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise serializers.ValidationError(_("Give the time with its offset, such as 2026-11-20T08:00:00Z."))
        return super().enforce_timezone(value)


class Rows(serializers.ModelSerializer[Any]):
    """Rows as they are read: nothing that derives from this can be written through."""

    serializer_field_mapping: ClassVar = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: UtcTime,
    }

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for one in fields.values():
            one.read_only, one.required = True, False
        return fields


class Strict(serializers.Serializer[Any]):
    """A body in which every name is known: what would be ignored is refused, so that nobody believes it was done."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        # A form writes what is inside of a field as `shipping.tracking_number` or `images[0]`.
        is_form = hasattr(data, "getlist")
        known = {*self.fields, "csrfmiddlewaretoken"} if is_form else {*self.fields}
        unknown = [name for name in data if (re.split(r"[.\[]", name)[0] if is_form else name) not in known]
        if unknown:
            raise serializers.ValidationError({str(name): [_("There is no such field.")] for name in unknown})
        return values


# --- how problems are documented ------------------------------------------------------------------------------------


US_REJECT = (
    "**United States:** shipping a package rejects the buyer's request, and the marketplace's Reject Cancellation "
    "endpoint was to be left by **March 31, 2024**. Since that day `reject` is answered with 422 for a US shop, unless "
    "an administrator has allowed it for that shop; send `ship_to_reject` instead. The request's `offers` say which "
    "verdicts can work, why not, and link the notice."
)


class MarketplaceWords(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="The marketplace's own code; empty where it gave none.")
    message = serializers.CharField(help_text="The marketplace's own words.")
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
    decision = serializers.URLField(required=False, help_text="With 409: the decision that is there.")
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
    "already-decided": {
        "detail": "Ada Lovelace has decided already: approve (recorded).",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "too-late": {
        "detail": "Too late to take it back: it is sending.",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "not-stalled": {
        "detail": "This decision is confirmed, so there is nothing to ask.",
        "decision": "https://countermand.example/api/v1/decisions/4711/",
    },
    "too-large": {"detail": "The body may have at most 5242880 bytes."},
    "unsupported-media-type": {"detail": 'Unsupported media type "text/plain" in request.'},
    "not-allowed": {
        "detail": (
            "In United States the Reject Cancellation endpoint was to be left by March 31, 2024: shipping the package "
            "rejects the request instead. Use “ship to reject”."
        ),
        "notice": {
            "text": "In the US a request is rejected by shipping the order.",
            "url": "https://partner.tiktokshop.com/docv2/page/us-only-order-cancellation-workflow-updates",
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
