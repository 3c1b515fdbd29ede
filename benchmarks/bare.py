"""Views that do nothing but answer, signed in and through the same middleware: limits for those that do something."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

# What the queue's rows are rendered from, once the queue itself has shown them.
kept: dict[str, Any] = {}

ROWS = """{% load queue %}{% lean %}<table>{% for band, rows in groups %}{% for row in rows %}
{% include "cancellations/_row.html" %}{% endfor %}{% endfor %}</table>{% endlean %}"""


def keeping(request: HttpRequest, template: str, context: Mapping[str, Any], **more: Any) -> HttpResponse:
    """As `render`, and what it was rendered from is kept."""
    kept.update(context)
    return render(request, template, dict(context), **more)


def rows(request: HttpRequest) -> HttpResponse:
    """The rows of the page that was kept, by the product's own template, and nothing around them."""
    return HttpResponse(template().render(kept, request))


@cache
def template() -> Any:
    return engines["django"].from_string(ROWS)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


class Bare(APIView):
    def get(self, request: Request) -> Response:
        return Response({"ok": True})
