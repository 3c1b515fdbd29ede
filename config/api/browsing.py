"""The OpenAPI description as it is served, and what shows it to people."""

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from django.contrib.auth.decorators import login_required
from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response


class SchemaView(SpectacularAPIView):
    """In English, whatever the reader's language: the words of columns are those of the screens."""

    permission_classes = [IsAuthenticated]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with translation.override("en"):
            answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer


# These two write styles into their elements; they are the only pages that may. Redoc searches in a worker of its own.
swagger = csp_update({"style-src": [SELF, UNSAFE_INLINE]})(
    login_required(SpectacularSwaggerSplitView.as_view(url_name="api:schema"))
)
redoc = csp_replace({"style-src": [SELF, UNSAFE_INLINE], "worker-src": ["blob:"], "img-src": [SELF, "data:"]})(
    login_required(SpectacularRedocView.as_view(url_name="api:schema", template_name="api/redoc.html"))
)
