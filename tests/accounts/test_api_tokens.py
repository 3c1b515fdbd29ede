"""API tokens: who has them, how far they go, when they end, and what is left of them."""

import io
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Scope, User
from accounts.tokens import make_token
from audit.models import Entry
from cancellations.models import CancellationRequest, Decision
from shops.models import Membership, Role, Shop, ShopGroup
from tests.factories import CancellationFactory, DecisionFactory, ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db


def api(client: Client, token: str, address: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Token {token}"}
    if body is None:
        return client.get(f"/api/v1/{address}", headers=headers)
    return client.post(f"/api/v1/{address}", body, "application/json", headers=headers)


def shops_seen(client: Client, token: str) -> set[str]:
    return {shop["name"] for shop in api(client, token, "shops/").json()["results"]}


class TestTheCommand:
    def test_prints_a_token_that_works_and_stores_none(self, client: Client) -> None:
        person = UserFactory(email="robot@example.test")
        out = io.StringIO()
        call_command("api_token", "Robot@example.test", "--days", "30", "--scope", "read", "--name", "ERP", stdout=out)
        token = out.getvalue().strip()
        assert api(client, token, "shops/").status_code == 200
        row = ApiToken.objects.get()
        assert (row.user, row.scope, row.name, row.is_limited) == (person, "read", "ERP", False)
        assert (row.expiry - row.created).days in (29, 30)
        assert token not in (row.digest, row.token_key)

    @pytest.mark.parametrize("days", ["0", "-1", "366"])
    def test_makes_none_for_no_time_or_for_too_long(self, days: str) -> None:
        UserFactory(email="robot@example.test")
        with pytest.raises(CommandError, match="1 to 365 days"):
            call_command("api_token", "robot@example.test", "--days", days)
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize("email", ["nobody@example.test", "left@example.test"])
    def test_makes_none_for_nobody_or_for_who_left(self, email: str) -> None:
        UserFactory(email="left@example.test", is_active=False)
        with pytest.raises(CommandError, match="No active user"):
            call_command("api_token", email)
        assert not ApiToken.objects.exists()


class TestHowFarATokenGoes:
    @pytest.fixture
    def asked(self) -> CancellationRequest:
        return CancellationFactory()

    @pytest.mark.parametrize(
        ("scope", "sync", "decide"), [(Scope.READ, 403, 403), (Scope.DECIDE, 403, 201), (Scope.ADMIN, 202, 201)]
    )
    def test_a_managers_token_does_what_its_scope_says(
        self, client: Client, asked: CancellationRequest, scope: Scope, sync: int, decide: int
    ) -> None:
        _row, token = make_token(member(Role.MANAGER, asked.shop), scope, 1)
        assert api(client, token, f"cancellations/{asked.pk}/").status_code == 200
        assert api(client, token, f"shops/{asked.shop_id}/sync/", {}).status_code == sync
        body = {"verdict": "approve", "cancellation": asked.pk}
        assert api(client, token, "decisions/", body).status_code == decide

    def test_it_never_does_more_than_its_owner(self, client: Client, asked: CancellationRequest) -> None:
        _row, token = make_token(member(Role.VIEWER, asked.shop), Scope.ADMIN, 1)
        body = {"verdict": "approve", "cancellation": asked.pk}
        assert api(client, token, "decisions/", body).status_code == 403
        assert not Decision.objects.exists()

    def test_one_that_reads_is_refused_before_anything_is_looked_at(
        self, client: Client, asked: CancellationRequest
    ) -> None:
        _row, token = make_token(member(Role.MANAGER, asked.shop), Scope.READ, 1)
        decision = DecisionFactory(cancellation=asked)
        for address in ("decisions/", f"decisions/{decision.pk}/withdraw/", "cancellations/", "decisions/99/withdraw/"):
            answer = api(client, token, address, "{no json")
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
            assert "only reads" in answer.json()["detail"]
        decision.refresh_from_db()
        assert decision.state == "recorded"

    def test_a_limited_one_sees_those_shops_of_its_owner_alone(self, client: Client) -> None:
        first, second, foreign = ShopFactory(name="A"), ShopFactory(name="B"), ShopFactory(name="C")
        person = member(Role.MANAGER, first, second)
        assert shops_seen(client, make_token(person, Scope.READ, 1)[1]) == {"A", "B"}
        assert shops_seen(client, make_token(person, Scope.READ, 1, shops=[second, foreign])[1]) == {"B"}
        assert shops_seen(client, make_token(person, Scope.READ, 1, shops=[])[1]) == set()

    def test_one_whose_only_shop_was_deleted_opens_no_other(self, client: Client) -> None:
        kept, gone = ShopFactory(name="A"), ShopFactory(name="B")
        _row, token = make_token(member(Role.MANAGER, kept), Scope.ADMIN, 1, shops=[gone])
        gone.delete()
        assert shops_seen(client, token) == set()

    def test_a_superusers_limited_token_is_limited(self, client: Client) -> None:
        one = ShopFactory(name="A")
        ShopFactory(name="B")
        _row, token = make_token(UserFactory(is_superuser=True), Scope.ADMIN, 1, shops=[one])
        assert shops_seen(client, token) == {"A"}

    def test_it_opens_no_page(self, client: Client) -> None:
        _row, token = make_token(UserFactory(is_superuser=True, is_staff=True), Scope.ADMIN, 1)
        for page in ("/", "/admin/", reverse("accounts:tokens"), reverse("accounts:new_token"), "/api/v1/docs/"):
            assert client.get(page, headers={"Authorization": f"Token {token}"}).status_code == 302


class TestItsLastUse:
    def test_is_written_at_most_once_a_minute(self, client: Client) -> None:
        row, token = make_token(UserFactory(), Scope.READ, 1)
        start = timezone.now()
        for seconds, noted in ((0, 0), (30, 0), (61, 61), (90, 61)):
            with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
                api(client, token, "shops/")
            row.refresh_from_db()
            assert row.last_used_at is not None
            assert abs((row.last_used_at - start).total_seconds() - noted) < 1
        assert row.last_used_from == "127.0.0.1"

    def test_costs_no_query_when_it_was_just_noted(self, client: Client, django_assert_num_queries: Any) -> None:
        _row, token = make_token(UserFactory(), Scope.READ, 1)
        api(client, token, "shops/")
        with django_assert_num_queries(2):  # the token with its owner, and the shops
            api(client, token, "shops/")

    def test_an_ended_one_is_not_let_in_and_not_noted(self, client: Client) -> None:
        row, token = make_token(UserFactory(), Scope.READ, 1)
        with time_machine.travel(timezone.now() + timedelta(days=1, seconds=1)):
            assert api(client, token, "shops/").status_code == 401
        row.refresh_from_db()
        assert row.last_used_at is None


@pytest.mark.parametrize("days", [0, -5, 366, 10_000])
def test_no_token_lives_for_ever(days: int) -> None:
    with pytest.raises(ValidationError):
        make_token(UserFactory(), Scope.READ, days)
    assert not ApiToken.objects.exists()


def test_making_and_ending_one_stand_in_the_audit_log_without_the_token(client: Client) -> None:
    person = UserFactory()
    client.force_login(person)
    client.post(reverse("accounts:new_token"), {"name": "ERP", "scope": "decide", "days": 30})
    row = ApiToken.objects.get()
    client.post(reverse("accounts:end_token", args=[row.begins_with]))
    made, ended = Entry.objects.order_by("at")
    assert (made.action, ended.action) == ("token.made", "token.ended")
    assert made.actor == ended.actor == person
    assert made.after == ended.before
    assert made.after["token"] == row.begins_with
    assert row.digest not in str(made.after) and row.token_key not in str(made.after)


class TestTheirPage:
    @pytest.fixture
    def person(self, client: Client) -> User:
        person = member(Role.AGENT, ShopFactory(name="Teapots"))
        client.force_login(person)
        return person

    def make(self, client: Client, **form: Any) -> Any:
        return client.post(reverse("accounts:new_token"), {"name": "ERP", "scope": "read", "days": 30, **form})

    def test_a_token_is_shown_once_and_never_again(self, client: Client, person: User) -> None:
        answer = self.make(client)
        token = answer.context["text"]
        assert token in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        assert api(Client(), token, "shops/").status_code == 200
        listed = client.get(reverse("accounts:tokens")).content.decode()
        assert token[:8] in listed and token[:15] not in listed

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"name": ""}, "name"), ({"scope": ""}, "scope"), ({"scope": "root"}, "scope"), ({"days": ""}, "days"),
            ({"days": "0"}, "days"), ({"days": "366"}, "days"), ({"days": "9" * 40}, "days"),
            ({"name": "x" * 81}, "name"),
            ({"is_limited": "on"}, "shops"), ({"is_limited": "on", "shops": "x"}, "shops"), ({"name": "\0"}, "name"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told_at_its_field(
        self, client: Client, person: User, wrong: dict[str, Any], field: str
    ) -> None:
        answer = self.make(client, **wrong)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
        assert not ApiToken.objects.exists()

    def test_shops_without_the_tick_are_asked_about_rather_than_left_out(self, client: Client, person: User) -> None:
        answer = self.make(client, shops=[Shop.objects.get().pk])
        assert list(answer.context["form"].errors) == ["is_limited"]

    def test_only_shops_that_one_sees_can_be_chosen(self, client: Client, person: User) -> None:
        foreign = ShopFactory(name="Foreign")
        assert "Foreign" not in client.get(reverse("accounts:new_token")).content.decode()
        answer = self.make(client, is_limited="on", shops=[foreign.pk])
        assert list(answer.context["form"].errors) == ["shops"]
        grouped = ShopFactory(name="Of a group")
        group = ShopGroup.objects.create(name="Brand")
        group.shops.add(grouped)
        Membership.objects.create(user=person, group=group, role=Role.VIEWER)
        self.make(client, is_limited="on", shops=[grouped.pk])
        row = ApiToken.objects.get()
        assert row.is_limited and list(row.shops.all()) == [grouped]

    def test_a_shop_that_one_sees_no_longer_is_not_named(self, client: Client, person: User) -> None:
        make_token(person, Scope.READ, 1, shops=[Shop.objects.get()])
        person.memberships.all().delete()
        page = client.get(reverse("accounts:tokens")).content.decode()
        assert "Teapots" not in page and "no shop any more" in page

    def test_nobody_sees_or_ends_another_ones(self, client: Client, person: User) -> None:
        row, token = make_token(UserFactory(), Scope.READ, 1, name="Not yours")
        assert "Not yours" not in client.get(reverse("accounts:tokens")).content.decode()
        for answer in (client.get, client.post):
            assert answer(reverse("accounts:end_token", args=[row.begins_with])).status_code == 404
        assert api(Client(), token, "shops/").status_code == 200

    def test_ending_asks_first_and_then_holds_at_once(self, client: Client, person: User) -> None:
        row, token = make_token(person, Scope.READ, 1)
        other = make_token(person, Scope.READ, 1)[1]
        address = reverse("accounts:end_token", args=[row.begins_with])
        assert client.get(address).status_code == 200
        assert api(Client(), token, "shops/").status_code == 200
        client.post(address)
        assert api(Client(), token, "shops/").status_code == 401
        assert api(Client(), other, "shops/").status_code == 200


def test_tokens_of_before_go_on_and_may_what_they_could() -> None:
    """What the migration does where knox's own table is still there."""
    migration = import_module("accounts.migrations.0003_api_tokens")
    person = UserFactory()
    row, _token = make_token(person, Scope.READ, 30)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE knox_authtoken AS SELECT digest, token_key, created, expiry, user_id FROM accounts_apitoken"
        )
        ApiToken.objects.all().delete()
        cursor.execute(migration.CARRY_OVER)
        cursor.execute("DROP TABLE knox_authtoken")
    carried = ApiToken.objects.get()
    assert (carried.digest, carried.scope, carried.is_limited, carried.user) == (row.digest, "admin", False, person)
