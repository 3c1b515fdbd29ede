"""How shops stand: what is told of each, which of it is a problem, and what it costs to know."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import override

from cancellations import health
from cancellations.health import Health
from cancellations.models import Attempt, Decision, PushedNotification
from shops import drift, heartbeat
from shops.health import Level
from shops.models import Alert, Connection, Shop, SyncCursor, SyncKind, SyncRun
from tests.cancellations.views.pages import asked
from tests.factories import DecisionFactory, ShopFactory

pytestmark = pytest.mark.django_db


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def shop(now: datetime) -> Shop:
    """One that was read a minute ago."""
    made = ShopFactory()
    read(made, now - minutes(1))
    return made


def read(shop: Shop, until: datetime) -> None:
    for kind in (SyncKind.ORDERS, SyncKind.CANCELLATIONS):
        SyncCursor.objects.update_or_create(shop=shop, kind=kind, defaults={"synced_until": until})


def failed(shop: Shop, at: datetime, **told: Any) -> None:
    SyncRun.objects.create(shop=shop, kind=SyncKind.ORDERS, state=SyncRun.State.FAILED, started_at=at, **told)


def health_of(shop: Shop) -> Health:
    (one,) = health.of(Shop.objects.filter(pk=shop.pk)).shops
    return one


def problems(shop: Shop) -> list[tuple[str, str]]:
    return [(problem.level.value, problem.code) for problem in health_of(shop).problems]


def test_a_shop_that_is_read_and_for_which_nothing_is_held_up_is_well(shop: Shop) -> None:
    assert problems(shop) == []
    assert health_of(shop).level == Level.OK


@pytest.mark.parametrize(
    ("behind", "wrong"),
    [(9, []), (11, [("attention", "late")]), (59, [("attention", "late")]), (61, [("broken", "late")])],
)
def test_a_shop_that_is_behind_says_for_how_long(
    shop: Shop, now: datetime, behind: int, wrong: list[tuple[str, str]]
) -> None:
    read(shop, now - minutes(behind))
    assert problems(shop) == wrong
    if wrong:
        assert f"{behind} min" in health_of(shop).problems[0].text or "1 h 01 min" in health_of(shop).problems[0].text


def test_the_kind_that_is_furthest_behind_counts_but_not_the_names_of_shops(shop: Shop, now: datetime) -> None:
    SyncCursor.objects.filter(kind=SyncKind.ORDERS).update(synced_until=now - minutes(20))
    SyncCursor.objects.create(shop=shop, kind=SyncKind.SHOPS, synced_until=now - minutes(50))
    assert health_of(shop).lag == pytest.approx(20 * 60, abs=5)


def test_a_pull_that_failed_is_told_of_until_one_succeeds(shop: Shop, now: datetime) -> None:
    failed(shop, now - minutes(0.5), error_code="36009003")
    assert problems(shop) == [("attention", "pull_failed")]
    read(shop, now)
    assert problems(shop) == []
    assert (health_of(shop).standing.failed_runs, health_of(shop).errors) == (1, {"36009003": 1})


def test_errors_of_pulls_and_of_decisions_are_counted_together_for_a_day(shop: Shop, now: datetime) -> None:
    failed(shop, now - minutes(30), error_code="36009003")
    failed(shop, now - timedelta(days=2), error_code="36009003")
    decision = DecisionFactory(cancellation=asked(shop), state=Decision.State.CONFIRMED)
    for number, (outcome, code) in enumerate(
        [("refused", "25020009"), ("temporary", "36009003"), ("ok", "0"), ("unknown", "")]
    ):
        Attempt.objects.create(decision=decision, number=number, purpose="send", outcome=outcome, code=code)
    assert health_of(shop).errors == {"36009003": 2, "25020009": 1}


def test_one_that_was_never_read_to_the_end_is_given_time_for_its_first_pull(now: datetime) -> None:
    shop = ShopFactory()
    assert problems(shop) == []
    Shop.objects.update(created_at=now - minutes(30))
    assert problems(shop) == [("broken", "never_pulled")]
    SyncRun.objects.create(shop=shop, kind=SyncKind.ORDERS)
    assert problems(shop) == []


@pytest.mark.parametrize(
    ("days", "wrong"),
    [
        (15, []), (13, [("attention", "authorization_ends")]), (0.5, [("broken", "authorization_ends")]),
        (-1, [("broken", "authorization_ended")]),
    ],
)  # fmt: skip
def test_an_authorization_that_ends_is_told_of(shop: Shop, days: float, wrong: list[tuple[str, str]]) -> None:
    Connection.objects.update(refresh_token_expires_at=timezone.now() + timedelta(days=days))
    assert problems(shop) == wrong


def test_so_is_one_whose_end_was_announced(shop: Shop) -> None:
    Connection.objects.update(announced_end=timezone.now() + timedelta(days=2))
    assert problems(shop) == [("attention", "authorization_ends")]


def test_a_token_that_could_not_be_renewed_is_told_of(shop: Shop) -> None:
    Connection.objects.update(renewal_problem="The marketplace could not be reached.")
    assert problems(shop) == [("attention", "renewal_failed")]


def test_of_a_shop_that_has_to_be_connected_again_nothing_else_is_said(shop: Shop, now: datetime) -> None:
    read(shop, now - timedelta(days=3))
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert problems(shop) == [("broken", "reconnect")]


def test_a_shop_that_nobody_reads_is_off_and_makes_nothing_worse(shop: Shop, now: datetime) -> None:
    read(shop, now - timedelta(days=3))
    Shop.objects.update(is_active=False)
    assert problems(shop) == [("off", "inactive")]
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.BEAT)
    assert health.of(Shop.objects.all()).level == Level.OK


@pytest.mark.parametrize("off", ["inactive", "disconnected"])
def test_a_shop_that_is_off_needs_attention_while_requests_wait_there(shop: Shop, now: datetime, off: str) -> None:
    Shop.objects.update(is_active=off != "inactive")
    Connection.objects.update(state="connected" if off == "inactive" else "disconnected")
    asked(shop, deadline=now + minutes(30))
    assert problems(shop) == [("attention", "unread_requests"), ("off", off)]
    assert health_of(shop).level == Level.ATTENTION


def test_what_waits_for_people_and_what_is_held_up_is_told_of(shop: Shop, now: datetime) -> None:
    DecisionFactory(
        cancellation=asked(shop), state=Decision.State.STALLED, stalled_because=Decision.Stalled.DISAGREEMENT
    )
    DecisionFactory(cancellation=asked(shop), state=Decision.State.RECORDED, due_at=now - minutes(5))
    DecisionFactory(cancellation=asked(shop), state=Decision.State.ACCEPTED, due_at=now + minutes(5))
    DecisionFactory(cancellation=asked(shop), state=Decision.State.CONFIRMED)
    asked(shop, deadline=now - minutes(1))
    one = health_of(shop)
    assert {problem.code for problem in one.problems} == {"stalled", "held_up", "overdue"}
    assert one.decisions == {"stalled": 1, "recorded": 1, "accepted": 1}
    assert (one.disagreements, one.waiting, one.overdue) == (1, 5, 1)
    assert one.due_for == pytest.approx(300, abs=5)


def test_new_words_the_last_push_and_open_alerts_stand_there(shop: Shop, now: datetime) -> None:
    drift.note(shop.pk, {"order.status: NEW", "push: 99"})
    for number, came in enumerate([now - minutes(9), now - minutes(3), now - minutes(6)]):
        PushedNotification.objects.create(
            shop=shop, notification_id=str(number), topic="order", sent_at=now, received_at=came
        )
    Alert.objects.create(shop=shop, kind=Alert.Kind.PUSHES_MISSING, detail={"count": 3})
    Alert.objects.create(shop=shop, kind=Alert.Kind.PULLS_MISSING, closed_at=now)
    one = health_of(shop)
    assert (one.standing.unknown_words, one.last_push) == (2, now - minutes(3))
    assert [(problem.code, problem.text) for problem in one.problems] == [
        ("pushes_missing", "Pulls found 3 changes that no push told of. Changes are seen later than they could be.")
    ]


def test_the_worst_come_first_and_by_name_among_themselves(now: datetime) -> None:
    for name, behind in [("D", 1), ("C", 1), ("B", 20), ("A", 90)]:
        read(ShopFactory(name=name), now - minutes(behind))
    whole = health.of(Shop.objects.all())
    assert [one.shop.name for one in whole.shops] == ["A", "B", "C", "D"]
    assert whole.counts == {"broken": 1, "attention": 1, "ok": 2, "off": 0}


def test_of_equally_bad_ones_what_is_decided_first_comes_first(now: datetime) -> None:
    shops = {name: ShopFactory(name=name) for name in "ABCD"}
    for shop in shops.values():
        read(shop, now - minutes(20))
    asked(shops["C"], deadline=now + minutes(7))
    asked(shops["B"], deadline=now + minutes(70))
    assert [one.shop.name for one in health.of(Shop.objects.all()).shops] == ["C", "B", "A", "D"]


def test_without_a_worker_nothing_works_however_well_each_shop_stands(shop: Shop) -> None:
    cache.clear()
    assert health.of(Shop.objects.all()).level == Level.BROKEN


def test_it_costs_the_same_for_one_shop_and_for_many(django_assert_num_queries: Any, now: datetime) -> None:
    for _ in range(3):
        shop = ShopFactory()
        read(shop, now)
        failed(shop, now, error_code="1")
        DecisionFactory(cancellation=asked(shop))
        drift.note(shop.pk, {"order.status: NEW"})
        Alert.objects.create(shop=shop, kind=Alert.Kind.PUSHES_MISSING)
        with django_assert_num_queries(11):
            health.of(Shop.objects.all())


def test_no_secret_is_read_to_know_it(shop: Shop, statements: list[str]) -> None:
    health.of(Shop.objects.all())
    for secret in ("cipher", "app_secret", '"access_token"', '"refresh_token"'):
        assert not any(secret in statement for statement in statements), secret


def test_it_is_told_in_the_readers_language(shop: Shop, now: datetime) -> None:
    read(shop, now - minutes(20))
    with override("de"):
        assert health_of(shop).problems[0].text
