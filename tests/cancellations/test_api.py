"""Requests and decisions over the API: what is recorded, and at which field it says no."""

import io
import json
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from cancellations import decisions as verbs
from cancellations import live
from cancellations.delivery import deliver
from cancellations.models import Attempt, CancellationRequest, CommentTemplate, Decision, Evidence, Verdict
from marketplaces.errors import CredentialsRejected, Refused, TemporaryFailure
from marketplaces.records import HandoverOptions, PickupSlot, RejectReason, ShippingProvider
from shops.models import Connection, MoneyCap, Role, Shop
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    at,
    member,
)
from tests.world import World

DECISIONS = "/api/v1/decisions/"
REASONS = [RejectReason("already_sent", "It has left already"), RejectReason("made_to_order", "Made to order")]


@pytest.fixture(autouse=True)
def reasons(db: None) -> Any:
    """What the marketplace would answer for any request; tests of the real simulator do without."""
    cache.clear()
    with (
        patch.object(live, "reject_reasons", return_value=REASONS) as asked,
        patch.object(live, "eligibility", return_value=[]),
    ):
        yield asked


@pytest.fixture
def cancellation() -> CancellationRequest:
    return CancellationFactory()


@pytest.fixture
def us_cancellation() -> CancellationRequest:
    return CancellationFactory(
        order=OrderFactory(shop=ShopFactory(region="US", time_zone="America/Los_Angeles"), currency="USD")
    )


def agent(cancellation: CancellationRequest, role: Role = Role.AGENT, **user: Any) -> Client:
    client = Client()
    client.force_login(member(role, cancellation.shop, **user))
    return client


def post(client: Client, body: Any, address: str = DECISIONS) -> Any:
    return client.post(address, json.dumps(body), "application/json")


def picture(kind: str = "PNG", size: tuple[int, int] = (120, 120), name: str = "proof.png") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return SimpleUploadedFile(name, out.getvalue())


# --- deciding -------------------------------------------------------------------------------------------------------


def test_a_decision_is_recorded_with_201_and_its_address(cancellation: CancellationRequest) -> None:
    client = agent(cancellation, first_name="Ada", last_name="Lovelace")
    answer = post(client, {"verdict": "approve", "cancellation": cancellation.pk})
    told = answer.json()
    decision = Decision.objects.get()
    assert answer.status_code == 201
    assert answer.headers["Location"] == told["url"] == f"http://testserver{DECISIONS}{decision.pk}/"
    assert told["state"] == "recorded"
    assert told["can_be_withdrawn"] is True
    assert told["made_by"] == {"id": decision.made_by_id, "name": "Ada Lovelace"}
    assert told["idempotency_key"] == str(decision.key)
    assert client.get(answer.headers["Location"]).json() == told


def test_a_rejection_keeps_reason_words_comment_and_images(cancellation: CancellationRequest) -> None:
    body = {
        "verdict": "reject",
        "cancellation": cancellation.pk,
        "reason": "already_sent",
        "comment": "Left yesterday.",
        "images": [picture(), picture("JPEG", name="second.jpg")],
    }
    answer = agent(cancellation).post(DECISIONS, body)
    assert answer.status_code == 201, answer.content
    decision = Decision.objects.get()
    assert (decision.reason, decision.reason_text) == ("already_sent", "It has left already")
    assert decision.comment == "Left yesterday."
    assert [row["original_name"] for row in answer.json()["evidence"]] == ["proof.png", "second.jpg"]
    assert [row["mime_type"] for row in answer.json()["evidence"]] == ["image/png", "image/jpeg"]


def test_a_rejection_needs_no_images_and_may_be_json(cancellation: CancellationRequest) -> None:
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "made_to_order"}
    assert post(agent(cancellation), body).status_code == 201


@pytest.mark.parametrize("name", ["coment", "image", "shiping.tracking_number", "items[0].lineitem"])
def test_a_name_that_nobody_knows_is_refused_in_a_form_as_in_json(cancellation: CancellationRequest, name: str) -> None:
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "already_sent", "images": [picture()]}
    answer = agent(cancellation).post(DECISIONS, {**body, name: "It left yesterday."})
    assert answer.status_code == 400
    assert not Decision.objects.exists()


def test_a_form_of_a_browser_brings_its_csrf_token_along(cancellation: CancellationRequest) -> None:
    body = {"verdict": "approve", "cancellation": cancellation.pk, "csrfmiddlewaretoken": "x"}
    assert agent(cancellation).post(DECISIONS, body).status_code == 201


def test_a_shipment_may_come_as_a_form(cancellation: CancellationRequest) -> None:
    body = {"verdict": "ship_to_reject", "cancellation": cancellation.pk, "shipping.tracking_number": "1"}
    answer = agent(cancellation).post(DECISIONS, body)
    assert answer.json()["type"] == "/problems/not-allowed"  # read, and not the way of this market


