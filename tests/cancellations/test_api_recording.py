"""Requests that their marketplace does not show, over the API: recorded, closed, announced and answered."""

import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from cancellations.models import Announcement, CancellationRequest, Event
from orders.models import LineItem, Order
from shops.models import Role, Shop
from tests.factories import DecisionFactory, LineItemFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db
REQUESTS = "/api/v1/cancellations/"


@pytest.fixture
def shop() -> Shop:
    return ShopFactory(marketplace="crux_timp", region="US", connection__marketplace="crux_timp")


@pytest.fixture
def order(shop: Shop) -> Order:
    """Three lanterns and a stool that a retailer ordered from us."""
    order = OrderFactory(shop=shop, number="NG-104417", status="Unallocated", is_cancel_requested=False)
    LineItemFactory(order=order, product_name="Trail lantern", quantity=3, status="Unallocated")
    LineItemFactory(order=order, product_name="Camp stool", quantity=1, status="Unallocated")
    return order


@pytest.fixture
def stool(order: Order) -> LineItem:
    return order.lines.get(product_name="Camp stool")


@pytest.fixture
def client(shop: Shop) -> Client:
    return signed_in(Role.AGENT, shop, first_name="Ada", last_name="Lovelace")


def signed_in(role: Role, *shops: Shop, **user: Any) -> Client:
    client = Client()
    client.force_login(member(role, *shops, **user))
    return client


def post(client: Client, body: Any, address: str = REQUESTS) -> Any:
    return client.post(address, json.dumps(body), "application/json")


def announce(shop: Shop, **columns: Any) -> Announcement:
    return Announcement.objects.create(
        **{
            "shop": shop, "marketplace_id": f"a-{Announcement.objects.count()}", "title": "Order Cancelled",
            "is_cancellation": True, "announced_at": timezone.now(), **columns,
        }
    )  # fmt: skip


# --- recording ------------------------------------------------------------------------------------------------------


def test_a_request_is_recorded_with_201_and_its_address(client: Client, order: Order) -> None:
    answer = post(client, {"order": order.pk})
    told, made = answer.json(), CancellationRequest.objects.get()
    assert answer.status_code == 201, told
    assert answer.headers["Location"] == f"http://testserver{REQUESTS}{made.pk}/"
    assert client.get(answer.headers["Location"]).json() == told
    assert (told["order"], told["order_number"], told["line_item"]) == (order.pk, "NG-104417", None)
    assert (told["needs_answer"], told["deadline"], told["silence"]) == (True, None, "nothing")
    assert told["recorded"]["by"] == {"id": made.recorded_by_id, "name": "Ada Lovelace"}
    assert (told["recorded"]["heard_through"], told["recorded"]["note"]) == ("system", "")
    assert {(line["product_name"], line["quantity"]) for line in told["lines"]} == {
        ("Trail lantern", 3), ("Camp stool", 1),
    }  # fmt: skip


def test_all_that_was_heard_is_kept(client: Client, order: Order, stool: LineItem) -> None:
    asked_at = (timezone.now() - timedelta(hours=3)).replace(microsecond=0)
    body = {
        "order": order.pk,
        "line_item": stool.pk,
        "asked_at": asked_at.astimezone(ZoneInfo("Asia/Tokyo")).isoformat(),
        "heard_through": "phone",
        "note": "Ms Ruiz rang.",
    }
    told = post(client, body).json()
    assert (told["line_item"], told["created_at"]) == (stool.pk, f"{asked_at:%Y-%m-%dT%H:%M:%SZ}")
    assert (told["recorded"]["heard_through"], told["recorded"]["note"]) == ("phone", "Ms Ruiz rang.")
    assert [line["line_item_marketplace_id"] for line in told["lines"]] == [stool.marketplace_id]


@pytest.mark.parametrize("name", ["order_number", "order_marketplace_id"])
def test_another_system_names_the_order_by_the_number_it_knows(client: Client, order: Order, name: str) -> None:
    known = {"order_number": order.number, "order_marketplace_id": order.marketplace_id}
    told = post(client, {"shop": order.shop_id, name: known[name]})
    assert told.status_code == 201, told.content
    assert told.json()["order"] == order.pk


def test_a_request_may_come_as_a_form(client: Client, order: Order) -> None:
    answer = client.post(REQUESTS, {"shop": order.shop_id, "order_number": order.number, "note": "From a form."})
    assert answer.status_code == 201, answer.content


def test_what_is_recorded_stands_in_the_list_as_it_was_told(client: Client, order: Order) -> None:
    made = post(client, {"order": order.pk, "note": "By mail."}).json()
    [row] = client.get(f"{REQUESTS}?needs_answer=true").json()["results"]
    assert row["recorded"] == made["recorded"]
    assert (row["order_number"], row["line_item"]) == ("NG-104417", None)


