"""The queue, as a browser without and with htmx sees it."""

import base64
from datetime import timedelta

import pytest
import time_machine
from django.template.defaultfilters import truncatechars
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations.models import CancellationRequest, Claim, Decision
from cancellations.templatetags.queue import cut
from cancellations.views.queue import PAGE_SIZE
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, asked, text_of
from tests.factories import (
    CancellationFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    UserFactory,
    member,
)

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


@pytest.mark.parametrize("more", [0, PAGE_SIZE], ids=["all in sight", "on several pages"])
def test_bands_count_what_waits_whichever_is_chosen(client: Client, shop: Shop, more: int) -> None:
    order = OrderFactory(shop=shop)
    CancellationFactory.create_batch(more, order=order, deadline=timezone.now() + timedelta(hours=2, minutes=1))
    for hours in (-1, 1, 3, 30):
        asked(shop, deadline=timezone.now() + timedelta(hours=hours))
    newest = asked(shop, deadline=None)
    asked(ShopFactory())
    for query in ("", "?left=over"):
        shown = client.get(f"/{query}").context
        assert [(name, count) for name, _words, count in shown["bands"]] == [
            ("", 5 + more), ("over", 1), ("soon", 1), ("today", 1 + more), ("later", 2),
        ]  # fmt: skip
        assert shown["newest"] == newest.pk


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
    rows = [CancellationFactory(order=order, deadline=deadline if n < 35 else None) for n in range(60)]
    seen: list[int] = []
    token, tokens = "", []
    while True:
        page = client.get("/", {"page": token} if token else {}).context["page"]
        seen += [row.pk for row in page.rows]
        tokens.append(page.previous)
        token = page.next
        if not token:
            break
    assert (len(seen), set(seen)) == (60, {row.pk for row in rows})
    back = client.get("/", {"page": tokens[-1]}).context["page"]
    assert [row.pk for row in back.rows] == seen[PAGE_SIZE : 2 * PAGE_SIZE]
    first = client.get("/", {"page": back.previous}).context["page"]
    assert ([row.pk for row in first.rows], first.previous) == (seen[:PAGE_SIZE], "")


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
    with django_assert_max_num_queries(21):
        client.get("/")


@pytest.mark.parametrize("text", ["", "short", "x" * 90, "x" * 91, "ü" * 95, "e\u0301" * 60])
def test_a_long_name_is_cut_as_django_cuts_it(text: str) -> None:
    assert cut(text, 90) == truncatechars(text, 90)


def test_htmx_gets_the_list_alone(client: Client, shop: Shop) -> None:
    asked(shop)
    fragment = text_of(client.get("/", headers=HTMX))
    assert fragment.lstrip().startswith('<section id="queue"')
    assert "<html" not in fragment
    assert "<html" in text_of(client.get("/", headers={**HTMX, "HX-History-Restore-Request": "true"}))


def test_rows_stand_under_the_band_that_they_are_in(client: Client, shop: Shop) -> None:
    for hours in (-1, 1, 3, 30):
        asked(shop, deadline=timezone.now() + timedelta(hours=hours))
    page = text_of(client.get("/"))
    heads = ["Over", "Under 2 hours", "Under 12 hours", "Later"]
    positions = [page.index(f'scope="rowgroup">{words}<') for words in heads]
    assert positions == sorted(positions)
    assert 'scope="rowgroup"' not in text_of(client.get("/?state=all"))


def test_a_row_says_what_silence_does_on_the_readers_clock_and_the_shops(client: Client, american: Shop) -> None:
    with time_machine.travel("2026-03-02 20:00:00Z", tick=False):
        asked(american, deadline=timezone.now() + timedelta(minutes=38))
        page = text_of(client.get("/"))
    assert "approves itself 20:38" in page
    assert "12:38 Los Angeles" in page
    assert ">38 min</time>" in page


def test_a_row_says_how_far_the_order_is_who_buys_and_who_is_on_it(client: Client, shop: Shop, agent: User) -> None:
    order = OrderFactory(shop=shop, status="AWAITING_COLLECTION", buyer_name="Northgate Retail")
    colleague = member(Role.AGENT, shop, first_name="Mina")
    row = CancellationFactory(order=order, assigned_to=agent)
    Claim.objects.create(cancellation=row, user=colleague, until=timezone.now() + timedelta(minutes=2))
    page = text_of(client.get("/"))
    for words in ("Label made", "for Northgate Retail", "on it: <b>Mina</b>", f"for {agent}"):
        assert words in page