def test_items_are_cancelled_by_our_ids(cancellation: CancellationRequest) -> None:
    order = OrderFactory(shop=cancellation.shop, is_cancel_requested=False)
    line, _other = LineItemFactory(order=order), LineItemFactory(order=order)
    options = agent(cancellation).get(f"/api/v1/orders/{order.pk}/cancel-options/").json()
    assert options["offer"]["allowed"] is True
    assert options["can_cancel_lines"] is True
    reason = next(known["name"] for known in options["reasons"] if known["partial"])
    body = {"verdict": "cancel_items", "order": order.pk, "reason": reason, "items": [{"line_item": line.pk}]}
    answer = post(agent(cancellation), body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["lines"] == [
        {
            "line_item": line.pk,
            "line_item_marketplace_id": line.marketplace_id,
            "product_name": "Cotton tote bag",
            "quantity": 1,
            "cancelled_afterwards": 1,
        }
    ]


def test_items_that_the_marketplace_would_not_cancel_are_told_at_their_place(
    cancellation: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = OrderFactory(shop=cancellation.shop, is_cancel_requested=False)
    line, other = LineItemFactory.create_batch(2, order=order)
    monkeypatch.setattr(live, "ineligible", lambda order: {other.marketplace_id: "Invalid order status."})
    options = agent(cancellation).get(f"/api/v1/orders/{order.pk}/cancel-options/").json()
    assert options["ineligible"] == {other.marketplace_id: "Invalid order status."}
    reason = next(known["name"] for known in options["reasons"] if known["partial"])
    items = [{"line_item": line.pk}, {"line_item": other.pk}]
    body = {"verdict": "cancel_items", "order": order.pk, "reason": reason, "items": items}
    answer = post(agent(cancellation), body)
    assert set(answer.json()["errors"]) == {"items[1].line_item"}
    assert "Invalid order status." in answer.content.decode()


def test_shipping_to_reject_keeps_how_the_package_leaves(us_cancellation: CancellationRequest) -> None:
    package = PackageFactory(order=us_cancellation.order)
    body = {
        "verdict": "ship_to_reject",
        "cancellation": us_cancellation.pk,
        "shipping": {
            "handover_method": "PICKUP",
            "pickup_start": "2026-11-22T09:00:00+01:00",
            "pickup_end": "2026-11-22T10:00:00+01:00",
            "package_ids": [package.marketplace_id],
        },
    }
    answer = post(agent(us_cancellation), body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["shipping"]["package_ids"] == [package.marketplace_id]
    assert answer.json()["shipping"]["pickup_slot"]["start"].startswith("2026-11-22T0")


# --- 409: somebody was faster ---------------------------------------------------------------------------------------


def test_a_second_decision_is_a_409_that_names_the_first(cancellation: CancellationRequest) -> None:
    first = post(agent(cancellation, first_name="Ada"), {"verdict": "approve", "cancellation": cancellation.pk}).json()
    answer = post(agent(cancellation), {"verdict": "reject", "cancellation": cancellation.pk, "reason": "nonsense"})
    problem = answer.json()
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == "/problems/already-decided"
    assert problem["decision"] == first["url"]
    assert "Ada" in problem["detail"]
    assert Decision.objects.count() == 1


def test_a_second_cancellation_of_items_is_a_409(cancellation: CancellationRequest) -> None:
    order = OrderFactory(shop=cancellation.shop)
    line = LineItemFactory(order=order)
    client = agent(cancellation)
    reason = client.get(f"/api/v1/orders/{order.pk}/cancel-options/").json()["reasons"][0]["name"]
    body = {"verdict": "cancel_items", "order": order.pk, "reason": reason, "items": [{"line_item": line.pk}]}
    assert post(client, body).status_code == 201
    assert post(client, body).json()["type"] == "/problems/already-decided"


# --- 422: the market or the state does not allow it -----------------------------------------------------------------


def test_a_us_reject_is_a_422_that_tells_of_the_date_and_links_the_notice(us_cancellation: CancellationRequest) -> None:
    body = {"verdict": "reject", "cancellation": us_cancellation.pk, "reason": "already_sent"}
    answer = post(agent(us_cancellation), body)
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["type"] == "/problems/not-allowed"
    assert "March 31, 2024" in problem["detail"]
    assert "ship" in problem["detail"]
    assert problem["notice"]["url"].startswith("https://partner.tiktokshop.com/")
    assert not Decision.objects.exists()


def test_before_the_date_a_us_reject_is_taken(us_cancellation: CancellationRequest, time_machine: Any) -> None:
    client = agent(us_cancellation)
    time_machine.move_to(at("2024-03-30 12:00"))
    client.force_login(member(Role.AGENT, us_cancellation.shop))
    body = {"verdict": "reject", "cancellation": us_cancellation.pk, "reason": "already_sent"}
    assert post(client, body).status_code == 201


def test_an_administrator_may_allow_reject_for_one_us_shop(us_cancellation: CancellationRequest) -> None:
    Shop.objects.update(allows_reject=True)
    body = {"verdict": "reject", "cancellation": us_cancellation.pk, "reason": "already_sent"}
    assert post(agent(us_cancellation), body).status_code == 201


def test_shipping_rejects_nothing_outside_the_us(cancellation: CancellationRequest) -> None:
    answer = post(agent(cancellation), {"verdict": "ship_to_reject", "cancellation": cancellation.pk})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")


def test_what_one_of_ours_settled_leads_to_that_decision(client: Client) -> None:
    row = CancellationFactory(needs_answer=False, state="approved")
    made = DecisionFactory(cancellation=row, state="confirmed")
    client.force_login(member(Role.AGENT, row.shop))
    shown = client.get(f"/api/v1/cancellations/{row.pk}/").json()["decision"]
    assert (shown["id"], shown["state"]) == (made.pk, "confirmed")
    body = json.dumps({"verdict": "approve", "cancellation": row.pk})
    answer = client.post("/api/v1/decisions/", body, "application/json")
    assert answer.status_code == 422
    assert answer.json()["decision"].endswith(f"/api/v1/decisions/{made.pk}/")


@pytest.mark.parametrize(
    "change", [{"needs_answer": False, "state": "completed"}, {"shop__connection__state": Connection.State.RECONNECT}]
)
def test_what_is_settled_or_cannot_be_sent_is_a_422(change: dict[str, Any]) -> None:
    shop = ShopFactory(connection__state=change.pop("shop__connection__state", "connected"))
    cancellation = CancellationFactory(order=OrderFactory(shop=shop), **change)
    answer = post(agent(cancellation), {"verdict": "approve", "cancellation": cancellation.pk})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")
    assert not Decision.objects.exists()


# --- 400: at the field it concerns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"verdict"}),
        ({"verdict": "approve"}, {"cancellation"}),
        ({"verdict": "cancel_items", "cancellation": "own"}, {"order", "cancellation"}),
        ({"verdict": "maybe", "cancellation": "own"}, {"verdict"}),
        ({"verdict": ["approve"], "cancellation": "own"}, {"verdict"}),
        ({"verdict": "approve", "cancellation": 999_999}, {"cancellation"}),
        ({"verdict": "approve", "cancellation": 10**30}, {"cancellation"}),
        ({"verdict": "approve", "cancellation": True}, {"cancellation"}),
        ({"verdict": "approve", "cancellation": {"id": 1}}, {"cancellation"}),
        ({"verdict": "approve", "cancellation": "own", "comment": "Sorry!"}, {"comment"}),
        ({"verdict": "approve", "cancellation": "own", "Reason": "typo"}, {"Reason"}),
        ({"verdict": "reject", "cancellation": "own"}, {"reason"}),
        ({"verdict": "reject", "cancellation": "own", "reason": "out_of_the_blue"}, {"reason"}),
        ({"verdict": "reject", "cancellation": "own", "reason": ["already_sent"]}, {"reason"}),
        ({"verdict": "reject", "cancellation": "own", "reason": "already_sent", "comment": "x" * 501}, {"comment"}),
        ({"verdict": "reject", "cancellation": "own", "reason": "already_sent", "comment": "a\0b"}, {"comment"}),
        ({"verdict": "reject", "cancellation": "own", "reason": "already_sent", "comment": "a\ud800b"}, {"comment"}),
        ({"verdict": "reject", "cancellation": "own", "reason": "already_sent", "images": ["a.png"]}, {"images[0]"}),
        ({"verdict": "reject", "cancellation": "own", "reason": "already_sent", "images": "a.png"}, {"images"}),
        ({"verdict": "ship_to_reject", "cancellation": "own", "shipping": {"carrier": "UPS"}}, {"shipping.carrier"}),
        ({"verdict": "ship_to_reject", "cancellation": "own", "shipping": []}, {"shipping"}),
    ],
)
def test_a_wrong_body_is_told_at_the_field_and_nothing_is_recorded(
    cancellation: CancellationRequest, body: dict[str, Any], fields: set[str]
) -> None:
    if body.get("cancellation") == "own":
        body = {**body, "cancellation": cancellation.pk}
    answer = post(agent(cancellation), body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == fields
    assert not Decision.objects.exists()


def test_a_wrong_reason_is_told_with_the_right_ones(cancellation: CancellationRequest) -> None:
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "out_of_the_blue"}
    [words] = post(agent(cancellation), body).json()["errors"]["reason"]
    assert "already_sent, made_to_order" in words


def test_a_marketplace_that_does_not_answer_costs_no_rejection(cancellation: CancellationRequest, reasons: Any) -> None:
    reasons.side_effect = TemporaryFailure("busy", code="36009003")
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "already_sent"}
    assert post(agent(cancellation), body).status_code == 201
    assert Decision.objects.get().reason == "already_sent"


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        (SimpleUploadedFile("page.png", b"<html><script>alert(1)</script></html>"), "not an image"),
        (SimpleUploadedFile("empty.png", b""), "empty"),
        (SimpleUploadedFile("cut.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40), "not an image"),
        (SimpleUploadedFile("huge.png", b"\x89PNG" + b"\0" * 30_000_001), "30 MB"),
        ("small", "pixels"),
    ],
)
def test_fake_and_oversized_images_are_told_one_by_one(
    cancellation: CancellationRequest, upload: Any, words: str
) -> None:
    if upload == "small":
        upload = picture(size=(20, 20), name="small.png")
    upload.seek(0)
    body = {
        "verdict": "reject",
        "cancellation": cancellation.pk,
        "reason": "already_sent",
        "images": [picture(), upload],
    }
    answer = agent(cancellation).post(DECISIONS, body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["images[1]"]
    assert words in answer.json()["errors"]["images[1]"][0]
    assert not Decision.objects.exists()
    assert not Evidence.objects.exists()


def test_more_images_than_the_market_takes_are_told(cancellation: CancellationRequest) -> None:
    images = [picture() for _ in range(10)]
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "already_sent", "images": images}
    assert list(agent(cancellation).post(DECISIONS, body).json()["errors"]) == ["images"]


