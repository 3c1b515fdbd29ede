"""Getting in: with an e-mail address and a password, not too often wrongly, and never by signing up."""

from typing import Any

import pytest
from django.contrib.auth import get_user
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ALLOWED = 5  # wrong passwords for one account before it is closed for a while
ALLOWED_FROM_ONE_PLACE = 10


@pytest.fixture(autouse=True)
def nobody_has_tried_before() -> None:
    """Tries are counted in the cache."""
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password, **more})


def who(client: Client) -> object:
    """Who is signed in, None for nobody."""
    user = get_user(client)
    return user if user.is_authenticated else None


class TestSigningIn:
    def test_with_address_and_password_one_is_in_and_at_the_queue(self, client: Client) -> None:
        person = UserFactory()
        answer = sign_in(client, person.email)
        assert (answer.status_code, answer["Location"]) == (302, reverse("cancellations:queue"))
        assert who(client) == person

    def test_one_comes_to_where_one_wanted_to_go(self, client: Client) -> None:
        person = UserFactory()
        asked = client.get("/shops/")
        assert asked.status_code == 302
        assert asked["Location"].startswith(reverse("account_login"))
        answer = sign_in(client, person.email, next="/shops/")
        assert answer["Location"] == "/shops/"

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_nobody_is_sent_to_another_site(self, client: Client, elsewhere: str) -> None:
        answer = sign_in(client, UserFactory().email, next=elsewhere)
        assert answer.status_code == 302
        assert "evil" not in answer["Location"] and "javascript" not in answer["Location"]

    @pytest.mark.parametrize("typed", ["ADA@EXAMPLE.TEST", "Ada@Example.Test", " ada@example.test "])
    def test_capitals_and_spaces_in_the_address_make_no_difference(self, client: Client, typed: str) -> None:
        person = UserFactory(email="ada@example.test")
        sign_in(client, typed)
        assert who(client) == person

    @pytest.mark.parametrize("typed", ["ada.king@example.test", "Ada.King@Example.test"])
    def test_an_address_that_an_administrator_wrote_with_capitals_gets_in_too(self, client: Client, typed: str) -> None:
        person = User.objects.create_user("Ada.King@Example.test", PASSWORD)
        sign_in(client, typed)
        assert who(client) == person

    def test_the_wrong_password_and_the_wrong_address_are_told_apart_by_nobody(self, client: Client) -> None:
        person = UserFactory()
        wrong = [sign_in(client, person.email, "not it"), sign_in(client, "nobody@example.test", "not it")]
        assert who(client) is None
        told = [list(answer.context["form"].non_field_errors()) for answer in wrong]
        assert told[0] and told[0] == told[1]

    def test_an_account_that_was_closed_does_not_get_in(self, client: Client) -> None:
        person = UserFactory(is_active=False)
        sign_in(client, person.email)
        assert who(client) is None

    def test_an_account_that_is_closed_is_out_at_once(self, client: Client) -> None:
        person = UserFactory()
        sign_in(client, person.email)
        User.objects.filter(pk=person.pk).update(is_active=False)
        assert client.get("/shops/").status_code == 302

    def test_signing_in_gives_a_new_session(self, client: Client) -> None:
        client.get(reverse("account_login"))
        session = client.session
        session["before"] = True
        session.save()
        client.cookies["sessionid"] = session.session_key or ""
        before = session.session_key
        sign_in(client, UserFactory().email)
        assert client.session.session_key != before

    def test_it_needs_the_forms_token(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        assert sign_in(strict, UserFactory().email).status_code == 403

    def test_signing_out_needs_a_click_and_ends_it(self, client: Client) -> None:
        sign_in(client, UserFactory().email)
        client.get(reverse("account_logout"))
        assert who(client) is not None
        client.post(reverse("account_logout"))
        assert who(client) is None


class TestWrongPasswords:
    def fail(self, client: Client, email: str, times: int = 1) -> None:
        for _ in range(times):
            sign_in(client, email, "not it")

    def test_after_a_few_the_right_one_does_not_help_for_a_while(self, client: Client) -> None:
        person = UserFactory()
        self.fail(client, person.email, ALLOWED)
        told = sign_in(client, person.email)
        assert who(client) is None
        assert "Too many failed login attempts" in told.content.decode()

    def test_one_fewer_is_forgiven(self, client: Client) -> None:
        person = UserFactory()
        self.fail(client, person.email, ALLOWED - 1)
        sign_in(client, person.email)
        assert who(client) == person

    def test_another_browser_does_not_get_round_it(self, client: Client) -> None:
        person = UserFactory()
        self.fail(client, person.email, ALLOWED)
        other = Client(REMOTE_ADDR="203.0.113.7")
        sign_in(other, person.email)
        assert who(other) is None

    @pytest.mark.parametrize("spelled", [str.upper, str.title])
    def test_nor_does_another_spelling_of_the_address(self, client: Client, spelled: Any) -> None:
        person = UserFactory(email="ada@example.test")
        self.fail(client, person.email, ALLOWED)
        sign_in(client, spelled(person.email))
        assert who(client) is None

    def test_other_people_get_in_meanwhile(self, client: Client) -> None:
        self.fail(client, UserFactory().email, ALLOWED)
        other = UserFactory()
        sign_in(client, other.email)
        assert who(client) == other

    def test_one_who_tries_many_accounts_from_one_place_is_stopped(self, client: Client) -> None:
        for person in UserFactory.create_batch(ALLOWED_FROM_ONE_PLACE):
            self.fail(client, person.email)
        person = UserFactory()
        sign_in(client, person.email)
        assert who(client) is None
        elsewhere = Client(REMOTE_ADDR="203.0.113.7")
        sign_in(elsewhere, person.email)
        assert who(elsewhere) == person

    def test_behind_a_proxy_each_is_known_by_the_address_that_it_saw(self, settings: Any) -> None:
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        # What comes before the last address is what the browser made up.
        for number, person in enumerate(UserFactory.create_batch(ALLOWED_FROM_ONE_PLACE)):
            made_up = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}
            self.fail(Client(REMOTE_ADDR="10.0.0.1", headers=made_up), person.email)
        person = UserFactory()
        for address, comes_in in (("203.0.113.7", None), ("203.0.113.8", person)):
            one = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": address})
            sign_in(one, person.email)
            assert who(one) == comes_in


class TestSigningUp:
    def test_there_is_no_form_for_it(self, client: Client) -> None:
        answer = client.get(reverse("account_signup"))
        assert answer.status_code in (200, 403, 404)
        assert 'type="password"' not in answer.content.decode()

    def test_sending_one_all_the_same_makes_no_account(self, client: Client) -> None:
        client.post(reverse("account_signup"), {"email": "new@example.test", "password1": PASSWORD})
        assert not User.objects.exists()
        assert who(client) is None

    def test_the_sign_in_page_does_not_offer_it(self, client: Client) -> None:
        assert reverse("account_signup") not in client.get(reverse("account_login")).content.decode()