def test_the_second_who_records_it_is_told_about_the_first(client: Client, order: Order) -> None:
    first = post(client, {"order": order.pk}).headers["Location"]
    answer = post(signed_in(Role.AGENT, order.shop), {"order": order.pk})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-recorded")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["cancellation"] == first
    assert "Ada Lovelace" in answer.json()["detail"]


def test_an_announcement_of_what_is_recorded_already_is_looked_into_all_the_same(
    client: Client, order: Order, shop: Shop
) -> None:
    first = post(client, {"order": order.pk}).json()
    told = announce(shop)
    assert post(client, {"order": order.pk, "announcement": told.pk}).status_code == 409
    told.refresh_from_db()
    assert told.handled_at and told.cancellation_id == first["id"]


def test_where_the_marketplace_lists_its_requests_nothing_is_recorded() -> None:
    listed = OrderFactory(number="7")
    client = signed_in(Role.AGENT, listed.shop)
    for body in ({"order": listed.pk}, {"shop": listed.shop_id, "order_number": "unheard of"}):
        answer = post(client, body)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")
        assert "come in by themselves" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"order"}),
        ({"shop": "own"}, {"order"}),
        ({"order": "own", "order_number": "NG-104417"}, {"order", "order_number"}),
        ({"order_number": "NG-104417"}, {"shop"}),
        ({"shop": "other", "order": "own"}, {"shop"}),
        ({"shop": "own", "order_number": ""}, {"order_number"}),
        ({"shop": "own", "order_number": "a\0b"}, {"order_number"}),
        ({"shop": "own", "order_number": "NG-1"}, {"order_number"}),
        ({"shop": "own", "order_marketplace_id": "NG-104417"}, {"order_marketplace_id"}),
        ({"shop": 10**30, "order_number": "NG-104417"}, {"shop"}),
        ({"order": 10**30}, {"order"}),
        ({"order": True}, {"order"}),
        ({"order": None}, {"order"}),
        ({"order": "own", "line_item": 10**30}, {"line_item"}),
        ({"order": "own", "line_item": "all"}, {"line_item"}),
        ({"order": "own", "line_item": 0}, {"line_item"}),
        ({"order": "own", "asked_at": "2026-11-19T08:00:00"}, {"asked_at"}),
        ({"order": "own", "asked_at": "yesterday"}, {"asked_at"}),
        ({"order": "own", "asked_at": "2999-01-01T00:00:00Z"}, {"asked_at"}),
        ({"order": "own", "asked_at": "0001-01-01T00:00:00Z"}, {"asked_at"}),
        ({"order": "own", "asked_at": "0001-01-01T00:00:00+14:00"}, {"asked_at"}),
        ({"order": "own", "heard_through": "pigeon"}, {"heard_through"}),
        ({"order": "own", "heard_through": "order"}, {"heard_through"}),
        ({"order": "own", "note": "x" * 2001}, {"note"}),
        ({"order": "own", "note": "\ud800"}, {"note"}),
        ({"order": "own", "announcement": 10**30}, {"announcement"}),
        ({"order": "own", "reason": "none is taken"}, {"reason"}),
        ({"order": "own", "line": 1}, {"line"}),
    ],
)
def test_a_wrong_body_is_told_at_the_field_and_nothing_is_recorded(
    client: Client, order: Order, body: dict[str, Any], fields: set[str]
) -> None:
    other = ShopFactory(marketplace="crux_timp", region="US")
    client = signed_in(Role.AGENT, order.shop, other)
    ids = {"shop": {"own": order.shop_id, "other": other.pk}, "order": {"own": order.pk}}
    answer = post(client, {name: ids.get(name, {}).get(str(value), value) for name, value in body.items()})
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == fields
    assert not CancellationRequest.objects.exists()


def test_an_order_that_is_not_here_yet_is_told_with_what_to_do(client: Client, order: Order) -> None:
    [words] = post(client, {"shop": order.shop_id, "order_number": "NG-9"}).json()["errors"]["order_number"]
    assert "every 60 seconds" in words
    assert "send this again" in words


def test_a_number_that_two_orders_have_is_told_with_both(client: Client, order: Order) -> None:
    twin = OrderFactory(shop=order.shop, number=order.number)
    [words] = post(client, {"shop": order.shop_id, "order_number": order.number}).json()["errors"]["order_number"]
    assert str(order.pk) in words
    assert str(twin.pk) in words


@pytest.mark.parametrize("name", ["order", "order_number"])
def test_an_order_with_nothing_open_is_told_where_it_was_named(client: Client, order: Order, name: str) -> None:
    order.lines.update(is_shipped=True)
    named = {"order": order.pk} if name == "order" else {"shop": order.shop_id, "order_number": order.number}
    assert set(post(client, named).json()["errors"]) == {name}


