"""Tokens live on: renewed by one worker at a time, stored in one piece, and never told to anybody."""

import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from marketplaces.base import Adapter
from marketplaces.errors import CredentialsRejected, MarketplaceError, TemporaryFailure
from marketplaces.registry import marketplace
from shops import tokens
from shops.models import Connection
from shops.tokens import RENEWAL_LEASE, call_for, renew, renew_due_tokens
from tests.factories import ConnectionFactory
from tests.workers import ROOT
from tests.world import World

RENEWAL = "refresh-access-token"
SHOPS = "get-authorized-shops"


def shops_of(adapter: Adapter) -> list[str]:
    return [shop.marketplace_id for shop in adapter.authorized_shops()]


def fresh(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def renewals(world: World) -> int:
    return len(world.sandbox.effects(effect="token.refreshed"))


def at_once(count: int, do: Callable[[], Any]) -> list[Any]:
    """What each of several threads got, an exception where there was one."""

    def work(_: int) -> Any:
        try:
            return do()
        except MarketplaceError as error:
            return error
        finally:
            database.close()

    with ThreadPoolExecutor(count) as together:
        return list(together.map(work, range(count)))


def test_renewing_gives_a_token_that_works_and_stores_it_in_one_piece(world: World) -> None:
    shop = world.shop("DE")
    before = fresh(shop.connection)
    assert renew(shop.connection)
    after = fresh(shop.connection)
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.access_token_expires_at and after.access_token_expires_at > timezone.now() + timedelta(days=6)
    assert after.refresh_token_expires_at and after.refresh_token_expires_at > after.access_token_expires_at
    assert (after.state, after.renewing_until) == (Connection.State.CONNECTED, None)
    assert call_for(world.shop("DE"), shops_of) == [shop.marketplace_id]


def test_a_renewal_is_one_statement_so_that_no_half_of_it_is_ever_there(
    world: World, django_assert_num_queries: Any
) -> None:
    connection = world.shop("DE").connection
    told = marketplace("tiktok_shop").adapter(connection.credentials()).refresh_tokens(connection.refresh_token)
    with django_assert_num_queries(1):
        tokens.store_tokens(connection, told)


@pytest.mark.parametrize("used", [True, False], ids=["after a token died", "because it is due"])
def test_several_workers_at_once_use_the_refresh_token_once(world: World, used: bool) -> None:
    connection = world.shop("DE").connection
    world.sandbox.fault(RENEWAL, "slow", seconds=0.5, count=10)
    got = at_once(5, lambda: renew(connection, connection.access_token if used else ""))
    assert renewals(world) == 1
    assert got.count(True) >= 1
    assert all(one is True or isinstance(one, TemporaryFailure) for one in got), got
    assert fresh(connection).state == Connection.State.CONNECTED
    assert call_for(world.shop("DE"), shops_of)


def test_two_processes_that_race_use_the_refresh_token_once(world: World, product_environment: dict[str, str]) -> None:
    """Workers as they are in production: each with an interpreter and a connection to the database of its own."""
    connection = world.shop("DE").connection
    Connection.objects.filter(pk=connection.pk).update(access_token_expires_at=timezone.now() + timedelta(hours=1))
    world.sandbox.fault(RENEWAL, "slow", seconds=1, count=10)
    race = (
        "import django, sys; django.setup(); from shops.tokens import renew_due_tokens; "
        "print('ready', flush=True); sys.stdin.readline(); print(renew_due_tokens())"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", race], cwd=ROOT, env=product_environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("\n")
        racer.stdin.flush()
    renewed = sorted(int(racer.communicate(timeout=60)[0]) for racer in racers)
    assert renewals(world) == 1
    assert renewed == [0, 1]
    assert call_for(world.shop("DE"), shops_of)


def test_several_calls_that_meet_a_dead_token_at_once_renew_it_once(world: World) -> None:
    world.sandbox.fault(SHOPS, "expired_token", count=4)
    world.sandbox.fault(RENEWAL, "slow", seconds=0.3, count=10)
    got = at_once(4, lambda: call_for(world.shop("DE"), shops_of))
    assert renewals(world) == 1
    assert all(isinstance(one, list | TemporaryFailure) for one in got), got
    assert fresh(world.shop("DE").connection).state == Connection.State.CONNECTED


def test_a_call_whose_token_has_expired_is_repeated_with_a_new_one(world: World) -> None:
    shop = world.shop("DE")
    world.sandbox.fault(SHOPS, "expired_token", count=1)
    assert call_for(shop, shops_of) == [shop.marketplace_id]
    assert shop.connection.access_token == fresh(shop.connection).access_token


def test_a_token_that_has_reached_its_end_over_there_is_renewed_as_well(world: World) -> None:
    shop = world.shop("DE")
    world.sandbox.post("clock", shift=8 * 86_400)
    assert call_for(shop, shops_of) == [shop.marketplace_id]
    assert renewals(world) == 1


def test_a_token_that_another_worker_has_renewed_meanwhile_is_taken_as_it_is(world: World) -> None:
    ours = world.shop("DE")
    assert renew(world.shop("DE").connection)
    world.sandbox.fault(SHOPS, "expired_token", count=1)
    assert call_for(ours, shops_of) == [ours.marketplace_id]
    assert renewals(world) == 1


@pytest.mark.parametrize("name", ["", "access"], ids=["because it is due", "after a token died"])
def test_a_token_that_another_worker_renews_just_before_the_claim_is_taken_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    connection = world.shop("DE").connection
    used = connection.access_token if name else ""
    others = [fresh(connection)]

    def claiming(**condition: Any) -> Q:
        if others:
            assert renew(others.pop())
        return Q(**condition)

    monkeypatch.setattr(tokens, "Q", claiming)
    assert renew(connection, used)
    assert renewals(world) == (1 if used else 2)
    assert call_for(world.shop("DE"), shops_of)


def test_while_another_worker_is_at_it_a_call_is_put_off_for_a_moment(world: World) -> None:
    shop = world.shop("DE")
    Connection.objects.filter(pk=shop.connection.pk).update(renewing_until=timezone.now() + RENEWAL_LEASE)
    world.sandbox.fault(SHOPS, "expired_token", count=1)
    with pytest.raises(TemporaryFailure) as later:
        call_for(shop, shops_of)
    assert later.value.retry_after == 2
    assert fresh(shop.connection).state == Connection.State.CONNECTED


def test_a_worker_that_died_while_renewing_keeps_nobody_waiting_for_ever(world: World) -> None:
    shop = world.shop("DE")
    Connection.objects.filter(pk=shop.connection.pk).update(renewing_until=timezone.now() - timedelta(seconds=1))
    assert renew(shop.connection)


@pytest.mark.parametrize("kind", ["server_error", "reset_before", "rate_limited", "malformed"])
def test_a_renewal_that_got_no_answer_is_let_go_and_tried_again_later(world: World, kind: str) -> None:
    connection = world.shop("DE").connection
    world.sandbox.fault(RENEWAL, kind, count=1)
    with pytest.raises(MarketplaceError):
        renew(connection)
    after = fresh(connection)
    assert (after.access_token, after.renewing_until) == (connection.access_token, None)
    assert after.state == Connection.State.CONNECTED


class TestATokenThatIsDeadForGood:
    def test_the_connection_is_marked_with_what_the_marketplace_said(self, world: World) -> None:
        shop = world.shop("DE")
        Connection.objects.filter(pk=shop.connection.pk).update(refresh_token="ROW_not_a_token")
        world.sandbox.fault(SHOPS, "expired_token", count=1)
        with pytest.raises(CredentialsRejected):
            call_for(world.shop("DE"), shops_of)
        after = fresh(shop.connection)
        assert (after.state, after.renewing_until) == (Connection.State.RECONNECT, None)
        assert "36004005" in after.problem  # why there is no new one, not that the old one has ended

    def test_so_it_is_where_there_is_no_refresh_token_at_all(self, world: World) -> None:
        shop = world.shop("DE")
        Connection.objects.filter(pk=shop.connection.pk).update(refresh_token="")
        world.sandbox.fault(SHOPS, "expired_token", count=1)
        with pytest.raises(CredentialsRejected):
            call_for(world.shop("DE"), shops_of)
        assert fresh(shop.connection).state == Connection.State.RECONNECT
        assert renewals(world) == 0

    def test_and_where_the_renewed_token_is_not_accepted_either(self, world: World) -> None:
        shop = world.shop("DE")
        world.sandbox.fault(SHOPS, "expired_token", count=2)
        with pytest.raises(CredentialsRejected):
            call_for(shop, shops_of)
        assert renewals(world) == 1
        assert fresh(shop.connection).state == Connection.State.RECONNECT

    def test_not_where_the_seller_connected_again_while_the_call_was_under_way(self, world: World) -> None:
        shop = world.shop("DE")

        def rejected(adapter: Adapter) -> None:
            connected = fresh(shop.connection)
            connected.access_token = "ROW_new"
            connected.save()
            raise CredentialsRejected("the seller has ended the authorization", code="105002")

        with pytest.raises(CredentialsRejected):
            call_for(shop, rejected)
        assert fresh(shop.connection).state == Connection.State.CONNECTED

    def test_only_the_connection_that_it_is_about_is_marked(self, world: World) -> None:
        shop = world.shop("DE")
        world.sandbox.post("deauthorize", shop_id=shop.marketplace_id)
        with pytest.raises(CredentialsRejected):
            call_for(shop, shops_of)
        assert list(Connection.objects.filter(state=Connection.State.RECONNECT)) == [shop.connection]

    def test_renewing_brings_a_marked_connection_back(self, world: World) -> None:
        connection = world.shop("DE").connection
        Connection.objects.update(state=Connection.State.RECONNECT, problem="105002")
        assert renew(connection)
        assert (fresh(connection).state, fresh(connection).problem) == (Connection.State.CONNECTED, "")


class TestSecretsStaySecret:
    @pytest.mark.parametrize("how", ["refused", "unreachable", "server_error", "malformed", "reset_after"])
    def test_in_logs_exceptions_and_what_is_stored(
        self, world: World, caplog: pytest.LogCaptureFixture, how: str
    ) -> None:
        caplog.set_level(logging.DEBUG)
        shop = world.shop("DE")
        secrets = [shop.connection.app_secret, shop.connection.access_token, shop.connection.refresh_token, shop.cipher]
        match how:
            case "refused":
                world.sandbox.post("deauthorize", shop_id=shop.marketplace_id)
            case "unreachable":
                shop.connection.auth_url = "http://127.0.0.1:9"
                shop.connection.save()
            case _:
                world.sandbox.fault(RENEWAL, how, count=1)
        world.sandbox.fault(SHOPS, "expired_token", count=1)
        with pytest.raises(MarketplaceError) as failed:
            call_for(shop, shops_of)
        renew_due(world)
        written = caplog.text + "".join(traceback.format_exception(failed.value)) + fresh(shop.connection).problem
        assert written
        assert not [secret for secret in secrets if secret in written]

    def test_a_renewal_tells_of_itself_without_telling_the_tokens(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        connection = world.shop("DE").connection
        assert renew(connection)
        assert "tokens.renewed" in caplog.text
        for one in (connection, fresh(connection)):
            for secret in (one.app_secret, one.access_token, one.refresh_token):
                assert secret not in caplog.text


def renew_due(world: World) -> int:
    Connection.objects.update(access_token_expires_at=timezone.now() + timedelta(hours=23))
    return renew_due_tokens()


class TestRenewingAhead:
    def test_tokens_that_end_within_a_day_are_renewed(self, world: World) -> None:
        count = Connection.objects.count()
        assert renew_due_tokens() == 0
        assert renew_due(world) == count
        assert renewals(world) == count
        assert renew_due_tokens() == 0

    def test_one_that_fails_does_not_keep_the_others(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        Connection.objects.filter(shops=world.shop("DE")).update(auth_url="http://127.0.0.1:9")
        assert renew_due(world) == Connection.objects.count() - 1
        assert "tokens.not_renewed" in caplog.text

    def test_one_that_is_refused_is_told_of_while_its_access_token_still_works(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        shop = world.shop("DE")
        Connection.objects.filter(pk=shop.connection.pk).update(refresh_token="ROW_not_a_token")
        assert renew_due(world) == Connection.objects.count() - 1
        assert "tokens.not_renewed" in caplog.text
        assert call_for(world.shop("DE"), shops_of)

    def test_those_that_have_to_be_connected_again_are_left(self, world: World) -> None:
        Connection.objects.update(state=Connection.State.RECONNECT)
        assert renew_due(world) == 0
        assert renewals(world) == 0

    @pytest.mark.parametrize(
        ("marketplace", "ends", "needs"),
        [
            ("tiktok_shop", timedelta(hours=23, minutes=59), True),
            ("tiktok_shop", timedelta(hours=24), False),
            ("tiktok_shop", timedelta(hours=-1), True),
            ("tiktok_shop", None, False),
            ("crux_timp", timedelta(minutes=14), True),
            ("crux_timp", timedelta(minutes=15), False),
        ],
    )
    def test_each_marketplace_says_how_early_is_early_enough(
        self, marketplace: str, ends: timedelta | None, needs: bool
    ) -> None:
        now: datetime = timezone.now()
        row = ConnectionFactory.build(
            marketplace=marketplace, access_token_expires_at=None if ends is None else now + ends
        )
        assert row.needs_renewal(now) == needs


def test_a_call_inside_a_transaction_is_refused_before_it_is_made(world: World) -> None:
    world.sandbox.delete("calls")
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        call_for(world.shop("DE"), shops_of)
    assert world.sandbox.get("calls")["calls"] == []