def test_a_flood_of_files_is_a_413(cancellation: CancellationRequest) -> None:
    body = {"verdict": "reject", "images": [SimpleUploadedFile(f"{n}.png", b"x") for n in range(101)]}
    answer = agent(cancellation).post(DECISIONS, body)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize(
    ("items", "fields"),
    [
        ([], {"items"}),
        ([{"line_item": "foreign"}], {"items[0].line_item"}),
        ([{"line_item": "own"}, {"line_item": "foreign"}], {"items[1].line_item"}),
        ([{"line_item": "own"}, {"line_item": "own"}], {"items[1].line_item"}),
        ([{"line_item": "own", "quantity": 0}], {"items[0].quantity"}),
        ([{"line_item": "own", "quantity": 2}], {"items"}),
        ([{"line_item": "own", "quantity": "many"}], {"items[0].quantity"}),
        ([{"quantity": 1}], {"items[0].line_item"}),
        ([{"line_item": "own", "qty": 1}], {"items[0].qty"}),
        ({"line_item": "own"}, {"items"}),
        ("own", {"items"}),
    ],
)
def test_foreign_and_impossible_lines_are_told_at_their_place(
    cancellation: CancellationRequest, items: Any, fields: set[str]
) -> None:
    order = OrderFactory(shop=cancellation.shop)
    ids = {"own": LineItemFactory(order=order).pk, "foreign": LineItemFactory().pk}
    if isinstance(items, list):
        items = [{k: ids.get(v, v) if isinstance(v, str) else v for k, v in item.items()} for item in items]
    client = agent(cancellation)
    reason = client.get(f"/api/v1/orders/{order.pk}/cancel-options/").json()["reasons"][0]["name"]
    answer = post(client, {"verdict": "cancel_items", "order": order.pk, "reason": reason, "items": items})
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == fields
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("shipping", "fields"),
    [
        ({"handover_method": "DROP_OFF", "package_ids": ["115300000000"]}, {"shipping.package_ids"}),
        ({}, {"shipping.handover_method"}),
        (
            {"handover_method": "DROP_OFF", "tracking_number": "94001118", "shipping_provider_id": "1"},
            {"shipping.tracking_number", "shipping.shipping_provider_id"},
        ),
        (
            {
                "handover_method": "DROP_OFF",
                "pickup_start": "2026-11-22T09:00:00Z",
                "pickup_end": "2026-11-22T12:00:00Z",
            },
            {"shipping.pickup_start"},
        ),
        ({"pickup_start": "2026-11-22T09:00:00Z"}, {"shipping.pickup_end"}),
        ({"pickup_start": "2026-11-22T09:00:00", "pickup_end": "x"}, {"shipping.pickup_start", "shipping.pickup_end"}),
        ({"handover_method": "PIGEON"}, {"shipping.handover_method"}),
    ],
)
def test_a_shipment_that_cannot_be_is_told_at_its_fields(
    us_cancellation: CancellationRequest, shipping: dict[str, Any], fields: set[str]
) -> None:
    PackageFactory(order=us_cancellation.order)
    body = {"verdict": "ship_to_reject", "cancellation": us_cancellation.pk, "shipping": shipping}
    answer = post(agent(us_cancellation), body)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == fields