def test_orders_lines_shops_and_announcements_of_others_look_like_none(client: Client, order: Order) -> None:
    foreign = OrderFactory(shop=ShopFactory(marketplace="crux_timp", region="US"), number="F-1")
    ids = {
        "order": foreign.pk,
        "shop": foreign.shop_id,
        "line_item": LineItemFactory(order=foreign).pk,
        "announcement": announce(foreign.shop).pk,
    }
    for name, pk in ids.items():
        rest = {"shop": {"order_number": "F-1"}, "order": {}}.get(name, {"order": order.pk})
        theirs, nobodys = (post(client, {**rest, name: one}) for one in (pk, 999_999))
        assert theirs.status_code == nobodys.status_code == 400
        assert set(theirs.json()["errors"]) == {name}
        assert theirs.json() == json.loads(nobodys.content.replace(b"999999", str(pk).encode()))


def test_a_viewer_is_turned_away_before_anything_is_looked_up(order: Order) -> None:
    viewer = signed_in(Role.VIEWER, order.shop)
    for number in (order.number, "NG-9"):
        assert post(viewer, {"shop": order.shop_id, "order_number": number}).status_code == 403


def test_recording_costs_a_fixed_number_of_queries(
    client: Client, order: Order, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        LineItemFactory(order=order)
    with django_assert_max_num_queries(27):
        assert post(client, {"order": order.pk}).status_code == 201


# --- closing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(client: Client, order: Order) -> str:
    return str(post(client, {"order": order.pk}).headers["Location"])


def test_a_closed_request_waits_no_longer(client: Client, recorded: str) -> None:
    answer = post(client, {"note": "Settled on the telephone."}, f"{recorded}close/")
    assert (answer.status_code, answer.json()["state"], answer.json()["needs_answer"]) == (200, "closed", False)
    assert Event.objects.get(name="cancellation.closed").detail["note"] == "Settled on the telephone."
    again = post(client, {"note": "Settled."}, f"{recorded}close/")
    assert (again.status_code, again.json()["type"]) == (422, "/problems/not-allowed")


@pytest.mark.parametrize(("body", "field"), [({}, "note"), ({"note": " "}, "note"), ({"note": "x", "why": "y"}, "why")])
def test_closing_needs_a_note_and_nothing_else(client: Client, recorded: str, body: Any, field: str) -> None:
    answer = post(client, body, f"{recorded}close/")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {field})


def test_a_request_with_an_answer_on_its_way_is_not_closed(client: Client, recorded: str) -> None:
    body = {"verdict": "approve", "cancellation": CancellationRequest.objects.get().pk}
    decision = post(client, body, "/api/v1/decisions/").json()
    answer = post(client, {"note": "Withdrawn."}, f"{recorded}close/")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/already-decided")
    assert answer.json()["decision"] == decision["url"]


def test_a_request_that_its_marketplace_lists_is_not_ours_to_close() -> None:
    listed = DecisionFactory(state="refused").cancellation
    assert listed
    client = signed_in(Role.MANAGER, listed.shop)
    answer = post(client, {"note": "Enough."}, f"{REQUESTS}{listed.pk}/close/")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")


# --- announcements --------------------------------------------------------------------------------------------------


def test_an_announcement_tells_what_the_marketplace_said_and_who_looked_into_it(client: Client, shop: Shop) -> None:
    told = announce(shop)
    [row] = client.get("/api/v1/announcements/").json()["results"]
    assert (row["id"], row["title"], row["order"], row["handled"]) == (told.pk, "Order Cancelled", None, None)
    answer = post(client, {}, f"{row['url']}handle/")
    assert (answer.status_code, answer.json()["handled"]["by"]["name"]) == (200, "Ada Lovelace")
    assert client.get(row["url"]).json() == answer.json()


def test_the_first_to_look_into_it_is_kept(client: Client, shop: Shop) -> None:
    address = f"/api/v1/announcements/{announce(shop).pk}/handle/"
    first = post(client, {}, address).json()
    assert post(signed_in(Role.AGENT, shop), {}, address).json() == first


def test_announcements_are_narrowed_to_a_shop_and_to_those_that_wait(shop: Shop) -> None:
    other = ShopFactory(marketplace="crux_timp", region="US")
    waits, elsewhere = announce(shop), announce(other)
    done, news = announce(shop, handled_at=timezone.now()), announce(shop, is_cancellation=False)
    client = signed_in(Role.VIEWER, shop, other)

    def found(query: str) -> list[int]:
        return [row["id"] for row in client.get(f"/api/v1/announcements/?{query}").json()["results"]]

    assert found("") == [news.pk, done.pk, elsewhere.pk, waits.pk]
    assert found("waiting=true") == [elsewhere.pk, waits.pk]
    assert found("waiting=false") == [news.pk, done.pk]
    assert found(f"waiting=true&shop={shop.pk}") == [waits.pk]
    assert found("is_cancellation=false") == [news.pk]


