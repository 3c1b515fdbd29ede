"""How bodies are read. Apart from `config.api`, as REST framework asks for parsers while it is being imported."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework import exceptions, parsers, status

# Nine images of 10 MB and a page of text.
MAX_UPLOAD_BYTES = 100_000_000


class Json(parsers.JSONParser):
    """JSON of a size that may be held in memory, and of a depth that can be read."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        must_be_within(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, parser_context)
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError(_("The JSON is nested too deeply.")) from None


class Multipart(parsers.MultiPartParser):
    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        must_be_within(MAX_UPLOAD_BYTES, parser_context)
        return super().parse(stream, media_type, parser_context)


def must_be_within(limit: int, parser_context: Any) -> None:
    """Judge by the announced length: what was not announced, WSGI does not read."""
    if int(parser_context["request"].META.get("CONTENT_LENGTH") or 0) > limit:
        raise TooLarge(_("The body may have at most %(limit)d bytes.") % {"limit": limit})


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
