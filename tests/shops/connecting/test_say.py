"""Whose say counts on the way to a connection: asked again at every step, for every shop that it reaches."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from marketplaces.records import Page, ShopRecord, Tokens
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from shops import pulling
from shops.connecting import attempts, consent, words
from shops.connecting.attempts import Stop, check, end_what_took_too_long, renew
from shops.connecting.choosing import choose
from shops.connecting.registering import register_app
from shops.connecting.sellers import SHOPS, pull_shops
from shops.models import App, ConnectAttempt, Connection, Membership, Role, Shop
from tests.factories import ConnectionFactory, ShopFactory, member

pytestmark = pytest.mark.django_db
State, Failure = ConnectAttempt.State, ConnectAttempt.Failure


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "send_for_worker", lambda pk: None)


def app() -> App:
    made, _ = App.objects.get_or_create(
        marketplace="tiktok_shop", audience="world", defaults={"app_key": "k", "app_secret": "s", "service_id": "1"}
    )
    return made


def record(marketplace_id: str, **told: str) -> ShopRecord:
    columns = {"name": "Oak", "code": "O", "region": "GB", "seller_type": "LOCAL", "cipher": "c", **told}
    return ShopRecord(marketplace_id=marketplace_id, **columns)


def attempt_of(user: User, *opened: str | ShopRecord, **columns: Any) -> ConnectAttempt:
    """One that has the tokens and these shops already."""
    now = timezone.now()
    tokens = Tokens("new-token", now + timedelta(days=7), "refresh", now + timedelta(days=300), "Oak")
    shops = [record(one) if isinstance(one, str) else one for one in opened]
    columns.setdefault("state", State.CHOOSING)
    return ConnectAttempt.objects.create(
        user=user, session_hash="x", authorization=ConnectAttempt.packed(tokens, shops),
        **{"marketplace": "tiktok_shop", "app": app(), **columns},
    )  # fmt: skip


def renewal_of(user: User, connection: Connection, *opened: Shop, **columns: Any) -> ConnectAttempt:
    """One that a worker is about to store."""
    return attempt_of(
        user, *(shop.marketplace_id for shop in opened), marketplace=connection.marketplace, connection=connection,
        is_renewal=True, state=State.WORKING, claimed_until=timezone.now() + timedelta(minutes=2), **columns,
    )  # fmt: skip


def leave(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def without_secrets(attempt: ConnectAttempt) -> ConnectAttempt:
    attempt.refresh_from_db()
    assert (attempt.code, attempt.password, attempt.authorization) == (None, None, None)
    return attempt


class TestRenewingForOthers:
    @pytest.fixture
    def connection(self) -> Connection:
        return ConnectionFactory(marketplace="crux_timp", app_key="their-user")

    @pytest.fixture
    def own(self, connection: Connection) -> Shop:
        return ShopFactory(connection=connection, marketplace="crux_timp")

    @pytest.fixture
    def others(self, connection: Connection) -> Shop:
        return ShopFactory(connection=connection, marketplace="crux_timp")

    def test_an_authorization_that_leaves_their_shops_out_is_refused(
        self, connection: Connection, own: Shop, others: Shop
    ) -> None:
        other = member(Role.MANAGER, others)
        with pytest.raises(Stop) as stopped:
            check(renewal_of(member(Role.MANAGER, own), connection, own, user_name="their-user"))
        assert stopped.value.failure == Failure.ELSEWHERE
        assert stopped.value.detail["people"] == [str(other)]

    def test_one_that_opens_them_too_is_not(self, connection: Connection, own: Shop, others: Shop) -> None:
        member(Role.MANAGER, others)
        check(renewal_of(member(Role.MANAGER, own), connection, own, others, user_name="their-user"))

    def test_another_user_name_is_a_matter_of_all_whose_shops_they_are(
        self, connection: Connection, own: Shop, others: Shop
    ) -> None:
        member(Role.MANAGER, others)
        with pytest.raises(Stop, match="elsewhere"):
            check(renewal_of(member(Role.MANAGER, own), connection, own, others, user_name="another-user"))
        check(renewal_of(member(Role.MANAGER, own, others), connection, own, others, user_name="another-user"))

    def test_connecting_anew_is_no_way_around_it(self, connection: Connection, own: Shop, others: Shop) -> None:
        member(Role.MANAGER, others)
        with pytest.raises(Stop, match="elsewhere"):
            check(attempt_of(member(Role.MANAGER, own), own.marketplace_id, marketplace="crux_timp"))


class TestWhoLeftMeanwhile:
    def test_what_the_seller_answers_then_is_not_taken(self) -> None:
        person = member(Role.MANAGER, ShopFactory())
        link = consent.ask_consent(person, "session", app())
        state = parse_qs(urlsplit(link).query)["state"][0]
        leave(person)
        query = {"app_key": "k", "code": "C", "state": state, "shop_region": "GB"}
        ended = without_secrets(consent.come_back(person, "session", "tiktok_shop", query))
        assert (ended.state, ended.failure) == (State.FAILED, Failure.ELSEWHERE)

    def test_a_code_is_not_exchanged_for_them(self) -> None:
        person = member(Role.MANAGER, ShopFactory())
        attempt = ConnectAttempt.objects.create(
            user=person, session_hash="x", marketplace="tiktok_shop", app=app(), state=State.WORKING, code="C"
        )
        leave(person)
        attempts.work(str(attempt.pk))
        assert without_secrets(attempt).failure == Failure.ELSEWHERE
        assert attempt.exchanging_at is None

    def test_they_choose_no_shops(self) -> None:
        person = member(Role.MANAGER, ShopFactory())
        attempt = attempt_of(person, "991")
        leave(person)
        assert choose(attempt, person, ["991"]) is None
        assert without_secrets(attempt).failure == Failure.ELSEWHERE
        told = words.told(attempt)
        assert told and told.what == "You may no longer do this here."
        assert not Shop.objects.filter(marketplace_id="991").exists()

    @pytest.mark.parametrize("is_inactive", [True, False])
    def test_what_they_began_renews_nothing(self, is_inactive: bool) -> None:
        shop = ShopFactory()
        person = member(Role.MANAGER, shop)
        attempt = renewal_of(person, shop.connection, shop)
        if is_inactive:
            User.objects.filter(pk=person.pk).update(is_active=False)
        else:
            leave(person)
        with pytest.raises(Stop, match="elsewhere"):
            renew(attempt)
        shop.connection.refresh_from_db()
        assert shop.connection.access_token == "access-token"


class TestMistakesOfOurs:
    @pytest.fixture
    def attempt(self) -> ConnectAttempt:
        return ConnectAttempt.objects.create(
            user=member(Role.MANAGER, ShopFactory()), session_hash="x", marketplace="crux_timp", state=State.WORKING,
            user_name="name", password="secret", options={},
        )  # fmt: skip

    def test_an_attempt_that_never_gets_on_ends_and_its_secrets_with_it(self, attempt: ConnectAttempt) -> None:
        end_what_took_too_long(attempt.started_at + timedelta(minutes=59))
        attempt.refresh_from_db()
        assert attempt.state == State.WORKING
        end_what_took_too_long(attempt.started_at + timedelta(minutes=61))
        assert without_secrets(attempt).failure == Failure.UNKNOWN
        told = words.told(attempt)
        assert told and "got no further" in told.what

    def test_not_while_a_worker_is_at_it(self, attempt: ConnectAttempt) -> None:
        later = attempt.started_at + timedelta(hours=2)
        ConnectAttempt.objects.update(claimed_until=later + timedelta(minutes=1))
        end_what_took_too_long(later)
        attempt.refresh_from_db()
        assert attempt.state == State.WORKING


class TestShopsThatNobodyHas:
    def test_whoever_left_one_out_and_chooses_it_later_manages_it(self) -> None:
        person = member(Role.MANAGER, ShopFactory())
        choose(attempt_of(person, "991", "992"), person, ["991"])
        assert not Shop.objects.visible_to(person).filter(marketplace_id="992").exists()
        choose(attempt_of(person, "991", "992"), person, ["991", "992"])
        assert Membership.objects.get(user=person, shop__marketplace_id="992").role == Role.MANAGER
        assert Membership.objects.filter(shop__marketplace_id="991").count() == 1

    def test_who_chooses_anothers_shop_as_an_administrator_becomes_no_member(self) -> None:
        shop = ShopFactory()
        member(Role.MANAGER, shop)
        root = member(Role.VIEWER, is_superuser=True)
        assert choose(attempt_of(root, shop.marketplace_id), root, [shop.marketplace_id])
        assert not Membership.objects.filter(user=root).exists()


class TestWhatAPullFinds:
    def test_others_shops_stay_where_they_are_and_the_run_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        own, others = ShopFactory(), ShopFactory()
        found = Page([record(own.marketplace_id), record(others.marketplace_id), record("993")])
        monkeypatch.setattr(pulling, "next_page", lambda *told: found)
        run = pull_shops(own)
        assert run and [one["id"] for one in run.set_aside] == [others.marketplace_id]
        assert "another way" in run.set_aside[0]["problem"]
        assert run.written == 2
        assert Shop.objects.get(pk=others.pk).connection == others.connection
        assert Shop.objects.get(marketplace_id="993").connection == own.connection

    def test_those_of_a_connection_that_was_let_go_of_come_along(self) -> None:
        own = ShopFactory()
        left = ShopFactory(connection=ConnectionFactory(state=Connection.State.DISCONNECTED))
        assert SHOPS.store(own, [record(left.marketplace_id)]) == 1
        assert Shop.objects.get(pk=left.pk).connection == own.connection


class TestWordsThatAreTooLong:
    def test_they_are_cut(self) -> None:
        person = member(Role.MANAGER, ShopFactory())
        long = record("991", region="NORDRHEIN-WESTFALEN", code="c" * 100, seller_type="L" * 60, name="n" * 300)
        assert choose(attempt_of(person, long), person, ["991"])
        shop = Shop.objects.get(marketplace_id="991")
        assert [len(text) for text in (shop.region, shop.code, shop.seller_type, shop.name)] == [8, 64, 32, 200]

    def test_an_id_that_cannot_be_kept_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        person = member(Role.MANAGER, ShopFactory())
        attempt = attempt_of(person, state=State.WORKING)
        monkeypatch.setattr(TikTokAdapter, "authorized_shops", lambda self: [record("9" * 65)])
        attempts.work(str(attempt.pk))
        assert without_secrets(attempt).failure == Failure.REFUSED
        told = words.told(attempt)
        assert told and "longer than any" in told.what


class TestTheAuditLog:
    def test_managers_of_each_shop_see_what_became_of_the_seller(self) -> None:
        person = member(Role.MANAGER, ShopFactory())
        connection = choose(attempt_of(person, "991", "992"), person, ["991"])
        assert connection
        shops = set(connection.shops.values_list("pk", flat=True))
        renew(renewal_of(person, connection, *connection.shops.all()))
        root = member(Role.VIEWER, is_superuser=True)
        register_app(root, "tiktok_shop", "world", app_key="k", app_secret="new", service_id="1")
        for action in ("connection.made", "connection.renewed", "app.registered"):
            told = Entry.objects.filter(action=action)
            assert (told.count(), set(told.values_list("shop_id", flat=True))) == (2, shops)

    def test_an_app_that_nothing_speaks_with_is_told_once(self) -> None:
        root = member(Role.VIEWER, is_superuser=True)
        register_app(root, "tiktok_shop", "us", app_key="unused", app_secret="s", service_id="1")
        assert Entry.objects.get(action="app.registered").shop_id is None