def test_an_order_that_the_seller_sends_needs_carrier_and_number() -> None:
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
    cancellation = CancellationFactory(order=OrderFactory(shop=shop, shipping_type="seller"))
    answer = post(agent(cancellation), {"verdict": "ship_to_reject", "cancellation": cancellation.pk})
    assert set(answer.json()["errors"]) == {"shipping.tracking_number", "shipping.shipping_provider_id"}


@pytest.mark.parametrize("number", ["9400 1118", "94/0011", "9400", "x" * 51])
def test_a_tracking_number_that_no_carrier_gives_is_told_at_its_field(number: str) -> None:
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
    cancellation = CancellationFactory(order=OrderFactory(shop=shop, shipping_type="seller"))
    shipping = {"tracking_number": number, "shipping_provider_id": "1"}
    body = {"verdict": "ship_to_reject", "cancellation": cancellation.pk, "shipping": shipping}
    answer = post(agent(cancellation), body)
    assert set(answer.json()["errors"]) == {"shipping.tracking_number"}
    assert (
        post(agent(cancellation), {**body, "shipping": {**shipping, "tracking_number": "94001118"}}).status_code == 201
    )


def test_a_carrier_that_the_marketplace_does_not_offer_is_told_at_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "shipping_providers", lambda order: [ShippingProvider("1", "USPS")])
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
    cancellation = CancellationFactory(order=OrderFactory(shop=shop, shipping_type="seller"))
    shipping = {"tracking_number": "94001118", "shipping_provider_id": "2"}
    body = {"verdict": "ship_to_reject", "cancellation": cancellation.pk, "shipping": shipping}
    assert set(post(agent(cancellation), body).json()["errors"]) == {"shipping.shipping_provider_id"}


