"""The queue, as a browser without and with htmx sees it."""

import base64
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cancellations.models import CancellationRequest, Decision
from shops.models import Shop
from tests.cancellations.views.pages import HTMX, asked, text_of
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, ShopFactory

pytestmark = pytest.mark.django_db
State = Decision.State


def test_the_queue_shows_what_silence_decides_first_first(client: Client, shop: Shop) -> None:
    now = timezone.now()
    later = asked(shop, deadline=now + timedelta(hours=30))
    never = asked(shop, deadline=None)
    soon = asked(shop, deadline=now + timedelta(minutes=20))
    settled = asked(shop, needs_answer=False, state="completed")
    page = text_of(client.get("/"))
    positions = [page.index(row.order_marketplace_id) for row in (soon, later, never)]
    assert positions == sorted(positions)
    assert settled.order_marketplace_id not in page
    assert "approves itself" in page


def test_the_queue_is_narrowed_by_its_address(client: Client, shop: Shop, american: Shop) -> None:
    british, us = asked(shop), asked(american, deadline=timezone.now() + timedelta(hours=1))
    over = asked(shop, deadline=timezone.now() - timedelta(minutes=1))
    settled = asked(shop, needs_answer=False, state="closed")
    decided = asked(shop)
    DecisionFactory(cancellation=decided)
    everything = {british, us, over, settled, decided}

    def shown(query: str) -> set[CancellationRequest]:
        page = text_of(client.get(f"/?{query}"))
        return {row for row in everything if f'id="row-{row.pk}"' in page}

    assert shown("") == everything - {settled}
    assert shown("state=all") == everything
    assert shown("state=closed") == {settled}
    assert shown(f"shop={american.pk}") == {us}
    assert shown("market=US") == {us}
    assert shown("left=over") == {over}
    assert shown("left=soon") == {us}
    assert shown(f"q={british.order_marketplace_id}") == {british}
    assert shown("decision=under_way") == {decided}
    assert shown("decision=undecided") == everything - {settled, decided}


def test_a_strangers_shop_in_the_address_shows_nothing_and_says_so(client: Client, shop: Shop) -> None:
    mine = asked(shop)
    page = text_of(client.get(f"/?shop={ShopFactory().pk}"))
    assert mine.order_marketplace_id not in page
    assert "errorlist" in page


def test_bands_count_what_waits_whichever_is_chosen(client: Client, shop: Shop) -> None:
    for hours in (-1, 1, 3, 30, 40):
        asked(shop, deadline=timezone.now() + timedelta(hours=hours))
    for query in ("", "?left=over"):
        bands = client.get(f"/{query}").context["bands"]
        assert [(name, count) for name, _words, count in bands] == [
            ("", 5), ("over", 1), ("soon", 1), ("today", 1), ("later", 2),
        ]  # fmt: skip


def test_an_empty_queue_and_a_search_without_a_find_say_different_things(client: Client) -> None:
    assert "Nothing waits for you" in text_of(client.get("/"))
    assert "Clear the filters" in text_of(client.get("/?q=nothing"))


def test_the_american_notice_stands_where_american_requests_wait(client: Client, shop: Shop, american: Shop) -> None:
    asked(shop)
    assert "31 March 2024" not in text_of(client.get("/"))
    asked(american)
    page = text_of(client.get("/"))
    assert "31 March 2024" in page
    assert "us-only-order-cancellation-workflow-updates" in page
    assert "31 March 2024" not in text_of(client.get("/?market=GB"))


def test_stalled_decisions_stand_above_the_queue(client: Client, shop: Shop) -> None:
    settled = asked(shop, needs_answer=False, state="closed")
    DecisionFactory(cancellation=settled, state=State.STALLED, stalled_because="disagreement")
    assert settled.order_marketplace_id in text_of(client.get("/"))


@pytest.mark.parametrize(
    ("number", "words"), [(1, "One decision needs"), (4, "4 decisions need"), (22, "More than 20 decisions need")]
)
def test_many_stalled_decisions_leave_the_queue_in_sight(client: Client, shop: Shop, number: int, words: str) -> None:
    for _ in range(number):
        DecisionFactory(cancellation=asked(shop), state=State.STALLED, stalled_because="disagreement")
    page = text_of(client.get("/"))
    assert words in page
    assert ("Show the others" in page) == (number > 3)


def test_the_queue_says_in_which_order_it_is(client: Client, shop: Shop) -> None:
    asked(shop)
    first, newest = "What silence decides first", "Newest first."
    assert [words in text_of(client.get("/")) for words in (first, newest)] == [True, False]
    assert [words in text_of(client.get("/?state=all")) for words in (first, newest)] == [False, True]


def test_a_word_of_the_marketplace_is_said_once(client: Client, shop: Shop) -> None:
    row = asked(shop, needs_answer=False, state="unknown", status="LIMBO")
    page = text_of(client.get(row.get_absolute_url()))
    assert page.count("LIMBO") == 2  # as the state, and as what the marketplace says


def test_cancelling_items_belongs_to_the_orders(client: Client, shop: Shop) -> None:
    order = LineItemFactory(order=OrderFactory(shop=shop, is_cancel_requested=False)).order
    page = client.get(f"/orders/{order.pk}/cancel-items/").content.decode()
    assert page.count("aria-current") == 1
    assert 'aria-current="true">Orders' in page


def test_pages_of_the_queue_hold_every_request_once_and_lead_back(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    deadline = timezone.now() + timedelta(hours=3)
    rows = [CancellationFactory(order=order, deadline=deadline if n < 70 else None) for n in range(120)]
    seen: list[int] = []
    token, tokens = "", []
    while True:
        page = client.get("/", {"page": token} if token else {}).context["page"]
        seen += [row.pk for row in page.rows]
        tokens.append(page.previous)
        token = page.next
        if not token:
            break
    assert (len(seen), set(seen)) == (120, {row.pk for row in rows})
    back = client.get("/", {"page": tokens[-1]}).context["page"]
    assert [row.pk for row in back.rows] == seen[50:100]
    first = client.get("/", {"page": back.previous}).context["page"]
    assert ([row.pk for row in first.rows], first.previous) == (seen[:50], "")


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "W10",
        "WzEsMiwzLDRd",
        "bnVsbA",
        encoded("[" * 5000),
        encoded('[false, "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00+00:00", 1]'),
        encoded('[false, "0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00+00:00", 1]'),
        encoded('[false, "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", 1]'),
        encoded('[false, "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00", true]'),
    ],
    ids=range(10),
)
def test_a_page_token_that_was_tampered_with_gives_the_first_page(client: Client, shop: Shop, token: str) -> None:
    row = asked(shop)
    assert row.order_marketplace_id in text_of(client.get("/", {"page": token}))


def test_the_queue_costs_the_same_queries_however_many_rows(
    client: Client, shop: Shop, american: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for one in (shop, american):
        for _ in range(12):
            DecisionFactory(cancellation=asked(one))
    with django_assert_max_num_queries(16):
        client.get("/")


def test_htmx_gets_the_list_alone(client: Client, shop: Shop) -> None:
    asked(shop)
    fragment = text_of(client.get("/", headers=HTMX))
    assert fragment.lstrip().startswith('<section id="queue"')
    assert "<html" not in fragment
    assert "<html" in text_of(client.get("/", headers={**HTMX, "HX-History-Restore-Request": "true"}))