def test_each_filter_that_is_set_can_be_taken_away(client: Client, shop: Shop) -> None:
    asked(shop)
    chips = client.get(f"/?q=mug&shop={shop.pk}&left=soon&page=x").context["chips"]
    assert [(chip.label, chip.words, chip.without) for chip in chips] == [
        ("Search", "mug", f"?shop={shop.pk}&left=soon"),
        ("Shop", str(shop), "?q=mug&left=soon"),
    ]


@pytest.mark.parametrize("query", ["shop=0", "whose=0", "age=old", "left=never", "state=lost", "shop=abc"])
def test_a_filter_that_asks_for_what_is_gone_says_so_and_can_be_taken_away(
    client: Client, shop: Shop, query: str
) -> None:
    row = asked(shop)
    for headers in ({}, HTMX):
        page = text_of(client.get(f"/?{query}&market=GB", headers=headers))
        assert row.order_marketplace_id not in page
        assert "not here, or not any more" in page
        assert 'class="chip is-wrong" href="?market=GB"' in page


def test_somebody_without_shops_is_told_why_nothing_is_here(client: Client) -> None:
    client.force_login(UserFactory())
    assert "No shop is yours yet" in text_of(client.get("/"))


def test_a_page_whose_rows_have_all_been_answered_is_followed_by_the_first(client: Client, shop: Shop) -> None:
    rows = [asked(shop, deadline=timezone.now() + timedelta(hours=hours)) for hours in range(1, PAGE_SIZE + 2)]
    second = client.get("/").context["page"].next
    assert [row.pk for row in client.get("/", {"page": second}).context["page"].rows] == [rows[-1].pk]
    CancellationRequest.objects.filter(pk=rows[-1].pk).update(needs_answer=False)
    assert len(client.get("/", {"page": second}).context["page"].rows) == PAGE_SIZE


class TestTheNextRequest:
    def at(self, client: Client, row: CancellationRequest, query: str = "") -> str:
        return str(client.get(f"/cancellations/{row.pk}/next/{query}")["Location"])

    def test_is_the_one_after_it_and_after_the_last_the_first(self, client: Client, shop: Shop) -> None:
        first, second, never = (
            asked(shop, deadline=deadline)
            for deadline in (timezone.now() + timedelta(hours=1), timezone.now() + timedelta(hours=2), None)
        )
        assert self.at(client, first) == second.get_absolute_url()
        assert self.at(client, second) == never.get_absolute_url()
        assert self.at(client, never) == first.get_absolute_url()

    def test_is_none_that_is_decided_or_that_somebody_else_is_on(self, client: Client, shop: Shop, agent: User) -> None:
        now = timezone.now()
        here, decided, taken, mine = (asked(shop, deadline=now + timedelta(hours=hours)) for hours in range(1, 5))
        DecisionFactory(cancellation=decided)
        Claim.objects.create(cancellation=taken, user=member(Role.AGENT, shop), until=now + timedelta(minutes=1))
        Claim.objects.create(cancellation=mine, user=agent, until=now + timedelta(minutes=1))
        assert self.at(client, here) == mine.get_absolute_url()

    def test_is_one_that_fits_the_filter(self, client: Client, shop: Shop, american: Shop) -> None:
        here, other = asked(shop, deadline=timezone.now()), asked(shop, deadline=None)
        asked(american, deadline=timezone.now() + timedelta(hours=1))
        assert self.at(client, here, f"?shop={shop.pk}") == other.get_absolute_url()

    def test_is_the_queue_where_nothing_else_waits(self, client: Client, shop: Shop) -> None:
        here = asked(shop)
        answer = client.get(f"/cancellations/{here.pk}/next/?shop=0", follow=True)
        assert answer.redirect_chain == [("/", 302)]
        assert "Nothing else waits" in text_of(answer)

    def test_of_a_strangers_request_is_not_told(self, client: Client) -> None:
        assert client.get(f"/cancellations/{CancellationFactory().pk}/next/").status_code == 404
