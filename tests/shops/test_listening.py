"""Having a shop's changes pushed to us: asked for by a person, done by a worker, looked at daily."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from shops import listening
from shops.models import Permission, PushRegistration, Role, Shop
from shops.tokens import adapter_for
from tests.factories import ConnectionFactory, ShopFactory, member
from tests.world import World

TOPICS = {"cancellation", "order", "package", "deauthorized", "expiring"}
HERE = "https://countermand.example/webhooks/tiktok_shop/"


@pytest.fixture(autouse=True)
def reached_here(settings: Any) -> None:
    settings.PUBLIC_URL = "https://countermand.example"


def registered(shop: Shop) -> dict[str, str]:
    """What the marketplace says."""
    return {one.topic: one.address for one in adapter_for(shop).registered_pushes()}


def look(shop: Shop) -> dict[str, PushRegistration]:
    """A worker looks now."""
    listening.settle_pushes(shop.pk)
    return {row.topic: row for row in shop.push_registrations.all()}


class TestAtTheMarketplace:
    @pytest.fixture
    def shop(self, world: World) -> Shop:
        return world.shop("DE")

    @pytest.fixture
    def manager(self, shop: Shop) -> Any:
        return member(Role.MANAGER, shop)

    def test_every_topic_is_registered_and_says_where_it_goes_and_since_when(self, shop: Shop, manager: Any) -> None:
        listening.register(shop, manager)
        assert all(row.is_settling for row in shop.push_registrations.all())
        rows = look(shop)
        assert registered(shop) == dict.fromkeys(TOPICS, HERE)
        assert {row.address for row in rows.values()} == {HERE}
        assert all(row.since and not row.is_settling and not row.problem for row in rows.values())
        assert Entry.objects.filter(action="pushes.registered", shop_id=shop.pk).count() == 1

    def test_removing_them_takes_ours_away_and_leaves_what_goes_elsewhere(self, shop: Shop, manager: Any) -> None:
        listening.register(shop, manager)
        look(shop)
        adapter_for(shop).register_push("order", "https://elsewhere.example/")
        listening.remove(shop, manager)
        rows = look(shop)
        assert registered(shop) == {"order": "https://elsewhere.example/"}
        assert {row.topic: row.address for row in rows.values() if row.address} == registered(shop)

    def test_what_somebody_else_changed_is_put_right_at_the_daily_look(self, shop: Shop, manager: Any) -> None:
        listening.register(shop, manager)
        look(shop)
        adapter_for(shop).register_push("order", "https://elsewhere.example/")
        adapter_for(shop).remove_push("cancellation")
        assert look(shop)["order"].repaired_at is None  # it is not due yet
        shop.push_registrations.update(check_at=timezone.now())
        rows = look(shop)
        assert registered(shop) == dict.fromkeys(TOPICS, HERE)
        assert {name for name, row in rows.items() if row.repaired_at} == {"order", "cancellation"}
        assert Entry.objects.filter(action="push.repaired").count() == 2
        assert all(row.check_at - timezone.now() > timedelta(hours=23) for row in rows.values())

    def test_a_refusal_stands_at_its_topic_in_the_marketplaces_words(
        self, shop: Shop, world: World, manager: Any, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "http://127.0.0.1:9"
        world.sandbox.post("switches", strict_webhook_urls=True)
        listening.register(shop, manager)
        rows = look(shop)
        assert all("must be https" in row.problem and not row.is_settling for row in rows.values())
        assert registered(shop) == {}

    def test_a_marketplace_that_cannot_be_reached_is_asked_again_soon(
        self, shop: Shop, world: World, manager: Any
    ) -> None:
        listening.register(shop, manager)
        shop.connection.api_url = "http://127.0.0.1:9"
        shop.connection.save(update_fields=["api_url"])
        rows = look(shop)
        assert all(row.problem and not row.is_settling for row in rows.values())
        assert all(timedelta(0) < row.check_at - timezone.now() <= listening.TRY_AGAIN for row in rows.values())
        shop.connection.api_url = world.sandbox.url
        shop.connection.save(update_fields=["api_url"])
        shop.push_registrations.update(check_at=timezone.now())
        assert not any(row.problem for row in look(shop).values())

    def test_what_was_asked_meanwhile_is_not_written_over(self, shop: Shop, manager: Any) -> None:
        listening.register(shop, manager)
        rows = list(shop.push_registrations.all())
        listening.remove(shop, manager)
        for row in rows:
            listening.note(row, address=HERE, settled_at=timezone.now())
        assert all(row.is_settling for row in shop.push_registrations.all())
        look(shop)
        assert registered(shop) == {}


@pytest.mark.django_db
class TestWhoMay:
    @pytest.fixture
    def shop(self) -> Shop:
        """At a sandbox, which takes any address."""
        return ShopFactory()

    def test_only_who_may_connect(self, shop: Shop) -> None:
        for person in (member(Role.VIEWER, shop), member(Role.AGENT, shop), member(Role.MANAGER)):
            for verb in (listening.register, listening.remove):
                with pytest.raises(PermissionDenied):
                    verb(shop, person)
        agent = member(Role.AGENT, shop)
        agent.memberships.update(permissions=[Permission.CONNECT])
        listening.register(shop, agent)
        assert shop.push_registrations.count() == len(TOPICS)

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("", "PUBLIC_URL"), ("http://countermand.example", "https"), ("https://a.example:8443", "no port"),
            ("https://10.0.0.7", "domain name"), ("https://[::1]", "domain name"), ("https://localhost", "domain name"),
            (f"https://{'a' * 250}.example", "255"),
        ],
    )  # fmt: skip
    def test_an_address_to_which_nobody_pushes_is_told_of_before_anything_is_asked(
        self, settings: Any, url: str, told: str
    ) -> None:
        settings.PUBLIC_URL = url
        shop = ShopFactory(connection=ConnectionFactory(api_url=""))
        with pytest.raises(ValidationError, match=told):
            listening.register(shop, member(Role.MANAGER, shop))
        assert not shop.push_registrations.exists()

    def test_a_good_address_is_fine_at_the_marketplace_itself(self) -> None:
        assert listening.address_problem(ShopFactory(connection=ConnectionFactory(api_url=""))) == ""

    def test_a_marketplace_that_pushes_nothing_offers_nothing(self, client: Client) -> None:
        shop = ShopFactory(marketplace="crux_timp", region="US", connection__marketplace="crux_timp")
        client.force_login(member(Role.MANAGER, shop))
        assert 'id="pushes"' not in client.get(reverse("shops:shop", args=[shop.pk])).content.decode()

    def test_a_manager_registers_from_the_shops_page_and_a_viewer_reads(self, client: Client, shop: Shop) -> None:
        page, register = reverse("shops:shop", args=[shop.pk]), reverse("shops:register_pushes", args=[shop.pk])
        client.force_login(member(Role.VIEWER, shop))
        told = client.get(page).content.decode()
        assert "Not registered." in told and register not in told
        client.force_login(member(Role.MANAGER, shop))
        assert register in client.get(page).content.decode()
        answer = client.post(register, headers={"HX-Request": "true"}).content.decode()
        assert 'id="pushes"' in answer and "every 1500ms" in answer and "csrfmiddlewaretoken" in answer
        assert client.post(reverse("shops:remove_pushes", args=[shop.pk])).status_code == 302

    def test_an_address_that_does_not_work_is_said_on_the_page(self, client: Client, settings: Any) -> None:
        settings.PUBLIC_URL = "http://localhost:8000"
        shop = ShopFactory(connection=ConnectionFactory(api_url=""))
        client.force_login(member(Role.MANAGER, shop))
        assert "no port" in client.get(reverse("shops:shop", args=[shop.pk])).content.decode()
        told = client.post(reverse("shops:register_pushes", args=[shop.pk]), headers={"HX-Request": "true"})
        assert (told.status_code, shop.push_registrations.count()) == (422, 0)

    def test_a_shop_that_has_to_be_connected_again_is_left_alone(self, shop: Shop) -> None:
        listening.register(shop, member(Role.MANAGER, shop))
        shop.connection.state = "reconnect"
        shop.connection.save()
        assert all(row.is_settling for row in look(shop).values())
