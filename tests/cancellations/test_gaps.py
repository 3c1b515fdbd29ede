"""Pushes and pulls are compared: what one of them misses is told of until it is over."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cancellations import gaps
from cancellations.models import PushedNotification
from shops.models import Alert, Connection, PushRegistration, Shop, SyncCursor, SyncKind
from tests.cancellations.views.pages import asked
from tests.factories import ShopFactory

pytestmark = pytest.mark.django_db
PUSHES_MISSING, PULLS_MISSING = Alert.Kind.PUSHES_MISSING, Alert.Kind.PULLS_MISSING


def ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


@pytest.fixture
def shop() -> Shop:
    """One whose pushes were registered yesterday, and that was read a moment ago."""
    made: Shop = ShopFactory()
    registered(made)
    SyncCursor.objects.create(shop=made, kind=SyncKind.CANCELLATIONS, synced_until=timezone.now())
    return made


def registered(shop: Shop) -> None:
    PushRegistration.objects.create(
        shop=shop, topic="cancellation", address="https://countermand.example/", since=ago(1440)
    )


def pushed(shop: Shop, minutes_ago: float) -> None:
    PushedNotification.objects.create(
        shop=shop, notification_id=str(minutes_ago), topic="cancellation", sent_at=ago(minutes_ago),
        received_at=ago(minutes_ago), processed_at=ago(minutes_ago), outcome=PushedNotification.Outcome.PULLED,
    )  # fmt: skip


def alerts(shop: Shop) -> dict[str, Any]:
    gaps.compare_pushes_and_pulls()
    return {one.kind: one.detail["count"] for one in Alert.objects.open().filter(shop=shop)}


def test_requests_that_no_push_told_of_raise_an_alert_once(shop: Shop) -> None:
    for minutes in (20, 30, 40):
        asked(shop, created_at=ago(minutes))
    assert alerts(shop) == {PUSHES_MISSING: 3}
    asked(shop, created_at=ago(11))
    assert alerts(shop) == {PUSHES_MISSING: 4}
    assert Alert.objects.count() == 1


def test_where_pushes_came_there_is_none(shop: Shop) -> None:
    for minutes in (20, 30, 40):
        asked(shop, created_at=ago(minutes))
        pushed(shop, minutes - 0.1)
    assert alerts(shop) == {}


@pytest.mark.parametrize("minutes", [5, 90])
def test_what_is_new_or_long_ago_is_not_counted(shop: Shop, minutes: float) -> None:
    for _ in range(3):
        asked(shop, created_at=ago(minutes))
    assert alerts(shop) == {}


def test_one_alone_may_have_been_lost(shop: Shop) -> None:
    asked(shop, created_at=ago(20))
    assert alerts(shop) == {}


@pytest.mark.parametrize(
    "changes", [{"is_wanted": False}, {"address": ""}, {"since": None}, {"topic": "order"}, {"since": "now"}]
)
def test_where_none_are_registered_none_are_missed(shop: Shop, changes: dict[str, Any]) -> None:
    for _ in range(3):
        asked(shop, created_at=ago(20))
    PushRegistration.objects.update(**{name: ago(0) if value == "now" else value for name, value in changes.items()})
    assert alerts(shop) == {}


def test_it_stays_until_a_push_comes_again(shop: Shop) -> None:
    requests = [asked(shop, created_at=ago(20)) for _ in range(2)]
    assert alerts(shop) == {PUSHES_MISSING: 2}
    for one in requests:
        type(one).objects.update(created_at=ago(300))
    assert alerts(shop) == {PUSHES_MISSING: 2}
    Alert.objects.update(opened_at=ago(5))
    pushed(shop, 1)
    assert alerts(shop) == {}
    assert Alert.objects.get().closed_at


def test_it_closes_where_pushes_are_no_longer_wanted_or_the_shop_is_off(shop: Shop) -> None:
    for _ in range(2):
        asked(shop, created_at=ago(20))
    assert alerts(shop) == {PUSHES_MISSING: 2}
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert alerts(shop) == {}


def test_pushes_after_which_no_pull_succeeds_raise_an_alert_until_one_does(shop: Shop) -> None:
    SyncCursor.objects.update(synced_until=ago(60))
    for minutes in (15, 25):
        pushed(shop, minutes)
    assert alerts(shop) == {PULLS_MISSING: 2}
    SyncCursor.objects.update(synced_until=ago(0))
    assert alerts(shop) == {}


def test_a_pull_is_given_its_time(shop: Shop) -> None:
    SyncCursor.objects.update(synced_until=ago(60))
    pushed(shop, 5)
    assert alerts(shop) == {}


def test_to_compare_costs_the_same_for_many_shops(shop: Shop, django_assert_num_queries: Any) -> None:
    for _ in range(3):
        more = ShopFactory()
        registered(more)
        SyncCursor.objects.create(shop=more, kind=SyncKind.CANCELLATIONS, synced_until=timezone.now())
        asked(more, created_at=ago(20))
        pushed(more, 12)
        with django_assert_num_queries(COST):
            gaps.compare_pushes_and_pulls()


COST = 10
