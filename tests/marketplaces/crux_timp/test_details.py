"""Signing in, notifications, and what of an order can be cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplaces.crux_timp import details
from marketplaces.crux_timp.lines import read_line
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import BadRecord, CredentialsRejected
from tests.marketplaces.crux_timp.samples import LINE, US, allocation, an_id, line, parcel, sign_in

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def test_signing_in_names_the_shop_and_ends_two_hours_after_it_was_asked_for() -> None:
    tokens = details.tokens(sign_in(), "orders@birch.example", NOW)
    assert tokens.access_token == "f" * 40
    assert tokens.access_token_expires_at == NOW + timedelta(hours=2)
    assert (tokens.refresh_token, tokens.refresh_token_expires_at) == ("", None)
    assert list(tokens.scopes) == ["cancel_order"]
    (shop,) = tokens.shops
    assert (shop.marketplace_id, shop.code, shop.cipher) == (US, an_id(61), "")
    assert (shop.name, shop.region, shop.seller_type) == ("orders@birch.example", "US", "SUPPLIER")


def test_the_name_of_the_organization_is_better_than_the_users() -> None:
    tokens = details.tokens(sign_in(), "orders@birch.example", NOW)
    named = details.named(tokens, "Birch & Tin")
    assert (named.seller_name, named.shops[0].name) == ("Birch & Tin", "Birch & Tin")
    assert details.named(tokens, "") == tokens


@pytest.mark.parametrize(
    "changes",
    [
        {"org_type": "RETAILER", "retailer_uuid": an_id(1), "supplier_uuid": ""},
        {"org_type": "retailer"},
        {"org_type": None, "retailer_uuid": an_id(1)},
    ],
)
def test_the_user_of_a_retailer_is_told_whose_is_needed(changes: dict[str, Any]) -> None:
    with pytest.raises(
        CredentialsRejected, match=r"is the user of a retailer.*takes the user of a supplier"
    ) as rejected:
        details.tokens(sign_in(**changes), "buying@corner.example", NOW)
    assert not rejected.value.expired
    assert "f" * 40 not in str(rejected.value)


@pytest.mark.parametrize("data", [[], None, sign_in(auth_token=""), sign_in(auth_token=5), sign_in(org_uuid=None)])
def test_a_sign_in_that_is_none_is_a_bad_record(data: Any) -> None:
    with pytest.raises(BadRecord):
        details.tokens(data, "u", NOW)


@pytest.mark.parametrize("odd", [None, [], {"permissions": {}}, {"permissions": [None, {}, {"assigned": True}]}])
def test_permissions_that_cannot_be_read_stop_nobody(odd: Any) -> None:
    assert list(details.tokens(sign_in(permission_assignments=odd), "u", NOW).scopes) == []


def notification(**changes: Any) -> dict[str, Any]:
    made = "2026-03-05T07:10:45.902113Z"
    return {"uuid": an_id(3), "title": "Order Cancelled", "created_at": made, "type": "Dashboard"} | changes


@pytest.mark.parametrize(
    ("title", "is_one"),
    [
        ("Order Cancelled", True),
        ("order cancelled", True),
        (" Order  canceled ", True),
        ("orders/cancelled", False),
        ("API Errors", False),
        ("", False),
    ],
)
def test_a_title_says_whether_somebody_asks_to_cancel(title: str, is_one: bool) -> None:
    (one,) = details.announcements([notification(title=title)], "Order Cancelled", NOW)
    assert (one.marketplace_id, one.title, one.is_cancellation) == (an_id(3), title, is_one)
    assert one.announced_at == datetime(2026, 3, 5, 7, 10, 45, 902113, tzinfo=UTC)


def test_another_title_can_be_the_one() -> None:
    (one,) = details.announcements([notification(title="Cancel requested")], "cancel-requested", NOW)
    assert one.is_cancellation


def test_a_notification_without_a_title_is_nobodys_request() -> None:
    (one,) = details.announcements([notification(title="")], "", NOW)
    assert not one.is_cancellation


def test_an_odd_notification_is_told_as_well_as_it_can_be() -> None:
    raw = [notification(uuid=None, created_at="soon", title=None), notification(uuid=None, created_at=None), "x"]
    odd, other = details.announcements(raw, "Order Cancelled", NOW)
    assert len({odd.marketplace_id, other.marketplace_id, ""}) == 3
    assert (odd.title, odd.announced_at, odd.is_cancellation) == ("", NOW, False)
    assert (odd, other) == tuple(details.announcements(raw, "Order Cancelled", NOW))


@pytest.mark.parametrize("data", [{}, None, "x"])
def test_notifications_are_a_list(data: Any) -> None:
    with pytest.raises(BadRecord):
        details.announcements(data, "Order Cancelled", NOW)


@pytest.mark.parametrize(
    ("changes", "eligible", "reason"),
    [
        ({}, True, ""),
        ({"tracking": [parcel(1)]}, True, ""),
        ({"tracking": [parcel(3)]}, False, "All of it has shipped."),
        ({"line_item_designation": "Cancelled"}, False, "All of it is cancelled."),
        ({"allocation": allocation(quantity_rejected=3)}, False, "All of it is cancelled."),
        (
            {"tracking": [parcel(2)], "allocation": allocation(quantity_accepted=2, quantity_rejected=1)},
            False,
            "All that is not cancelled has shipped.",
        ),
    ],
)
def test_what_is_open_can_be_cancelled(changes: dict[str, Any], eligible: bool, reason: str) -> None:
    (one,) = details.eligibility([read_line(line(**changes), Readings(), {})])
    assert (list(one.line_item_ids), one.eligible, one.reason) == ([LINE], eligible, reason)
