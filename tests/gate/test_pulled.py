"""What is written down at the packing bench: beside a decision, twice, and taken back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from cancellations import decisions
from cancellations.models import CancellationRequest, Event, Evidence
from cancellations.models import Verdict as Decided
from gate import pulled as bench
from gate.models import PullTask
from gate.pulled import NotToBePutBack, pull, put_back
from orders.models import Order
from shops.models import Role
from tests.cancellations.views.pages import picture
from tests.factories import LineItemFactory, member
from tests.gate.test_verdict import CANCELLED, NOT_PACKED, PACKED, answer, asked, items, order, says

pytestmark = pytest.mark.django_db


def withdrawn(request: CancellationRequest) -> None:
    CancellationRequest.objects.filter(pk=request.pk).update(state="closed", needs_answer=False)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS(SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def test_who_pulls_a_parcel_and_who_decides_about_it_do_not_wait_for_each_other_for_ever(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = order({**NOT_PACKED, "tracking_number": "1Z"})
    request, agent = asked(about), member(Role.AGENT, about.shop)
    is_written, tell = threading.Event(), bench.tell

    def told(*of: object) -> None:
        tell(*of)  # type: ignore[arg-type]
        is_written.set()
        given_up = time.monotonic() + 10
        while not somebody_waits_for_a_lock() and time.monotonic() < given_up:
            time.sleep(0.01)

    monkeypatch.setattr(bench, "tell", told)

    def in_thread(act: object) -> object:
        try:
            return act()  # type: ignore[operator]
        finally:
            connection.close()

    def decide() -> object:
        assert is_written.wait(20)
        return decisions.decide(CancellationRequest.objects.get(pk=request.pk), Decided.APPROVE, agent)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(in_thread, act) for act in (lambda: pull(about, "", agent), decide)]
        assert [bool(one.result(30)) for one in both] == [True, True]


class TestPhotos:
    def test_the_same_one_again_is_the_same_pulling(self) -> None:
        about = order(PACKED)
        asked(about)
        agent = member(Role.AGENT, about.shop)
        first, _ = pull(about, "", agent, picture())
        again, is_new = pull(about, "", agent, picture())
        assert (again, is_new) == (first, False)
        assert (PullTask.objects.count(), Event.objects.filter(name="parcel.pulled").count()) == (1, 1)

    def test_of_one_request_there_are_only_so_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gate.pulled.MOST_PHOTOS", 0)
        about = order(PACKED)
        asked(about)
        with pytest.raises(ValidationError) as refusal:
            pull(about, "", member(Role.AGENT, about.shop), picture())
        assert list(refusal.value.message_dict) == ["photo"]
        assert not (PullTask.objects.exists() or Evidence.objects.exists())


def test_a_package_that_the_order_does_not_have_is_not_pulled() -> None:
    about = order(PACKED)
    asked(about)
    with pytest.raises(ValidationError) as refusal:
        pull(about, "P9", member(Role.AGENT, about.shop))
    assert list(refusal.value.message_dict) == ["package"]
    assert not PullTask.objects.exists()


class TestPuttingBack:
    def test_a_parcel_that_was_pulled_for_a_request_that_is_gone_stays_until_it_was_put_back(self) -> None:
        about = order(PACKED)
        request, agent = asked(about), member(Role.AGENT, about.shop)
        pull(about, "P1", agent)
        withdrawn(request)
        for package in ("", "P1"):
            assert says(about, package) == ("hold", "put_back")
        task, is_new = put_back(about, "P1", agent)
        assert (task.state, is_new) == ("put_back", True)
        assert says(about, "P1") == says(about) == ("ship", "nothing_against")
        assert Event.objects.filter(name="parcel.put_back", order=about).count() == 1

    def test_what_was_taken_out_for_items_that_are_not_cancelled_after_all_has_to_be_put_back(self) -> None:
        about = order(PACKED, PACKED)
        decision, agent = items(about, 1, state="sending"), member(Role.AGENT, about.shop)
        pull(about, "", agent)
        assert says(about) == ("ship", "taken_out")
        decision.state = "refused"
        decision.save()
        assert says(about) == ("hold", "put_back")
        put_back(about, "", agent)
        assert says(about) == ("ship", "nothing_against")
        asked(about)
        assert (says(about)[0], answer(about).pulled) == ("pull", None)

    def test_what_stays_out_of_it_stays_known(self) -> None:
        about = order(PACKED, PACKED, {**PACKED, **CANCELLED})
        decision, agent = items(about, 1, state="sending"), member(Role.AGENT, about.shop)
        pull(about, "", agent)
        decision.state = "refused"
        decision.save()
        assert says(about) == ("hold", "put_back")
        put_back(about, "", agent)
        assert says(about) == ("ship", "taken_out")
        LineItemFactory(order=about, **{**PACKED, **CANCELLED})
        assert says(about) == ("pull", "part_cancelled")

    def test_nothing_is_put_back_that_was_not_taken_out_or_must_stay_out(self) -> None:
        about = order(PACKED)
        agent = member(Role.AGENT, about.shop)
        with pytest.raises(NotToBePutBack):
            put_back(about, "", agent)
        asked(about)
        pull(about, "", agent)
        with pytest.raises(NotToBePutBack):
            put_back(about, "", agent)
        assert Order.objects.get() == about
        assert PullTask.objects.get().state == "done"
