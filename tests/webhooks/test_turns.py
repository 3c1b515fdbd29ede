"""Whose turn it is: among many that wait, beside one that is never taken, and while somebody changes the endpoint."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from shops import posting
from shops.models import Shop
from tests.webhooks.conftest import happened, later
from tests.webhooks.receiver import Receiver
from webhooks import endpoints
from webhooks.delivery import DEAD_AFTER, deliver
from webhooks.models import Delivery, Endpoint
from webhooks.relay import relay

pytestmark = pytest.mark.django_db


class TestAnEventThatIsNeverTaken:
    def test_it_keeps_to_its_own_waits_however_much_else_is_taken(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        happened(shop, "decision:1", n="bad")
        receiver.refuses = {"bad"}
        for number in range(2, 6):
            happened(shop, f"decision:{number}")
            relay()
            for _ in range(2):
                Endpoint.objects.update(rests_until=None)
                deliver(endpoint.pk)
            assert len(receiver.taken) == number - 1
        bad = Delivery.objects.get(event__data__n="bad")
        assert bad.attempts == 2
        assert bad.due_at - timezone.now() > timedelta(seconds=30)

    def test_what_first_failed_while_nothing_was_taken_goes_out_at_once_when_it_is_back(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        happened(shop, "decision:1")
        happened(shop, "decision:2")
        relay()
        receiver.status = 500
        for _ in range(2):
            Endpoint.objects.update(rests_until=None)
            deliver(endpoint.pk)
        receiver.status = 204
        happened(shop, "decision:3")
        relay()
        Endpoint.objects.update(rests_until=None)
        deliver(endpoint.pk)
        assert len(receiver.taken) == 3


class TestResumedDuringATry:
    def test_it_is_not_called_dead_for_what_was_before(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        happened(shop, "decision:1")
        relay()
        receiver.status = 500
        deliver(endpoint.pk)
        later(DEAD_AFTER)
        deliver(endpoint.pk)
        assert Endpoint.objects.get().state == Endpoint.State.DEAD
        later(timedelta(hours=2))
        post = posting.post

        def resumed_meanwhile(*told: Any) -> posting.Answer:
            endpoints.resume(endpoint, owner)
            return post(*told)

        monkeypatch.setattr(posting, "post", resumed_meanwhile)
        deliver(endpoint.pk)
        now = Endpoint.objects.get()
        assert (now.state, now.failures) == (Endpoint.State.ACTIVE, 1)

    def test_one_that_is_paused_or_removed_meanwhile_is_told_nothing_more(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(3):
            happened(shop, f"decision:{number}")
        relay()
        post = posting.post
        stops = iter((endpoints.pause, endpoints.remove))

        def stopped_meanwhile(*told: Any) -> posting.Answer:
            next(stops)(endpoint, owner)
            return post(*told)

        monkeypatch.setattr(posting, "post", stopped_meanwhile)
        deliver(endpoint.pk)
        assert len(receiver.tried) == 1
        endpoints.resume(endpoint, owner)
        deliver(endpoint.pk)
        assert len(receiver.tried) == 2
        assert not Endpoint.objects.exists()


class TestABacklog:
    def test_it_is_looked_into_once_for_many_deliveries(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        for number in range(20):
            happened(shop, f"decision:{number}")
        relay()
        with CaptureQueriesContext(connection) as asked:
            deliver(endpoint.pk)
        assert len(receiver.taken) == 20
        assert sum("NOT EXISTS" in one["sql"].upper() and "SELECT" in one["sql"] for one in asked) <= 4

    def test_endpoints_are_locked_before_their_deliveries(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User
    ) -> None:
        receiver.status = 500
        happened(shop, "decision:1")
        relay()
        failed = Delivery.objects.get()
        for verb in (
            lambda: deliver(endpoint.pk),
            lambda: endpoints.resume(endpoint, owner),
            lambda: endpoints.replay(failed, owner),
            lambda: endpoints.replay_failed(endpoint, owner),
            lambda: endpoints.remove(endpoint, owner),
        ):
            with CaptureQueriesContext(connection) as asked:
                verb()
            first = next(one["sql"] for one in asked if locks(one["sql"]))
            assert '"webhooks_endpoint"' in first.partition("SET")[0].partition("WHERE")[0], first

    def test_a_relay_holds_the_rows_of_one_endpoint_at_a_time(
        self, endpoint: Endpoint, shop: Shop, owner: User
    ) -> None:
        endpoints.make(owner, endpoints.Wish("WMS", "https://wms.example/"))
        happened(shop, "decision:1", count=3)
        with CaptureQueriesContext(connection) as asked:
            relay()
        assert sum(one["sql"].startswith('INSERT INTO "webhooks_delivery"') for one in asked) == 2


def locks(sql: str) -> bool:
    """Whether this holds rows of endpoints or deliveries for its transaction."""
    return '"webhooks_' in sql and (sql.startswith(("UPDATE", "DELETE")) or "FOR UPDATE" in sql or "FOR NO KEY" in sql)
