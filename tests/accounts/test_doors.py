"""Every address of signing in: which are open to everybody, and that the others are not."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from accounts import sign_in_urls
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

OPEN_TO_EVERYBODY = {
    "account_login", "account_logout", "account_inactive", "account_signup", "account_reset_password",
    "account_reset_password_done", "account_reset_password_from_key", "account_reset_password_from_key_done",
    "mfa_authenticate", "mfa_login_webauthn", "openid_connect_login", "openid_connect_callback",
}  # fmt: skip
FOR_WHO_IS_SIGNED_IN = {
    "account_reauthenticate", "account_change_password", "account_set_password", "mfa_index", "mfa_reauthenticate",
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn", "mfa_edit_webauthn", "usersessions_list", "end_session",
}  # fmt: skip
# Of allauth's, and not used here.
NOT_THERE = ["account_email", "account_confirm_email", "account_request_login_code", "socialaccount_connections"]
NOT_THERE += ["socialaccount_signup", "mfa_signup_webauthn", "mfa_trust", "account_email_verification_sent"]


@pytest.fixture(autouse=True)
def nobody_has_tried_before() -> None:
    cache.clear()


def names_of(patterns: list[Any]) -> set[str]:
    names: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            names |= names_of(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            names.add(str(pattern.name))
    return names


def address(name: str) -> str:
    arguments: dict[str, dict[str, Any]] = {
        "account_reset_password_from_key": {"uidb36": "1", "key": "x-y"},
        "mfa_remove_webauthn": {"pk": 1}, "mfa_edit_webauthn": {"pk": 1}, "end_session": {"pk": 1},
        "openid_connect_login": {"provider_id": "provider"}, "openid_connect_callback": {"provider_id": "provider"},
    }  # fmt: skip
    return reverse(name, kwargs=arguments.get(name))


def test_this_list_of_addresses_is_the_whole_way_in() -> None:
    assert names_of(sign_in_urls.urlpatterns) == OPEN_TO_EVERYBODY | FOR_WHO_IS_SIGNED_IN


@pytest.mark.parametrize("name", sorted(FOR_WHO_IS_SIGNED_IN))
def test_nobody_gets_in_without_signing_in(client: Client, name: str) -> None:
    for answer in (client.get(address(name)), client.post(address(name))):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize("name", sorted(OPEN_TO_EVERYBODY))
def test_what_is_open_breaks_at_nothing(client: Client, name: str) -> None:
    rubbish = {
        "login": "x\0y",
        "password": "\0",
        "code": "\0",
        "credential": "{",
        "next": "//evil.example",
        "email": "é",
    }
    for answer in (client.get(address(name)), client.post(address(name), rubbish), client.put(address(name))):
        assert answer.status_code < 500
        assert "evil.example" not in answer.get("Location", "")


@pytest.mark.parametrize("name", sorted(FOR_WHO_IS_SIGNED_IN))
def test_what_needs_signing_in_breaks_at_nothing(client: Client, name: str) -> None:
    client.force_login(UserFactory())
    rubbish = {"password": "\0", "code": "\0", "credential": "[]", "next": "//evil.example", "name": "\0"}
    for answer in (client.get(address(name)), client.post(address(name), rubbish)):
        assert answer.status_code < 500
        assert "evil.example" not in answer.get("Location", "")


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_used_is_not_there(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


class TestForgottenPasswords:
    def ask(self, client: Client, email: str) -> Any:
        return client.post(reverse("account_reset_password"), {"email": email})

    def test_the_answer_does_not_tell_whose_address_it_is(self, client: Client, mailoutbox: list[Any]) -> None:
        person = UserFactory()
        known, unknown = self.ask(client, person.email), self.ask(client, "nobody@example.test")
        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])

    def test_the_link_works_once_and_ends_all_sessions(self, client: Client, mailoutbox: list[Any]) -> None:
        person = UserFactory()
        elsewhere = Client()
        elsewhere.force_login(person)
        self.ask(client, person.email)
        [link] = [word for word in mailoutbox[0].body.split() if "/password/reset/key/" in word]
        page = client.get(link, follow=True)
        new = "another long enough phrase"
        client.post(page.request["PATH_INFO"], {"password1": new, "password2": new})
        person.refresh_from_db()
        assert person.check_password(new)
        assert elsewhere.get("/shops/").status_code == 302
        assert "This link no longer works" in Client().get(link, follow=True).content.decode()

    def test_after_a_few_no_more_mail_is_sent_to_one_address(self, client: Client, mailoutbox: list[Any]) -> None:
        person = UserFactory()
        answers = [self.ask(client, person.email) for _ in range(6)]
        assert len(mailoutbox) == 3
        assert answers[-1].status_code in (200, 429)

    def test_nor_from_one_place_to_many(self, client: Client, mailoutbox: list[Any]) -> None:
        for person in UserFactory.create_batch(22):
            self.ask(client, person.email)
        assert len(mailoutbox) == 20
        self.ask(Client(REMOTE_ADDR="203.0.113.7"), UserFactory().email)
        assert len(mailoutbox) == 21


def test_changing_ones_password_too_often_is_told_to_wait(client: Client) -> None:
    client.force_login(UserFactory())
    wrong = {"oldpassword": "not it", "password1": "a phrase that is long", "password2": "a phrase that is long"}
    codes = [client.post(reverse("account_change_password"), wrong).status_code for _ in range(7)]
    assert codes[0] == 200 and codes[-1] == 429
