"""What was announced without saying for which order."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations.models import Announcement, CancellationRequest
from orders.models import Order
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, RECORD, announced, asked, ordered, sent, url, words_of, written_down
from tests.factories import ShopFactory, member

pytestmark = pytest.mark.django_db


def test_an_announcement_says_what_is_known_and_what_to_do(client: Client, supplier: Shop, order: Order) -> None:
    blind, named = announced(supplier, 1), announced(supplier, 2, order=order)
    page = words_of(client.get("/"))
    assert "2 announcements to be looked into" in page
    assert "did not say for which order" in page
    assert f"{RECORD}?announcement={blind.pk}" in page
    assert f"{url('record_request', order.pk)}?announcement={named.pk}" in page
    assert "NG-104417</a> says that somebody asks to cancel" in page


def test_viewers_read_announcements_and_strangers_do_not(client: Client, supplier: Shop) -> None:
    row = announced(supplier)
    client.force_login(member(Role.VIEWER, supplier))
    page = words_of(client.get("/"))
    assert "Order Cancelled" in page
    assert url("handle", row.pk) not in page
    assert "Record it" not in page
    client.force_login(member(Role.MANAGER, ShopFactory()))
    assert "Order Cancelled" not in words_of(client.get("/"))


def test_recording_from_an_announcement_takes_it_off_the_list(client: Client, order: Order, supplier: Shop) -> None:
    row = announced(supplier)
    page = words_of(client.get(f"{RECORD}?announcement={row.pk}"))
    assert f"{url('record_request', order.pk)}?announcement={row.pk}" in page
    client.post(f"{url('record_request', order.pk)}?announcement={row.pk}", sent())
    row.refresh_from_db()
    assert row.cancellation == CancellationRequest.objects.get()
    assert not client.get("/").context["announcements"]


def test_an_announcement_of_what_was_recorded_already_is_looked_into_as_well(
    client: Client, order: Order, supplier: Shop, agent: User
) -> None:
    row, first = announced(supplier), written_down(order, agent)
    client.post(f"{url('record_request', order.pk)}?announcement={row.pk}", sent())
    row.refresh_from_db()
    assert row.cancellation == first


@pytest.mark.parametrize("token", ["", "x", "²", "-1", "9" * 40])
def test_an_announcement_that_is_none_changes_nothing(client: Client, order: Order, token: str) -> None:
    assert client.get(RECORD, {"announcement": token}).status_code == 200
    answer = client.post(f"{url('record_request', order.pk)}?announcement={token}", sent())
    assert answer.status_code == 302


def test_an_announcement_for_another_shop_stays_where_it_is(client: Client, order: Order, agent: User) -> None:
    second = ShopFactory(marketplace="crux_timp", region="US")
    agent.memberships.create(shop=second, role=Role.AGENT)
    row = announced(second)
    client.post(f"{url('record_request', order.pk)}?announcement={row.pk}", sent())
    assert row in Announcement.objects.waiting()


def test_nothing_to_do_is_noted_with_and_without_scripts(client: Client, supplier: Shop, agent: User) -> None:
    one, other = announced(supplier, 1), announced(supplier, 2)
    fragment = client.post(url("handle", one.pk), headers=HTMX).content.decode()
    assert '<div id="announcements"' in fragment
    assert "<html" not in fragment
    assert "Noted: nothing to do" in fragment
    assert url("handle", one.pk) not in fragment
    assert "Noted: nothing to do" in words_of(client.post(url("handle", other.pk), follow=True))
    other.refresh_from_db()
    assert (other.handled_by, other.cancellation) == (agent, None)


@pytest.mark.parametrize(("number", "words"), [(21, "and one more, older"), (23, "and 3 more, older")])
def test_many_announcements_leave_the_queue_in_sight(client: Client, supplier: Shop, number: int, words: str) -> None:
    for one in range(number):
        announced(supplier, one)
    page = words_of(client.get("/"))
    assert f"{number} announcements to be looked into" in page
    assert page.count("Nothing to do") == 20
    assert words in page


def test_announcements_cost_the_same_queries_however_many(
    client: Client, supplier: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for one in range(25):
        announced(supplier, one, order=ordered(supplier, f"NG-{one}"))
    with django_assert_max_num_queries(7):
        client.get(reverse("cancellations:announcements"))


def test_whoever_can_expect_no_announcement_does_not_ask_for_any(client: Client, shop: Shop, supplier: Shop) -> None:
    asks = f'hx-get="{reverse("cancellations:announcements")}"'
    assert asks in words_of(client.get("/"))
    client.force_login(member(Role.AGENT, shop))
    assert asks not in words_of(client.get("/"))


def test_announcements_are_one_line_while_requests_wait(client: Client, supplier: Shop) -> None:
    row, other = announced(supplier, 1), announced(supplier, 2)
    unfolded = '<details class="card announced mb-3" open>'
    assert unfolded in words_of(client.get("/"))
    waiting = asked(supplier)
    folded = words_of(client.get("/"))
    assert unfolded not in folded
    assert "2 announcements to be looked into" in folded
    assert unfolded in words_of(client.post(url("handle", row.pk), headers=HTMX))  # whoever answers one has them open
    CancellationRequest.objects.filter(pk=waiting.pk).update(needs_answer=False, state="closed")
    assert unfolded in words_of(client.get(reverse("cancellations:announcements"), headers=HTMX))
    assert other in Announcement.objects.waiting()
