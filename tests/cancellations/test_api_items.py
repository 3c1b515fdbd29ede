"""Over the API what can be cancelled of an order, and what the buyer would get back."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.test import Client

from cancellations import live
from cancellations.models import Decision
from marketplaces.errors import TemporaryFailure
from marketplaces.records import LineEligibility, Money, RefundParts
from orders.models import Order
from shops.models import Role
from tests.factories import CancellationFactory, LineItemFactory, OrderFactory, PackageFactory, member

pytestmark = pytest.mark.django_db
OUT_OF_STOCK = "seller_cancel_reason_out_of_stock_uk"


@pytest.fixture
def eligibility() -> Iterator[Any]:
    cache.clear()
    with patch.object(live, "eligibility", return_value=[]) as asked:
        yield asked


@pytest.fixture
def order() -> Order:
    order = OrderFactory(is_cancel_requested=False)
    LineItemFactory.create_batch(2, order=order)
    return order


@pytest.fixture
def staff(client: Client, order: Order) -> Client:
    client.force_login(member(Role.AGENT, order.shop))
    return client


def eligible(client: Client, order: Order) -> Any:
    return client.get(f"/api/v1/orders/{order.pk}/eligibility/")


def preview(client: Client, order: Order, body: Any) -> Any:
    return client.post(f"/api/v1/orders/{order.pk}/refund-preview/", json.dumps(body), "application/json")


def test_each_line_says_whether_it_can_be_cancelled_and_why_not(staff: Client, order: Order, eligibility: Any) -> None:
    free, refused = order.lines.all()
    LineItemFactory(order=order, is_shipped=True, status="IN_TRANSIT")
    eligibility.return_value = [LineEligibility([refused.marketplace_id], "", False, "25001003", "Sold as a set")]
    told = eligible(staff, order).json()
    assert (told["can_be_cancelled"], told["why_not"]) == (True, "")
    assert [line["can_be_cancelled"] for line in told["lines"]] == [True, False, False]
    assert (told["lines"][0]["line_item"], told["lines"][0]["why_not"]) == (free.pk, "")
    assert (told["lines"][1]["why_not"], told["lines"][1]["code"]) == ("Sold as a set", "25001003")
    assert "IN_TRANSIT" in told["lines"][2]["why_not"]


def test_where_the_rules_say_no_the_marketplace_is_not_asked(staff: Client, order: Order, eligibility: Any) -> None:
    CancellationFactory(order=order)
    told = eligible(staff, order).json()
    assert told["can_be_cancelled"] is False
    assert {line["why_not"] for line in told["lines"]} == {told["why_not"]} != {""}
    eligibility.assert_not_called()


def test_a_marketplace_that_does_not_answer_is_a_503(staff: Client, order: Order, eligibility: Any) -> None:
    eligibility.side_effect = TemporaryFailure("busy")
    assert eligible(staff, order).json()["type"] == "/problems/marketplace-unavailable"


def test_a_preview_tells_what_goes_back_and_what_stays(
    staff: Client, order: Order, eligibility: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = order.lines.all()
    parts = RefundParts(*(Money(Decimal(amount), "GBP") for amount in ("12.40", "12", "0.40", "0", "0")))
    monkeypatch.setattr(live, "refund_preview", lambda order, items, reason: parts if items == {first.pk: 1} else None)
    answer = preview(staff, order, {"items": [{"line_item": first.pk, "quantity": 1}], "reason": OUT_OF_STOCK})
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert told["refund"]["total"] == {"amount": "12.40", "currency": "GBP"}
    assert [(row["line_item"], row["quantity"]) for row in told["stays"]] == [(second.pk, 1)]
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("items", "reason", "field"),
    [
        ([], OUT_OF_STOCK, "items"),
        ([{"line_item": 4711}], OUT_OF_STOCK, "items[0].line_item"),
        ([{"line_item": "own", "quantity": 2}], OUT_OF_STOCK, "items"),
        ([{"line_item": "own"}], "nonsense", "reason"),
        ([{"line_item": "own"}, {"line_item": "own"}], OUT_OF_STOCK, "items[1].line_item"),
    ],
)
def test_what_could_not_be_decided_is_told_at_its_field(
    staff: Client, order: Order, eligibility: Any, items: list[Any], reason: str, field: str
) -> None:
    own = order.lines.all()[0].pk
    told = [{**item, "line_item": own if item["line_item"] == "own" else item["line_item"]} for item in items]
    answer = preview(staff, order, {"items": told, "reason": reason})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_previewing_takes_the_permission_that_cancelling_takes(order: Order, client: Client) -> None:
    client.force_login(member(Role.VIEWER, order.shop))
    assert preview(client, order, {}).status_code == 403


def test_an_order_tells_which_lines_are_in_which_package(staff: Client, order: Order) -> None:
    first, second = order.lines.all()
    package = PackageFactory(order=order, tracking_number="JD0001")
    PackageFactory(order=order)
    type(first).objects.filter(pk=second.pk).update(package_id=package.marketplace_id)
    told = staff.get(f"/api/v1/orders/{order.pk}/").json()["packages"]
    assert [(one["tracking_number"], one["lines"]) for one in told] == [("JD0001", [second.pk]), ("", [])]
