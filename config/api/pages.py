"""Lists in pages, and what narrows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from config.api.manners import Manners
from config.api.problems import invalid
from shops.paging import key_page, read_token


class FiltersLists(Manners):
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
