"""What a call has to pass before anybody looks at its meaning, in this order: path, version, method, content type,
app key, timestamp, sign, token, scope, shop cipher, pace, parameters.

Source: Partner Center page common-errors. Of the order only "app_key before sign" is known from production.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

from sandbox.clock import Clock
from sandbox.pacing import Pacing
from sandbox.tiktok_shop import multipart, signing
from sandbox.tiktok_shop.call import Call, RawCall
from sandbox.tiktok_shop.contract import INVALID_PARAMETER, Contract, Endpoint
from sandbox.tiktok_shop.records import Shop
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.tokens import Grant, Tokens
from sandbox.tiktok_shop.validation import check_fields, checked_query
from sandbox.tiktok_shop.world import World

PAST_SECONDS = 300
FUTURE_SECONDS = 30


def decoded_query(text: str) -> dict[str, str]:
    """Each value percent-decoded once, ``+`` read as a space. Refuses a parameter sent twice and bytes that are
    no UTF-8."""
    found: dict[str, str] = {}
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        try:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        except UnicodeDecodeError as error:
            raise Refusal(INVALID_PARAMETER, "The query is not UTF-8") from error
        if name in found:
            raise Refusal(INVALID_PARAMETER, f"Parameter '{name}' was sent more than once")
        found[name] = value
    return found


class Gateway:
    def __init__(self, contract: Contract, world: World, tokens: Tokens, pacing: Pacing) -> None:
        self.contract, self.world, self.tokens, self.pacing = contract, world, tokens, pacing

    def admit(self, call: Call) -> None:
        """Everything from the content type to the pace; fills ``call.grant`` and ``call.shop``."""
        raw, endpoint = call.raw, call.endpoint
        _check_content_type(raw, endpoint)
        if endpoint.unsigned:
            self._check_app(raw)
            return
        self._check_app_key(raw)
        self._check_timestamp(raw)
        self._check_sign(raw)
        call.grant = self._grant(raw, call.now)
        if not set(endpoint.scopes) & set(call.grant.scopes):
            raise Refusal(105005)
        call.shop = self._shop(raw, endpoint, call.grant)
        if not self.pacing.admits((raw.query["app_key"], self._pace_key(call), endpoint.slug)):
            raise Refusal(36009002, retry_after=1)

    def check_parameters(self, call: Call) -> None:
        """Query and body against the contract; fills ``call.query`` and ``call.body``."""
        call.query = checked_query(call.endpoint, call.raw.query)
        body = _read_body(call.raw, call.endpoint)
        check_fields(call.endpoint.body, body, call.endpoint.invalid)
        call.body = body

    def _check_app(self, raw: RawCall) -> None:
        """Token calls name the app and its secret in the open."""
        self._check_app_key(raw)
        if not signing.same(self.tokens.app_secret, raw.query.get("app_secret", "")):
            raise Refusal(INVALID_PARAMETER, "Invalid credentials. Invalid 'app_secret' query parameter")

    def _check_app_key(self, raw: RawCall) -> None:
        if raw.query.get("app_key") != self.tokens.app_key:
            raise Refusal(INVALID_PARAMETER, "Invalid credentials. Invalid 'app_key' query parameter")

    def _check_timestamp(self, raw: RawCall) -> None:
        text = raw.query.get("timestamp", "")
        if not text.isascii() or not text.lstrip("-").isdecimal():
            raise Refusal(INVALID_PARAMETER, "Invalid timestamp. The 'timestamp' query parameter is not a number")
        now = self.world.clock.now() if self.world.switches.strict_timestamp else Clock.real()
        sent = int(text)
        if sent < 0:
            raise Refusal(INVALID_PARAMETER, "Invalid timestamp. 'timestamp' is less than 0")
        if sent < now - PAST_SECONDS:
            raise Refusal(INVALID_PARAMETER, "Invalid timestamp. 'timestamp' is more than 5 minutes in the past")
        if sent > now + FUTURE_SECONDS:
            raise Refusal(INVALID_PARAMETER, "Invalid timestamp. 'timestamp' is more than 30 seconds ahead")

    def _check_sign(self, raw: RawCall) -> None:
        if not raw.query.get("sign"):
            raise Refusal(INVALID_PARAMETER, "Missing credentials. The 'sign' query parameter is missing")
        expected = signing.request_signature(
            self.tokens.app_secret, raw.path, raw.query, raw.headers.get("content-type", ""), raw.body
        )
        if not signing.same(expected, raw.query["sign"]):
            raise Refusal(106001)

    def _grant(self, raw: RawCall, now: int) -> Grant:
        token = raw.headers.get("x-tts-access-token", "")
        return self.tokens.opened(token, now)

    def _shop(self, raw: RawCall, endpoint: Endpoint, grant: Grant) -> Shop | None:
        for name, words in (
            ("shop_id", "Invalid identifier"),
            ("version", "Invalid API version"),
            ("category_asset_cipher", "Unexpected identifier"),
        ):
            if name in raw.query:
                raise Refusal(INVALID_PARAMETER, f"{words}. The '{name}' query parameter is not accepted")
        cipher = raw.query.get("shop_cipher")
        if not cipher and endpoint.shop_cipher == "required":
            raise Refusal(106013)
        if cipher is None:
            return None
        if endpoint.shop_cipher == "forbidden":
            raise Refusal(INVALID_PARAMETER, "Unexpected identifier. 'shop_cipher' is not required for this request")
        shop = self.world.shop_by_cipher(cipher)
        if shop is None or shop.seller_id != grant.seller_id:
            raise Refusal(101000)
        return shop

    @staticmethod
    def _pace_key(call: Call) -> str:
        if call.shop is not None:
            return call.shop.id
        return call.grant.seller_id if call.grant else ""


def _check_content_type(raw: RawCall, endpoint: Endpoint) -> None:
    """GET without a body may leave the header out, which many clients do."""
    media = signing.media_type(raw.headers.get("content-type", ""))
    if endpoint.media == "multipart":
        if media != "multipart/form-data":
            raise Refusal(36009023)
    elif media != "application/json" and not (raw.method == "GET" and not media and not raw.body):
        raise Refusal(36009022)


def _read_body(raw: RawCall, endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.media == "multipart":
        return dict(multipart.parts(raw.headers.get("content-type", ""), raw.body))
    if not raw.body:
        return {}
    try:
        body = json.loads(raw.body)
    except ValueError as error:
        raise Refusal(INVALID_PARAMETER, "The body is not valid JSON") from error
    if not isinstance(body, dict):
        raise Refusal(INVALID_PARAMETER, "The body is not a JSON object")
    return body
