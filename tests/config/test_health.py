"""What machines ask: does it live, can it do its work, and the numbers behind it."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from cancellations.models import Decision
from config import health
from shops import heartbeat
from shops.models import Connection, Shop, SyncCursor, SyncKind
from tests.cancellations.views.pages import asked
from tests.factories import ConnectionFactory, DecisionFactory, ShopFactory

EVERYTHING = {"database", "migrations", "broker", "worker", "outside", "beat"}


@pytest.fixture(autouse=True)
def everybody_lives() -> Iterator[None]:
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.OUTSIDE)
    heartbeat.note(heartbeat.BEAT)
    yield
    cache.clear()


def told(answer: Any) -> tuple[int, dict[str, str]]:
    content = json.loads(answer.content)
    assert content["ready"] == (answer.status_code == 200)
    return answer.status_code, content["checks"]


class TestLiving:
    def test_it_lives_and_the_database_is_not_asked(self, client: Client) -> None:
        answer = client.get("/healthz")  # without the mark that lets a test into the database
        assert (answer.status_code, answer.content) == (200, b"ok")
        assert answer["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
    def test_whoever_balances_the_load_knows_neither_https_nor_our_name(
        self, client: Client, settings: Any, path: str
    ) -> None:
        settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["countermand.example"]
        assert client.get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200
        assert client.get("/", headers={"host": "10.0.0.7:8000"}).status_code in (400, 301)

    def test_nothing_can_be_posted_there(self, client: Client) -> None:
        answer = client.post("/healthz")
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.django_db
class TestReady:
    def test_it_is_ready_where_everything_is_there(self, client: Client) -> None:
        assert told(client.get("/readyz")) == (200, dict.fromkeys(EVERYTHING, "ok"))

    def test_whoever_asks_needs_neither_a_name_nor_https(self, client: Client, settings: Any) -> None:
        settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["countermand.example"]
        assert client.get("/readyz", headers={"host": "10.0.0.7:8000"}).status_code == 200

    def test_a_worker_that_fell_silent_is_named_with_the_time(self, client: Client) -> None:
        seen = timezone.now() - timedelta(minutes=20)
        cache.set("seen:worker", seen, None)
        status, checks = told(client.get("/readyz"))
        assert status == 503
        assert checks["worker"] == f"not seen since {seen:%Y-%m-%dT%H:%M:%SZ}"
        assert checks["beat"] == "ok"

    def test_before_anybody_was_seen_nobody_works(self, client: Client) -> None:
        cache.clear()
        _, checks = told(client.get("/readyz"))
        assert checks["worker"] == checks["beat"] == "not seen yet"

    def test_a_broker_that_is_gone_is_named_within_three_seconds(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def elsewhere(**options: Any) -> Any:
            return current_app.connection("redis://127.0.0.1:9/0", **options)

        monkeypatch.setattr(current_app, "connection_for_read", elsewhere)
        began = time.monotonic()
        status, checks = told(client.get("/readyz"))
        assert (status, checks["broker"]) == (503, "cannot be reached")
        assert time.monotonic() - began < 3

    def test_a_broker_that_takes_the_connection_and_says_nothing_does_not_hold_it_up(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
            monkeypatch.setattr(current_app, "connection_for_read", lambda **told: current_app.connection(url, **told))
            began = time.monotonic()
            assert told(client.get("/readyz"))[1]["broker"] == "cannot be reached"
            assert time.monotonic() - began < 3

    def test_a_database_that_is_gone_is_named_and_nothing_of_its_address(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(*_: object) -> None:
            raise DatabaseError("connection to server at db.example failed: password of countermand is hunter2")

        monkeypatch.setattr(connection, "cursor", gone)
        monkeypatch.setattr(health, "_applied", True)
        answer = client.get("/readyz")
        assert told(answer)[1]["database"] == "cannot be reached"
        assert b"hunter2" not in answer.content and b"db.example" not in answer.content

    def test_migrations_that_are_not_applied_are_counted(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_applied", False)
        monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *_: [1, 2])
        assert told(client.get("/readyz"))[1]["migrations"] == "2 not applied"

    def test_once_they_are_applied_they_are_not_looked_for_again(
        self, client: Client, django_assert_num_queries: Any
    ) -> None:
        client.get("/readyz")
        with django_assert_num_queries(1):
            client.get("/readyz")


@pytest.mark.django_db
class TestNumbers:
    @pytest.fixture(autouse=True)
    def token(self, settings: Any) -> None:
        settings.METRICS_TOKEN = "scrape-me"

    def read(self, client: Client) -> dict[str, list[tuple[dict[str, str], float]]]:
        answer = client.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
        return {one.name: [(sample.labels, sample.value) for sample in one.samples] for one in families}

    def value(self, client: Client, name: str, **labels: str) -> float:
        found = [value for told, value in self.read(client)[f"countermand_{name}"] if labels.items() <= told.items()]
        assert len(found) == 1, (name, labels, found)
        return found[0]

    def test_without_a_token_in_the_settings_there_are_none(self, client: Client, settings: Any) -> None:
        settings.METRICS_TOKEN = ""
        for shown in ("Bearer ", "Bearer", ""):
            assert client.get("/metrics", headers={"Authorization": shown}).status_code == 404

    @pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", "scrape-me", "Basic scrape-me", "Bearer é"])
    def test_whoever_shows_another_token_sees_none(self, client: Client, shown: str) -> None:
        answer = client.get("/metrics", headers={"Authorization": shown} if shown else {})
        assert (answer.status_code, answer.content) == (401, b"")

    def test_nobody_gets_them_by_signing_in(self, admin_client: Client) -> None:
        assert admin_client.get("/metrics").status_code == 401

    def test_they_are_of_each_shop(self, client: Client) -> None:
        now = timezone.now()
        shop = ShopFactory(region="GB")
        SyncCursor.objects.create(shop=shop, kind=SyncKind.ORDERS, synced_until=now - timedelta(seconds=90))
        DecisionFactory(cancellation=asked(shop), state=Decision.State.RECORDED, due_at=now - timedelta(seconds=30))
        asked(shop, deadline=now - timedelta(minutes=1))
        asked(shop, deadline=now + timedelta(minutes=30))
        of_shop = {"shop": str(shop.pk), "marketplace": "tiktok_shop", "region": "GB"}
        assert self.value(client, "pull_lag_seconds", kind="orders", **of_shop) == pytest.approx(90, abs=5)
        assert self.value(client, "pending_decisions", state="recorded", **of_shop) == 1
        assert self.value(client, "pending_decisions", state="stalled", **of_shop) == 0
        assert self.value(client, "oldest_due_decision_seconds", **of_shop) == pytest.approx(30, abs=5)
        assert self.value(client, "waiting_requests", **of_shop) == 3
        assert self.value(client, "overdue_requests", **of_shop) == 1
        assert self.value(client, "due_soon_requests", **of_shop) == 1
        assert self.value(client, "access_token_ends_seconds", **of_shop) == pytest.approx(7 * 86400, abs=10)
        assert self.value(client, "shop_health", level="attention", **of_shop) == 1
        assert self.value(client, "heartbeat_age_seconds", of="worker") < 10

    def test_shops_that_nobody_reads_are_left_out(self, client: Client) -> None:
        ShopFactory(is_active=False)
        ShopFactory(connection=ConnectionFactory(state=Connection.State.DISCONNECTED))
        assert self.read(client)["countermand_waiting_requests"] == []

    def test_they_cost_the_same_for_one_shop_and_for_many(self, client: Client, django_assert_num_queries: Any) -> None:
        for _ in range(2):
            asked(ShopFactory())
            with django_assert_num_queries(QUERIES):
                self.read(client)
        for shop in Shop.objects.all():
            SyncCursor.objects.create(shop=shop, kind=SyncKind.ORDERS, synced_until=timezone.now())
        with django_assert_num_queries(QUERIES):
            self.read(client)


QUERIES = 12
