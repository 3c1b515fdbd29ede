"""TikTok Shop over HTTP: one method for each endpoint, JSON in and JSON out. Knows no records and no database.

Every method raises marketplaces.errors with TikTok's code, message and request id. A method that changes something
raises OutcomeUnknown where its answer was lost; see `endpoints` for which those are. Times are Unix seconds, ids and
money are text. Pages: https://partner.tiktokshop.com/docv2/page/ followed by the name in each docstring.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from urllib3.filepost import encode_multipart_formdata

from marketplaces import turns
from marketplaces.errors import MarketplaceError, Refused, TemporaryFailure
from marketplaces.http import SHARED, Effect, Http, HttpAnswer, header_safe, unclear
from marketplaces.reading import parsed
from marketplaces.records import Credentials
from marketplaces.tiktok_shop import endpoints as at
from marketplaces.tiktok_shop.endpoints import Endpoint
from marketplaces.tiktok_shop.failures import error_for
from marketplaces.tiktok_shop.rulebook import CALLS_PER_SECOND
from marketplaces.tiktok_shop.signing import request_signature

JSON = "application/json"
MAX_ORDER_IDS = 50  # of Get Order Detail
MAX_SEARCH_IDS = 50  # of Search Cancellations: no limit is published, so one page of answers

Query = dict[str, str]
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; `data` is empty where TikTok Shop sent none."""

    data: Mapping[str, Any]
    request_id: str
    message: str