def test_recording_with_an_announcement_says_what_came_of_it(client: Client, order: Order) -> None:
    told = announce(order.shop)
    made = post(client, {"order": order.pk, "announcement": told.pk}).json()
    told.refresh_from_db()
    assert told.cancellation_id == made["id"]
    assert told.handled_at


def test_a_no_leaves_the_announcement_waiting(client: Client, order: Order) -> None:
    told = announce(order.shop)
    later = (timezone.now() + timedelta(days=1)).isoformat()
    assert post(client, {"order": order.pk, "announcement": told.pk, "asked_at": later}).status_code == 400
    assert told in Announcement.objects.waiting()


def test_an_announcement_is_handled_with_a_request_of_its_own_shop_alone(client: Client, recorded: str) -> None:
    made = CancellationRequest.objects.get()
    told = announce(made.shop)
    address = f"/api/v1/announcements/{told.pk}/handle/"
    foreign = DecisionFactory().cancellation
    assert foreign
    for pk in (foreign.pk, 999_999, 10**30, 0, "all"):
        answer = post(client, {"cancellation": pk}, address)
        assert (answer.status_code, set(answer.json()["errors"])) == (400, {"cancellation"})
    assert set(post(client, {"request": made.pk}, address).json()["errors"]) == {"request"}
    assert post(client, {"cancellation": made.pk}, address).json()["cancellation"] == made.pk


# --- answering ------------------------------------------------------------------------------------------------------


def test_what_the_market_does_not_take_is_refused_at_its_field(client: Client, recorded: str) -> None:
    made = CancellationRequest.objects.get()
    body = {"verdict": "reject", "cancellation": made.pk}
    answer = post(client, {**body, "reason": "already_sent", "comment": "It left."}, "/api/v1/decisions/")
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {
            "reason": ["Crux Connect takes no reason with a rejection."],
            "comment": ["Crux Connect takes no comment with a rejection."],
        },
    )
    assert post(client, body, "/api/v1/decisions/").status_code == 201


def test_an_image_that_the_market_does_not_take_is_not_even_looked_at(
    client: Client, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked_at(*_: Any) -> None:
        pytest.fail("it was decoded")

    monkeypatch.setattr("cancellations.serializers.coming_in.read_picture", looked_at)
    body = {"verdict": "reject", "cancellation": CancellationRequest.objects.get().pk}
    answer = client.post("/api/v1/decisions/", {**body, "images": [SimpleUploadedFile("x.png", b"no image")]})
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {"images": ["Crux Connect takes no images with a rejection."]},
    )


def test_where_no_reasons_are_taken_none_are_asked_for(
    client: Client, recorded: str, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any) -> None:
        pytest.fail("the marketplace was asked")

    monkeypatch.setattr("cancellations.live.call_for", asked)
    assert client.get(f"{recorded}reject-reasons/").json() == {
        "takes_reason": False,
        "explanation": "Crux Connect takes no reason with a rejection.",
        "reasons": [],
    }
    ways_out = client.get(f"{recorded}shipping-options/")
    assert (ways_out.status_code, ways_out.json()["type"]) == (422, "/problems/not-allowed")
    assert "Shipping answers no request" in ways_out.json()["detail"]
    options = client.get(f"/api/v1/orders/{order.pk}/cancel-options/").json()
    assert (options["takes_reason"], options["reasons"]) == (False, [])
    assert options["explanation"] == "Crux Connect takes no reason for cancelling items."


def test_as_many_of_a_line_are_cancelled_as_are_open_and_without_a_reason(client: Client, order: Order) -> None:
    lantern = order.lines.get(quantity=3)
    LineItem.objects.filter(pk=lantern.pk).update(cancelled_quantity=1)
    body: dict[str, Any] = {"verdict": "cancel_items", "order": order.pk}

    def wrong(quantity: int, **more: Any) -> set[str]:
        items = [{"line_item": lantern.pk, "quantity": quantity}]
        return set(post(client, {**body, "items": items, **more}, "/api/v1/decisions/").json()["errors"])

    assert wrong(3) == {"items"}
    assert wrong(2, reason="out_of_stock") == {"reason"}
    answer = post(client, {**body, "items": [{"line_item": lantern.pk, "quantity": 2}]}, "/api/v1/decisions/")
    assert answer.status_code == 201, answer.content
    assert answer.json()["reason"] == ""
    [line] = answer.json()["lines"]
    assert (line["quantity"], line["cancelled_afterwards"]) == (2, 3)