@pytest.mark.parametrize(
    ("shipping", "status"),
    [
        ({"handover_method": "DROP_OFF"}, 400),
        ({"handover_method": "PICKUP"}, 400),
        (
            {"handover_method": "PICKUP", "pickup_start": "2026-11-24T17:00:00Z", "pickup_end": "2026-11-24T20:00:00Z"},
            201,
        ),
        (
            {"handover_method": "PICKUP", "pickup_start": "2026-11-24T18:00:00Z", "pickup_end": "2026-11-24T20:00:00Z"},
            400,
        ),
    ],
)
def test_a_package_leaves_in_a_way_that_is_on_offer(
    us_cancellation: CancellationRequest, monkeypatch: pytest.MonkeyPatch, shipping: dict[str, Any], status: int
) -> None:
    slots = [PickupSlot(at("2026-11-24 17:00"), at("2026-11-24 20:00"))]
    options = HandoverOptions(can_pickup=True, can_drop_off=False, pickup_slots=slots)
    monkeypatch.setattr(live, "handover_options", lambda order, package_ids: options)
    PackageFactory(order=us_cancellation.order)
    body = {"verdict": "ship_to_reject", "cancellation": us_cancellation.pk, "shipping": shipping}
    answer = post(agent(us_cancellation), body)
    assert answer.status_code == status, answer.content
    if status == 400:
        assert set(answer.json()["errors"]) == {"shipping.handover_method"}


def test_another_shops_request_is_told_as_one_that_is_not_there(cancellation: CancellationRequest) -> None:
    client = agent(CancellationFactory())
    foreign = post(client, {"verdict": "approve", "cancellation": cancellation.pk})
    nowhere = post(client, {"verdict": "approve", "cancellation": 999_999})
    assert foreign.status_code == nowhere.status_code == 400
    assert foreign.json()["errors"]["cancellation"] == [
        told.replace('"999999"', f'"{cancellation.pk}"') for told in nowhere.json()["errors"]["cancellation"]
    ]


def test_posting_a_decision_costs_a_fixed_number_of_queries(
    cancellation: CancellationRequest, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        CancellationLineFactory(cancellation=cancellation)
        LineItemFactory(order=cancellation.order)
        DecisionFactory(cancellation=cancellation, state="refused")
    client = agent(cancellation)
    with django_assert_max_num_queries(32):
        assert post(client, {"verdict": "approve", "cancellation": cancellation.pk}).status_code == 201


def test_a_viewer_is_turned_away_before_the_marketplace_is_asked(
    cancellation: CancellationRequest, reasons: Any
) -> None:
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "out_of_the_blue"}
    assert post(agent(cancellation, Role.VIEWER), body).status_code == 403
    assert not reasons.called


