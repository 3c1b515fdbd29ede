"""Crux Connect's TIMP orders API over HTTP: one method for each call, JSON in and JSON out. Knows no records.

Every method raises marketplaces.errors with the HTTP status as code. A method that changes something raises
OutcomeUnknown where its answer was lost, and is never tried again here. Cookies are neither kept nor sent. Names of
pages are those of docs.cruxconnect.com.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from marketplaces.crux_timp import endpoints as at
from marketplaces.crux_timp.endpoints import Endpoint
from marketplaces.crux_timp.failures import error_for
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import CredentialsRejected, OutcomeUnknown, Refused
from marketplaces.http import SHARED, Http, HttpAnswer, header_safe, unclear
from marketplaces.reading import parsed
from marketplaces.records import Credentials

JSON = "application/json; charset=utf-8"
LONGEST_WORDS = 200  # characters of an answer's words that people are shown

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A change that succeeded; `data` is None where nothing is said about it."""

    status: int
    data: Any = None


class CruxTimpClient:
    """Speaks for one user of a supplier."""

    def __init__(self, credentials: Credentials, readings: Readings, http: Http = SHARED) -> None:
        self._credentials = credentials
        self._readings = readings
        self._http = http
        self._base = (credentials.api_url or at.HOSTS[readings.environment]).rstrip("/")

    def sign_in(self) -> Any:
        """`auth_token`, `org_uuid`, `org_type` and `permission_assignments` of the user. Page: Retrieve Auth Token."""
        name, password = self._credentials.app_key, self._credentials.app_secret
        if not name or not password:
            raise CredentialsRejected("Crux Connect needs a user name and a password.")
        answer = self._send(at.SIGN_IN, body={"username": name, "password": password}, token=False)
        return self._json(answer, at.SIGN_IN)

    # Orders

    def orders(self, search: Body) -> Any:
        """`orders` and `total_results` of a search; without any field, of all orders. Page: Get Orders."""
        return self._json(self._send(at.GET_ORDERS, body=search), at.GET_ORDERS)

    def order(self, order_uuid: str) -> Any:
        """One order, or None where there is none of ours with this UUID. Page: Get Order Detail."""
        answer = self._send(at.ORDER_DETAIL, order_uuid, accepted=(404,))
        return None if answer.status == 404 else self._json(answer, at.ORDER_DETAIL)

    # Answers to a retailer who asks to cancel. Each takes the UUID alone: no reason and no quantity can go with it.

    def confirm_order(self, order_uuid: str) -> Answer:
        """Cancel our open lines of the order. Page: Confirm Order Cancelation."""
        return self._decide(at.CONFIRM_ORDER, order_uuid)

    def reject_order(self, order_uuid: str) -> Answer:
        """Let the order stand. Page: Reject Order Cancelation."""
        return self._decide(at.REJECT_ORDER, order_uuid)

    def confirm_item(self, line_item_uuid: str) -> Answer:
        """Cancel one line. Page: Cancel Order Item, whose path ends in `confirm`."""
        return self._decide(at.CONFIRM_ITEM, line_item_uuid)

    def reject_item(self, line_item_uuid: str) -> Answer:
        """Let one line stand. Page: Reject Order Item Cancelation."""
        return self._decide(at.REJECT_ITEM, line_item_uuid)

    def _decide(self, endpoint: Endpoint, uuid: str) -> Answer:
        """A 2xx is a success, and no page documents its body. But a page of HTML is somebody else's, and what tells of
        an error contradicts its status.
        """
        body: Body | None = {} if self._readings.decision_body == "empty_object" else None
        endpoint = replace(endpoint, permission=self._readings.decision_permission)
        answer = self._send(endpoint, uuid, body)
        if answer.body.lstrip().startswith(b"<"):
            raise OutcomeUnknown("A page came instead of an answer.", code=str(answer.status))
        if _tells_of_an_error(answer.body):
            raise OutcomeUnknown("The answer says yes by its status and no by its words.", code=str(answer.status))
        return Answer(answer.status)

    # Fulfilment

    def allocate(self, order_uuid: str, line_items: Sequence[Body]) -> Answer:
        """What became of each line, in one of two forms. Page: Allocate Order.

        `line_items` are {line_item_uuid, allocation: {quantity_accepted, quantity_rejected, quantity_backordered,
        backorder_date}}.
        """
        answer = self._send(at.ALLOCATE, order_uuid, {"line_items": [dict(line) for line in line_items]})
        return Answer(answer.status, self._json(answer, at.ALLOCATE))

    def add_tracking(self, order_uuid: str, package: Body) -> Answer:
        """`package_uuid` of one package that left, or nothing. Page: Add Order Tracking.

        `package` is {tracking_number, supplier_provided_carrier, line_items: [{line_item_uuid, quantity_shipped}]}.
        """
        answer = self._send(at.ADD_TRACKING, order_uuid, package)
        return Answer(answer.status, self._json(answer, at.ADD_TRACKING) if answer.body.strip() else None)

    def notifications(self) -> Any:
        """A list of {uuid, title, created_at, type}, which may count as seen once read.

        Page: Get Dashboard Notifications.
        """
        return self._json(self._send(at.NOTIFICATIONS), at.NOTIFICATIONS)

    # One call

    def _send(
        self,
        endpoint: Endpoint,
        uuid: str = "",
        body: Body | None = None,
        *,
        token: bool = True,
        accepted: Sequence[int] = (),
    ) -> HttpAnswer:
        """The answer where it is a 2xx or one of `accepted`, otherwise the error that it stands for."""
        path = endpoint.path.format(uuid=_canonical(uuid)) if "{uuid}" in endpoint.path else endpoint.path
        headers = {"Authorization": f"Token {self._token()}"} if token else {}
        content = None if body is None else _json_bytes(body)
        if content is not None:
            headers["Content-Type"] = JSON
        answer = self._http.send(
            endpoint.method, self._base + path, effect=endpoint.effect, headers=headers, body=content
        )
        if 200 <= answer.status < 300 or answer.status in accepted:
            return answer
        raise error_for(
            answer.status,
            self._words(answer.body),
            endpoint,
            not_pending=int(self._readings.not_pending),
            retry_after=answer.retry_after,
        )

    def _token(self) -> str:
        token = self._credentials.access_token
        if not token:
            raise CredentialsRejected("There is no token yet: sign in first.", expired=True)
        return header_safe(token)

    def _json(self, answer: HttpAnswer, endpoint: Endpoint) -> Any:
        try:
            return parsed(answer.body)
        except ValueError:
            message = f"The answer (HTTP {answer.status}) cannot be read."
        raise unclear(endpoint.effect, message, code=str(answer.status))

    def _words(self, body: bytes) -> str:
        """What a refusal says to people, where that is short, plain and free of our secrets."""
        try:
            told = parsed(body)
        except ValueError:
            return ""
        words = (told.get("detail") or told.get("message")) if isinstance(told, dict) else None
        if not isinstance(words, str) or len(words) > LONGEST_WORDS or not words.isprintable() or "<" in words:
            return ""
        for secret in (self._credentials.app_secret, self._credentials.access_token):
            if secret:
                words = words.replace(secret, "…")
        return words.strip()


def _tells_of_an_error(body: bytes) -> bool:
    """Whether a body has words that only a refusal has."""
    try:
        told = parsed(body)
    except ValueError:
        return False
    return isinstance(told, dict) and any(told.get(name) for name in ("detail", "error", "errors"))


def _json_bytes(body: Body) -> bytes:
    """What goes over the wire. Half a surrogate pair, which no UTF-8 can hold, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _canonical(uuid: str) -> str:
    """The UUID, where it is one in its canonical form: anything else could lead to another path."""
    if not _UUID.fullmatch(uuid):
        raise Refused("This is not an id of Crux Connect.")
    return uuid
