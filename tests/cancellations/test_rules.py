"""What can be decided, on which day, in which market, and in which words the rest is refused."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from cancellations import rules
from cancellations.models import CancellationRequest, Decision, Verdict
from marketplaces.base import Notice
from marketplaces.records import Money
from orders.models import Order
from shops.markets import capabilities
from shops.models import Connection
from tests.factories import (
    CancellationFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    UserFactory,
    at,
)

pytestmark = pytest.mark.django_db

NOTICE = "https://partner.tiktokshop.com/docv2/page/us-only-order-cancellation-workflow-updates"
TODAY = at("2026-03-02 12:00")
# Midnight in California is eight hours later in Greenwich in winter, and seven from 10 March 2024 on.
LAST_MOMENT = at("2024-03-31 06:59:59")
FIRST_MOMENT = at("2024-03-31 07:00:00")


def asked(region: str = "US", *, order: dict[str, Any] | None = None, **request: Any) -> CancellationRequest:
    zone = capabilities(ShopFactory.build(region=region), TODAY).time_zone
    shop = ShopFactory(region=region, time_zone=zone)
    made: CancellationRequest = CancellationFactory(order=OrderFactory(shop=shop, **(order or {})), **request)
    return made


def offer(cancellation: CancellationRequest, verdict: Verdict, now: datetime = TODAY) -> rules.Offer:
    return rules.offers(cancellation, now)[verdict]


class TestRejectInTheUs:
    def test_it_works_until_the_day_before(self) -> None:
        assert offer(asked(), Verdict.REJECT, at("2024-03-30 12:00")).allowed

    def test_from_the_day_on_it_is_refused_and_says_what_to_do_instead(self) -> None:
        refused = offer(asked(), Verdict.REJECT, at("2024-03-31 12:00"))
        assert not refused.allowed
        assert "United States" in refused.why_not
        assert "March 31, 2024" in refused.why_not
        assert "ship to reject" in refused.why_not

    @pytest.mark.parametrize("day", ["2024-01-15 12:00", "2024-03-31 12:00", "2026-03-02 12:00"])
    def test_the_notice_is_there_on_both_sides_of_the_day(self, day: str) -> None:
        notice = offer(asked(), Verdict.REJECT, at(day)).notice
        assert notice and (notice.url, str(notice.date)) == (NOTICE, "2024-03-31")

    @pytest.mark.parametrize(
        ("day", "left"),
        [("2024-01-31", "60 more days."), ("2024-03-29", "2 more days."), ("2024-03-30", "1 more day.")],
    )
    def test_before_the_day_the_notice_counts_the_days_that_are_left(self, day: str, left: str) -> None:
        notice = offer(asked(), Verdict.REJECT, at(f"{day} 20:00")).notice
        assert notice and notice.text.endswith(f"works for {left}")

    def test_afterwards_it_counts_nothing(self) -> None:
        notice = offer(asked(), Verdict.REJECT, FIRST_MOMENT).notice
        assert notice and "more" not in notice.text

    def test_the_day_begins_when_it_begins_in_the_shops_market(self) -> None:
        cancellation = asked()
        assert cancellation.shop.time_zone == "America/Los_Angeles"
        assert offer(cancellation, Verdict.REJECT, LAST_MOMENT).allowed
        assert not offer(cancellation, Verdict.REJECT, FIRST_MOMENT).allowed

    def test_a_shop_that_keeps_another_clock_has_its_own_midnight(self) -> None:
        cancellation = asked()
        cancellation.shop.time_zone = "America/New_York"
        assert not offer(cancellation, Verdict.REJECT, LAST_MOMENT).allowed

    def test_an_admin_can_allow_it_for_one_shop(self) -> None:
        cancellation, other = asked(), asked()
        cancellation.shop.allows_reject = True
        assert offer(cancellation, Verdict.REJECT).allowed
        assert not offer(other, Verdict.REJECT).allowed

    def test_a_shop_that_may_still_reject_is_told_the_notice_all_the_same(self) -> None:
        cancellation = asked()
        cancellation.shop.allows_reject = True
        notice = offer(cancellation, Verdict.REJECT).notice
        assert notice and notice.url == NOTICE

    def test_shipping_is_offered_from_the_day_it_began_to_reject(self) -> None:
        cancellation = asked()
        assert not offer(cancellation, Verdict.SHIP_TO_REJECT, at("2023-12-31 20:00")).allowed
        shipping = offer(cancellation, Verdict.SHIP_TO_REJECT, at("2024-01-01 20:00"))
        assert shipping.allowed
        assert shipping.notice and shipping.notice.url == NOTICE
        assert "TikTok Shop rejects the request" in shipping.effect


@pytest.mark.parametrize("region", ["GB", "DE", "FR", "ID", "TH", "MY", "JP", "BR"])
class TestElsewhere:
    @pytest.mark.parametrize("day", ["2024-03-30 12:00", "2024-04-01 12:00", "2026-03-02 12:00"])
    def test_reject_works_on_every_day_and_warns_of_nothing(self, region: str, day: str) -> None:
        reject = offer(asked(region), Verdict.REJECT, at(day))
        assert reject.allowed
        assert reject.notice is None

    def test_shipping_is_refused_with_the_rule_behind_it(self, region: str) -> None:
        shipping = offer(asked(region), Verdict.SHIP_TO_REJECT)
        assert "Only in the US" in shipping.why_not
        assert shipping.notice and "21011007" in shipping.notice.text


class TestOffers:
    def test_each_says_what_the_buyer_gets_back(self) -> None:
        cancellation = asked("GB")
        back = {verdict: one.refund for verdict, one in rules.offers(cancellation, TODAY).items()}
        nothing = Money(Decimal(0), "GBP")
        assert back == {
            Verdict.APPROVE: Money(Decimal("26.98"), "GBP"), Verdict.SHIP_TO_REJECT: nothing, Verdict.REJECT: nothing,
        }  # fmt: skip

    def test_nothing_is_said_about_money_where_the_marketplace_does_not_tell(self) -> None:
        cancellation = asked("GB")
        cancellation.refund_total = None
        assert {one.refund for one in rules.offers(cancellation, TODAY).values()} == {None}

    @pytest.mark.parametrize(("region", "exists"), [("US", True), ("GB", False)])
    def test_shipping_exists_where_it_rejects(self, region: str, exists: bool) -> None:
        offers = rules.offers(asked(region), TODAY)
        assert offers[Verdict.SHIP_TO_REJECT].exists == exists
        assert offers[Verdict.APPROVE].exists and offers[Verdict.REJECT].exists

    def test_what_a_page_says_about_the_standing_goes_with_the_verdict(self) -> None:
        thai = rules.offers(asked("TH"), TODAY)
        told = (thai[Verdict.APPROVE].standing or Notice("")).text
        assert told.startswith("Approving a buyer's request is not in the list")
        assert thai[Verdict.SHIP_TO_REJECT].standing is None

    def test_they_come_in_the_order_in_which_screens_show_them(self) -> None:
        assert list(rules.offers(asked(), TODAY)) == [Verdict.APPROVE, Verdict.SHIP_TO_REJECT, Verdict.REJECT]

    def test_each_is_filed_under_its_own_verdict_and_says_its_effect(self) -> None:
        for verdict, one in rules.offers(asked("GB"), TODAY).items():
            assert one.verdict == verdict
            assert one.effect

    def test_what_can_be_done_about_a_waiting_request_differs_by_market(self) -> None:
        def allowed(region: str) -> list[Verdict]:
            return [verdict for verdict, one in rules.offers(asked(region), TODAY).items() if one.allowed]

        assert allowed("US") == [Verdict.APPROVE, Verdict.SHIP_TO_REJECT]
        assert allowed("GB") == [Verdict.APPROVE, Verdict.REJECT]

    def test_the_clock_is_the_callers_and_not_this_machines(self) -> None:
        cancellation = asked()
        then, later = (rules.offers(cancellation, moment) for moment in (LAST_MOMENT, FIRST_MOMENT))
        assert then[Verdict.REJECT].allowed and not later[Verdict.REJECT].allowed

    @pytest.mark.parametrize("region", ["US", "GB"])
    @pytest.mark.parametrize("state", ["approved", "completed", "closed"])
    def test_of_a_settled_request_nothing_is_offered_and_the_state_is_said(self, region: str, state: str) -> None:
        cancellation = asked(region, needs_answer=False, state=state)
        offers = rules.offers(cancellation, TODAY)
        assert not any(one.allowed for one in offers.values())
        assert cancellation.get_state_display() in offers[Verdict.APPROVE].why_not

    @pytest.mark.parametrize("state", list(Decision.LIVE))
    def test_while_a_decision_is_alive_nothing_else_is_offered_and_its_maker_is_named(self, state: str) -> None:
        cancellation = asked("GB")
        DecisionFactory(
            cancellation=cancellation, state=state, made_by=UserFactory(first_name="Ada", last_name="King"),
            stalled_because="disagreement" if state == "stalled" else "",
        )  # fmt: skip
        offers = rules.offers(cancellation, TODAY)
        assert not any(one.allowed for one in offers.values())
        assert offers[Verdict.REJECT].why_not == (
            f"Ada King has decided already: approve ({Decision.State(state).label})."
        )

    def test_a_live_decision_that_nobody_made_is_told_without_a_name(self) -> None:
        cancellation = asked("GB")
        DecisionFactory(cancellation=cancellation, made_by=None)
        assert offer(cancellation, Verdict.APPROVE).why_not.startswith("Somebody has decided already")

    @pytest.mark.parametrize("state", ["confirmed", "refused", "withdrawn", "set_aside"])
    def test_a_decision_that_is_over_keeps_nothing_back(self, state: str) -> None:
        cancellation = asked("GB")
        DecisionFactory(cancellation=cancellation, state=state)
        assert offer(cancellation, Verdict.APPROVE).allowed

    @pytest.mark.parametrize("state", [Connection.State.RECONNECT, Connection.State.DISCONNECTED])
    def test_while_the_shops_link_is_down_nothing_is_offered(self, state: str) -> None:
        cancellation = asked("US")
        cancellation.shop.connection.state = state
        for verdict in (Verdict.APPROVE, Verdict.SHIP_TO_REJECT):
            assert "connected again" in offer(cancellation, verdict).why_not

    def test_a_rule_of_the_market_is_named_before_a_passing_obstacle(self) -> None:
        cancellation = asked("US")
        cancellation.shop.connection.state = Connection.State.RECONNECT
        assert "March 31, 2024" in offer(cancellation, Verdict.REJECT).why_not

    def test_a_deadline_that_has_passed_is_the_marketplaces_to_tell(self) -> None:
        cancellation = asked("GB", deadline=TODAY - timedelta(hours=1))
        assert cancellation.is_over(TODAY)
        assert offer(cancellation, Verdict.APPROVE).allowed


class TestShipping:
    @pytest.mark.parametrize("status", ["AWAITING_SHIPMENT", "PARTIALLY_SHIPPING"])
    def test_an_order_that_waits_for_it_can_be_shipped(self, status: str) -> None:
        assert offer(asked(order={"status": status}), Verdict.SHIP_TO_REJECT).allowed

    @pytest.mark.parametrize(
        "status", ["UNPAID", "ON_HOLD", "AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "CANCELLED", "A_NEW_WORD"]
    )
    def test_any_other_cannot_and_its_status_is_named(self, status: str) -> None:
        label = capabilities(ShopFactory.build(region="US"), TODAY).status_labels.get(status, status)
        assert f"“{label}”" in offer(asked(order={"status": status}), Verdict.SHIP_TO_REJECT).why_not

    def test_where_everything_has_left_there_is_nothing_to_ship(self) -> None:
        waiting = asked()
        line = LineItemFactory(order=waiting.order, is_shipped=True)
        assert offer(waiting, Verdict.SHIP_TO_REJECT).why_not == "Everything of this order has left already."
        line.is_shipped = False
        line.save()
        again = CancellationRequest.objects.get(pk=waiting.pk)
        assert offer(again, Verdict.SHIP_TO_REJECT).allowed

    def test_an_order_that_the_marketplace_fulfils_is_not_ours_to_ship(self) -> None:
        refused = offer(asked(order={"fulfillment_type": "marketplace"}), Verdict.SHIP_TO_REJECT)
        assert refused.why_not == "The marketplace ships this order itself."

    @pytest.mark.parametrize("fulfillment", ["seller", ""])
    def test_an_order_is_ours_where_it_says_so_or_says_nothing(self, fulfillment: str) -> None:
        assert offer(asked(order={"fulfillment_type": fulfillment}), Verdict.SHIP_TO_REJECT).allowed

    def test_an_order_that_was_never_read_cannot_be_shipped_but_its_request_can_be_approved(self) -> None:
        shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
        cancellation = CancellationFactory(order=None, shop=shop, order_marketplace_id="577087614418000000")
        assert "not been read" in offer(cancellation, Verdict.SHIP_TO_REJECT).why_not
        assert offer(cancellation, Verdict.APPROVE).allowed


class TestSilence:
    @pytest.mark.parametrize("region", ["US", "GB", "DE", "ID", "SG", "XX"])
    def test_a_request_that_nobody_answers_is_approved_in_every_market(self, region: str) -> None:
        assert capabilities(ShopFactory.build(region=region), TODAY).silence == "approves"


def order_of(region: str, status: str = "AWAITING_SHIPMENT") -> Order:
    zone = capabilities(ShopFactory.build(region=region), TODAY).time_zone
    order: Order = OrderFactory(shop=ShopFactory(region=region, time_zone=zone), status=status)
    LineItemFactory.create_batch(2, order=order)
    return order


def reasons(region: str, status: str, *, partial: bool = False, now: datetime = TODAY) -> set[str]:
    return {reason.name for reason in rules.cancel_reasons(order_of(region, status), now, partial=partial)}


OUT_OF_STOCK, WRONG_PRICE = "seller_cancel_reason_out_of_stock", "seller_cancel_reason_wrong_price"
ADDRESS, BUYER_ASKED = (
    "seller_cancel_paid_reason_address_not_deliver", "seller_cancel_paid_reason_buyer_requested_cancellation",
)  # fmt: skip


class TestCancelReasons:
    @pytest.mark.parametrize(
        ("region", "status", "whole"),
        [
            ("US", "AWAITING_SHIPMENT", {OUT_OF_STOCK, WRONG_PRICE, ADDRESS, BUYER_ASKED}),
            ("US", "AWAITING_COLLECTION", {OUT_OF_STOCK, WRONG_PRICE, ADDRESS, BUYER_ASKED}),
            ("GB", "ON_HOLD", {f"{name}_uk" for name in (OUT_OF_STOCK, WRONG_PRICE, ADDRESS)}),
            ("GB", "AWAITING_COLLECTION", set()),
            ("DE", "AWAITING_SHIPMENT", {OUT_OF_STOCK, WRONG_PRICE, ADDRESS, BUYER_ASKED}),
            ("DE", "AWAITING_COLLECTION", set()),
            ("SG", "AWAITING_SHIPMENT", {OUT_OF_STOCK, WRONG_PRICE}),
            ("MX", "AWAITING_SHIPMENT", {OUT_OF_STOCK, ADDRESS, BUYER_ASKED}),
            ("US", "IN_TRANSIT", set()),
            ("US", "CANCELLED", set()),
            ("XX", "AWAITING_SHIPMENT", set()),
        ],
    )
    def test_they_fit_the_market_and_the_orders_status(self, region: str, status: str, whole: set[str]) -> None:
        assert reasons(region, status) == whole

    @pytest.mark.parametrize(
        ("region", "some"), [("US", {OUT_OF_STOCK}), ("GB", {f"{OUT_OF_STOCK}_uk"}), ("DE", set()), ("ID", set())]
    )
    def test_for_single_lines_only_missing_stock_counts_and_only_in_two_markets(
        self, region: str, some: set[str]
    ) -> None:
        assert reasons(region, "AWAITING_SHIPMENT", partial=True) == some

    @pytest.mark.parametrize(
        ("region", "ends"),
        [
            ("TH", at("2024-02-29 17:00")),  # midnight in Bangkok
            ("MY", at("2025-08-30 16:00")),  # midnight in Kuala Lumpur
        ],
    )
    def test_a_reason_ends_with_the_markets_own_midnight(self, region: str, ends: datetime) -> None:
        assert ADDRESS in reasons(region, "AWAITING_SHIPMENT", now=ends - timedelta(seconds=1))
        assert ADDRESS not in reasons(region, "AWAITING_SHIPMENT", now=ends)


class TestCancellingItems:
    def test_it_is_offered_for_an_order_that_waits_to_be_shipped(self) -> None:
        told = rules.items_offer(order_of("US"), TODAY)
        assert told.allowed
        assert (told.verdict, bool(told.effect)) == (Verdict.CANCEL_ITEMS, True)

    @pytest.mark.parametrize("status", ["UNPAID", "IN_TRANSIT", "DELIVERED", "CANCELLED"])
    def test_not_for_one_that_is_elsewhere_on_its_way(self, status: str) -> None:
        words = rules.items_offer(order_of("US", status), TODAY).why_not
        assert f"“{status.replace('_', ' ').capitalize()}”" in words

    def test_what_waits_for_the_carrier_can_be_cancelled_in_the_us_alone(self) -> None:
        assert rules.items_offer(order_of("US", "AWAITING_COLLECTION"), TODAY).allowed
        assert not rules.items_offer(order_of("GB", "AWAITING_COLLECTION"), TODAY).allowed

    def test_not_in_a_market_whose_reasons_are_not_known(self) -> None:
        assert not rules.items_offer(order_of("XX"), TODAY).allowed

    def test_not_while_the_buyer_waits_for_an_answer(self) -> None:
        order = order_of("US")
        request = CancellationFactory(order=order)
        assert "answer that request" in rules.items_offer(order, TODAY).why_not
        CancellationRequest.objects.filter(pk=request.pk).update(needs_answer=False, state="closed")
        assert rules.items_offer(order, TODAY).allowed

    def test_not_while_another_decision_about_the_order_is_alive(self) -> None:
        order = order_of("US")
        decision = DecisionFactory(
            cancellation=None, order=order, shop=order.shop, verdict=Verdict.CANCEL_ITEMS,
            made_by=UserFactory(first_name="Ada", last_name=""),
        )  # fmt: skip
        assert rules.items_offer(order, TODAY).why_not == "Ada has decided already: cancel items (recorded)."
        Decision.objects.filter(pk=decision.pk).update(state="refused", settled_at=timezone.now())
        assert rules.items_offer(order, TODAY).allowed

    def test_not_while_the_link_is_down(self) -> None:
        order = order_of("US")
        order.shop.connection.state = Connection.State.RECONNECT
        assert "connected again" in rules.items_offer(order, TODAY).why_not