# --- reading a request ----------------------------------------------------------------------------------------------


def test_a_request_tells_what_can_be_decided_and_what_silence_does(cancellation: CancellationRequest) -> None:
    CancellationLineFactory(cancellation=cancellation)
    told = agent(cancellation).get(f"/api/v1/cancellations/{cancellation.pk}/").json()
    offers = {offer["verdict"]: offer for offer in told["offers"]}
    assert told["silence"] == "approves"
    assert told["refund_total"] == {"amount": "26.98", "currency": "GBP"}
    assert told["lines"][0]["refund_total"] == {"amount": "13.49", "currency": "GBP"}
    assert told["lines"][0]["refund_tax"] is None
    assert offers["approve"]["allowed"] is True
    assert offers["reject"]["allowed"] is True
    assert offers["ship_to_reject"]["allowed"] is False
    assert "Only in the US" in offers["ship_to_reject"]["why_not"]
    assert offers["approve"]["refund"] == {"amount": "26.98", "currency": "GBP"}
    assert offers["reject"]["refund"] == {"amount": "0.00", "currency": "GBP"}
    assert offers["approve"]["standing"] is None


def test_comments_that_the_shop_keeps_come_filled(cancellation: CancellationRequest) -> None:
    CancellationLineFactory(cancellation=cancellation)
    kept = CommentTemplate.objects.create(shop=cancellation.shop, name="Packed", reason="packed", text="{product}!")
    CommentTemplate.objects.create(shop=OrderFactory().shop, name="Another shop's", text="No.")
    told = agent(cancellation).get(f"/api/v1/cancellations/{cancellation.pk}/comment-templates/").json()
    text = {"id": kept.pk, "name": "Packed", "language": "en", "reason": "packed", "text": "Cotton tote bag!"}
    assert told == {"takes_comment": True, "max_length": 500, "templates": [text]}


def test_a_us_request_offers_shipping_and_says_why_not_reject(us_cancellation: CancellationRequest) -> None:
    told = agent(us_cancellation).get(f"/api/v1/cancellations/{us_cancellation.pk}/").json()
    offers = {offer["verdict"]: offer for offer in told["offers"]}
    assert offers["ship_to_reject"]["allowed"] is True
    assert offers["reject"]["allowed"] is False
    assert "March 31, 2024" in offers["reject"]["why_not"]
    assert offers["reject"]["notice"]["url"]
    assert offers["reject"]["notice"]["date"] == "2024-03-31"


def test_a_decided_request_names_its_decision_in_the_list_and_offers_nothing(
    cancellation: CancellationRequest,
) -> None:
    client = agent(cancellation)
    decision = post(client, {"verdict": "approve", "cancellation": cancellation.pk}).json()
    [row] = client.get("/api/v1/cancellations/").json()["results"]
    assert row["decision"] == {"id": decision["id"], "verdict": "approve", "state": "recorded"}
    told = client.get(f"/api/v1/cancellations/{cancellation.pk}/").json()
    assert [offer["allowed"] for offer in told["offers"]] == [False, False, False]
    assert [one["id"] for one in told["decisions"]] == [decision["id"]]


def test_the_api_is_narrowed_by_the_filters_of_the_screens(cancellation: CancellationRequest) -> None:
    settled = CancellationFactory(
        order=OrderFactory(shop=cancellation.shop), needs_answer=False, state="completed", deadline=None
    )
    decided = CancellationFactory(order=OrderFactory(shop=cancellation.shop))
    DecisionFactory(cancellation=decided, verdict=Verdict.APPROVE)
    client = agent(cancellation)

    def found(query: str) -> set[int]:
        return {row["id"] for row in client.get(f"/api/v1/cancellations/?{query}").json()["results"]}

    assert found("state=completed") == {settled.pk}
    assert found("needs_answer=true&decision=undecided") == {cancellation.pk}
    assert found("verdict=approve") == {decided.pk}
    assert found("market=GB") == {settled.pk, cancellation.pk, decided.pk}
    assert found("market=US") == set()
    assert found(f"q={cancellation.order_marketplace_id}") == {cancellation.pk}


@pytest.mark.parametrize(
    ("trouble", "status", "kind"),
    [
        (TemporaryFailure("busy", code="36009003", request_id="R1", retry_after=7), 503, "marketplace-unavailable"),
        (CredentialsRejected("expired", code="105002", request_id="R1"), 503, "reconnect"),
        (Refused("gone", code="25020012", request_id="R1"), 422, "marketplace-refused"),
    ],
)
def test_a_marketplace_that_does_not_tell_the_reasons_is_quoted(
    cancellation: CancellationRequest, reasons: Any, trouble: Any, status: int, kind: str
) -> None:
    reasons.side_effect = trouble
    answer = agent(cancellation).get(f"/api/v1/cancellations/{cancellation.pk}/reject-reasons/")
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer.json()["marketplace"] == {"code": trouble.code, "message": trouble.message, "request_id": "R1"}
    if kind == "marketplace-unavailable":
        assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize("locale", ["", "en_US", "x" * 40, "en-US\r\nHost: evil", "%00"])
