"""A request's page."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cancellations.models import Attempt, Decision, Event, Note
from orders.models import Order
from shops.models import Connection, Role, Shop
from tests.cancellations.views.pages import HTMX, asked, text_of, url, words_of
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

pytestmark = pytest.mark.django_db
State = Decision.State


def test_a_request_tells_all_that_is_needed_to_decide(client: Client, american: Shop) -> None:
    row = asked(american, deadline=at("2026-05-02 03:00"), created_at=at("2026-05-01 03:00"), currency="USD")
    with time_machine.travel(at("2026-05-01 20:00"), tick=False):
        page = text_of(client.get(row.get_absolute_url()))
    for told in (
        "Order created by mistake", "Cotton tote bag", "TOTE-BLK", "$26.98", "7 h 00 min",
        "1 May 20:00", "America/Los_Angeles", "tomorrow 03:00", "31 March 2024",
    ):  # fmt: skip
        assert told in page, told


@pytest.mark.parametrize("state", ["reconnect", "disconnected"])
def test_where_nothing_is_read_no_outcome_is_promised(client: Client, american: Shop, state: str) -> None:
    row = asked(american, deadline=timezone.now() - timedelta(minutes=5))
    promise, truth = "shows here within minutes", "only in its own seller centre until the shop is connected again"
    page = text_of(client.get(row.get_absolute_url()))
    assert promise in page and truth not in page
    assert "the outcome is only in the marketplace" not in text_of(client.get("/"))
    Connection.objects.filter(pk=american.connection_id).update(state=state)
    page = text_of(client.get(row.get_absolute_url()))
    assert promise not in page and truth in page
    assert "the outcome is only in the marketplace" in text_of(client.get("/"))


def test_unknown_states_are_shown_as_the_marketplace_words_them(client: Client, shop: Shop) -> None:
    row = asked(shop, state="unknown", status="CANCELLATION_IN_LIMBO", needs_answer=False)
    assert "CANCELLATION_IN_LIMBO" in text_of(client.get(row.get_absolute_url()))
    assert "CANCELLATION_IN_LIMBO" in text_of(client.get("/?state=all"))


@pytest.mark.parametrize(
    ("initiator", "title"),
    [
        ("seller", "The seller's own cancellation"),
        ("system", "The marketplace's own cancellation"),
        ("courier", "A cancellation asked for by: courier"),
    ],
)
def test_the_title_says_whose_cancellation_it_is(client: Client, shop: Shop, initiator: str, title: str) -> None:
    page = words_of(client.get(asked(shop, initiator=initiator).get_absolute_url()))
    assert title in page.replace("&#x27;", "'")


def test_rupiah_have_no_decimals(client: Client, shop: Shop) -> None:
    row = asked(shop, currency="IDR", refund_total=Decimal(2054600), refund_subtotal=Decimal(2054600))
    assert "IDR 2,054,600<" in text_of(client.get(row.get_absolute_url())).replace("\N{NO-BREAK SPACE}", " ")


def test_viewers_read_a_request_and_are_offered_nothing(client: Client, shop: Shop) -> None:
    row = asked(shop)
    client.force_login(member(Role.VIEWER, shop))
    page = text_of(client.get(row.get_absolute_url()))
    assert 'action="/cancellations/' not in page
    assert "takes the role of an agent" in page


def test_a_request_costs_a_fixed_number_of_queries(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = asked(shop)
    CancellationLineFactory.create_batch(20, cancellation=row)
    LineItemFactory.create_batch(20, order=row.order, package_id="P1")
    PackageFactory.create_batch(3, order=row.order)
    DecisionFactory(cancellation=row, state=State.WITHDRAWN)
    decision = DecisionFactory(cancellation=row)
    for number in range(30):
        Attempt.objects.create(decision=decision, number=number, purpose="send", outcome="temporary")
        person = member(Role.AGENT, shop)
        Note.objects.create(cancellation=row, author=person, text="She rang.")
        Event.objects.create(shop=shop, cancellation=row, actor=person, name="cancellation.assigned")
    with django_assert_max_num_queries(21):  # the bell's, and whether a net made the decision
        client.get(row.get_absolute_url())


def test_the_page_of_an_orders_history_costs_a_fixed_number_of_queries(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    order = OrderFactory(shop=shop)
    for _ in range(5):
        DecisionFactory(cancellation=CancellationFactory(order=order))
    with django_assert_max_num_queries(12):
        page = text_of(client.get(url("order_history", order.pk)))
    assert page.count("The buyer asked to cancel") == 5


def test_order_and_request_are_one_timeline_with_now_marked(client: Client, shop: Shop) -> None:
    row = asked(shop, deadline=timezone.now() + timedelta(hours=3))
    for address in (row.get_absolute_url(), url("order_history", row.order.pk)):  # type: ignore[union-attr]
        page = words_of(client.get(address))
        marks = [
            page.index(mark)
            for mark in ("The request is approved by itself", ">Now<", "The buyer asked", 'history-text">Ordered')
        ]
        assert marks == sorted(marks)


def test_the_page_of_an_order_fetches_its_timeline(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    page = text_of(client.get(order.get_absolute_url()))
    assert f'hx-get="{url("order_history", order.pk)}"' in page
    assert f'href="{url("order_history", order.pk)}"' in page
    fragment = text_of(client.get(url("order_history", order.pk), headers=HTMX))
    assert "<html" not in fragment and "Ordered" in fragment


def test_packages_say_what_is_in_them_and_how_far_they_are(client: Client, shop: Shop) -> None:
    row = asked(shop)
    PackageFactory(
        order=row.order, marketplace_id="P1", status="PROCESSING", tracking_number="AB12", shipping_provider="Evri"
    )
    PackageFactory(order=row.order, marketplace_id="P2", status="TO_FULFILL")
    LineItemFactory(order=row.order, package_id="P1", product_name="Enamel mug", quantity=2)
    page = words_of(client.get(row.get_absolute_url()))
    for told in ("P1", "Label made, not handed over", "2 × Enamel mug", "Evri", "AB12", "No tracking number yet."):
        assert told in page, told
    assert page.count("No tracking number yet.") == 1


@pytest.mark.parametrize(("zone", "titles"), [("Europe/Berlin", 0), ("America/Los_Angeles", 1)])
def test_the_timeline_says_whose_clock_it_goes_by(client: Client, shop: Shop, zone: str, titles: int) -> None:
    theirs = ShopFactory(time_zone=zone)
    client.force_login(member(Role.AGENT, theirs, time_zone="Europe/Berlin"))
    row = asked(theirs)
    order = row.order
    assert order
    for path in (row.get_absolute_url(), url("order_history", order.pk)):
        page = words_of(client.get(path))
        assert page.count("Times: Europe/Berlin") == 1
        assert page.count(f"The shop's zone: {zone}") == titles


@pytest.mark.parametrize(
    ("of_package", "of_line", "state"),
    [
        ({}, {}, "No label yet"),
        ({"tracking_number": "AB12"}, {}, "Label made"),
        ({}, {"is_shipped": True}, None),
    ],
)
def test_a_package_without_a_state_of_its_own_says_what_the_queue_says(
    client: Client, shop: Shop, of_package: dict[str, str], of_line: dict[str, bool], state: str | None
) -> None:
    order = OrderFactory(shop=shop)
    PackageFactory(order=order, marketplace_id="P1", status="", **of_package)
    LineItemFactory(order=order, package_id="P1", status="", **of_line)
    packages = words_of(client.get(order.get_absolute_url())).split('id="packages"')[1].split("</section>")[0]
    told = [words for words in ("No label yet", "Label made", "No tracking number yet.") if words in packages]
    assert told == ([state] if state else [])


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"verdict": "reject"}, "rejected by us"),
        ({"verdict": "ship_to_reject"}, "rejected by us"),
        ({"verdict": "approve"}, "closed"),
        ({"verdict": "reject", "accepted_at": None}, "closed"),  # or the buyer withdrew: nobody knows
        ({"verdict": "reject", "state": State.REFUSED}, "closed"),
    ],
)
def test_a_request_that_we_rejected_says_so(client: Client, shop: Shop, columns: dict[str, object], told: str) -> None:
    row = asked(shop, needs_answer=False, state="closed")
    DecisionFactory(cancellation=row, **{"state": State.CONFIRMED, "accepted_at": timezone.now(), **columns})
    chip = f'<span class="state state-closed">{told}</span>'
    assert chip in words_of(client.get(row.get_absolute_url()))
    assert chip in words_of(client.get("/?state=all"))


def test_each_verdict_says_what_it_does_in_money(client: Client, shop: Shop) -> None:
    page = words_of(client.get(asked(shop).get_absolute_url()))
    approve, reject = page.split("<h3>Reject</h3>")
    assert "The buyer gets back <b>£26.98</b>" in approve
    assert "The buyer then gets back £26.98." in approve  # by silence
    assert "Nothing is refunded" in reject
    assert "Ship to reject" not in page


def test_whoever_has_not_paid_yet_is_not_said_to_get_anything_back(client: Client, shop: Shop) -> None:
    row = asked(shop)
    Order.objects.update(is_cash_on_delivery=True)
    page = words_of(client.get(row.get_absolute_url()))
    assert "tells of a refund of <b>£26.98</b>; the order is paid on delivery" in page
    assert "gets back" not in page


def test_an_order_that_is_to_be_shipped_says_by_when(client: Client, shop: Shop) -> None:
    row = asked(shop)
    for ship_by, told in ((timedelta(hours=5), "then has to be shipped:"), (timedelta(hours=-5), "is overdue")):
        Order.objects.update(ship_by=timezone.now() + ship_by)
        assert told in words_of(client.get(row.get_absolute_url()))
    Order.objects.update(shipped_at=timezone.now())
    assert "overdue" not in words_of(client.get(row.get_absolute_url()))


def test_what_a_verdict_does_to_the_standing_is_told_where_a_page_says_it(client: Client, shop: Shop) -> None:
    thai = ShopFactory(region="TH")
    client.force_login(member(Role.AGENT, shop, thai))
    assert "is not in the list of what counts" in words_of(client.get(asked(thai).get_absolute_url()))
    assert "is not in the list of what counts" not in words_of(client.get(asked(shop).get_absolute_url()))


def test_links_lead_to_the_order_and_the_messages_at_the_marketplace(
    client: Client, american: Shop, shop: Shop
) -> None:
    row = asked(american)
    page = text_of(client.get(row.get_absolute_url())).replace("&amp;", "&")
    assert f"order_no={row.order_marketplace_id}&shop_region=US" in page
    assert f"oec_seller_id={american.marketplace_id}&shop_region=US" in page
    assert "seller-" not in text_of(client.get(asked(shop).get_absolute_url()))  # whose address nobody knows


def test_there_are_ids_to_quote_to_the_marketplaces_support(client: Client, shop: Shop) -> None:
    row = asked(shop)
    Attempt.objects.create(decision=DecisionFactory(cancellation=row), number=1, purpose="send", request_id="2026ABC")
    page = text_of(client.get(row.get_absolute_url()))
    assert f"Cancellation request: {row.marketplace_id}" in page
    assert "request id 2026ABC" in page


def test_text_from_buyers_is_never_markup(client: Client, shop: Shop) -> None:
    row = asked(shop, reason_text="<script>alert(1)</script>")
    page = text_of(client.get(row.get_absolute_url()))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
