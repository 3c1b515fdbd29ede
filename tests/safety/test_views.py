"""The page of a shop says what happens when nobody answers, and managers set it there."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from safety import ladder, nets, tasks
from safety.ladder import Wish, set_ladder
from safety.models import ChatAddress, Rung, SafetyNet, Telling
from shops.models import Alert, Membership, Role, Shop
from tests.factories import DecisionFactory, ShopFactory, UserFactory, member
from tests.safety.channel import Channel
from tests.safety.conftest import waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_it(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def page(client: Client, name: str, *args: Any) -> str:
    answer = client.get(reverse(f"safety:{name}", args=args))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def rungs(*rows: tuple[Any, str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {"rungs-TOTAL_FORMS": len(rows), "rungs-INITIAL_FORMS": 0}
    for number, (minutes, who, channel) in enumerate(rows):
        told |= {f"rungs-{number}-minutes": minutes, f"rungs-{number}-who": who, f"rungs-{number}-channel": channel}
    return told


class TestTheShopsPage:
    def test_it_says_which_way_silence_goes_and_that_nobody_would_be_told(self, at_it: Client, shop: Shop) -> None:
        words = page(at_it, "shop", shop.pk)
        assert "TikTok Shop approves: the order is cancelled." in words
        assert "Nobody is told when nobody answers" in words
        assert "Nobody is told when nobody answers" in at_it.get(shop.get_absolute_url()).content.decode()

    def test_a_viewer_reads_it_and_is_offered_nothing_to_change(self, client: Client, shop: Shop) -> None:
        client.force_login(member(Role.VIEWER, shop))
        words = page(client, "shop", shop.pk)
        assert "Set a safety net" not in words
        assert "Send a test" not in words

    def test_where_nothing_has_a_deadline_it_says_so_and_nothing_else(self, client: Client) -> None:
        supplier = ShopFactory(marketplace="crux_timp", region="US")
        client.force_login(member(Role.MANAGER, supplier))
        assert "names no deadline" in page(client, "shop", supplier.pk)

    def test_it_lists_who_was_told_and_who_could_not_be(self, at_it: Client, shop: Shop, manager: User) -> None:
        row = waiting(shop, 20)
        for channel, state, problem in (("in_app", "sent", ""), ("email", "failed", "mail")):
            Telling.objects.create(
                shop=shop, cancellation=row, deadline=row.deadline, step="net", why="net", person=manager,
                channel=channel, state=state, problem=problem,
            )  # fmt: skip
        words = page(at_it, "shop", shop.pk)
        assert "the mail server did not take it" in words
        assert row.order_label in words

    def test_superusers_have_one_line_of_it_above_the_queue_and_managers_none(
        self, at_it: Client, client: Client, shop: Shop
    ) -> None:
        for _ in range(2):
            Alert.objects.create(shop=ShopFactory(), kind=Alert.Kind.NOBODY_TOLD)
        Alert.objects.create(shop=shop, kind=Alert.Kind.NOBODY_TOLD)
        assert "would be told when nobody" not in at_it.get("/").content.decode()
        client.force_login(UserFactory(is_superuser=True))
        words = " ".join(client.get("/").content.decode().split())
        assert "In 3 shops not everybody would be told when nobody answers." in words


class TestTheNet:
    def test_what_is_not_offered_says_why_and_when_from(self, client: Client, manager: User) -> None:
        american = ShopFactory(region="US", time_zone="America/Los_Angeles")
        Membership.objects.create(user=manager, shop=american, role=Role.MANAGER)
        client.force_login(manager)
        words = page(client, "net", american.pk)
        assert "March 31, 2024" in words
        assert "Silence would do the opposite." in words
        answer = client.post(reverse("safety:net", args=[american.pk]), {"action": "reject", "minutes": 30})
        assert answer.status_code == 422
        assert not SafetyNet.objects.exists()

    def test_it_is_set_for_several_shops_at_once_or_for_none(self, at_it: Client, shop: Shop, manager: User) -> None:
        others = [ShopFactory(), ShopFactory()]
        for one in others:
            Membership.objects.create(user=manager, shop=one, role=Role.MANAGER)
        told = {"action": "approve", "minutes": 45, "also": [one.pk for one in others]}
        Membership.objects.filter(shop=others[1]).update(permissions=["reject"])
        answer = at_it.post(reverse("safety:net", args=[shop.pk]), told)
        assert (answer.status_code, SafetyNet.objects.count()) == (422, 0)
        Membership.objects.filter(shop=others[1]).update(permissions=None)
        assert at_it.post(reverse("safety:net", args=[shop.pk]), told).status_code == 302
        assert SafetyNet.objects.filter(is_on=True, minutes=45).count() == 3

    def test_how_often_it_would_have_acted_is_told_and_saves_nothing(self, at_it: Client, shop: Shop) -> None:
        waiting(shop, -60, created_at=timezone.now() - timedelta(days=2))
        told = {"action": "approve", "minutes": 45, "preview": "1"}
        words = at_it.post(reverse("safety:net", args=[shop.pk]), told).content.decode()
        assert "it would have acted on 1 request." in words
        assert not SafetyNet.objects.exists()

    @pytest.mark.parametrize(
        "told", [{}, {"action": "fly", "minutes": "x"}, {"action": "tell", "minutes": "99999999999"}]
    )
    def test_nonsense_is_told_at_its_field(self, at_it: Client, shop: Shop, told: dict[str, str]) -> None:
        answer = at_it.post(reverse("safety:net", args=[shop.pk]), {"x": "1", **told})
        assert answer.status_code == 422

    def test_it_is_switched_off_again(self, at_it: Client, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, nets.Wish("approve", 30))
        at_it.post(reverse("safety:switch_off", args=[shop.pk]))
        assert not SafetyNet.objects.get().is_on


class TestTheLadder:
    def test_rungs_are_set_and_those_without_minutes_are_none(self, at_it: Client, shop: Shop, agent: User) -> None:
        told = rungs((60, "agents", "email"), ("", "agents", "email"), (30, str(agent.pk), "in_app"))
        assert at_it.post(reverse("safety:ladder", args=[shop.pk]), told).status_code == 302
        assert [(one.minutes, one.who, one.person) for one in Rung.objects.all()] == [
            (60, "agents", None), (30, "person", agent)
        ]  # fmt: skip
        assert "Anna" in page(at_it, "ladder", shop.pk)

    @pytest.mark.parametrize(
        "row", [(1, "agents", "email"), (60, "who", "email"), (60, "agents", "pigeon"), ("x", "", "")]
    )
    def test_what_is_wrong_is_told_and_nothing_saved(self, at_it: Client, shop: Shop, row: Any) -> None:
        answer = at_it.post(reverse("safety:ladder", args=[shop.pk]), rungs(row))
        assert (answer.status_code, Rung.objects.count()) == (422, 0)

    def test_a_form_that_lost_its_head_is_no_error_of_ours(self, at_it: Client, shop: Shop) -> None:
        assert at_it.post(reverse("safety:ladder", args=[shop.pk]), {"rungs-0-minutes": "5"}).status_code == 422

    def test_what_holds_in_all_shops_is_for_superusers(self, client: Client, manager: User, shop: Shop) -> None:
        client.force_login(manager)
        for name in ("all_shops", "chat_of_all"):
            assert client.post(reverse(f"safety:{name}"), {"url": "https://chat.example/x"}).status_code == 403
        client.force_login(UserFactory(is_superuser=True))
        assert client.post(reverse("safety:all_shops"), rungs((60, "agents", "email"))).status_code == 302
        client.post(reverse("safety:chat_of_all"), {"url": "https://chat.example/x"})
        assert "chat.example" in page(client, "all_shops")
        assert Rung.objects.get().shop is None
        assert "As in all shops" in page(client, "shop", shop.pk)

    def test_a_wrong_address_for_all_shops_is_told_at_its_field_and_kept_there(self, client: Client) -> None:
        client.force_login(UserFactory(is_superuser=True))
        answer = client.post(reverse("safety:chat_of_all"), {"url": "http://10.0.0.1/chat"})
        assert answer.status_code == 422
        assert answer.context["chat_form"].errors["url"]
        assert 'value="http://10.0.0.1/chat"' in answer.content.decode()
        assert not ChatAddress.objects.exists()


class TestTheChannel:
    def test_its_address_is_kept_and_never_shown_again(self, at_it: Client, shop: Shop) -> None:
        at_it.post(reverse("safety:chat", args=[shop.pk]), {"url": "https://chat.example/services/secret"})
        words = page(at_it, "shop", shop.pk)
        assert "Messages go to chat.example." in words
        assert "secret" not in words
        at_it.post(reverse("safety:chat", args=[shop.pk]), {"remove": "1"})
        assert not ChatAddress.objects.exists()

    def test_an_address_inside_is_refused_at_its_field(self, at_it: Client, shop: Shop) -> None:
        answer = at_it.post(reverse("safety:chat", args=[shop.pk]), {"url": "https://10.0.0.1/x"})
        assert answer.status_code == 422
        assert "This address is private" in answer.content.decode()

    def test_a_test_says_what_came_of_it(
        self, at_it: Client, shop: Shop, manager: User, channel: Channel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        channel.status = 404
        ladder.set_chat(shop, manager, channel.url)
        at_it.post(reverse("safety:test", args=[shop.pk]), {"channel": "chat"})
        for _ in range(3):
            tasks.deliver()
            Telling.objects.waiting().update(due_at=timezone.now())
        assert "it answered with an error" in page(at_it, "shop", shop.pk)
        assert at_it.post(reverse("safety:test", args=[shop.pk]), {"channel": "pigeon"}).status_code == 302
        assert Telling.objects.count() == 1


class TestNotices:
    @pytest.fixture
    def noticed(self, shop: Shop, manager: User) -> Any:
        set_ladder(shop, manager, [Wish(60, Rung.Who.AGENTS, "in_app")])
        row = waiting(shop, 20)
        tasks.sweep_tellings()
        return row

    def test_the_bell_counts_what_waits_and_is_unread(self, at_it: Client, noticed: Any) -> None:
        assert "1 notice that you have not read" in page(at_it, "notices")
        DecisionFactory(cancellation=noticed, state="confirmed")
        noticed.needs_answer = False
        noticed.save()
        words = page(at_it, "notices")
        assert "that you have not read" not in words
        assert "It does not wait for an answer any more." in words

    def test_they_are_ones_own_and_end_with_the_membership(
        self, client: Client, noticed: Any, manager: User, shop: Shop
    ) -> None:
        other = member(Role.MANAGER, shop)
        client.force_login(other)
        assert noticed.order_label not in page(client, "notices")
        client.force_login(manager)
        assert noticed.order_label in page(client, "notices")
        manager.memberships.all().delete()
        assert noticed.order_label not in page(client, "notices")

    def test_reading_them_marks_those_that_were_on_the_page(self, at_it: Client, noticed: Any) -> None:
        last = Telling.objects.get().pk
        for nonsense in ("", "x", "²", "9" * 30):
            at_it.post(reverse("safety:read_notices"), {"last": nonsense})
        assert Telling.objects.unread().count() == 1
        at_it.post(reverse("safety:read_notices"), {"last": last - 1})
        assert Telling.objects.unread().count() == 1
        at_it.post(reverse("safety:read_notices"), {"last": last})
        assert not Telling.objects.unread().exists()

    def test_the_bell_costs_one_query(self, manager: User, noticed: Any, django_assert_num_queries: Any) -> None:
        from safety.templatetags.notices import unread_notices

        with django_assert_num_queries(1):
            assert unread_notices(manager) == 1