class TikTokShopClient:
    """Speaks for one seller, and for one shop where the credentials hold its cipher."""

    def __init__(self, credentials: Credentials, http: Http = SHARED, clock: Callable[[], float] = time.time) -> None:
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self._api_url = (credentials.api_url or at.API_URL).rstrip("/")
        self._auth_url = (credentials.auth_url or at.AUTH_URL).rstrip("/")

    # Authorization

    def get_tokens(self, auth_code: str) -> Answer:
        """Trade the code of a seller's consent for tokens; it works once, for 30 minutes.

        authorization-overview-202407
        """
        query = {"auth_code": auth_code, "grant_type": "authorized_code"}
        return self._token_call(at.TOKEN_GET_PATH, query, auth_code)

    def refresh_tokens(self, refresh_token: str) -> Answer:
        """New tokens for an old refresh token, which may be dead afterwards. authorization-overview-202407"""
        query = {"refresh_token": refresh_token, "grant_type": "refresh_token"}
        return self._token_call(at.TOKEN_REFRESH_PATH, query, refresh_token)

    def authorized_shops(self) -> Answer:
        """`shops[]` of the seller behind the access token. get-authorized-shops"""
        return self._call(at.AUTHORIZED_SHOPS)

    # Orders

    def search_orders(
        self,
        *,
        page_size: int,
        page_token: str = "",
        update_time_ge: int | None = None,
        update_time_lt: int | None = None,
        is_buyer_request_cancel: bool | None = None,
    ) -> Answer:
        """`orders[]`, `next_page_token` and `total_count`, oldest change first; 1 to 100 a page. get-order-list"""
        body = _without_none(
            update_time_ge=update_time_ge,
            update_time_lt=update_time_lt,
            is_buyer_request_cancel=is_buyer_request_cancel,
        )
        return self._call(at.ORDER_LIST, _paging(page_size, page_token), body)

    def order_details(self, order_ids: Sequence[str]) -> Answer:
        """`orders[]` of 1 to 50 ids; unknown ids are left out of the answer. get-order-detail"""
        if not 1 <= len(order_ids) <= MAX_ORDER_IDS:
            raise ValueError(f"Get Order Detail takes 1 to {MAX_ORDER_IDS} ids, not {len(order_ids)}")
        return self._call(at.ORDER_DETAIL, {"ids": ",".join(map(_plain_id, order_ids))})

    # Cancellations

    def search_cancellations(
        self,
        *,
        page_size: int,
        page_token: str = "",
        cancel_ids: Sequence[str] = (),
        order_ids: Sequence[str] = (),
        update_time_ge: int | None = None,
        update_time_lt: int | None = None,
    ) -> Answer:
        """`cancellations[]`, `next_page_token` and `total_count`, oldest change first; 1 to 50 a page.

        search-cancellations
        """
        body = _without_none(
            cancel_ids=list(cancel_ids) or None,
            order_ids=list(order_ids) or None,
            update_time_ge=update_time_ge,
            update_time_lt=update_time_lt,
        )
        return self._call(at.SEARCH_CANCELLATIONS, _paging(page_size, page_token), body)

    def approve(self, cancel_id: str, *, idempotency_key: str = "") -> Answer:
        """Accept a buyer's request. Sends no body, since signing an empty one is disputed. approve-cancellation"""
        return self._call(at.APPROVE, _key(idempotency_key), cancel_id=cancel_id)

    def reject(
        self,
        cancel_id: str,
        *,
        reason: str,
        comment: str = "",
        images: Sequence[Mapping[str, Any]] = (),
        idempotency_key: str = "",
    ) -> Answer:
        """Decline a buyer's request. `images` are {image_id, mime_type, width, height}. reject-cancellation"""
        body = _without_none(
            reject_reason=reason, comment=comment or None, images=[dict(image) for image in images] or None
        )
        return self._call(at.REJECT, _key(idempotency_key), body, cancel_id=cancel_id)

    def cancel_order(
        self,
        order_id: str,
        *,
        reason: str,
        line_item_ids: Sequence[str] = (),
        skus: Mapping[str, int] | None = None,
    ) -> Answer:
        """Cancel as the seller: some line items, or quantities by SKU id, or with neither the whole order.

        `cancel_id` and `cancel_status` come back. cancel-order
        """
        if line_item_ids and skus:
            raise ValueError("what line items and SKUs together mean is not documented: give one of them")
        body = {"order_id": order_id, "cancel_reason": reason} | _chosen(line_item_ids, skus)
        return self._call(at.CANCEL_ORDER, body=body)

    def reject_reasons(self, return_or_cancel_id: str, *, locale: str = "") -> Answer:
        """`reasons[]` of {name, text} for this very request; `locale` such as en-US. get-reject-reasons"""
        query = _without_none(return_or_cancel_id=return_or_cancel_id, locale=locale or None)
        return self._call(at.REJECT_REASONS, query)

    def aftersale_eligibility(self, order_id: str) -> Answer:
        """`sku_eligibility[]`: what the seller may start for which line items. get-aftersale-eligibility"""
        return self._call(at.ELIGIBILITY, {"initiate_aftersale_user": "SELLER"}, order_id=order_id)

    def calculate_refund(
        self, order_id: str, *, reason: str, line_item_ids: Sequence[str] = (), skus: Mapping[str, int] | None = None
    ) -> Answer:
        """`order_refund_amount` that a cancellation for this reason would give back. calculate-refund"""
        body = {"order_id": order_id, "request_type": "CANCEL", "reason_name": reason}
        return self._call(at.CALCULATE_REFUND, body=body | _chosen(line_item_ids, skus))

    def upload_image(self, content: bytes, *, filename: str, mime_type: str) -> Answer:
        """`uri` (the image_id of a rejection), `width` and `height`. upload-product-image

        The use case is the one that leaves pictures as they are; none is meant for evidence.
        """
        fields: list[tuple[str, Any]] = [
            ("use_case", "DESCRIPTION_IMAGE"),
            ("data", (filename, content, mime_type)),
        ]
        body, content_type = encode_multipart_formdata(fields)
        return self._send(at.UPLOAD_IMAGE, at.UPLOAD_IMAGE.path(), {}, body, content_type)

    # Shipping

    def package(self, package_id: str) -> Answer:
        """The package's status, orders, line items and tracking. get-package-detail"""
        return self._call(at.PACKAGE_DETAIL, package_id=package_id)

    def handover_slots(self, package_id: str) -> Answer:
        """`can_pickup`, `can_drop_off`, `pickup_slots[]`. get-package-handover-time-slots"""
        return self._call(at.HANDOVER_SLOTS, package_id=package_id)

    def shipping_providers(self, delivery_option_id: str) -> Answer:
        """`shipping_providers[]` of {id, name}. get-shipping-providers"""
        return self._call(at.SHIPPING_PROVIDERS, delivery_option_id=delivery_option_id)

    def ship_package(self, package_id: str, how: Mapping[str, Any]) -> Answer:
        """Ship one package. `how`: {handover_method, pickup_slot, self_shipment}, all optional. ship-package"""
        return self._call(at.SHIP_PACKAGE, body=dict(how) or None, package_id=package_id)

    def batch_ship_packages(self, packages: Sequence[Mapping[str, Any]]) -> Answer:
        """Ship several; each is `how` of ship_package with an `id`. What failed is in `errors[]` of a success.

        batch-ship-packages
        """
        return self._call(at.BATCH_SHIP, body={"packages": [dict(package) for package in packages]})

    def mark_as_shipped(
        self, order_id: str, *, tracking_number: str, shipping_provider_id: str, line_item_ids: Sequence[str] = ()
    ) -> Answer:
        """Say that the seller's own carrier has it: `package_id`, perhaps `warning`. mark-package-as-shipped"""
        body = _without_none(
            tracking_number=tracking_number,
            shipping_provider_id=shipping_provider_id,
            order_line_item_ids=list(line_item_ids) or None,
        )
        return self._call(at.MARK_SHIPPED, body=body, order_id=order_id)

    # Pushes of one shop

    def webhooks(self) -> Answer:
        """`webhooks[]` of {event_type, address, create_time, update_time}. get-shop-webhooks"""
        return self._call(at.GET_WEBHOOKS)

    def put_webhook(self, event_type: str, address: str) -> Answer:
        """Send this kind of push to an https address without port, at most 255 characters. update-shop-webhook"""
        return self._call(at.PUT_WEBHOOK, body={"event_type": event_type, "address": address})

    def delete_webhook(self, event_type: str) -> Answer:
        """Stop this kind of push; succeeds where there was none. delete-shop-webhook"""
        return self._call(at.DELETE_WEBHOOK, body={"event_type": event_type})

    # One call

    def _call(self, endpoint: Endpoint, query: Query | None = None, body: Body | None = None, **ids: str) -> Answer:
        content = b"" if body is None else _json(body)
        path = endpoint.path(**{name: _plain_id(value) for name, value in ids.items()})
        return self._send(endpoint, path, query or {}, content, JSON)

    def _send(self, endpoint: Endpoint, path: str, query: Query, body: bytes, content_type: str) -> Answer:
        credentials = self._credentials
        turns.wait_for(self._counted_with(endpoint), CALLS_PER_SECOND, endpoint.effect)
        query = query | {"app_key": credentials.app_key, "timestamp": str(int(self._clock()))}
        if endpoint.shop_cipher:
            query["shop_cipher"] = credentials.shop_cipher
        query["sign"] = request_signature(credentials.app_secret, path, query, content_type=content_type, body=body)
        headers = {"content-type": content_type, "x-tts-access-token": header_safe(credentials.access_token)}
        url = f"{self._api_url}{path}?{urlencode(query, quote_via=quote)}"
        answer = self._http.send(endpoint.method, url, effect=endpoint.effect, headers=headers, body=body or None)
        return self._read(answer, endpoint.effect, may_hold_errors=endpoint is at.BATCH_SHIP)

    def _counted_with(self, endpoint: Endpoint) -> str:
        """Calls of one app to one endpoint of one shop; what belongs to no shop counts as one here."""
        shop = self._credentials.shop_id if endpoint.shop_cipher else ""
        return f"{self._credentials.app_key}:{shop}:{endpoint.method}:{endpoint.resource}"

    def _token_call(self, path: str, query: Query, secret: str) -> Answer:
        """Unsigned, with the app secret in the query. Not tried again here, since it uses the code or token up."""
        query = {"app_key": self._credentials.app_key, "app_secret": self._credentials.app_secret} | query
        url = f"{self._auth_url}{path}?{urlencode(query, quote_via=quote)}"
        answer = self._http.send("GET", url, effect=Effect.REPEATABLE, headers={"content-type": JSON})
        return self._read(answer, Effect.REPEATABLE, secret)

    def _read(self, http: HttpAnswer, effect: Effect, secret: str = "", *, may_hold_errors: bool = False) -> Answer:
        """The answer in an envelope {code, message, request_id, data}, or the error it stands for."""
        envelope = _envelope(http.body)
        if envelope is None:
            raise _no_envelope(http, effect)
        code = envelope["code"]
        message = self._clean(_text(envelope.get("message")), secret)
        request_id = _text(envelope.get("request_id"))[:100]
        if code != 0:
            raise error_for(
                code,
                message,
                effect=effect,
                http_status=http.status,
                request_id=request_id,
                retry_after=http.retry_after,
            )
        data = envelope.get("data")
        data = {} if data is None else data
        is_one = type(data) is dict and (may_hold_errors or not data.get("errors"))
        if http.status >= 300 or not is_one:
            raise unclear(effect, f"The answer contradicts itself (HTTP {http.status}).", request_id=request_id)
        if data.get("success") is False:  # how an older form of the answer says no
            raise Refused(
                self._clean(_old_refusal(data), secret), code="0", request_id=request_id, already_processed=True
            )
        return Answer(data, request_id, message)

    def _clean(self, message: str, secret: str) -> str:
        """The marketplace's words without any secret that it may have echoed."""
        credentials = self._credentials
        for word in (credentials.app_secret, credentials.access_token, credentials.shop_cipher, secret):
            if word:
                message = message.replace(word, "…")
        return message[:500]


