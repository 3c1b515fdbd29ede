"""From a seller's consent to shops: every step once, every failure told, and nothing kept of what came to nothing."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.exceptions import ValidationError
from django.db import connection as database
from django.utils import timezone

from audit.models import Entry
from shops.connecting import attempts
from shops.connecting.attempts import work_on_connection
from shops.connecting.choosing import choices, choose
from shops.connecting.consent import NotOurs, ask_consent, try_again
from shops.models import ConnectAttempt, Connection, Membership, Role, Shop
from shops.staying import deauthorized, disconnect
from tests.factories import ShopFactory, member
from tests.sandbox_process import SandboxProcess
from tests.shops.connecting.ways import SCOPES, Way, answered, app_at, fresh, work

pytestmark = pytest.mark.django_db(transaction=True)
State, Failure = ConnectAttempt.State, ConnectAttempt.Failure


@pytest.fixture
def way(sandbox: SandboxProcess) -> Way:
    return Way(sandbox)


def secrets_of(attempt: ConnectAttempt) -> tuple[Any, ...]:
    return attempt.code, attempt.password, attempt.authorization


class TestTheWay:
    def test_a_consent_leads_to_shops_to_choose_from(self, way: Way) -> None:
        attempt = way.worked("GB")
        assert attempt.state == State.CHOOSING
        assert all((attempt.consented_at, attempt.tokens_at, attempt.shops_at, attempt.tested_at))
        assert [(one.record.region, one.is_read) for one in choices(attempt)] == [("US", False), ("GB", False)]
        assert attempt.code is None
        assert not Connection.objects.exists()

    def test_the_chosen_shops_are_read_at_once_and_whoever_chose_manages_them(self, way: Way) -> None:
        attempt = way.worked("GB")
        wanted = way.sandbox.shop("GB")["id"]
        connection = choose(attempt, way.user, [wanted])
        assert connection
        chosen, other = connection.shops.order_by("-is_active")
        assert (chosen.marketplace_id, chosen.is_active, other.is_active) == (wanted, True, False)
        assert chosen.next_pull_at <= timezone.now()
        assert [(one.shop_id, one.role) for one in Membership.objects.all()] == [(chosen.pk, Role.MANAGER)]
        assert connection.app == attempt.app
        assert connection.authorized_at
        settled = fresh(attempt)
        assert (settled.state, settled.connection, secrets_of(settled)) == (State.DONE, connection, (None, None, None))

    def test_each_shop_is_called_once_for_a_test(self, way: Way) -> None:
        way.sandbox.delete("calls")
        way.worked("GB")
        assert way.sandbox.get("calls")["counts"] == {
            "get-access-token": 1, "get-authorized-shops": 1, "get-order-list": 2
        }  # fmt: skip

    def test_a_choice_of_nothing_or_of_others_shops_is_none(self, way: Way) -> None:
        attempt = way.worked("GB")
        for chosen in ([], [way.sandbox.shop("DE")["id"]]):
            with pytest.raises(ValidationError):
                choose(attempt, way.user, chosen)
        assert fresh(attempt).state == State.CHOOSING

    def test_choosing_twice_makes_one_connection(self, way: Way) -> None:
        attempt = way.worked("DE")
        ids = [way.sandbox.shop("DE")["id"]]
        assert choose(attempt, way.user, ids)
        assert choose(attempt, way.user, ids) is None
        assert Connection.objects.count() == 1

    def test_a_name_and_a_password_are_tried_the_same_way(self, way: Way) -> None:
        attempt = way.signed_in()
        assert attempt.state == State.CHOOSING
        connection = choose(attempt, way.user, [one.marketplace_id for one in attempt.found])
        assert connection and connection.app_secret == way.sandbox.connections("crux_timp")[0]["app_secret"]
        assert fresh(attempt).password is None

    def test_it_is_all_in_the_audit_log_without_a_secret(self, way: Way) -> None:
        way.connected("DE")
        told = list(Entry.objects.order_by("pk").values_list("action", "actor"))
        assert told == [("connection.asked_for", way.user.pk), ("connection.made", way.user.pk)]
        assert "ROW_" not in str(list(Entry.objects.values()))


class TestFailures:
    def test_a_seller_who_says_no(self, way: Way) -> None:
        attempt = way.consented("DE", do="deny")
        assert (attempt.state, attempt.failure) == (State.FAILED, Failure.DENIED)

    def test_a_code_that_was_used(self, way: Way) -> None:
        attempt = way.consented("DE")
        told = way.sandbox.credentials()
        query = {"app_key": told["app_key"], "app_secret": told["app_secret"], "auth_code": attempt.code}
        requests.get(f"{way.sandbox.url}/api/v2/token/get", {**query, "grant_type": "authorized_code"}, timeout=10)
        ended = work(attempt)
        assert (ended.state, ended.failure, ended.detail["code"]) == (State.FAILED, Failure.CODE, "36004004")
        assert secrets_of(ended) == (None, None, None)

    def test_a_code_that_has_ended(self, way: Way) -> None:
        attempt = way.consented("DE")
        way.sandbox.post("clock", shift=31 * 60)
        assert work(attempt).failure == Failure.CODE

    def test_a_seller_of_another_region_waits_for_a_word_and_is_refused_over_there(self, way: Way) -> None:
        attempt = way.consented("DE", app_at(way.sandbox, "us"))
        assert (attempt.state, attempt.failure, attempt.detail["region"]) == (State.HELD, Failure.REGION, "DE")
        assert try_again(attempt)
        ended = work(attempt)
        assert (ended.state, ended.failure, ended.detail["code"]) == (State.FAILED, Failure.REGION, "105004")

    def test_missing_rights_are_named(self, way: Way) -> None:
        ended = way.worked("DE", scope=[scope for scope in SCOPES if scope != "seller.return_refund.basic"])
        assert (ended.failure, ended.detail["scopes"]) == (Failure.SCOPE, ["seller.return_refund.basic"])
        assert secrets_of(ended) == (None, None, None)

    def test_a_user_without_the_permissions(self, way: Way) -> None:
        packer = next(
            one for one in way.sandbox.credentials()["crux"]["users"]
            if "cancel_order" not in one["permissions"] and one["org_type"].lower() == "supplier"
        )  # fmt: skip
        ended = way.signed_in(packer["username"], packer["password"])
        assert ended.failure == Failure.SCOPE
        assert "cancel_order" in ended.detail["scopes"]

    def test_a_wrong_secret_or_password(self, way: Way) -> None:
        assert way.worked("DE", app_at(way.sandbox, app_secret="wrong")).failure == Failure.KEY
        assert way.signed_in(password="wrong").failure == Failure.KEY

    def test_a_marketplace_that_is_down_is_tried_again_with_the_same_code(self, way: Way) -> None:
        attempt = way.consented("DE")
        way.sandbox.fault("get-access-token", "server_error")
        stopped = work(attempt)
        assert (stopped.state, stopped.failure) == (State.HELD, Failure.UNREACHABLE)
        assert try_again(stopped)
        assert work(stopped).state == State.CHOOSING

    def test_shops_that_could_not_be_read_are_asked_for_again_with_the_tokens_that_are_there(self, way: Way) -> None:
        attempt = way.consented("DE")
        way.sandbox.fault("get-order-list", "server_error", count=9)
        stopped = work(attempt)
        assert (stopped.state, bool(stopped.shops_at)) == (State.HELD, True)
        way.sandbox.delete("faults")
        assert try_again(stopped)
        assert work(stopped).state == State.CHOOSING
        assert len(way.sandbox.effects(effect="token.granted")) == 1

    def test_a_worker_that_was_lost_with_the_code_leaves_an_honest_answer(self, way: Way) -> None:
        attempt = way.consented("DE")
        ConnectAttempt.objects.update(exchanging_at=timezone.now(), claimed_until=timezone.now() - timedelta(seconds=1))
        ended = work(attempt)
        assert (ended.state, ended.failure) == (State.FAILED, Failure.UNKNOWN)
        assert way.sandbox.effects(effect="token.granted") == []

    def test_a_worker_that_was_lost_later_is_followed_by_another(self, way: Way) -> None:
        attempt = way.worked("DE")
        ConnectAttempt.objects.update(
            state=State.WORKING, tested_at=None, claimed_until=timezone.now() - timedelta(seconds=1)
        )
        assert work(attempt).state == State.CHOOSING
        assert len(way.sandbox.effects(effect="token.granted")) == 1

    def test_while_one_worker_is_at_it_another_does_nothing(self, way: Way) -> None:
        attempt = way.consented("DE")
        ConnectAttempt.objects.update(claimed_until=timezone.now() + timedelta(seconds=60))
        assert work(attempt).state == State.WORKING
        assert way.sandbox.effects(effect="token.granted") == []

    def test_what_took_too_long_is_ended_and_its_secrets_with_it(self, way: Way) -> None:
        chosen_never = way.worked("DE")
        came_never = ask_consent(way.user, way.session, app_at(way.sandbox))
        assert came_never
        ConnectAttempt.objects.update(started_at=timezone.now() - timedelta(days=2))
        attempts.sweep_connecting()
        assert sorted(ConnectAttempt.objects.values_list("state", "failure")) == [
            ("failed", "late"), ("failed", "nobody_chose")
        ]  # fmt: skip
        assert secrets_of(fresh(chosen_never)) == (None, None, None)


class TestSellersOfOthers:
    def test_nobody_is_handed_a_shop_that_others_look_after(self, way: Way) -> None:
        connection = way.connected("GB")
        before = Connection.objects.get(pk=connection.pk).access_token
        mallory = Way(way.sandbox, member(Role.MANAGER, *Shop.objects.none()))
        Membership.objects.create(user=mallory.user, shop=ShopFactory(), role=Role.MANAGER)
        ended = mallory.worked("GB")
        assert (ended.failure, ended.detail["people"]) == (Failure.ELSEWHERE, [str(way.user)])
        assert secrets_of(ended) == (None, None, None)
        assert Connection.objects.get(pk=connection.pk).access_token == before
        assert not Shop.objects.visible_to(mallory.user).filter(connection=connection).exists()

    def test_nor_one_that_came_into_others_hands_while_they_chose(self, way: Way) -> None:
        other = Way(way.sandbox, member(Role.MANAGER, ShopFactory()))
        attempt = other.worked("DE")
        way.connected("DE")
        assert choose(attempt, other.user, [way.sandbox.shop("DE")["id"]]) is None
        assert fresh(attempt).failure == Failure.ELSEWHERE
        assert Membership.objects.filter(user=other.user).count() == 1

    def test_its_managers_connect_it_again(self, way: Way) -> None:
        connection = way.connected("GB")
        manager = member(Role.MANAGER, *connection.shops.all())
        again = Way(way.sandbox, manager).connected("GB")
        assert again == connection
        assert connection.shops.count() == 2


class TestRenewing:
    def test_a_consent_of_the_same_seller_renews_the_connection_at_once(self, way: Way) -> None:
        connection = way.connected("GB")
        Connection.objects.update(state=Connection.State.RECONNECT, problem="gone", authorized_at=None)
        ended = way.worked("GB", connection=connection)
        assert ended.state == State.DONE
        after = Connection.objects.get()
        assert (after.state, after.problem) == (Connection.State.CONNECTED, "")
        assert after.access_token != connection.access_token
        assert after.authorized_at
        assert Entry.objects.filter(action="connection.renewed").exists()

    def test_another_sellers_consent_changes_nothing(self, way: Way) -> None:
        connection = way.connected("GB")
        ended = way.worked("DE", connection=connection)
        assert (ended.failure, ended.detail["seller"]) == (Failure.ANOTHER_SELLER, "Nordlicht Handels GmbH")
        assert Connection.objects.get().access_token == connection.access_token
        assert Shop.objects.count() == 2

    def test_late_news_of_the_old_authorization_does_not_end_the_new_one(self, way: Way) -> None:
        connection = way.connected("DE")
        taken_back = timezone.now() - timedelta(seconds=30)
        deauthorized(connection.shops.get(), taken_back)
        assert Connection.objects.get().state == Connection.State.CONNECTED


class TestLettingGo:
    def test_secrets_go_and_everything_else_stays(self, way: Way) -> None:
        connection = way.connected("DE")
        shop = connection.shops.get()
        disconnect(connection, way.user)
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT app_secret || access_token || refresh_token || cipher FROM shops_connection c "
                "JOIN shops_shop s ON s.connection_id = c.id"
            )
            assert cursor.fetchall() == [("",)]
        assert Shop.objects.get().pk == shop.pk
        assert Membership.objects.filter(shop=shop, user=way.user).exists()
        assert Connection.objects.get().state == Connection.State.DISCONNECTED
        assert Entry.objects.get(action="connection.ended").shop_id == shop.pk

    def test_connecting_again_finds_the_same_shops(self, way: Way) -> None:
        connection = way.connected("DE")
        shop = connection.shops.get()
        disconnect(connection, way.user)
        assert way.connected("DE").shops.get() == shop
        assert Connection.objects.get().state == Connection.State.CONNECTED


class TestStates:
    def test_one_that_was_made_up_belongs_to_nothing(self, way: Way) -> None:
        link = ask_consent(way.user, way.session, app_at(way.sandbox))
        address = answered(way.sandbox, link, "DE")
        for bent in (address.replace("state=", "state=x"), address.partition("&state")[0]):
            with pytest.raises(NotOurs):
                way.back(bent)
        assert ConnectAttempt.objects.get().state == State.CONSENT

    def test_it_is_one_persons_in_one_session(self, way: Way) -> None:
        address = answered(way.sandbox, ask_consent(way.user, way.session, app_at(way.sandbox)), "DE")
        for other in (Way(way.sandbox), Way(way.sandbox, way.user, "another")):
            with pytest.raises(NotOurs, match="somebody else"):
                other.back(address)
        assert way.back(address).state == State.WORKING

    def test_it_works_once(self, way: Way) -> None:
        address = answered(way.sandbox, ask_consent(way.user, way.session, app_at(way.sandbox)), "DE")
        attempt = way.back(address)
        assert work(attempt).state == State.CHOOSING
        assert way.back(address).state == State.CHOOSING
        assert len(way.sandbox.effects(effect="token.granted")) == 1

    def test_it_ends_after_half_an_hour(self, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
        address = answered(way.sandbox, ask_consent(way.user, way.session, app_at(way.sandbox)), "DE")
        monkeypatch.setattr("shops.connecting.consent.STATE_LASTS", timedelta(seconds=-1))
        assert way.back(address).failure == Failure.LATE

    def test_only_its_hash_is_kept(self, way: Way) -> None:
        link = ask_consent(way.user, way.session, app_at(way.sandbox))
        nonce = link.partition("state=")[2].partition("%3A")[0]
        assert nonce not in str(ConnectAttempt.objects.values())


def test_a_task_takes_the_attempt_by_its_number(way: Way) -> None:
    attempt = way.consented("DE")
    work_on_connection(str(attempt.pk))
    assert fresh(attempt).state == State.CHOOSING
