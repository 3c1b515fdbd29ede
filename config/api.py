"""What every API view shares: pages and errors."""

from rest_framework.pagination import CursorPagination
from rest_framework.views import exception_handler as problem

__all__ = ["Pages", "problem"]


class Pages(CursorPagination):
    page_size = 50
    ordering = "-pk"
