"""Second factors: codes, recovery codes, who must have one, and that nothing goes round it."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.contrib.auth import get_user
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import Scope, User
from accounts.tokens import make_token
from audit.models import Entry
from shops.models import Role
from tests.factories import PASSWORD, ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_has_tried_before() -> None:
    cache.clear()


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def signed_in(person: User) -> Client:
    client = Client()
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    return client


def who(client: Client) -> User | None:
    user = get_user(client)
    return user if isinstance(user, User) else None


def with_app(person: User) -> str:
    """Sets an authenticator app up, as people do; returns its secret."""
    client = signed_in(person)
    page = client.get(reverse("mfa_activate_totp"))
    secret = str(page.context["form"].secret)
    answer = client.post(reverse("mfa_activate_totp"), {"code": code(secret)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    cache.clear()  # a code is good for one time
    return secret


def recovery_codes(person: User) -> list[str]:
    return list(Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes())


class TestACode:
    @pytest.fixture
    def person(self) -> User:
        return UserFactory(email="ada@example.test")

    def test_is_asked_for_after_the_password(self, person: User) -> None:
        secret = with_app(person)
        client = signed_in(person)
        assert who(client) is None
        assert client.get("/shops/").status_code == 302
        answer = client.post(reverse("mfa_authenticate"), {"code": code(secret)})
        assert answer["Location"] == "/"
        assert who(client) == person

    def test_a_wrong_one_lets_nobody_in(self, person: User) -> None:
        with_app(person)
        client = signed_in(person)
        answer = client.post(reverse("mfa_authenticate"), {"code": "000000"})
        assert answer.context["form"].errors
        assert who(client) is None
        assert Entry.objects.filter(action="second_factor.failed", about_id=str(person.pk)).exists()

    def test_one_is_good_for_one_time(self, person: User) -> None:
        secret = with_app(person)
        used = code(secret)
        signed_in(person).post(reverse("mfa_authenticate"), {"code": used})
        again = signed_in(person)
        again.post(reverse("mfa_authenticate"), {"code": used})
        assert who(again) is None

    def test_after_a_few_wrong_ones_the_right_one_does_not_help_whatever_the_browser(self, person: User) -> None:
        secret = with_app(person)
        for number in range(5):
            signed_in(person).post(reverse("mfa_authenticate"), {"code": f"00000{number}"})
        client = signed_in(person)
        client.post(reverse("mfa_authenticate"), {"code": code(secret)})
        assert who(client) is None

    def test_the_admin_asks_for_it_too(self) -> None:
        root = UserFactory(is_staff=True, is_superuser=True)
        secret = with_app(root)
        client = Client()
        asked = client.get("/admin/", follow=True)
        assert asked.resolver_match.view_name == "account_login"
        client.post(reverse("account_login"), {"login": root.email, "password": PASSWORD, "next": "/admin/"})
        assert client.get("/admin/").status_code == 302
        client.post("/admin/login/", {"username": root.email, "password": PASSWORD})
        assert client.get("/admin/").status_code == 302
        client.post(reverse("mfa_authenticate"), {"code": code(secret)})
        assert client.get("/admin/").status_code == 200

    def test_a_recovery_code_lets_in_once_and_stands_in_the_audit_log(self, person: User) -> None:
        with_app(person)
        one, *others = recovery_codes(person)
        client = signed_in(person)
        client.post(reverse("mfa_authenticate"), {"code": one})
        assert who(client) == person
        assert recovery_codes(person) == others
        assert Entry.objects.get(action="recovery_codes.used").after == {"left": len(others)}
        again = signed_in(person)
        again.post(reverse("mfa_authenticate"), {"code": one})
        assert who(again) is None

    def test_its_pages_hold_the_secret_only_while_it_is_set_up(self, person: User) -> None:
        secret = with_app(person)
        client = signed_in(person)
        client.post(reverse("mfa_authenticate"), {"code": code(secret)})
        for page in ("mfa_index", "mfa_activate_totp", "mfa_deactivate_totp", "accounts:profile"):
            assert secret not in client.get(reverse(page), follow=True).content.decode()


class TestAtRest:
    def stored(self) -> str:
        return str(list(Authenticator.objects.values_list("data", flat=True)))

    def test_neither_the_secret_nor_the_seed_stands_in_the_table(self) -> None:
        secret = with_app(UserFactory())
        held = dict(Authenticator.objects.values_list("type", "data"))
        assert secret not in self.stored()
        assert held["totp"]["secret"].startswith("gAAAA")
        assert held["recovery_codes"]["seed"].startswith("gAAAA")

    def test_they_are_written_again_when_the_keys_change(self, settings: LazySettings) -> None:
        person = UserFactory()
        secret = with_app(person)
        before, codes = self.stored(), recovery_codes(person)
        old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
        settings.FIELD_ENCRYPTION_KEYS = [new, old]
        call_command("rotate_secrets")
        settings.FIELD_ENCRYPTION_KEYS = [new]
        assert self.stored() != before
        assert recovery_codes(person) == codes
        client = signed_in(person)
        client.post(reverse("mfa_authenticate"), {"code": code(secret)})
        assert who(client) == person


class TestWhoMustHaveOne:
    @pytest.mark.parametrize(
        ("rule", "rights", "must"),
        [
            ("optional", {"is_superuser": True}, False), ("staff", {}, False), ("staff", {"is_staff": True}, True),
            ("staff", {"is_superuser": True}, True), ("everybody", {}, True),
        ],
    )  # fmt: skip
    def test_is_the_environments_word(self, settings: Any, rule: str, rights: dict[str, bool], must: bool) -> None:
        settings.SECOND_FACTOR = rule
        client = signed_in(UserFactory(**rights))
        answer = client.get("/shops/")
        assert answer.status_code == (302 if must else 200)
        if must:
            assert answer["Location"] == reverse("mfa_index")

    @pytest.fixture
    def led(self, settings: Any) -> Client:
        settings.SECOND_FACTOR = "everybody"
        return signed_in(member(Role.MANAGER, ShopFactory(), is_staff=True, is_superuser=True))

    def test_whatever_they_ask_for_they_are_led_there(self, led: Client) -> None:
        for address in (
            "/",
            "/orders/",
            "/admin/",
            "/admin/accounts/user/",
            "/accounts/tokens/",
            "/accounts/sessions/",
        ):
            for answer in (led.get(address), led.post(address)):
                assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_index")), address
        assert "Before you go on" in led.get(reverse("mfa_index")).content.decode()

    def test_a_fragment_leads_the_whole_page_there(self, led: Client) -> None:
        answer = led.get("/", headers={"HX-Request": "true"})
        assert answer["HX-Redirect"] == reverse("mfa_index")

    def test_the_session_is_no_way_round_through_the_api(self, led: Client) -> None:
        for address in ("/api/v1/shops/", "/api/v1/schema/", "/api/v1/nowhere/"):
            answer = led.get(address)
            assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
            assert "second factor" in answer.json()["detail"]

    def test_api_tokens_go_on(self, settings: Any, client: Client) -> None:
        settings.SECOND_FACTOR = "everybody"
        _row, token = make_token(UserFactory(is_superuser=True), Scope.READ, 1)
        assert client.get("/api/v1/shops/", headers={"Authorization": f"Token {token}"}).status_code == 200

    def test_once_it_is_set_up_they_go_on_and_cannot_take_the_last_one_off(self, settings: Any) -> None:
        settings.SECOND_FACTOR = "everybody"
        person = UserFactory()
        secret = with_app(person)
        client = signed_in(person)
        client.post(reverse("mfa_authenticate"), {"code": code(secret)})
        assert client.get("/shops/").status_code == 200
        client.post(reverse("mfa_deactivate_totp"))
        assert Authenticator.objects.filter(user=person, type="totp").exists()

    def test_recovery_codes_alone_are_none(self, settings: Any) -> None:
        person = UserFactory()
        with_app(person)
        Authenticator.objects.filter(type="totp").delete()
        settings.SECOND_FACTOR = "everybody"
        assert signed_in(person).get("/shops/")["Location"] == reverse("mfa_index")

    def test_they_can_leave(self, led: Client) -> None:
        led.post(reverse("account_logout"))
        assert who(led) is None


def test_an_administrator_takes_a_lost_one_off_with_an_entry(client: Client) -> None:
    person = UserFactory()
    with_app(person)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    row = Authenticator.objects.get(type="totp")
    page = client.get(reverse("admin:mfa_authenticator_change", args=[row.pk])).content.decode()
    assert "gAAAA" not in page
    client.post(reverse("admin:mfa_authenticator_delete", args=[row.pk]), {"post": "yes"})
    assert not Authenticator.objects.exists()
    assert Entry.objects.get(action="second_factor.removed").before == {"kind": "totp"}
    assert who(signed_in(person)) == person


def test_setting_up_asks_for_the_password_again_after_a_while(client: Client) -> None:
    person = UserFactory()
    client.force_login(person)  # nothing says that they typed it lately
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert re.search("Confirm that it is you", client.get(answer["Location"]).content.decode())


@pytest.mark.parametrize("body", ["", "{}", "[]", "1", "nonsense", '{"id": 1}', '{"response": {"userHandle": "x"}}'])
def test_what_is_no_passkey_is_told_and_breaks_nothing(client: Client, body: str) -> None:
    client.get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})
    answer = client.post(reverse("mfa_login_webauthn"), {"credential": body}, follow=True)
    assert answer.status_code == 200
    assert who(client) is None


@pytest.mark.parametrize("body", ["", "{}", "[]", "nonsense", '{"id": 1}', '{"response": {"attestationObject": "x"}}'])
def test_what_is_no_passkey_is_not_added(body: str) -> None:
    client = signed_in(UserFactory())
    client.get(reverse("mfa_add_webauthn"))
    answer = client.post(reverse("mfa_add_webauthn"), {"name": "Key", "credential": body})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not Authenticator.objects.exists()
