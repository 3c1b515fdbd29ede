"""Packages are shipped, and what that does to a buyer's request depends on the market."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Answer, Control, Json, Shop
from tests.sandbox.conftest import Running


@pytest.fixture
def control(running: Running) -> Control:
    """A larger world: every shop has orders of every kind to ship."""
    running.control.post("reset", scenario="default", seed=1, orders=900, rate_limit=0, webhook_url="")
    return running.control


def waiting(shop: Shop, shipping_type: str) -> tuple[Json, Json]:
    """A pending request and its order."""
    for record in shop.pending():
        order = shop.order(record["order_id"])
        if order["shipping_type"] == shipping_type:
            return record, order
    raise AssertionError("no such order")


def idle(shop: Shop, shipping_type: str, status: str = "AWAITING_SHIPMENT") -> Json:
    found = shop.orders(order_status=status, shipping_type=shipping_type, is_buyer_request_cancel=False)
    return next(
        order
        for order in found.data["orders"]
        if all(line["display_status"] != "CANCELLED" for line in order["line_items"])
    )


def carrier(shop: Shop, order: Json) -> str:
    path = f"/logistics/202309/delivery_options/{order['delivery_option_id']}/shipping_providers"
    return str(shop.call("GET", path).data["shipping_providers"][0]["id"])


def mark(shop: Shop, order: Json, tracking: str = "JX123456789", provider: str = "", **body: Any) -> Answer:
    return shop.call(
        "POST",
        f"/fulfillment/202309/orders/{order['id']}/packages",
        None,
        {"tracking_number": tracking, "shipping_provider_id": provider or carrier(shop, order), **body},
    )


def ship(shop: Shop, order: Json, **body: Any) -> Answer:
    return shop.call("POST", f"/fulfillment/202309/packages/{order['packages'][0]['id']}/ship", None, body)


def test_a_us_seller_rejects_by_marking_the_package_as_shipped(control: Control, us: Shop) -> None:
    record, order = waiting(us, "SELLER")
    assert order["packages"] == []
    answer = mark(us, order)
    assert answer.code == 0
    after = us.order(order["id"])
    assert (after["status"], after["is_buyer_request_cancel"]) == ("AWAITING_COLLECTION", False)
    assert after["packages"] == [{"id": answer.data["package_id"]}]
    assert after["tracking_number"] == "JX123456789"
    assert us.cancellation(record["cancel_id"])["cancel_status"] == "CANCELLATION_REQUEST_CANCELLED"
    [entry] = control.effects("cancellation.rejected_by_shipping", cancel_id=record["cancel_id"])
    assert entry["detail"]["package_id"] == answer.data["package_id"]


def test_a_us_seller_rejects_by_shipping_a_package_that_exists(us: Shop) -> None:
    record, order = waiting(us, "TIKTOK")
    answer = ship(us, order, handover_method="DROP_OFF")
    assert (answer.code, answer.json["data"]) == (0, {})
    assert us.cancellation(record["cancel_id"])["cancel_status"] == "CANCELLATION_REQUEST_CANCELLED"
    detail = us.call("GET", f"/fulfillment/202309/packages/{order['packages'][0]['id']}").data
    assert (detail["package_status"], detail["handover_method"]) == ("PROCESSING", "DROP_OFF")
    assert detail["tracking_number"]


def test_elsewhere_the_request_has_to_be_answered_first(control: Control) -> None:
    for region in ("GB", "DE", "TH", "ID"):
        shop = control.shop(region)
        record, order = waiting(shop, "TIKTOK")
        assert ship(shop, order).code == 21011007
        batch = shop.call("POST", "/fulfillment/202309/packages/ship", None, {"packages": [order["packages"][0]]})
        assert (batch.code, batch.data["errors"][0]["code"]) == (0, 21011007)
        assert batch.data["errors"][0]["detail"] == {"package_id": order["packages"][0]["id"]}
        shop.reject(record["cancel_id"], shop.reject_reasons(record["cancel_id"])[0])
        assert ship(shop, order).code == 0


@pytest.mark.parametrize(("region", "code"), [("GB", 0), ("DE", 0), ("TH", 21008106), ("ID", 21008106)])
def test_marking_as_shipped_exists_in_some_markets_only(control: Control, region: str, code: int) -> None:
    shop = control.shop(region)
    assert mark(shop, idle(shop, "SELLER")).code == code


def test_a_shipped_package_is_not_shipped_again(control: Control, us: Shop) -> None:
    order = idle(us, "TIKTOK")
    assert ship(us, order).code == 0
    assert ship(us, order).code == 21011040
    order = idle(us, "SELLER")
    assert mark(us, order).code == 0
    assert mark(us, order, "JX987654321").code == 21011020
    assert len(control.effects("package.shipped")) == 2


def test_lines_can_be_shipped_one_by_one(us: Shop) -> None:
    orders = us.orders(order_status="AWAITING_SHIPMENT", shipping_type="SELLER", is_buyer_request_cancel=False)
    order = next(each for each in orders.data["orders"] if len(each["line_items"]) >= 3)
    first, second, *_ = [line["id"] for line in order["line_items"]]
    assert mark(us, order, "TRACK00001", order_line_item_ids=[first]).data["order_line_item_ids"] == [first]
    assert us.order(order["id"])["status"] == "PARTIALLY_SHIPPING"
    assert mark(us, order, "TRACK00002").code == 21011048
    assert mark(us, order, "TRACK00002", order_line_item_ids=[first]).code == 21001001
    assert mark(us, order, "TRACK00002", order_line_item_ids=[second]).code == 0


def test_tracking_numbers_and_carriers_are_looked_at(us: Shop) -> None:
    order, other = us.orders(order_status="AWAITING_SHIPMENT", shipping_type="SELLER").data["orders"][:2]
    assert mark(us, order, "x").code == 21011022
    assert mark(us, order, provider="1").code == 21011022
    assert mark(us, order, "JX123456789").code == 0
    assert mark(us, other, "JX123456789").code == 21011025


def test_orders_in_no_state_to_ship_are_refused(us: Shop, de: Shop, gb: Shop) -> None:
    held = next(order for shop in (de, gb) for order in shop.orders(order_status="ON_HOLD").data["orders"])
    shop = de if held in de.orders(order_status="ON_HOLD").data["orders"] else gb
    assert ship(shop, held).code == 21011044
    gone = next(order for order in us.orders(order_status="CANCELLED").data["orders"] if order["packages"])
    assert ship(us, gone).code == 21011041
    assert mark(us, idle(us, "TIKTOK"), provider="7117858858072016686").code == 21011003
    assert ship(us, idle(de, "TIKTOK")).code == 21011028


def test_seller_shipping_needs_a_tracking_number(de: Shop) -> None:
    order = idle(de, "SELLER")
    assert ship(de, order).code == 21011022
    own = {"tracking_number": "DE55667788", "shipping_provider_id": carrier(de, order)}
    assert ship(de, order, self_shipment={"tracking_number": "DE55667788"}).code == 21001001
    assert ship(de, order, self_shipment=own).code == 0
    assert ship(de, idle(de, "TIKTOK"), self_shipment=own).code == 21011003


def test_a_pickup_slot_has_to_be_one_that_was_offered(de: Shop) -> None:
    order = idle(de, "TIKTOK")
    package = order["packages"][0]["id"]
    slots = de.call("GET", f"/fulfillment/202309/packages/{package}/handover_time_slots").data["pickup_slots"]
    slot = {name: slots[0][name] for name in ("start_time", "end_time")}
    assert slots[0]["avaliable"] is True
    wrong = {**slot, "start_time": slot["start_time"] + 60}
    assert ship(de, order, handover_method="PICKUP", pickup_slot=wrong).code == 21011053
    assert ship(de, order, handover_method="PICKUP", pickup_slot=slot).code == 0


def test_packages_are_searched_and_paged(de: Shop) -> None:
    path, found, token = "/fulfillment/202309/packages/search", 0, ""
    while True:
        answer = de.call("POST", path, {"page_size": 5, **({"page_token": token} if token else {})}, {})
        found += len(answer.data["packages"])
        token = answer.data["next_page_token"]
        if not token:
            break
    assert found == answer.data["total_count"] > 5
    processing = de.call("POST", path, {"page_size": 50}, {"package_status": "FULFILLING"}).data["packages"]
    assert {package["status"] for package in processing} == {"FULFILLING"}
    assert de.call("POST", path, {"page_size": 51}, {}).code == 36009004
    assert de.call("POST", path, {"page_size": 5}, {}, cipher=None).code == 0


def test_a_tracking_number_can_be_corrected_for_three_days(control: Control, gb: Shop) -> None:
    order = idle(gb, "SELLER")
    path = f"/fulfillment/202309/orders/{order['id']}/shipping_info/update"
    body = {"tracking_number": "GB00000001", "shipping_provider_id": carrier(gb, order)}
    assert gb.call("POST", path, None, body).code == 21011043
    mark(gb, order)
    assert gb.call("POST", path, None, body).code == 0
    assert gb.order(order["id"])["tracking_number"] == "GB00000001"
    control.shift(73 * 3600 - 60)
    assert gb.call("POST", path, None, {**body, "tracking_number": "GB00000002"}).code in (21011049, 21011030)


def test_delivery_by_tiktok_names_no_carriers(us: Shop) -> None:
    option = idle(us, "TIKTOK")["delivery_option_id"]
    path = "/logistics/202309/delivery_options/{}/shipping_providers"
    assert us.call("GET", path.format(option)).code == 21008117
    assert us.call("GET", path.format("1")).code == 21008116


def test_what_has_not_left_can_be_split_into_a_package_for_each_line(control: Control, us: Shop) -> None:
    found = us.orders(order_status="AWAITING_SHIPMENT", shipping_type="TIKTOK", is_buyer_request_cancel=False)
    order = next(order for order in found.data["orders"] if len(order["line_items"]) > 1)
    ids = control.post("split", order_id=order["id"])["package_ids"]
    assert len(ids) == len(order["line_items"])
    assert [package["id"] for package in us.order(order["id"])["packages"]] == ids
    assert us.call("POST", f"/fulfillment/202309/packages/{ids[-1]}/ship", None, {}).code == 0
    assert us.order(order["id"])["status"] == "PARTIALLY_SHIPPING"
    assert control.post("split", order_id=order["id"])["package_ids"] == ids
