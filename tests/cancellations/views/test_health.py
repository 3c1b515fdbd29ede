"""The pages of health, and the same over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shops import heartbeat
from shops.models import Alert, Connection, Drift, Role, Shop, SyncCursor, SyncKind, SyncRun
from shops.models.connections import TAKEN_BACK
from tests.cancellations.views.pages import HTMX, url, words_of
from tests.factories import ShopFactory, member

pytestmark = pytest.mark.django_db
HEALTH = reverse("cancellations:health")
NOBODY = "No worker has been heard of"


@pytest.fixture(autouse=True)
def everybody_lives() -> None:
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.BEAT)


def read(shop: Shop, behind: timedelta) -> None:
    SyncCursor.objects.create(shop=shop, kind=SyncKind.ORDERS, synced_until=timezone.now() - behind)


def test_ones_shops_are_listed_with_what_is_wrong_and_nobody_elses(client: Client, shop: Shop) -> None:
    read(shop, timedelta(minutes=20))
    ShopFactory(name="Somebody else's")
    page = words_of(client.get(HEALTH))
    assert "Kettle &amp; Co" in page and "Needs attention" in page and "No data for 20 min." in page
    assert "Somebody else" not in page


def test_who_has_no_shops_is_told_so(client: Client) -> None:
    client.force_login(member(Role.VIEWER))
    assert "You are a member of no shop" in words_of(client.get(HEALTH))


def test_many_shops_come_in_pages_and_cost_no_more(client: Client, django_assert_max_num_queries: Any) -> None:
    person = member(Role.VIEWER, *(ShopFactory(name=f"Shop {number:03}") for number in range(60)))
    client.force_login(person)
    with django_assert_max_num_queries(16):
        first = words_of(client.get(HEALTH))
    assert "Shop 000" in first and "Shop 049" in first and "Shop 050" not in first
    assert "Shop 059" in words_of(client.get(f"{HEALTH}?page=2"))
    assert "Shop 059" in words_of(client.get(f"{HEALTH}?page=99"))
    assert "Shop 000" in words_of(client.get(f"{HEALTH}?page=none"))


def test_the_list_looks_again_by_itself(client: Client) -> None:
    fragment = words_of(client.get(HEALTH, headers=HTMX))
    assert fragment.startswith('<section id="health"') and "every 15s" in fragment


def test_a_shops_own_page_tells_all_of_it(client: Client, shop: Shop) -> None:
    read(shop, timedelta(minutes=2))
    SyncRun.objects.create(
        shop=shop, kind=SyncKind.ORDERS, state=SyncRun.State.FAILED, error="It was <busy>.", error_code="36009003",
        request_id="2026-7",
    )  # fmt: skip
    Drift.objects.create(shop=shop, word="order.status: NEW", first_seen_at=timezone.now(), last_seen_at=timezone.now())
    Alert.objects.create(shop=shop, kind=Alert.Kind.PUSHES_MISSING, detail={"count": 1})
    Connection.objects.update(renewal_problem="Not today.")
    page = words_of(client.get(url("shop_health", shop.pk)))
    for told in (
        "The last pull failed.", "<code>36009003</code>", "It was &lt;busy&gt;.", "2026-7", "order.status: NEW",
        "Pulls found 1 change that no push told of.", "Not today.", "None has come.",
    ):  # fmt: skip
        assert told in page, told


def test_the_shops_page_leads_there(client: Client, shop: Shop) -> None:
    assert url("shop_health", shop.pk) in words_of(client.get(reverse("shops:shop", args=[shop.pk])))
    assert HEALTH in words_of(client.get(reverse("shops:list")))


@pytest.mark.parametrize(
    ("state", "problem", "truth"),
    [
        ("reconnect", TAKEN_BACK, "taken back by the seller"),
        ("reconnect", "invalid", "no longer accepted by the marketplace"),
        ("disconnected", "", "ended here: disconnected"),
    ],
)
def test_no_page_says_authorized_of_what_is_not(
    client: Client, shop: Shop, state: str, problem: str, truth: str
) -> None:
    pages = [reverse("shops:shop", args=[shop.pk]), url("shop_health", shop.pk)]
    assert all("Access token until" in words_of(client.get(page)) for page in pages)
    Connection.objects.filter(pk=shop.connection_id).update(state=state, problem=problem)
    for page in pages:
        shown = words_of(client.get(page))
        assert truth in shown
        assert "Authorized until" not in shown and "Access token until" not in shown
    assert truth in words_of(client.get(HEALTH))


class TestNobodyWorks:
    def test_every_page_says_so_and_since_when(self, client: Client, shop: Shop) -> None:
        assert NOBODY not in words_of(client.get("/"))
        cache.set("seen:worker", timezone.now() - timedelta(minutes=20), None)
        for page in ("/", HEALTH, reverse("orders:list")):
            assert f"{NOBODY} since" in words_of(client.get(page)), page

    def test_where_nobody_was_ever_seen_it_says_that(self, client: Client) -> None:
        cache.clear()
        assert f"{NOBODY} yet" in words_of(client.get("/"))

    def test_a_beat_alone_that_is_missing_is_named(self, client: Client) -> None:
        cache.delete("seen:beat")
        assert "the beat is not running" in words_of(client.get("/"))

    def test_whoever_is_not_signed_in_is_told_nothing(self) -> None:
        cache.clear()
        assert NOBODY not in words_of(Client().get(reverse("account_login")))


class TestTheApi:
    def test_it_tells_of_all_ones_shops_worst_first(self, client: Client, shop: Shop) -> None:
        ShopFactory(name="Somebody else's")
        read(shop, timedelta(minutes=20))
        told = client.get("/api/v1/health/").json()
        assert told["level"] == "attention"
        assert told["worker"] == {"is_alive": True, "silent_since": None}
        assert len(told["shops"]) == 3
        first = told["shops"][0]
        assert (first["id"], first["level"], first["problems"][0]["code"]) == (shop.pk, "attention", "late")
        assert first["lag_seconds"] == pytest.approx(1200, abs=5)
        assert first["page"].endswith(f"/api/v1/shops/{shop.pk}/health/")
        assert first["decisions"] == {"unsigned": 0, "recorded": 0, "sending": 0, "accepted": 0, "stalled": 0}

    def test_and_of_one(self, client: Client, shop: Shop) -> None:
        Alert.objects.create(shop=shop, kind=Alert.Kind.PULLS_MISSING, detail={"count": 2})
        told = client.get(f"/api/v1/shops/{shop.pk}/health/").json()
        assert told["alerts"][0]["text"] == "2 pushes came since the last pull that succeeded."

    def test_somebody_elses_shop_is_not_there(self, client: Client) -> None:
        assert client.get(f"/api/v1/shops/{ShopFactory().pk}/health/").status_code == 404
        assert client.get("/api/v1/shops/99999999999999999999/health/").status_code == 404

    def test_nobody_reads_it_without_signing_in(self, shop: Shop) -> None:
        for path in ("/api/v1/health/", f"/api/v1/shops/{shop.pk}/health/"):
            assert Client().get(path).status_code == 401


class TestAlerts:
    @pytest.fixture(autouse=True)
    def missing(self, shop: Shop) -> None:
        Alert.objects.create(shop=shop, kind=Alert.Kind.PUSHES_MISSING, detail={"count": 3})

    def test_managers_are_told_above_the_queue(self, client: Client, shop: Shop) -> None:
        client.force_login(member(Role.MANAGER, shop))
        page = words_of(client.get("/"))
        assert "Pulls found 3 changes that no push told of." in page
        assert url("shop_health", shop.pk) in page

    def test_nobody_else_is(self, client: Client) -> None:
        assert "no push told of" not in words_of(client.get("/"))
        client.force_login(member(Role.MANAGER, ShopFactory()))
        assert "no push told of" not in words_of(client.get("/"))

    def test_it_goes_when_it_is_over(self, client: Client, shop: Shop) -> None:
        client.force_login(member(Role.MANAGER, shop))
        Alert.objects.update(closed_at=timezone.now())
        assert "no push told of" not in words_of(client.get("/"))
