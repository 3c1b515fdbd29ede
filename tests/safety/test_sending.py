"""What was written down goes out once, is tried again, falls to the next channel, and is told of on the timeline."""

from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from cancellations import happening, history
from cancellations.models import CancellationRequest
from safety import by_hand, ladder, reach, sending, telling, trying
from safety.ladder import Wish, climb, set_ladder
from safety.models import ChatAddress, Rung, Telling
from shops.models import Alert, Role, Shop
from tests.factories import ShopFactory, UserFactory, member
from tests.safety.channel import Channel
from tests.safety.conftest import waiting

pytestmark = pytest.mark.django_db
Who, State = Rung.Who, Telling.State


def later() -> None:
    """As if the wait for the next try were over."""
    Telling.objects.waiting().update(due_at=timezone.now())


def lines(row: CancellationRequest) -> list[str]:
    return [one.text for one in history.of_cancellation(row, timezone.now()) if one.name.startswith("person.")]


class TestLetters:
    def test_one_person_gets_one_letter_about_all_in_their_language(
        self, shop: Shop, manager: User, agent: User, mailoutbox: list[Any], settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://countermand.example"
        User.objects.filter(pk=agent.pk).update(language="de")
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email"), Wish(50, Who.AGENTS, "email")])
        rows = [waiting(shop, minutes) for minutes in (40, 20, 30)]
        climb(timezone.now())
        sending.deliver()
        assert sorted(letter.to[0] for letter in mailoutbox) == ["anna@example.test", "mina@example.test"]
        (mina,) = [letter for letter in mailoutbox if letter.to == ["mina@example.test"]]
        assert mina.subject.startswith("3 requests wait for an answer, the first for 19 min")
        places = [mina.body.index(f"https://countermand.example/cancellations/{row.pk}/") for row in rows]
        assert sorted(places) == [places[1], places[2], places[0]]  # the next deadline first
        assert mina.body.count("Nobody has answered yet.") == 3
        assert "TikTok Shop approves" in mina.body
        sending.deliver()
        assert len(mailoutbox) == 2

    def test_the_timeline_names_who_was_told(self, shop: Shop, manager: User, agent: User, mailoutbox: Any) -> None:
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email"), Wish(50, Who.PERSON, "in_app", agent)])
        row = waiting(shop, 20)
        climb(timezone.now())
        sending.deliver()
        assert sorted(lines(row)) == ["Told by a notice here: Anna", "Told by e-mail: Anna", "Told by e-mail: Mina"]

    def test_a_mail_server_that_fails_is_tried_again_and_then_a_notice_here_has_to_do(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(*_args: Any) -> None:
            raise SMTPException("no")

        monkeypatch.setattr(sending, "send_mail", refuses)
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        row = waiting(shop, 20)
        climb(timezone.now())
        for tries in (1, 2, 3):
            sending.deliver()
            assert Telling.objects.get(channel="email").attempts == tries
            later()
        sending.deliver()
        assert list(Telling.objects.order_by("pk").values_list("channel", "state")) == [
            ("email", State.FAILED), ("in_app", State.SENT)
        ]  # fmt: skip
        assert sorted(lines(row)) == ["Could not be told by e-mail: Mina", "Told by a notice here: Mina"]
        assert reach.problems(shop) == ["The last letters could not be sent."]

    def test_a_mail_server_out_of_reach_is_waited_for_once_and_not_for_each_person(
        self, shop: Shop, manager: User, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited = []

        def nobody_answers(*args: Any) -> None:
            waited.append(args)
            raise TimeoutError

        monkeypatch.setattr(sending, "send_mail", nobody_answers)
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        waiting(shop, 20)
        climb(timezone.now())
        sending.deliver()
        assert len(waited) == 1
        assert set(Telling.objects.values_list("attempts", "problem")) == {(1, "mail_down")}

    def test_of_many_who_got_no_letter_the_timeline_says_so_once(
        self, shop: Shop, manager: User, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reach, "has_mail_server", lambda: False)
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        rows = [waiting(shop, minutes) for minutes in (20, 30)]
        climb(timezone.now())
        sending.deliver()
        assert [lines(row) for row in rows] == [["Could not be told by e-mail: Anna, Mina"]] * 2

    def test_a_claim_is_not_looked_for_among_all_that_people_were_ever_told(
        self, shop: Shop, manager: User, agent: User
    ) -> None:
        row = waiting(shop, 20)
        Telling.objects.bulk_create(
            telling.telling(row, f"rung:{number:05}", Telling.Why.RUNG, "in_app", agent) for number in range(20_000)
        )
        Telling.objects.filter(step__gt="rung:01000").update(state=State.SENT)
        with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
            cursor.execute("ANALYZE safety_telling")
            assert len(sending.claimed(Q(channel="in_app"))) == sending.A_LETTER
            read = [one["sql"] for one in asked if "claim" in one["sql"] and one["sql"].startswith("SELECT")]
            assert read
            for one in read:
                cursor.execute(f"EXPLAIN {one}")
                assert "Seq Scan on safety_telling" not in str(cursor.fetchall())

    def test_close_to_the_deadline_there_is_no_time_to_try_again(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "mailed", lambda *_args: "mail")
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        waiting(shop, 0.5)
        climb(timezone.now())
        sending.deliver()
        assert Telling.objects.filter(channel="in_app").exists()

    def test_a_worker_that_died_over_a_letter_leaves_it_to_the_next(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
    ) -> None:
        class Died(BaseException):
            pass

        def dies(*_args: Any) -> None:
            raise Died

        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        waiting(shop, 20)
        climb(timezone.now())
        for module, place in ((sending, "mailed"), (happening, "note")):
            with monkeypatch.context() as dying:
                dying.setattr(module, place, dies)
                with pytest.raises(Died):
                    sending.deliver()
            sending.deliver()  # the lease still holds
            assert Telling.objects.get().state == State.WAITING
            later()
        sending.deliver()
        assert Telling.objects.get().state == State.SENT
        assert len(mailoutbox) <= 2  # at least once, and once more where nobody could write that down

    def test_who_sees_the_shop_no_more_reads_nothing_of_it(
        self, shop: Shop, manager: User, agent: User, mailoutbox: list[Any]
    ) -> None:
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        waiting(shop, 20)
        climb(timezone.now())
        agent.memberships.all().delete()
        sending.deliver()
        assert [letter.to for letter in mailoutbox] == [["mina@example.test"]]
        assert Telling.objects.get(person=agent).problem == "gone"

    def test_when_the_link_is_down_the_letter_has_the_way_to_the_order_over_there(
        self, shop: Shop, manager: User, mailoutbox: list[Any]
    ) -> None:
        american = ShopFactory(region="US", connection__state="reconnect")
        shop.connection.state = "reconnect"
        shop.connection.save()
        member(Role.AGENT, american, email="us@example.test")
        here, there = waiting(shop, 20), waiting(american, 20)
        by_hand.look(timezone.now())
        sending.deliver()
        bodies = {letter.to[0]: letter.body for letter in mailoutbox}
        assert (
            f"https://seller-us.tiktok.com/order/detail?order_no={there.order_marketplace_id}"
            in bodies["us@example.test"]
        )
        assert f"order {here.order_marketplace_id}, request {here.marketplace_id}" in bodies["mina@example.test"]


class TestTheChatChannel:
    @pytest.fixture
    def row(self, shop: Shop, manager: User, agent: User, channel: Channel) -> CancellationRequest:
        ladder.set_chat(shop, manager, channel.url)
        set_ladder(shop, manager, [Wish(60, Who.PERSON, "chat", agent)])
        row = waiting(shop, 20)
        climb(timezone.now())
        return row

    def test_one_message_says_what_waits_and_who_is_meant(
        self, shop: Shop, channel: Channel, row: CancellationRequest
    ) -> None:
        Shop.objects.filter(pk=shop.pk).update(name="Mugs <& more>")
        waiting(shop, 30)
        climb(timezone.now())
        sending.deliver()
        (text,) = channel.texts
        assert "2 requests wait" in text
        assert "For Anna." in text
        assert "Mugs &lt;&amp; more&gt;" in text
        assert lines(row) == ["Told in the chat channel"]

    def test_a_channel_that_fails_falls_to_e_mail_for_those_who_were_meant(
        self, shop: Shop, channel: Channel, row: CancellationRequest, mailoutbox: list[Any]
    ) -> None:
        channel.status = 500
        for _ in range(3):
            sending.deliver()
            later()
        sending.deliver()
        assert channel.tried == 3
        assert [letter.to for letter in mailoutbox] == [["anna@example.test"]]
        assert "The chat channel does not take messages." in reach.problems(shop)
        assert sorted(lines(row)) == ["Could not be told in the chat channel", "Told by e-mail: Anna"]
        channel.status = 200
        trying.send_test(shop, User.objects.get(email="mina@example.test"), "chat")
        sending.deliver()
        assert ChatAddress.objects.get().failing_since is None

    def test_a_rung_without_a_channel_falls_at_once(
        self, shop: Shop, manager: User, agent: User, mailoutbox: list[Any]
    ) -> None:
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "chat")])
        waiting(shop, 20)
        climb(timezone.now())
        sending.deliver()
        sending.deliver()
        assert len(mailoutbox) == 2

    def test_the_address_is_encrypted_and_in_no_log(
        self, shop: Shop, channel: Channel, row: CancellationRequest, caplog: pytest.LogCaptureFixture
    ) -> None:
        from django.db import connection

        channel.status = 500
        sending.deliver()
        with connection.cursor() as cursor:
            cursor.execute("SELECT url FROM safety_chataddress")
            assert "secret" not in cursor.fetchone()[0]
        assert "/services/" not in caplog.text