def test_a_locale_that_is_none_is_told(cancellation: CancellationRequest, locale: str) -> None:
    answer = agent(cancellation).get(
        f"/api/v1/cancellations/{cancellation.pk}/reject-reasons/", query_params={"locale": locale}
    )
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["locale"]


# --- after deciding -------------------------------------------------------------------------------------------------


def test_a_decision_is_taken_back_until_it_is_sent(cancellation: CancellationRequest) -> None:
    client = agent(cancellation)
    address = post(client, {"verdict": "approve", "cancellation": cancellation.pk}).headers["Location"]
    answer = client.post(f"{address}withdraw/")
    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
    again = client.post(f"{address}withdraw/")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/too-late")
    assert again.json()["decision"] == address
    assert post(client, {"verdict": "approve", "cancellation": cancellation.pk}).status_code == 201


def test_a_decision_that_is_being_sent_is_too_late_to_take_back(cancellation: CancellationRequest) -> None:
    client = agent(cancellation, Role.MANAGER)
    decision = DecisionFactory(cancellation=cancellation, state="sending")
    answer = client.post(f"{DECISIONS}{decision.pk}/withdraw/")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/too-late")


def test_an_agent_does_not_take_back_what_a_colleague_decided(cancellation: CancellationRequest) -> None:
    decision = DecisionFactory(cancellation=cancellation)
    assert agent(cancellation).post(f"{DECISIONS}{decision.pk}/withdraw/").status_code == 403
    assert agent(cancellation, Role.MANAGER).post(f"{DECISIONS}{decision.pk}/withdraw/").status_code == 200


def test_a_stalled_decision_is_asked_about_again(cancellation: CancellationRequest) -> None:
    decision = DecisionFactory(cancellation=cancellation, state="stalled", stalled_because="outcome_unknown")
    address = f"{DECISIONS}{decision.pk}/ask-again/"
    client = agent(cancellation)
    answer = client.post(address)
    assert (answer.status_code, answer.json()["state"]) == (200, "sending")
    assert client.post(address).json()["type"] == "/problems/not-stalled"


def test_setting_aside_needs_a_note_and_ends_the_decision(cancellation: CancellationRequest) -> None:
    decision = DecisionFactory(cancellation=cancellation, state="stalled", stalled_because="disagreement")
    address = f"{DECISIONS}{decision.pk}/set-aside/"
    client = agent(cancellation, Role.MANAGER)
    assert list(post(client, {}, address).json()["errors"]) == ["note"]
    assert list(post(client, {"note": "  "}, address).json()["errors"]) == ["note"]
    answer = post(client, {"note": "Approved in the seller centre."}, address)
    assert (answer.status_code, answer.json()["state"]) == (200, "set_aside")
    assert answer.json()["note"] == "Approved in the seller centre."
    assert post(client, {"note": "Again"}, address).json()["type"] == "/problems/not-stalled"


def test_a_decision_tells_every_call_that_was_made_for_it(cancellation: CancellationRequest) -> None:
    decision = DecisionFactory(
        cancellation=cancellation, state="refused", code="25020012", message="No.", request_id="R9"
    )
    Attempt.objects.create(decision=decision, number=1, purpose="send", outcome="temporary", code="36009003")
    Attempt.objects.create(decision=decision, number=2, purpose="send", outcome="refused", code="25020012")
    told = agent(cancellation).get(f"{DECISIONS}{decision.pk}/").json()
    assert told["marketplace"] == {"code": "25020012", "message": "No.", "request_id": "R9"}
    assert [(one["number"], one["outcome"]) for one in told["attempts"]] == [(1, "temporary"), (2, "refused")]


def test_decisions_are_never_edited_or_deleted(cancellation: CancellationRequest) -> None:
    decision = DecisionFactory(cancellation=cancellation)
    client = agent(cancellation, Role.MANAGER)
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)(f"{DECISIONS}{decision.pk}/").status_code == 405


def test_the_api_and_the_screens_decide_by_the_same_verb(cancellation: CancellationRequest) -> None:
    with patch("cancellations.serializers.coming_in.decide", wraps=verbs.decide) as decide:
        post(agent(cancellation), {"verdict": "approve", "cancellation": cancellation.pk})
    assert decide.call_count == 1


# --- with the simulator ---------------------------------------------------------------------------------------------


