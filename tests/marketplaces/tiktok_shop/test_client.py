"""What the client puts on the wire, and how it reads answers that the simulator never gives."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    OutcomeUnknown,
    Refused,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.http import Effect, Http, HttpAnswer
from marketplaces.records import Credentials
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from marketplaces.tiktok_shop.client import TikTokShopClient
from marketplaces.tiktok_shop.signing import request_signature
from tests.marketplaces.scripted_server import Step, answer, hang_up, scripted
from tests.marketplaces.test_http import everything_said
from tests.marketplaces.tiktok_shop.samples import target

SECRETS = Credentials("app-key", "app-s3cret", "acc3ss-token", "c1pher")


class Wire(Http):
    """Keeps what would be sent, and answers the same every time."""

    def __init__(self, body: bytes = b'{"code":0,"message":"Success","request_id":"R","data":{}}', status: int = 200):
        super().__init__()
        self.answer = HttpAnswer(status, body)
        self.sent: list[tuple[str, str, Any, bytes | None]] = []

    def send(self, method: str, url: str, *, effect: Effect, headers: Any, body: bytes | None = None) -> HttpAnswer:
        self.sent.append((method, url, headers, body))
        return self.answer


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


@given(st.text(min_size=1, max_size=30), st.text(max_size=30), st.text(min_size=1, max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_signed_is_what_is_sent(reason: str, comment: str, key: str) -> None:
    wire = Wire()
    TikTokShopClient(SECRETS, wire).reject("403531", reason=reason, comment=comment, idempotency_key=key)
    ((method, url, headers, body),) = wire.sent
    query = query_of(url)
    assert (method, urlsplit(url).path) == ("POST", "/return_refund/202309/cancellations/403531/reject")
    assert query["idempotency_key"] == key
    assert query["sign"] == request_signature(
        SECRETS.app_secret, urlsplit(url).path, query, content_type=headers["content-type"], body=body or b""
    )
    sent = json.loads(body or b"")
    assert sent["reject_reason"] == reason
    assert sent.get("comment", "") == comment


def test_text_that_no_encoding_can_hold_is_still_sent() -> None:
    wire = Wire()
    TikTokShopClient(SECRETS, wire).reject("1", reason="r", comment="half \ud83d of a smile")
    assert json.loads(wire.sent[0][3] or b"")["comment"] == "half ? of a smile"


def test_a_page_token_survives_the_address() -> None:
    wire = Wire()
    TikTokShopClient(SECRETS, wire).search_orders(page_size=100, page_token="aDU2+/x=%2B &?#")
    assert query_of(wire.sent[0][1])["page_token"] == "aDU2+/x=%2B &?#"


def test_types_on_the_wire_are_those_of_the_contract() -> None:
    wire = Wire()
    client = TikTokShopClient(SECRETS, wire, clock=lambda: 1701007400.9)
    client.search_cancellations(page_size=50, update_time_ge=1, update_time_lt=2, cancel_ids=["1"])
    client.search_orders(page_size=100, is_buyer_request_cancel=True)
    client.order_details(["1", "2"])
    bodies = [json.loads(body) if body else None for _, _, _, body in wire.sent]
    assert bodies == [
        {"cancel_ids": ["1"], "update_time_ge": 1, "update_time_lt": 2},
        {"is_buyer_request_cancel": True},
        None,
    ]
    assert query_of(wire.sent[2][1])["ids"] == "1,2"
    assert {query_of(url)["timestamp"] for _, url, _, _ in wire.sent} == {"1701007400"}
    assert {headers["content-type"] for _, _, headers, _ in wire.sent} == {"application/json"}
    assert {headers["x-tts-access-token"] for _, _, headers, _ in wire.sent} == {"acc3ss-token"}
    assert not [url for _, url, _, _ in wire.sent if "access_token" in url or "acc3ss" in url]


def test_the_shop_cipher_goes_where_it_is_wanted_and_nowhere_else() -> None:
    wire = Wire()
    client = TikTokShopClient(SECRETS, wire)
    client.authorized_shops()
    client.upload_image(b"x", filename="x.png", mime_type="image/png")
    client.approve("1")
    client.package("1")
    assert ["shop_cipher" in query_of(url) for _, url, _, _ in wire.sent] == [False, False, True, True]


def test_hosts_are_tiktoks_own_unless_others_are_given() -> None:
    wire = Wire()
    TikTokShopClient(SECRETS, wire).authorized_shops()
    TikTokShopClient(SECRETS, wire).refresh_tokens("r")
    given_hosts = Credentials("k", "s", api_url="http://127.0.0.1:1/", auth_url="http://127.0.0.1:2/")
    TikTokShopClient(given_hosts, wire).authorized_shops()
    TikTokShopClient(given_hosts, wire).refresh_tokens("r")
    assert [url.split("?")[0] for _, url, _, _ in wire.sent] == [
        "https://open-api.tiktokglobalshop.com/authorization/202309/shops",
        "https://auth.tiktok-shops.com/api/v2/token/refresh",
        "http://127.0.0.1:1/authorization/202309/shops",
        "http://127.0.0.1:2/api/v2/token/refresh",
    ]


@pytest.mark.parametrize("count", [0, 51])
def test_order_detail_takes_one_to_fifty_ids(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        TikTokShopClient(SECRETS, Wire()).order_details(["1"] * count)


UNUSABLE = {
    "nothing": (200, b""),
    "html": (200, b"<html>hello</html>"),
    "half": (200, b'{"code": 0, "da'),
    "a list": (200, b"[]"),
    "no code": (200, b'{"message": "Success"}'),
    "code as text": (200, b'{"code": "0", "data": {}}'),
    "code as truth": (200, b'{"code": false, "data": {}}'),
    "data as list": (200, b'{"code": 0, "data": []}'),
    "bytes": (200, b"\xff\xfe"),
    "deep": (200, b"[" * 100_000),
    "success with 500": (500, b'{"code": 0, "data": {}}'),
    "success with 302": (302, b'{"code": 0, "data": {}}'),
    "bare 500": (500, b""),
    "bare 502": (502, b"<html>Bad Gateway</html>"),
    "bare 403": (403, b"<html>Forbidden</html>"),
    "bare 302": (302, b""),
    "unknown code with 500": (500, b'{"code": 123456, "message": "?"}'),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_answer_that_says_nothing_definite_leaves_a_change_unknown(name: str) -> None:
    status, body = UNUSABLE[name]
    client = TikTokShopClient(SECRETS, Wire(body, status))
    with pytest.raises(OutcomeUnknown):
        client.approve("1")
    with pytest.raises(TemporaryFailure):
        client.reject_reasons("1")
    with pytest.raises(TemporaryFailure):
        client.upload_image(b"x", filename="x", mime_type="image/png")


def test_too_many_requests_without_an_envelope_is_still_that() -> None:
    wire = Wire()
    wire.answer = HttpAnswer(429, b"slow down", 12.0)
    with pytest.raises(TemporaryFailure) as failure:
        TikTokShopClient(SECRETS, wire).approve("1")
    assert failure.value.retry_after == 12.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"success": False}, "did not succeed"),
        ({"success": False, "message": "Too late"}, "Too late"),
        ({"success": False, "status": "CANCELLATION_EXPIRED"}, "CANCELLATION_EXPIRED"),
    ],
)
def test_a_success_that_says_that_it_was_none_is_a_refusal_to_be_read_back(data: Any, message: str) -> None:
    body = json.dumps({"code": 0, "message": "Success", "request_id": "R", "data": data}).encode()
    with pytest.raises(Refused, match=message) as refusal:
        TikTokShopClient(SECRETS, Wire(body)).approve("1")
    assert refusal.value.already_processed
    assert refusal.value.request_id == "R"


@pytest.mark.parametrize("data", ["null", "{}", '{"success": true, "status": "X", "cancel_status": "Y"}'])
def test_both_forms_of_a_success_are_one(data: str) -> None:
    body = ('{"code": 0, "message": "Success", "request_id": "R", "data": ' + data + "}").encode()
    receipt = TikTokAdapter(SECRETS, Wire(body)).approve(target("1"), "k")
    assert (receipt.request_id, receipt.code) == ("R", "0")
    assert receipt.status in ("", "Y")


def test_nothing_in_the_answer_to_a_change_undoes_the_change() -> None:
    data: dict[str, Any] = {"cancel_status": 5, "cancel_id": None, "package_id": [], "warning": "odd", "status": {}}
    body = json.dumps({"code": 0, "message": 7, "request_id": 8, "data": data}).encode()
    receipt = TikTokAdapter(SECRETS, Wire(body)).cancel_items("1", "reason", {})
    assert (receipt.status, receipt.cancellation_id, receipt.warning, receipt.request_id) == ("", "", "", "")


def test_an_answer_that_is_not_as_documented_is_a_temporary_failure() -> None:
    body = b'{"code": 0, "message": "Success", "request_id": "R", "data": {"reasons": [{"name": 5}]}}'
    with pytest.raises(TemporaryFailure, match=r"reasons\[0\]\.name") as failure:
        TikTokAdapter(SECRETS, Wire(body)).reject_reasons("1", "en-US")
    assert failure.value.request_id == "R"


def test_a_page_that_leads_to_itself_ends_the_run() -> None:
    body = b'{"code": 0, "data": {"cancellations": [], "next_page_token": "x"}}'
    with pytest.raises(TemporaryFailure, match="same page"):
        TikTokAdapter(SECRETS, Wire(body)).cancellations_of_order("1")


class NeverEnding(Wire):
    """Every page leads to another one."""

    def send(self, method: str, url: str, *, effect: Effect, headers: Any, body: bytes | None = None) -> HttpAnswer:
        super().send(method, url, effect=effect, headers=headers, body=body)
        page = {"cancellations": [], "next_page_token": f"page {len(self.sent)}"}
        return HttpAnswer(200, json.dumps({"code": 0, "data": page}).encode())


def test_a_search_by_ids_that_never_ends_is_given_up() -> None:
    wire = NeverEnding()
    with pytest.raises(TemporaryFailure, match="does not end"):
        TikTokAdapter(SECRETS, wire).cancellations_of_order("1")
    assert len(wire.sent) == 50


def test_what_is_said_about_an_answer_can_be_stored() -> None:
    body = json.dumps({"code": 25020012, "message": "no\0\ud800" + "x" * 10_000, "request_id": "\0" * 10_000}).encode()
    with pytest.raises(Refused) as caught:
        TikTokShopClient(SECRETS, Wire(body)).approve("1")
    assert caught.value.message == "no\ufffd?" + "x" * 496
    assert caught.value.request_id == "\ufffd" * 100


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.approve("1"),
        lambda client: client.get_tokens("auth-c0de"),
        lambda client: client.refresh_tokens("refr3sh-token"),
    ],
)
@pytest.mark.parametrize("code", [36009004, 25020009, 105002, 25001028, 36009003])
def test_secrets_that_the_marketplace_echoes_go_no_further(call: Callable[[TikTokShopClient], Any], code: int) -> None:
    secrets = "app-s3cret acc3ss-token c1pher auth-c0de refr3sh-token"
    body = json.dumps({"code": code, "message": f"Invalid: {secrets}", "request_id": "R"}).encode()
    with pytest.raises(MarketplaceError) as failure:
        call(TikTokShopClient(SECRETS, Wire(body)))
    said = " ".join(everything_said(failure.value))
    assert "app-s3cret" not in said
    assert "acc3ss-token" not in said
    assert "c1pher" not in said
    assert failure.value.__context__ is None


def test_no_refresh_token_needs_no_call_to_be_refused() -> None:
    wire = Wire()
    with pytest.raises(CredentialsRejected, match="consent again"):
        TikTokAdapter(SECRETS, wire).refresh_tokens("")
    assert not wire.sent


def test_nothing_is_announced_since_requests_are_listed() -> None:
    with pytest.raises(Unsupported):
        TikTokAdapter(SECRETS, Wire()).announcements()


@pytest.mark.parametrize("secret", ["auth-c0de", "refr3sh-token"])
def test_codes_and_refresh_tokens_are_not_echoed_either(secret: str) -> None:
    body = json.dumps({"code": 36004004, "message": f"invalid {secret}"}).encode()
    client = TikTokShopClient(SECRETS, Wire(body))
    for call in (client.get_tokens, client.refresh_tokens):
        with pytest.raises(MarketplaceError) as failure:
            call(secret)
        assert secret not in " ".join(everything_said(failure.value))


def test_credentials_and_tokens_never_print_a_secret() -> None:
    for word in ("app-s3cret", "acc3ss-token", "c1pher"):
        assert word not in repr(SECRETS)


@pytest.mark.parametrize(
    "trouble",
    [answer(b"oops"), answer(b"oops", "500 Internal Server Error"), answer(b"", "503 Service Unavailable"), hang_up],
)
def test_a_token_call_is_sent_once_and_its_secret_stays_out_of_the_error(http: Http, trouble: Step) -> None:
    with scripted(trouble, answer(), answer()) as server:
        client = TikTokShopClient(Credentials("k", "app-s3cret", auth_url=server.url), http)
        with pytest.raises(TemporaryFailure) as failure:
            client.refresh_tokens("refr3sh-token")
        assert len(server.requests) == 1
        assert b"app_secret=app-s3cret" in server.requests[0]
    assert "s3cret" not in " ".join(everything_said(failure.value))