def _json(body: Body) -> bytes:
    """The bytes to sign and send. Half a surrogate pair, which no UTF-8 can hold, becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _paging(page_size: int, page_token: str) -> Query:
    query = {"page_size": str(page_size), "sort_field": "update_time", "sort_order": "ASC"}
    return query | {"page_token": page_token} if page_token else query


def _key(idempotency_key: str) -> Query:
    return {"idempotency_key": idempotency_key} if idempotency_key else {}


def _chosen(line_item_ids: Sequence[str], skus: Mapping[str, int] | None) -> Body:
    if line_item_ids:
        return {"order_line_item_ids": list(line_item_ids)}
    if skus:
        return {"skus": [{"sku_id": sku_id, "quantity": quantity} for sku_id, quantity in skus.items()]}
    return {}


_ID = re.compile(r"[A-Za-z0-9_-]+")


def _plain_id(value: str) -> str:
    """An id may be a part of a path or of a comma-joined list only when it cannot change either."""
    if not _ID.fullmatch(value):
        raise Refused("This is not an id of TikTok Shop.")
    return value


def _envelope(body: bytes) -> dict[str, Any] | None:
    try:
        envelope = parsed(body)
    except ValueError:
        return None
    if type(envelope) is not dict or type(envelope.get("code")) is not int:
        return None
    return envelope


def _no_envelope(http: HttpAnswer, effect: Effect) -> MarketplaceError:
    if http.status == 429:
        return TemporaryFailure("Too many requests.", code="429", retry_after=http.retry_after)
    return unclear(effect, f"The answer (HTTP {http.status}) is not one of TikTok Shop's.")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _old_refusal(data: Mapping[str, Any]) -> str:
    for name in ("message", "error", "status"):
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name])
    return "TikTok Shop answered that it did not succeed."