def test_reasons_come_from_the_marketplace_and_a_decision_reaches_it(world: World, reasons: Any) -> None:
    reasons.side_effect = REAL_REASONS
    client = Client()
    client.force_login(world.agent)
    cancellation = world.asked("GB")
    told = client.get(f"/api/v1/cancellations/{cancellation.pk}/reject-reasons/").json()["reasons"]
    assert told
    wrong = post(client, {"verdict": "reject", "cancellation": cancellation.pk, "reason": "nonsense"})
    assert list(wrong.json()["errors"]) == ["reason"]
    body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": told[0]["name"], "comment": "It left."}
    answer = post(client, body)
    assert answer.status_code == 201
    assert answer.json()["reason_text"] == told[0]["text"]
    world.now()
    deliver(answer.json()["id"])
    told = client.get(answer.headers["Location"]).json()
    assert told["state"] in ("accepted", "confirmed")
    assert told["marketplace"]["request_id"]
    assert told["attempts"][0]["outcome"] == "ok"


REAL_REASONS = live.reject_reasons


def test_the_ways_a_us_package_can_leave_come_from_the_marketplace(world: World) -> None:
    client = Client()
    client.force_login(world.agent)
    cancellation = world.asked("US")
    answer = client.get(f"/api/v1/cancellations/{cancellation.pk}/shipping-options/")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert set(told) == {"sent_by_seller", "package_ids", "handover", "carriers"}
    assert bool(told["carriers"]) == told["sent_by_seller"]


def test_the_marketplaces_own_carrier_is_asked_for_no_other(
    us_cancellation: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "handover_options", lambda order: HandoverOptions(can_pickup=False, can_drop_off=True))
    PackageFactory(order=us_cancellation.order)
    told = agent(us_cancellation).get(f"/api/v1/cancellations/{us_cancellation.pk}/shipping-options/").json()
    assert (told["sent_by_seller"], told["carriers"], told["handover"]["can_drop_off"]) == (False, [], True)


# --- a second person --------------------------------------------------------------------------------------------------


class TestASecondPerson:
    @pytest.fixture
    def decided(self, cancellation: CancellationRequest) -> str:
        """An agent's approval of more than agents give back alone, by its address."""
        CancellationRequest.objects.update(refund_total=Decimal(120), currency="GBP")
        MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=100)
        body = {"verdict": "approve", "cancellation": cancellation.pk}
        made = post(agent(cancellation), body).json()
        assert (made["state"], made["gives_back"]) == ("unsigned", {"amount": "120.00", "currency": "GBP"})
        address: str = made["url"].partition("testserver")[2]
        return address

    def test_somebody_else_countersigns(self, cancellation: CancellationRequest, decided: str) -> None:
        answer = post(agent(cancellation), {}, f"{decided}countersign/")
        assert (answer.status_code, answer.json()["state"]) == (200, "recorded")
        assert answer.json()["countersigned_by"]["name"]
        again = post(agent(cancellation), {}, f"{decided}countersign/")
        assert (again.status_code, again.json()["type"]) == (409, "/problems/not-unsigned")

    def test_somebody_else_declines_and_says_why(self, cancellation: CancellationRequest, decided: str) -> None:
        assert post(agent(cancellation), {}, f"{decided}decline/").status_code == 400
        answer = post(agent(cancellation), {"note": "Ask for a photo."}, f"{decided}decline/")
        assert (answer.json()["state"], answer.json()["note"]) == ("withdrawn", "Ask for a photo.")

    def test_what_has_become_impossible_is_told(self, cancellation: CancellationRequest, decided: str) -> None:
        CancellationRequest.objects.update(needs_answer=False, state="closed")
        answer = post(agent(cancellation), {}, f"{decided}countersign/")
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")

    def test_the_offer_says_so_before(self, cancellation: CancellationRequest, decided: str) -> None:
        Decision.objects.update(state="withdrawn")
        for role, second in ((Role.AGENT, True), (Role.MANAGER, False)):
            told = agent(cancellation, role).get(f"/api/v1/cancellations/{cancellation.pk}/").json()["offers"]
            assert next(offer["second_person"] for offer in told if offer["verdict"] == "approve") == second


def test_decisions_are_found_by_what_they_are_about(cancellation: CancellationRequest) -> None:
    client, other = agent(cancellation), CancellationFactory(order=OrderFactory(shop=cancellation.shop))
    wanted, _not = DecisionFactory(cancellation=cancellation), DecisionFactory(cancellation=other)
    for query in (f"cancellation={cancellation.pk}", f"order={cancellation.order_id}"):
        assert [row["id"] for row in client.get(f"{DECISIONS}?{query}").json()["results"]] == [wanted.pk]
    foreign = CancellationFactory()
    assert client.get(f"{DECISIONS}?cancellation={foreign.pk}").status_code == 400
