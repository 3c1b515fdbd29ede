"""A request's page."""

from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cancellations.models import Decision
from shops.models import Role, Shop
from tests.cancellations.views.pages import asked, text_of
from tests.factories import CancellationLineFactory, DecisionFactory, at, member

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


def test_unknown_states_are_shown_as_the_marketplace_words_them(client: Client, shop: Shop) -> None:
    row = asked(shop, state="unknown", status="CANCELLATION_IN_LIMBO", needs_answer=False)
    assert "CANCELLATION_IN_LIMBO" in text_of(client.get(row.get_absolute_url()))
    assert "CANCELLATION_IN_LIMBO" in text_of(client.get("/?state=all"))


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
    CancellationLineFactory.create_batch(12, cancellation=row)
    DecisionFactory(cancellation=row, state=State.WITHDRAWN)
    DecisionFactory(cancellation=row)
    with django_assert_max_num_queries(15):
        client.get(row.get_absolute_url())


def test_text_from_buyers_is_never_markup(client: Client, shop: Shop) -> None:
    row = asked(shop, reason_text="<script>alert(1)</script>")
    page = text_of(client.get(row.get_absolute_url()))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
