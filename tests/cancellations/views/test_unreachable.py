"""Shops from which nothing comes are on the queue: since when, what to do by hand, and by when."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations.models import Decision
from shops.models import Connection, Permission, Role, Shop, SyncCursor
from tests.factories import CancellationFactory, DecisionFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    shop = ShopFactory(region="US", name="Oak")
    SyncCursor.objects.create(shop=shop, kind="orders", synced_until=timezone.now())
    CancellationFactory(order=OrderFactory(shop=shop), deadline=timezone.now() + timedelta(hours=3))
    return shop


def queue(client: Client, shop: Shop, role: Role = Role.AGENT, **options: str) -> str:
    client.force_login(member(role, shop))
    return client.get("/", **options).content.decode()  # type: ignore[arg-type]


def silent(shop: Shop, minutes: int) -> None:
    SyncCursor.objects.filter(shop=shop).update(synced_until=timezone.now() - timedelta(minutes=minutes))


class TestWithoutData:
    def test_a_shop_that_is_read_is_not_mentioned(self, client: Client, shop: Shop) -> None:
        assert "No data" not in queue(client, shop)

    def test_a_silent_one_says_since_when_and_what_to_do_by_when(self, client: Client, shop: Shop) -> None:
        silent(shop, 20)
        shown = queue(client, shop)
        assert "No data since" in shown
        assert SyncCursor.objects.get().synced_until.isoformat() in shown  # type: ignore[union-attr]
        assert "the first is decided in" in shown
        assert 'href="https://seller-us.tiktok.com/"' in shown

    def test_a_hiccup_is_none(self, client: Client, shop: Shop) -> None:
        silent(shop, 5)
        assert "No data" not in queue(client, shop)

    def test_one_that_is_cut_is_told_of_at_once_and_managers_are_led_to_mend_it(
        self, client: Client, shop: Shop
    ) -> None:
        Connection.objects.update(state=Connection.State.RECONNECT)
        assert "Connect it again" in queue(client, shop, Role.MANAGER)
        assert "Managers of its shops can renew it." in queue(client, shop)

    def test_it_comes_with_the_list_when_that_is_refreshed(self, client: Client, shop: Shop) -> None:
        silent(shop, 20)
        client.force_login(member(Role.AGENT, shop))
        shown = client.get("/", headers={"HX-Request": "true"}).content.decode()
        assert 'id="unreachable"' in shown
        assert "No data since" in shown

    def test_nobody_hears_of_others_shops(self, client: Client, shop: Shop) -> None:
        silent(shop, 20)
        assert "No data" not in queue(client, ShopFactory())

    def test_one_that_was_disconnected_is_mentioned_while_there_is_something_to_do(
        self, client: Client, shop: Shop
    ) -> None:
        Connection.objects.update(state=Connection.State.DISCONNECTED)
        assert "No data since" in queue(client, shop)
        shop.cancellations.all().delete()
        assert "No data" not in queue(client, shop)


class TestManyAtOnce:
    @pytest.fixture(autouse=True)
    def many(self, shop: Shop) -> list[Shop]:
        """Oak and 39 more without data; of those only the last two have requests."""
        silent(shop, 20)
        quiet = [ShopFactory(name=f"Quiet {number:02}") for number in range(39)]
        for other in quiet:
            SyncCursor.objects.create(shop=other, kind="orders", synced_until=timezone.now() - timedelta(days=1))
        CancellationFactory(order=OrderFactory(shop=quiet[37]), deadline=None)
        CancellationFactory(
            order=OrderFactory(shop=quiet[38]), deadline=timezone.now() + timedelta(minutes=7, seconds=30)
        )
        return [shop, *quiet]

    def shown(self, client: Client, many: list[Shop]) -> str:
        client.force_login(member(Role.AGENT, *many))
        shown = client.get("/").content.decode()
        return shown[shown.index('id="unreachable"') : shown.index('id="queue"')]

    def test_one_sentence_sums_them_up(self, client: Client, many: list[Shop]) -> None:
        shown = self.shown(client, many)
        assert re.search(r"40 shops give no data; the first request there is decided in <time[^>]*>7 min", shown)
        assert f'href="{reverse("cancellations:health")}"' in shown

    def test_three_are_shown_and_the_rest_unfolds_and_is_counted(self, client: Client, many: list[Shop]) -> None:
        cards, rest = self.shown(client, many).split('id="unreachable-rest"')
        assert cards.count('class="alert') == 3
        assert "37 more shops" in rest
        assert rest.count('class="alert') == 20
        assert "17 more stand" in rest

    def test_those_with_requests_come_first_also_where_no_deadline_is(self, client: Client, many: list[Shop]) -> None:
        cards = self.shown(client, many).split('id="unreachable-rest"')[0]
        assert re.findall("<b>(Oak|Quiet ..)</b>", cards) == ["Quiet 38", "Oak", "Quiet 37"]

    def test_three_need_no_sum(self, client: Client, many: list[Shop]) -> None:
        shown = self.shown(client, many[:3])
        assert "shops give" not in shown and "unreachable-rest" not in shown


class TestDisconnecting:
    def page(self, shop: Shop) -> str:
        return reverse("cancellations:disconnect", args=[shop.pk])

    def test_what_was_not_sent_is_listed_first(self, client: Client, shop: Shop) -> None:
        decision = DecisionFactory(cancellation=shop.cancellations.get(), state=Decision.State.SENDING)
        client.force_login(member(Role.MANAGER, shop))
        shown = client.get(self.page(shop)).content.decode()
        assert reverse("cancellations:decision", args=[decision.pk]) in shown
        assert "One request waits for an answer" in shown

    def test_secrets_go_and_requests_and_decisions_stay(self, client: Client, shop: Shop) -> None:
        DecisionFactory(cancellation=shop.cancellations.get())
        client.force_login(member(Role.MANAGER, shop))
        assert client.post(self.page(shop)).status_code == 302
        connection = Connection.objects.get(pk=shop.connection_id)
        assert (connection.state, connection.app_secret, connection.access_token, connection.refresh_token) == (
            "disconnected", "", "", ""
        )  # fmt: skip
        assert Shop.objects.get(pk=shop.pk).cipher == ""
        assert (shop.cancellations.count(), Decision.objects.count()) == (1, 1)

    def test_whoever_has_a_say_in_one_of_two_shops_does_not_end_the_others_work(
        self, client: Client, shop: Shop
    ) -> None:
        member(Role.MANAGER, ShopFactory(connection=shop.connection))
        client.force_login(member(Role.MANAGER, shop))
        assert "Only those who may connect in all shops" in client.get(self.page(shop)).content.decode()
        assert client.post(self.page(shop)).status_code == 403
        assert Connection.objects.get(pk=shop.connection_id).state == Connection.State.CONNECTED

    def test_it_takes_the_permission_to_connect(self, client: Client, shop: Shop) -> None:
        person = member(Role.MANAGER, shop)
        person.memberships.update(permissions=[Permission.APPROVE])
        client.force_login(person)
        assert client.post(self.page(shop)).status_code == 403
