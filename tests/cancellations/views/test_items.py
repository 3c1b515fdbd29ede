"""Cancelling items of an order."""

import html
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from cancellations import live
from cancellations.models import Decision
from marketplaces.errors import Refused
from marketplaces.records import LineEligibility, Money, RefundParts
from orders.models import Order
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, asked, line, text_of, url, words_of
from tests.factories import LineItemFactory, OrderFactory, ShopFactory, at, member

pytestmark = pytest.mark.django_db


OUT_OF_STOCK = "seller_cancel_reason_out_of_stock_uk"
WRONG_PRICE = "seller_cancel_reason_wrong_price_uk"


def refund_of(amount: str) -> RefundParts:
    nothing = Money(Decimal(0), "GBP")
    return RefundParts(Money(Decimal(amount), "GBP"), Money(Decimal(amount), "GBP"), nothing, nothing, nothing)


def test_items_are_cancelled_by_line(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    first, second = LineItemFactory.create_batch(2, order=order)
    page = text_of(client.get(url("cancel_items", order.pk)))
    assert page.count('name="items"') == 2
    answer = client.post(url("cancel_items", order.pk), {"items": [second.pk], "reason": OUT_OF_STOCK})
    decision = Decision.objects.get()
    assert answer["Location"] == url("decision", decision.pk)
    assert [(line.line_item, line.quantity) for line in decision.lines.all()] == [(second, 1)]
    assert "Cancel items: recorded" in text_of(client.get(answer["Location"]))
    assert first.marketplace_id
    again = client.post(url("cancel_items", order.pk), {"items": [second.pk], "reason": OUT_OF_STOCK})
    assert again["Location"] == url("decision", decision.pk)


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        (lambda mine, foreign: {"reason": OUT_OF_STOCK}, "items", "Choose at least one item."),
        (lambda mine, foreign: {"items": [foreign], "reason": OUT_OF_STOCK}, "items", "not part of this order"),
        (lambda mine, foreign: {"items": ["'; --"], "reason": OUT_OF_STOCK}, "items", "not part of this order"),
        (lambda mine, foreign: {"items": [mine]}, "reason", "Choose a reason."),
        (lambda mine, foreign: {"items": [mine], "reason": "because"}, "reason", "does not fit"),
        (lambda mine, foreign: {"items": [mine], "reason": WRONG_PRICE}, "reason", "does not fit"),
    ],
)
def test_what_is_wrong_with_items_is_said_at_its_field(
    client: Client, shop: Shop, sent: Callable[[int, int], dict[str, object]], field: str, words: str
) -> None:
    order = OrderFactory(shop=shop)
    mine, _ = LineItemFactory.create_batch(2, order=order)
    foreign = LineItemFactory()
    answer = client.post(url("cancel_items", order.pk), sent(mine.pk, foreign.pk))
    assert answer.status_code == 422
    assert any(words in error for error in answer.context["form"].errors[field])
    assert words in text_of(answer)
    assert not Decision.objects.exists()


def test_a_quantity_beyond_the_line_is_refused_at_its_field(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    line = LineItemFactory(order=order, quantity=3)
    sent = {"items": [line.pk], "reason": OUT_OF_STOCK, f"quantity_{line.pk}": 4}
    answer = client.post(url("cancel_items", order.pk), sent)
    assert f"quantity_{line.pk}" in answer.context["form"].errors
    client.post(url("cancel_items", order.pk), {**sent, f"quantity_{line.pk}": 2})
    assert Decision.objects.get().lines.get().quantity == 2


@pytest.fixture
def refunds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "refund_preview", lambda order, items, reason: refund_of("12.00"))


@pytest.mark.usefixtures("refunds")
def test_the_refund_is_shown_with_and_without_scripts(client: Client, shop: Shop) -> None:
    line = LineItemFactory(order=OrderFactory(shop=shop))
    sent = {"items": [line.pk], "reason": OUT_OF_STOCK}
    assert "£12.00" in text_of(client.post(url("afterwards", line.order.pk), sent, headers=HTMX))
    assert "£12.00" in text_of(client.post(url("cancel_items", line.order.pk), {**sent, "preview": "1"}))
    assert "Choose items and a reason" in text_of(client.post(url("afterwards", line.order.pk), {}, headers=HTMX))
    assert not Decision.objects.exists()


