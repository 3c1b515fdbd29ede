"""Who asks and from where, for serializers and filters that work for no web request: a worker's, a command's."""

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from django.http import HttpRequest, QueryDict

if TYPE_CHECKING:
    from accounts.models import User


class OffTheWeb(HttpRequest):
    """Stands in for a request. `base_url` is what addresses begin with; without it they begin at the root."""

    user: "User"

    def __init__(self, user: "User", base_url: str = "") -> None:
        super().__init__()
        self.user, self.base_url = user, base_url
        self.method = "GET"
        self.query_params = QueryDict()

    def build_absolute_uri(self, location: str | None = None) -> str:
        return urljoin(self.base_url, location or "") if self.base_url else location or "/"