class TestReach:
    def test_a_shop_in_which_nobody_would_be_told_says_so_and_why(self, shop: Shop) -> None:
        assert reach.problems(shop) == [
            "Nobody is told when nobody answers: no step is set.",
            "No member who can sign in answers requests, and there is nobody else.",
        ]

    def test_an_alert_opens_and_closes_by_itself(self, shop: Shop, manager: User) -> None:
        reach.look(timezone.now())
        reach.look(timezone.now())
        assert Alert.objects.open().get().kind == Alert.Kind.NOBODY_TOLD
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "in_app")])
        reach.look(timezone.now())
        assert not Alert.objects.open().exists()

    def test_letters_that_reach_nobody_are_warned_of(self, shop: Shop, manager: User, settings: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email"), Wish(30, Who.AGENTS, "chat")])
        assert reach.problems(shop) == [
            "No mail server is set, so that letters reach nobody.",
            "A step tells the chat channel, and none is set.",
        ]

    def test_a_letter_that_reaches_nobody_counts_as_not_delivered(
        self, shop: Shop, manager: User, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
        set_ladder(shop, manager, [Wish(60, Who.AGENTS, "email")])
        row = waiting(shop, 20)
        climb(timezone.now())
        sending.deliver()
        sending.deliver()
        assert sorted(lines(row)) == ["Could not be told by e-mail: Mina", "Told by a notice here: Mina"]
        assert Telling.objects.get(channel="email").problem == "no_mail"

    def test_where_no_server_takes_letters_people_are_told_here_and_no_letter_is_written_for_nobody(
        self, shop: Shop, manager: User, agent: User, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
        row = waiting(shop, 20)
        telling.tell_all([row], "link", Telling.Why.LINK)
        sending.deliver()
        assert lines(row) == ["Told by a notice here: Anna, Mina"]

    def test_somebody_named_who_left_is_warned_of(self, shop: Shop, manager: User, agent: User) -> None:
        set_ladder(shop, manager, [Wish(60, Who.PERSON, "in_app", agent)])
        User.objects.filter(pk=agent.pk).update(is_active=False)
        assert reach.problems(shop) == ["Cannot sign in any more, so that managers are told instead: Anna"]

    def test_a_market_without_deadlines_needs_nobody(self, db: None) -> None:
        assert reach.problems(ShopFactory(marketplace="crux_timp", region="US")) == []

    def test_it_costs_the_same_for_many_shops(self, shop: Shop, django_assert_num_queries: Any) -> None:
        UserFactory(is_superuser=True)
        cost = 7
        with django_assert_num_queries(cost):
            reach.problems_of([shop], timezone.now())
        many = [shop, *(ShopFactory() for _ in range(5))]
        with django_assert_num_queries(cost):
            reach.problems_of(many, timezone.now())


class TestTests:
    def test_a_test_of_each_channel_goes_where_it_should(
        self, shop: Shop, manager: User, channel: Channel, mailoutbox: list[Any]
    ) -> None:
        ladder.set_chat(shop, manager, channel.url)
        for kind in ("in_app", "email", "chat"):
            trying.send_test(shop, manager, kind)
        sending.deliver()
        assert {one.state for one in trying.last_tests(shop).values()} == {State.SENT}
        assert mailoutbox[0].subject == "Countermand: a test"
        assert channel.texts == [f"This is a test for the shop {shop}: what nobody has answered is told of here."]
        assert Telling.objects.notices_of(manager).unread().count() == 1

    def test_a_test_that_fails_says_why_and_falls_to_no_other_channel(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "WAITS", ())
        trying.send_test(shop, manager, "chat")
        sending.deliver()
        assert trying.last_tests(shop)["chat"].problem == "no_address"
        assert Telling.objects.count() == 1
        assert timezone.now() - Telling.objects.get().made_at < timedelta(minutes=1)
