"""The row is the queue: whoever dies is taken over, what cannot be asked is asked later, and nothing is asked twice."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cancellations.models import Attempt, Decision
from marketplaces.errors import Refused, TemporaryFailure
from shops.models import Shop
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, ShopFactory
from tests.truth.looking import listed, look, look_twice
from truth import checking, judging, listing, pages, reading, tasks, told
from truth.judging import RequestState
from truth.models import Check, Disagreement

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """One whose marketplace shows what our rows say, without being asked."""
    monkeypatch.setattr(reading, "read", lambda *given: reading.Seen())
    made: Shop = ShopFactory()
    return made


def confirmed(shop: Shop, count: int) -> list[Decision]:
    """Decisions that are shown by nothing and told to nobody."""
    orders = [OrderFactory(shop=shop) for _ in range(count)]
    requests = [CancellationFactory(order=order, needs_answer=False, state="approved") for order in orders]
    settled = {"state": Decision.State.CONFIRMED, "settled_at": timezone.now()}
    money = {"gives_back": Decimal("26.98"), "currency": "GBP"}
    return [DecisionFactory(cancellation=request, **settled, **money) for request in requests]


def due(check: Check) -> None:
    Check.objects.filter(pk=check.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def test_a_check_goes_page_by_page_and_rests_until_it_is_due_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SIZE", 2)
    confirmed(shop, 5)
    check = checking.ask_for_all(shop)
    places: list[tuple[str, int]] = []
    while check.step or not places:
        due(check)
        assert checking.take_step(check.pk) is not None
        check.refresh_from_db()
        places.append((check.step, check.counts["decisions"]))
    assert places[:3] == [("decisions", 2), ("decisions", 4), ("requests", 5)]
    assert (check.compared["decisions"], check.compared["requests"]) == (5, 5)
    assert check.due_at < check.full_at  # what is suspected is looked at again


def test_what_is_there_once_is_shown_to_nobody_and_what_is_there_twice_to_all(shop: Shop) -> None:
    (decision,) = confirmed(shop, 1)
    look(shop)
    assert listed(shop) == []
    rows = look_twice(shop)
    assert {row.kind for row in rows} == {"not_shown", "event_missing"}
    assert Disagreement.objects.count() == len(rows) == len(look_twice(shop))
    decision.state = Decision.State.RECORDED
    decision.save()
    look(shop)
    assert {row.how for row in Disagreement.objects.filter(decision=decision)} == {"by_itself"}


def test_two_looks_in_a_hurry_are_one(shop: Shop) -> None:
    confirmed(shop, 1)
    look(shop)
    look(shop)
    assert listed(shop) == []


def test_a_worker_that_dies_is_taken_over_and_writes_nothing_when_it_comes_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed(shop, 1)
    check = checking.ask_for_all(shop)

    def slow(*given: Any) -> reading.Seen:
        monkeypatch.setattr(reading, "read", lambda *given: reading.Seen())
        due(check)  # its lease has run out
        assert checking.take_step(check.pk) is not None
        Disagreement.objects.all().delete()
        return reading.Seen()

    monkeypatch.setattr(reading, "read", slow)
    assert checking.take_step(check.pk) is None
    check.refresh_from_db()
    assert (check.step, check.counts["decisions"]) == ("requests", 1)
    assert not Disagreement.objects.exists()


def test_nobody_else_takes_what_somebody_is_at(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    check = checking.ask_for_all(shop)
    taken: list[float | None] = []

    def meanwhile(*given: Any) -> reading.Seen:
        taken.append(checking.take_step(check.pk))
        return reading.Seen()

    monkeypatch.setattr(reading, "read", meanwhile)
    checking.take_step(check.pk)
    assert taken == [None]


def test_a_marketplace_that_does_not_answer_is_asked_later_from_the_same_place(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*given: Any) -> reading.Seen:
        raise TemporaryFailure("Too many requests", retry_after=30)

    monkeypatch.setattr(reading, "read", busy)
    check = checking.ask_for_all(shop)
    wait = checking.take_step(check.pk)
    check.refresh_from_db()
    assert wait is not None and 25 < wait <= 30
    assert (check.step, check.problem, check.checked_at) == ("decisions", "Too many requests", None)


def test_one_that_is_refused_keeps_no_other_from_being_read() -> None:
    def ask(ids: list[str]) -> list[str]:
        if "2" in ids:
            raise Refused("Not yours")
        return ids

    unread: set[str] = set()
    assert reading.batch({"1", "2", "3"}, ask, unread) == ["1", "3"]  # type: ignore[type-var, arg-type]
    assert unread == {"2"}


def test_pages_cost_as_many_queries_with_one_decision_as_with_many(
    shop: Shop, django_assert_max_num_queries: Any
) -> None:
    confirmed(shop, 1)
    look(shop)
    confirmed(shop, 20)
    check = checking.ask_for_all(shop)
    with django_assert_max_num_queries(36):
        checking.take_step(check.pk)
    assert (
        Disagreement.objects.count() == 21 * 3
    )  # not shown, and others were told neither of the decision nor of the request


def test_judging_asks_the_database_nothing(shop: Shop, django_assert_num_queries: Any) -> None:
    """Of no verdict, so that what a page costs does not grow with what is in it."""
    ended: dict[str, Any] = {"settled_at": timezone.now(), "order": OrderFactory(shop=shop)}
    line = LineItemFactory(order=ended["order"])
    about = [
        CancellationFactory(order=ended["order"], needs_answer=False, state=state) for state in ("approved", "closed")
    ]
    suspect = DecisionFactory(cancellation=about[0], state="set_aside", **ended)
    Attempt.objects.create(decision=suspect, number=1, purpose="send", started_at=timezone.now(), outcome="unknown")
    shipped = DecisionFactory(cancellation=about[1], state="confirmed", verdict="ship_to_reject", **ended)
    items = DecisionFactory(cancellation=None, shop=shop, state="confirmed", verdict="cancel_items", **ended)
    items.lines.create(line_item=line)
    page = pages.load(pages.Chosen([suspect.pk, shipped.pk, items.pk]))
    shown: Any = {
        one.marketplace_id: SimpleNamespace(status="", needs_answer=False, state=RequestState(one.state))
        for one in about
    }
    seen = reading.Seen(shown, {ended["order"].marketplace_id: cast(Any, SimpleNamespace(lines=[]))})
    with django_assert_num_queries(0):
        found = list(judging.compare(page, seen, told.Told(), timezone.now()))
    assert {(one.kind, one.about) for one in found} >= {
        ("done_anyway", f"decision:{suspect.pk}"), ("not_shown", f"decision:{shipped.pk}"),
        ("not_shown", f"decision:{items.pk}"),
    }  # fmt: skip


def test_the_sweep_makes_a_check_for_each_shop_that_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.compare, "apply_async", lambda given, **options: sent.extend(given))
    shop = ShopFactory()
    ShopFactory(is_active=False)
    ShopFactory(connection__state="reconnect")
    tasks.sweep_checks()
    assert [check.shop for check in Check.objects.all()] == [shop]
    assert sent == [shop.truth_check.pk]


def test_what_is_over_is_forgotten_after_a_while(shop: Shop, settings: Any) -> None:
    settings.KEEP_TRUTH_DAYS = 10
    ago = timezone.now() - timedelta(days=11)
    for number, over in enumerate([ago, timezone.now(), None]):
        Disagreement.objects.create(
            shop=shop, kind="stuck", about=f"decision:{number}", settled_at=over, how="by_itself" if over else ""
        )
    tasks.forget_settled()
    assert Disagreement.objects.count() == 2
    settings.KEEP_TRUTH_DAYS = 0
    tasks.forget_settled()
    assert Disagreement.objects.count() == 2


class TestTheCommand:
    def test_it_says_what_was_compared_and_fails_where_something_differs(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(checking, "PAUSE", 0.0)
        monkeypatch.setattr(listing, "BETWEEN_LOOKS", timedelta(0))
        call_command("truth")
        assert "compared 0 decisions" in capsys.readouterr().out
        (decision,) = confirmed(shop, 1)
        with pytest.raises(CommandError, match="3 disagreements"):
            call_command("truth", "--shop", shop.marketplace_id)
        out = capsys.readouterr().out
        assert "compared 1 decisions" in out
        assert f"not_shown (decision:{decision.pk}) 26.98 GBP" in out

    def test_it_knows_its_shops(self, shop: Shop) -> None:
        with pytest.raises(CommandError, match="No connected shop has this id: 42"):
            call_command("truth", "--shop", "42")
