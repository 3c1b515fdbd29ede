"""What a row of the queue says of a request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cancellations import row_words
from cancellations.models import CancellationRequest, Claim, Decision
from cancellations.row_words import Row
from shops.models import Connection
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    OrderFactory,
    ShopFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def row_of(request: CancellationRequest, now: datetime | None = None, *, decides: bool = True) -> Row:
    read = CancellationRequest.objects.with_row_columns().select_related("shop__connection").get(pk=request.pk)
    (row,) = row_words.in_words([read], {request.shop_id} if decides else set(), now or timezone.now())
    return row


def asked(**columns: Any) -> CancellationRequest:
    shop = ShopFactory(region="GB", time_zone="Europe/London", name="Fjord & Co.")
    return CancellationFactory(order=OrderFactory(shop=shop, buyer_name="Ingrid"), **columns)


def test_a_row_names_its_first_line_and_counts_the_others() -> None:
    request = asked()
    for name in ("Tote bag", "Mug", "Pen"):
        CancellationLineFactory(cancellation=request, product_name=name, sku_name="Black")
    row = row_of(request)
    assert (row.name, row.variant, row.more, row.buyer) == ("Tote bag", "Black", "+2 more", "for Ingrid")


def test_without_lines_the_order_stands_for_them() -> None:
    request = asked()
    row = row_of(request)
    assert (row.name, row.variant, row.more) == (request.order_label, "", "")


def test_who_may_not_answer_in_a_shop_sees_rows_that_do_not_say_so() -> None:
    assert row_of(request := asked()).decides
    assert not row_of(request, decides=False).decides


@pytest.mark.parametrize(
    ("left", "band", "then"),
    [
        (timedelta(minutes=-5), "over", "deadline "), (timedelta(minutes=90), "soon", "approves itself "),
        (timedelta(hours=11), "today", "approves itself "), (timedelta(days=3), "later", "approves itself "),
    ],
)  # fmt: skip
def test_the_time_left_says_what_silence_does(left: timedelta, band: str, then: str) -> None:
    now = timezone.now()
    time = row_of(asked(deadline=now + left), now).time
    assert time
    assert (time.band, time.until) == (band, (now + left).isoformat())
    assert time.then.startswith(then)


def test_where_nothing_is_read_the_outcome_of_a_deadline_is_only_over_there() -> None:
    request = asked(deadline=timezone.now() - timedelta(minutes=1))
    Connection.objects.update(state=Connection.State.RECONNECT)
    time = row_of(request).time
    assert time
    assert "only in the marketplace's own seller centre" in time.then


def test_without_a_deadline_nothing_counts_down() -> None:
    time = row_of(asked(deadline=None)).time
    assert time
    assert (time.left, time.until) == ("no deadline", "")


def test_the_shops_own_clock_is_shown_where_it_is_another() -> None:
    deadline = datetime(2026, 1, 15, 12, tzinfo=UTC)  # London's winter is UTC, Tokyo's day is nine hours ahead
    request = asked(deadline=deadline)
    time = row_of(request).time
    assert time
    assert time.there == ""
    request.shop.time_zone = "Asia/Tokyo"
    request.shop.save()
    time = row_of(request).time
    assert time
    assert time.there.endswith("21:00 Tokyo")


@pytest.mark.parametrize(
    ("state", "verdict", "words"),
    [
        ("unsigned", "approve", "approve: to be countersigned"), ("recorded", "approve", "approve: recorded"),
        ("sending", "reject", "reject: sending"), ("refused", "reject", "reject: refused"), ("withdrawn", "reject", ""),
    ],
)  # fmt: skip
def test_our_answer_is_shown_while_it_stands(state: str, verdict: str, words: str) -> None:
    request = asked()
    DecisionFactory(cancellation=request, state=state, verdict=verdict)
    shown = row_of(request).state
    assert (shown.words if shown else "") == words


def test_what_was_closed_by_our_accepted_answer_was_rejected_by_us() -> None:
    request = asked(state="closed", needs_answer=False)
    DecisionFactory(cancellation=request, state="confirmed", verdict="reject", accepted_at=timezone.now())
    shown = row_of(request).state
    assert shown
    assert shown.words == "rejected by us"
    Decision.objects.update(accepted_at=None)  # the answer to our call was lost: the buyer may as well have withdrawn
    shown = row_of(request).state
    assert shown
    assert shown.words == "closed"


def test_a_state_that_nobody_knows_is_the_marketplaces_own_word() -> None:
    shown = row_of(asked(state="unknown", status="IN_LIMBO", needs_answer=False)).state
    assert shown
    assert (shown.kind, shown.words) == ("unknown", "IN_LIMBO")
    assert shown.hint


def test_a_row_says_who_is_on_it_and_whose_it_is_but_not_twice() -> None:
    ada, ben = UserFactory(first_name="Ada", last_name=""), UserFactory(first_name="Ben", last_name="")
    request = asked(assigned_to=ada)
    Claim.objects.create(cancellation=request, user=ada, until=timezone.now() + timedelta(minutes=1))
    row = row_of(request)
    assert (row.on_it, row.whose) == ("Ada", "")
    Claim.objects.update(user=ben)
    row = row_of(request)
    assert (row.on_it, row.whose) == ("Ben", "for Ada")


def test_long_names_are_cut() -> None:
    request = asked()
    CancellationLineFactory(cancellation=request, product_name="Mug " * 60, sku_name="Blue " * 60)
    row = row_of(request)
    assert len(row.name) == 90
    assert len(row.variant) == 40
