"""Events arrive: at least once, signed, in order for each object, however badly the other side behaves."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from shops import posting
from shops.models import Membership, OutgoingEvent, Role, Shop
from tests.factories import ShopFactory, member
from tests.webhooks.conftest import happened, later
from tests.webhooks.receiver import Receiver, dripping, receiving
from webhooks import endpoints, notices
from webhooks.delivery import DEAD_AFTER, GIVES_UP, deliver
from webhooks.models import Delivery, Endpoint
from webhooks.relay import relay

pytestmark = pytest.mark.django_db
State = Delivery.State


def numbers(receiver: Receiver) -> list[str]:
    return [told["data"]["n"] for _id, told in receiver.taken]


class TestWhatArrives:
    def test_the_body_is_that_of_the_specification_and_the_reference_library_takes_the_signature(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        happened(shop, "decision:5")
        relay()
        deliver(endpoint.pk)
        ((event_id, told),) = receiver.taken  # which were verified when they came
        event = OutgoingEvent.objects.get()
        assert event_id == event.event_id
        assert told == {
            "type": "decision.accepted", "timestamp": told["timestamp"], "data": {"n": "decision:5/0"}
        }  # fmt: skip
        assert told["timestamp"].endswith("Z")
        row = Delivery.objects.get()
        assert (row.state, row.status, row.attempts, row.problem) == (State.DELIVERED, 204, 1, "")

    def test_only_what_was_asked_for_and_only_of_shops_that_are_seen(
        self, owner: User, shop: Shop, endpoint: Endpoint, receiver: Receiver
    ) -> None:
        other = ShopFactory()
        Membership.objects.create(user=owner, shop=other, role=Role.VIEWER)
        endpoints.change(endpoint, owner, endpoints.Wish("ERP", receiver.url, ["shop.connected"], [shop]))
        for one in (shop, other, ShopFactory()):
            happened(one, "shop:1", kind="shop.connected")
            happened(one, "decision:1")
        relay()
        assert list(Delivery.objects.values_list("event__shop", "event__type")) == [(shop.pk, "shop.connected")]
        assert not OutgoingEvent.objects.untaken().exists()

    def test_whoever_lost_the_shop_meanwhile_is_told_nothing_of_it(
        self, owner: User, shop: Shop, endpoint: Endpoint, receiver: Receiver
    ) -> None:
        happened(shop, "decision:1")
        relay()
        owner.memberships.all().delete()
        deliver(endpoint.pk)
        assert receiver.tried == []
        assert Delivery.objects.get().problem == Delivery.Problem.NOT_SEEN

    def test_what_was_rolled_back_was_never_said(self, endpoint: Endpoint, shop: Shop) -> None:
        with transaction.atomic():
            happened(shop, "decision:1")
            transaction.set_rollback(True)
        assert relay() == set()
        assert not OutgoingEvent.objects.exists()

    def test_after_a_rotation_both_secrets_verify_for_a_day(
        self, owner: User, shop: Shop, endpoint: Endpoint, receiver: Receiver
    ) -> None:
        old = endpoint.secret
        new = endpoints.rotate(endpoint, owner).secret
        assert old != new
        receiver.secrets = [old, new]
        happened(shop, "decision:1")
        relay()
        deliver(endpoint.pk)
        assert len(receiver.taken) == 1
        later(timedelta(hours=25))
        receiver.secrets = [old]
        happened(shop, "decision:2")
        relay()
        deliver(endpoint.pk)  # over there the signature is not taken, and the connection broken off
        assert len(receiver.taken) == 1
        assert Delivery.objects.filter(state=State.WAITING).count() == 1


class TestOrder:
    def test_of_one_object_nothing_overtakes_what_failed_and_of_others_everything_does(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        happened(shop, "decision:1", n="bad")
        happened(shop, "decision:1", n="after")
        happened(shop, "decision:2", n="free")
        receiver.refuses = {"bad"}
        relay()
        deliver(endpoint.pk)
        later(timedelta(seconds=6))
        deliver(endpoint.pk)
        Endpoint.objects.update(rests_until=None)
        Delivery.objects.filter(event__data__n="bad").update(due_at=timezone.now() + timedelta(minutes=1))
        deliver(endpoint.pk)
        assert numbers(receiver) == ["free"]
        receiver.refuses = set()
        later(timedelta(hours=1))
        deliver(endpoint.pk)
        assert numbers(receiver) == ["free", "bad", "after"]

    def test_what_is_given_up_holds_nothing_back(self, endpoint: Endpoint, receiver: Receiver, shop: Shop) -> None:
        happened(shop, "decision:1", n="bad")
        happened(shop, "decision:1", n="after")
        receiver.refuses = {"bad"}
        relay()
        deliver(endpoint.pk)
        later(GIVES_UP)
        deliver(endpoint.pk)
        assert Delivery.objects.get(event__data__n="bad").state == State.FAILED
        later(timedelta(hours=2))
        deliver(endpoint.pk)
        assert numbers(receiver) == ["after"]


class TestABadReceiver:
    def test_one_that_fails_hangs_and_comes_back_after_a_day_gets_everything_in_order(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for about in ("decision:1", "decision:2", "order:3"):
            happened(shop, about, count=3)
        relay()
        receiver.status = 500
        deliver(endpoint.pk)
        monkeypatch.setattr(posting, "TOTAL_SECONDS", 0.1)
        receiver.status, receiver.slow = 204, 0.3
        later(timedelta(minutes=2))
        deliver(endpoint.pk)
        assert Delivery.objects.filter(problem=Delivery.Problem.TIMEOUT).exists()
        receiver.slow, receiver.status = 0.0, 503
        for _ in range(30):
            later(timedelta(hours=1))
            deliver(endpoint.pk)
        assert Endpoint.objects.get().state == Endpoint.State.DEAD
        monkeypatch.setattr(posting, "TOTAL_SECONDS", 15.0)
        receiver.status, receiver.taken = 204, []
        later(timedelta(hours=7))
        for _ in range(3):
            deliver(endpoint.pk)
        assert Endpoint.objects.get().state == Endpoint.State.ACTIVE
        told = numbers(receiver)
        assert sorted(told) == sorted(
            f"{about}/{n}" for about in ("decision:1", "decision:2", "order:3") for n in range(3)
        )
        for about in ("decision:1", "decision:2", "order:3"):
            assert [n for n in told if n.startswith(about)] == [f"{about}/{n}" for n in range(3)]
        assert not Delivery.objects.exclude(state=State.DELIVERED).exists()

    def test_one_that_sends_a_drop_now_and_then_is_hung_up_on(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.1"]
        monkeypatch.setattr(posting, "TOTAL_SECONDS", 0.2)
        with dripping() as url:
            answer = posting.post(url, {}, b"{}")
        assert answer.problem == Delivery.Problem.TIMEOUT
        assert answer.seconds < 1

    def test_while_it_fails_it_is_left_alone_a_little_longer_each_time(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        happened(shop, "decision:1")
        happened(shop, "decision:2")
        relay()
        receiver.status = 500
        deliver(endpoint.pk)
        deliver(endpoint.pk)
        assert len(receiver.tried) == 1
        rests = []
        for _ in range(3):
            later(timedelta(minutes=20))
            deliver(endpoint.pk)
            rests.append((Endpoint.objects.get().rests_until or timezone.now()) - timezone.now())
        assert rests[0] < rests[1] < rests[2] < timedelta(minutes=5)

    @pytest.mark.parametrize("status", [301, 302, 400, 404, 429, 500, 503])
    def test_what_is_not_a_yes_is_tried_again_and_no_redirect_followed(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, status: int
    ) -> None:
        receiver.status = status
        receiver.headers = {"Location": receiver.url.replace("hooks", "elsewhere")}
        happened(shop, "decision:1")
        relay()
        deliver(endpoint.pk)
        assert len(receiver.tried) == 1
        row = Delivery.objects.get()
        assert (row.state, row.status, row.problem) == (State.WAITING, status, "status")

    def test_it_is_asked_again_when_it_said(self, endpoint: Endpoint, receiver: Receiver, shop: Shop) -> None:
        receiver.status, receiver.headers = 429, {"Retry-After": "600"}
        happened(shop, "decision:1")
        relay()
        deliver(endpoint.pk)
        wait = Delivery.objects.get().due_at - timezone.now()
        assert timedelta(seconds=590) < wait < timedelta(seconds=670)
        assert (Endpoint.objects.get().rests_until or timezone.now()) > timezone.now() + timedelta(seconds=590)

    def test_nobody_there_is_unreachable(self, endpoint: Endpoint, owner: User, shop: Shop) -> None:
        Endpoint.objects.update(url="http://127.0.0.1:9/")
        happened(shop, "decision:1")
        relay()
        deliver(endpoint.pk)
        assert Delivery.objects.get().problem == Delivery.Problem.UNREACHABLE

    def test_of_the_answer_a_little_is_kept(self, endpoint: Endpoint, receiver: Receiver, shop: Shop) -> None:
        receiver.status, receiver.words = 500, b"\0no\xff " * 1000
        happened(shop, "decision:1")
        relay()
        deliver(endpoint.pk)
        excerpt = Delivery.objects.get().excerpt
        assert excerpt.startswith("\ufffdno\ufffd ")
        assert len(excerpt) <= 1024

    def test_one_that_wants_no_more_gets_no_more_and_its_owner_a_letter(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User
    ) -> None:
        receiver.status = 410
        happened(shop, "decision:1", count=2)
        relay()
        deliver(endpoint.pk)
        later(timedelta(days=1))
        deliver(endpoint.pk)
        assert len(receiver.tried) == 1
        for _ in range(2):
            notices.write_due()
        assert [letter.to for letter in mail.outbox] == [[owner.email]]
        assert "k=1" not in mail.outbox[0].body
        assert Entry.objects.filter(action="endpoint.gone").count() == 1


class TestATest:
    def test_somebody_who_presses_the_button_waits_for_nothing_that_fails(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User
    ) -> None:
        receiver.refuses = {"bad"}
        happened(shop, "decision:1", n="bad")
        relay()
        deliver(endpoint.pk)
        Delivery.objects.update(due_at=timezone.now())
        sent = endpoints.test(endpoint, owner)
        deliver(endpoint.pk)
        sent.refresh_from_db()
        assert sent.state == State.DELIVERED


class TestADeadEndpoint:
    def test_a_day_without_success_is_told_to_its_owner_once(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User
    ) -> None:
        receiver.status = 500
        happened(shop, "decision:1")
        happened(shop, "decision:2")
        relay()
        deliver(endpoint.pk)
        later(DEAD_AFTER)
        for _ in range(3):
            deliver(endpoint.pk)
            notices.write_due()
        assert len(receiver.tried) == 2  # from now on once an hour
        assert Endpoint.objects.get().state == Endpoint.State.DEAD
        assert len(mail.outbox) == 1 and mail.outbox[0].to == [owner.email]
        assert Entry.objects.filter(action="endpoint.died").count() == 1

    def test_what_waits_goes_out_when_its_owner_resumes_it(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User, nudged: list[int],
        django_capture_on_commit_callbacks: Any,
    ) -> None:  # fmt: skip
        endpoints.pause(endpoint, owner)
        happened(shop, "decision:1", count=2)
        relay()
        deliver(endpoint.pk)
        later(timedelta(days=9))
        deliver(endpoint.pk)
        assert receiver.tried == []
        with django_capture_on_commit_callbacks(execute=True):
            endpoints.resume(endpoint, owner)
        assert nudged == [endpoint.pk]
        deliver(endpoint.pk)
        assert numbers(receiver) == ["decision:1/0", "decision:1/1"]


class TestReplay:
    def test_what_failed_goes_out_again_under_the_same_id(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User
    ) -> None:
        receiver.status = 500
        happened(shop, "decision:1", count=2)
        relay()
        for _ in range(2):
            deliver(endpoint.pk)
            later(GIVES_UP + timedelta(hours=1))
            deliver(endpoint.pk)
            later(timedelta(hours=1))
        assert set(Delivery.objects.values_list("state", flat=True)) == {State.FAILED}
        tried = set(receiver.tried)
        receiver.status = 200
        assert endpoints.replay_failed(endpoint, owner, since=timezone.now() + timedelta(days=1)) == 0
        assert endpoints.replay_failed(endpoint, owner) == 2
        deliver(endpoint.pk)
        assert [event_id for event_id, _told in receiver.taken] == list(
            OutgoingEvent.objects.order_by("pk").values_list("event_id", flat=True)
        )
        assert {event_id for event_id, _told in receiver.taken} == tried

    def test_one_that_arrived_is_sent_once_more(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, owner: User
    ) -> None:
        happened(shop, "decision:1")
        relay()
        deliver(endpoint.pk)
        endpoints.replay(Delivery.objects.get(), owner)
        deliver(endpoint.pk)
        assert receiver.tried[0] == receiver.tried[1]


def together(*work: Callable[[], object]) -> None:
    def run(one: Callable[[], object]) -> None:
        try:
            one()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_two_workers_deliver_once_each_and_in_order(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        receiver.slow = 0.01
        happened(shop, "decision:1", count=6)
        relay()
        together(*[lambda: deliver(endpoint.pk)] * 4)
        assert numbers(receiver) == [f"decision:1/{n}" for n in range(6)]
        assert len(receiver.tried) == 6

    def test_two_relays_hand_each_event_on_once(self, endpoint: Endpoint, shop: Shop) -> None:
        happened(shop, "decision:1", count=20)
        together(relay, relay, relay)
        relay()
        assert Delivery.objects.count() == 20

    def test_a_worker_that_died_is_followed_by_another(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop
    ) -> None:
        happened(shop, "decision:1")
        relay()
        Endpoint.objects.update(busy_until=timezone.now() + timedelta(seconds=50))
        deliver(endpoint.pk)
        assert receiver.tried == []
        later(timedelta(minutes=1))
        deliver(endpoint.pk)
        assert len(receiver.taken) == 1

    def test_a_slow_endpoint_keeps_no_other_waiting(
        self, endpoint: Endpoint, receiver: Receiver, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webhooks.delivery.SECONDS_AT_ONCE", 0.05)
        receiver.slow = 0.03
        happened(shop, "decision:1", count=9)
        with receiving() as quick:
            other = endpoints.make(member(Role.MANAGER, shop), endpoints.Wish("WMS", quick.url))
            quick.secrets = [other.secret]
            relay()
            happened(shop, "decision:2", count=3)
            relay()
            assert deliver(endpoint.pk) is True  # more to do, after others had their turn
            assert 0 < len(receiver.taken) < 9
            monkeypatch.setattr("webhooks.delivery.SECONDS_AT_ONCE", 5.0)
            deliver(other.pk)
            assert len(quick.taken) == 12