@pytest.mark.usefixtures("refunds")
def test_what_stays_of_the_order_is_shown_before_there_is_a_reason(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    mug = LineItemFactory(order=order, product_name="Mug", quantity=5, cancelled_quantity=1)
    lamp = LineItemFactory(order=order, product_name="Lamp")
    LineItemFactory(order=order, product_name="Rug", is_cancelled=True)
    chosen = {"items": [mug.pk], f"quantity_{mug.pk}": 3}
    some = words_of(client.post(url("afterwards", order.pk), chosen, headers=HTMX))
    assert "What stays of the order" in some
    for told in ("<b>1 ×</b> Mug", "<b>1 ×</b> Lamp"):
        assert told in some, told
    assert "Rug" not in some
    assert "£12.00" not in some
    all_of_it = {"items": [mug.pk, lamp.pk], "reason": OUT_OF_STOCK}
    nothing = words_of(client.post(url("afterwards", order.pk), all_of_it, headers=HTMX))
    assert "The whole order is cancelled." in nothing
    assert "£12.00" in nothing


@pytest.mark.usefixtures("refunds")
def test_what_would_be_refused_is_said_in_place_of_the_refund(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    mug, _ = LineItemFactory(order=order, quantity=3), LineItemFactory(order=order)
    only_whole = {"items": [mug.pk], "reason": WRONG_PRICE}
    told = words_of(client.post(url("afterwards", order.pk), only_whole, headers=HTMX))
    assert "or a part of an order" in told
    assert "What stays of the order" in told
    assert "£12.00" not in told
    too_many = {"items": [mug.pk], "reason": OUT_OF_STOCK, f"quantity_{mug.pk}": 4}
    told = words_of(client.post(url("afterwards", order.pk), too_many, headers=HTMX))
    assert "Between 1 and 3 of it can be cancelled." in told
    assert "What stays" not in told


def test_what_the_marketplace_would_not_cancel_is_greyed_with_its_reason(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = OrderFactory(shop=shop)
    off, on = LineItemFactory.create_batch(2, order=order)
    answers = [
        LineEligibility([off.marketplace_id], off.sku_id, eligible=False, code="25001003", reason="It is on its way."),
        LineEligibility([on.marketplace_id], on.sku_id, eligible=True),
    ]
    monkeypatch.setattr(live, "eligibility", lambda order: answers)
    page = words_of(client.get(url("cancel_items", order.pk)))
    assert "Cannot be cancelled: It is on its way." in page
    assert page.count("is-greyed") == page.count(" disabled ") == 1
    sent = {"items": [off.pk, on.pk], "reason": OUT_OF_STOCK}
    answer = client.post(url("cancel_items", order.pk), sent)
    assert "would not cancel “Cotton tote bag Black, Standard”: It is on its way." in text_of(answer)
    assert answer.context["form"].errors.keys() == {"items"}
    assert client.post(url("cancel_items", order.pk), {**sent, "items": [on.pk]}).status_code == 302


def test_where_the_marketplace_would_cancel_nothing_there_is_nothing_to_press(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = LineItemFactory(order=OrderFactory(shop=shop))
    monkeypatch.setattr(live, "ineligible", lambda order: {line.marketplace_id: "Invalid order status."})
    page = words_of(client.get(url("cancel_items", line.order.pk)))
    assert "Invalid order status." in page
    assert "Cancel the chosen items" not in page


def test_what_the_button_does_is_said_before_it(client: Client, shop: Shop, settings: Any) -> None:
    settings.UNDO_SECONDS = 10
    for of, words in ((shop, "Cancel the chosen items"), (ShopFactory(region="DE"), "Cancel the whole order")):
        client.force_login(member(Role.AGENT, of))
        page = words_of(client.get(url("cancel_items", LineItemFactory(order=OrderFactory(shop=of)).order.pk)))
        assert page.index("You can undo it for 10 seconds, not after that.") < page.index(words)


def test_reasons_are_those_of_market_and_state_with_what_to_know(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    LineItemFactory.create_batch(2, order=order)
    form = client.get(url("cancel_items", order.pk)).context["form"]
    known = {radio.data["value"]: words for radio, words in form.reasons()}
    assert known[OUT_OF_STOCK] == []
    assert known[WRONG_PRICE] == ["For the whole order only."]
    assert "because" not in known


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2025-08-01 12:00", "Counts as the seller's fault here from August 31, 2025."),
        ("2025-09-02 12:00", "Counts as the seller's fault here."),
    ],
)
def test_a_reason_that_counts_as_the_sellers_fault_says_so(client: Client, day: str, words: str) -> None:
    with time_machine.travel(at(day), tick=False):
        shop = ShopFactory(region="ID", time_zone="Asia/Jakarta")
        client.force_login(member(Role.AGENT, shop))
        order = OrderFactory(shop=shop)
        LineItemFactory(order=order)
        assert words in html.unescape(words_of(client.get(url("cancel_items", order.pk))))


def test_items_can_be_chosen_though_the_marketplace_does_not_answer(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise Refused("System busy", code="36009009")

    monkeypatch.setattr(live, "eligibility", silent)
    monkeypatch.setattr(live, "refund_preview", silent)
    line = LineItemFactory(order=OrderFactory(shop=shop))
    assert "could not be asked" in text_of(client.get(url("cancel_items", line.order.pk)))
    sent = {"items": [line.pk], "reason": OUT_OF_STOCK}
    assert "could not say what the refund" in text_of(client.post(url("afterwards", line.order.pk), sent))


def test_where_a_buyer_has_asked_the_request_is_to_be_answered_instead(client: Client, shop: Shop) -> None:
    row = asked(shop)
    assert row.order
    LineItemFactory(order=row.order)
    page = text_of(client.get(url("cancel_items", row.order.pk)))
    assert "answer that request" in page
    assert row.get_absolute_url() in page
    assert "answer that request" in text_of(client.get(url("items_offer", row.order.pk)))


def test_items_are_cancelled_up_to_what_is_open_and_without_a_reason(client: Client, order: Order) -> None:
    LineItemFactory(order=order, product_name="Enamel mug", quantity=2, cancelled_quantity=2)
    page = words_of(client.get(url("cancel_items", order.pk)))
    for told in ("/ 3", "/ 7", "2 of 10 cancelled, 1 shipped, 7 open", "Items are cancelled by allocating"):
        assert told in page, told
    for absent in ('name="reason"', "refund", "Enamel mug"):
        assert absent not in page, absent
    stool = line(order, "stool")
    too_many = client.post(url("cancel_items", order.pk), {"items": [stool.pk], f"quantity_{stool.pk}": 8})
    assert f"quantity_{stool.pk}" in too_many.context["form"].errors
    client.post(url("cancel_items", order.pk), {"items": [stool.pk], f"quantity_{stool.pk}": 4})
    decision = Decision.objects.get()
    chosen = decision.lines.get()
    assert (decision.reason, chosen.quantity, chosen.cancelled_before) == ("", 4, 2)


def test_without_a_number_all_that_is_open_is_meant(client: Client, order: Order) -> None:
    stool = line(order, "stool")
    client.post(url("cancel_items", order.pk), {"items": [stool.pk]})
    assert Decision.objects.get().lines.get().quantity == 7


def test_a_refund_that_nobody_can_tell_is_not_asked_for(client: Client, order: Order) -> None:
    stool = line(order, "stool")
    for name, more in (("afterwards", {}), ("cancel_items", {"preview": "1"})):
        page = words_of(client.post(url(name, order.pk), {"items": [stool.pk], f"quantity_{stool.pk}": 4, **more}))
        for told in ("<b>4 ×</b> Camp stool", "<b>3 ×</b> Trail lantern"):
            assert told in page, told
        assert "refund" not in page.lower()
    assert not Decision.objects.exists()


def test_a_number_beside_a_line_that_is_not_ticked_is_asked_about(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    ticked, typed = LineItemFactory(order=order), LineItemFactory(order=order, quantity=3)
    chosen = {"items": [ticked.pk], "reason": OUT_OF_STOCK, f"quantity_{typed.pk}": 1}
    answer = client.post(url("cancel_items", order.pk), chosen)
    assert "Tick the line to cancel so many of it." in words_of(answer)
    assert not Decision.objects.exists()
    as_it_came = chosen | {f"quantity_{typed.pk}": 3}
    assert client.post(url("cancel_items", order.pk), as_it_came).status_code == 302


def test_a_line_says_how_many_of_it_were_shown_as_open(client: Client, order: Order) -> None:
    stool = line(order, "stool")
    assert f'name="open_{stool.pk}" value="7"' in words_of(client.get(url("cancel_items", order.pk)))


def test_a_number_that_was_typed_is_kept_where_only_one_is_left(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    mug = LineItemFactory(order=order, quantity=3, cancelled_quantity=2)
    shown_before = {"items": [mug.pk], "reason": OUT_OF_STOCK, f"quantity_{mug.pk}": 2, f"open_{mug.pk}": 3}
    answer = client.post(url("cancel_items", order.pk), shown_before)
    changed = "This has changed meanwhile: 1 of it is open now. Look again."
    assert answer.context["form"].errors == {f"quantity_{mug.pk}": [changed]}
    page = words_of(answer)
    for told in (changed, f'name="open_{mug.pk}" value="1"', 'value="2"'):
        assert told in page, told
    looked_again = shown_before | {f"open_{mug.pk}": 1}
    answer = client.post(url("cancel_items", order.pk), looked_again)
    assert answer.context["form"].errors == {f"quantity_{mug.pk}": ["Between 1 and 1 of it can be cancelled."]}
    assert not Decision.objects.exists()
    client.post(url("cancel_items", order.pk), looked_again | {f"quantity_{mug.pk}": 1})
    assert Decision.objects.get().lines.get().quantity == 1


@pytest.mark.parametrize(("shown", "now"), [(4, 3), (3, 4), (1, 2), (2, 1), ("9" * 5000, 2), ("", 2), ("x", 1)])
@pytest.mark.parametrize("is_ticked", [True, False])
def test_what_is_open_otherwise_than_shown_is_to_be_looked_at_again(
    client: Client, shop: Shop, shown: object, now: int, is_ticked: bool
) -> None:
    order = OrderFactory(shop=shop)
    mug, lamp = LineItemFactory(order=order, quantity=now), LineItemFactory(order=order)
    chosen = {"items": [mug.pk if is_ticked else lamp.pk], "reason": OUT_OF_STOCK, f"open_{mug.pk}": shown}
    for number in ({}, {f"quantity_{mug.pk}": 2}):
        answer = client.post(url("cancel_items", order.pk), chosen | number)
        assert answer.context["form"].errors.keys() == {f"quantity_{mug.pk}"}
        assert "This has changed meanwhile" in words_of(answer)
    assert not Decision.objects.exists()


def test_a_ticked_line_whose_number_was_emptied_is_asked_how_many(client: Client, order: Order) -> None:
    stool = line(order, "stool")
    chosen = {"items": [stool.pk], f"quantity_{stool.pk}": "", f"open_{stool.pk}": 7}
    answer = client.post(url("cancel_items", order.pk), chosen)
    assert answer.context["form"].errors == {f"quantity_{stool.pk}": ["Say how many of it."]}
    assert "Say how many of it." in words_of(answer)
    assert not Decision.objects.exists()
    lantern = order.lines.exclude(pk=stool.pk).get()
    only_the_other = {"items": [lantern.pk], f"quantity_{lantern.pk}": 1, f"quantity_{stool.pk}": ""}
    assert client.post(url("cancel_items", order.pk), only_the_other).status_code == 302


def test_a_line_that_is_gone_does_not_put_the_other_ticks_in_doubt(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    gone, mug = LineItemFactory(order=order, is_cancelled=True), LineItemFactory(order=order, quantity=3)
    chosen = {"items": [gone.pk, mug.pk], "reason": OUT_OF_STOCK, f"quantity_{mug.pk}": 2}
    answer = client.post(url("cancel_items", order.pk), chosen)
    assert answer.context["form"].errors.keys() == {"items"}
