"""Orders are listed, paged and shown as TikTok does it."""

from __future__ import annotations

from collections import Counter

from tests.sandbox.client import Control, Json, Shop


def all_orders(shop: Shop, page_size: int = 7, **query: str) -> list[Json]:
    found: list[Json] = []
    token = ""
    while True:
        answer = shop.orders(page_size, {**query, **({"page_token": token} if token else {})})
        assert answer.code == 0
        found += answer.data["orders"]
        token = answer.data["next_page_token"]
        if not token:
            assert len(found) == answer.data["total_count"]
            return found


def test_pages_hold_every_order_once_and_the_last_has_no_cursor(us: Shop) -> None:
    orders = all_orders(us)
    assert len({order["id"] for order in orders}) == len(orders) > 20
    times = [order["create_time"] for order in orders]
    assert times == sorted(times, reverse=True)


def test_orders_sort_by_update_time_when_asked(us: Shop) -> None:
    times = [order["update_time"] for order in all_orders(us, sort_field="update_time", sort_order="ASC")]
    assert times == sorted(times)


def test_a_window_of_time_is_half_open(us: Shop) -> None:
    moment = us.orders(page_size=5).data["orders"][4]["create_time"]
    since = us.orders(create_time_ge=moment).data
    until = us.orders(create_time_lt=moment).data
    assert min(order["create_time"] for order in since["orders"]) == moment
    assert max(order["create_time"] for order in until["orders"]) < moment
    assert since["total_count"] + until["total_count"] == us.orders().data["total_count"]


def test_filters_are_joined_with_and(us: Shop) -> None:
    answer = us.orders(order_status="AWAITING_SHIPMENT", is_buyer_request_cancel=True, shipping_type="SELLER")
    assert answer.data["orders"]
    for order in answer.data["orders"]:
        assert (order["status"], order["is_buyer_request_cancel"], order["shipping_type"]) == (
            "AWAITING_SHIPMENT",
            True,
            "SELLER",
        )
    buyer = answer.data["orders"][0]["user_id"]
    assert us.orders(buyer_user_id=buyer).data["total_count"] == 1


def test_a_cursor_belongs_to_its_search(us: Shop, gb: Shop) -> None:
    token = us.orders(page_size=3).data["next_page_token"]
    assert us.orders(5, {"page_token": token}).code == 0
    assert us.orders(3, {"page_token": token}, order_status="COMPLETED").code == 36009004
    window = us.orders(3, None, create_time_ge=1, create_time_lt=2**31).data["next_page_token"]
    assert us.orders(3, {"page_token": window}, create_time_lt=2**31, create_time_ge=1).code == 0
    assert us.orders(3, {"page_token": token, "sort_order": "ASC"}).code == 36009004
    assert us.orders(3, {"page_token": token[:-4] + "AAAA"}).code == 36009004
    assert gb.orders(3, {"page_token": token}).code == 36009004


def test_an_order_that_changes_while_paging_is_not_missed(control: Control, gb: Shop) -> None:
    """Sorted by update time, a changed order moves behind the cursor and is seen again."""
    query = {"sort_field": "update_time", "sort_order": "ASC"}
    first = gb.orders(5, query).data
    changed = control.ask("GB")["order_id"]
    seen = [order["id"] for order in first["orders"]]
    token = first["next_page_token"]
    while token:
        page = gb.orders(5, {**query, "page_token": token}).data
        seen += [order["id"] for order in page["orders"]]
        token = page["next_page_token"]
    assert seen[-1] == changed


def test_unknown_ids_are_left_out_and_foreign_ones_refuse_the_call(us: Shop, de: Shop) -> None:
    mine, theirs = us.orders(page_size=1).data["orders"][0]["id"], de.orders(page_size=1).data["orders"][0]["id"]
    path = "/order/202309/orders"
    assert [each["id"] for each in us.call("GET", path, {"ids": f"{mine},570000"}).data["orders"]] == [mine]
    answer = us.call("GET", path, {"ids": f"{mine},{theirs}"})
    assert (answer.code, answer.status) == (21008111, 200)


def test_list_and_detail_show_the_same_order(us: Shop) -> None:
    for order in us.orders(page_size=20).data["orders"]:
        assert us.order(order["id"]) == order


def test_money_adds_up_and_ids_are_long_text(control: Control) -> None:
    for shop in control.shops():
        for order in shop.orders().data["orders"]:
            payment = {name: float(value) for name, value in order["payment"].items() if name != "currency"}
            lines = order["line_items"]
            assert round(payment["sub_total"], 2) == round(sum(float(line["sale_price"]) for line in lines), 2)
            assert round(payment["total_amount"], 2) == round(
                payment["sub_total"] + payment["shipping_fee"] + payment["tax"], 2
            )
            assert all(18 <= len(each) <= 19 for each in [order["id"], *(line["id"] for line in lines)])
            if shop.region == "ID":
                assert "." not in order["payment"]["total_amount"]


def test_a_unit_is_a_line_item_of_its_own(us: Shop) -> None:
    """Two pieces of one SKU are two lines."""
    counts = [Counter(line["sku_id"] for line in order["line_items"]) for order in us.orders().data["orders"]]
    assert any(most > 1 for count in counts for most in count.values())
    assert any(len(count) > 1 for count in counts)


def test_personal_data_is_empty_until_the_order_may_be_fulfilled(us: Shop, gb: Shop) -> None:
    held = [
        order for shop in (us, gb) for order in shop.orders().data["orders"] if order["status"] in ("UNPAID", "ON_HOLD")
    ]
    assert held
    assert all(order["recipient_address"] == {} for order in held)


def test_packages_show_where_tiktok_shows_them(us: Shop, gb: Shop, de: Shop) -> None:
    """US seller shipping has no package before it ships; US and UK lines do not name theirs until then."""
    for order in us.orders(order_status="AWAITING_SHIPMENT", shipping_type="SELLER").data["orders"]:
        assert order["packages"] == []
    for shop, shown in ((gb, False), (de, True)):
        orders = shop.orders(order_status="AWAITING_SHIPMENT").data["orders"]
        assert all(order["packages"] for order in orders)
        lines = [line for order in orders for line in order["line_items"] if line["display_status"] != "CANCELLED"]
        assert all(("package_id" in line) is shown for line in lines)
