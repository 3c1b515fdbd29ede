"""Signing in with OpenID Connect: who is let in, who is not, and what is shown when the provider fails."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth import get_user
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.models import Entry
from tests.accounts.provider import STRANGERS_KEY, Provider, running_provider
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/oidc/provider/login/"


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    cache.clear()
    with running_provider() as provider:
        settings.OIDC_ISSUER = provider.issuer
        settings.OIDC_NAME, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "Acme ID", "countermand", "s3cret"
        provider.claims = {"email": "ada@example.test", "email_verified": True}
        yield provider


def go(client: Client, **query: str) -> Any:
    """From the button to the provider and back, as a browser goes."""
    there = client.post(LOGIN, query)
    assert there.status_code == 302, there.content
    back = requests.get(there["Location"], allow_redirects=False, timeout=5).headers["Location"]
    return client.get(back.removeprefix("http://testserver"))


def who(client: Client) -> User | None:
    user = get_user(client)
    return user if isinstance(user, User) else None


def is_told(answer: Any, words: str) -> None:
    assert answer.status_code in (401, 403)
    assert "You are not signed in" in answer.content.decode()
    assert words in answer.content.decode()


NOT_AS_IT_SHOULD = "did not answer as it should"


class TestGettingIn:
    def test_an_active_user_with_that_verified_address_is_in(self, client: Client, provider: Provider) -> None:
        ada = UserFactory(email="ada@example.test")
        assert "Sign in with Acme ID" in client.get(reverse("account_login")).content.decode()
        answer = go(client)
        assert (answer.status_code, answer["Location"]) == (302, "/")
        assert who(client) == ada
        assert client.get("/shops/").status_code == 200
        assert ada.check_password(PASSWORD) and User.objects.get().check_password(PASSWORD)
        told = list(Entry.objects.order_by("at").values_list("action", "actor"))
        assert told == [("openid.linked", ada.pk), ("person.signed_in", ada.pk)]

    def test_capitals_at_the_provider_make_no_difference(self, client: Client, provider: Provider) -> None:
        ada = UserFactory(email="ada@example.test")
        provider.claims["email"] = "Ada@Example.TEST"
        go(client)
        assert who(client) == ada

    def test_one_comes_to_where_one_wanted_to_go_and_to_no_other_site(self, client: Client, provider: Provider) -> None:
        UserFactory(email="ada@example.test")
        assert go(client, next="/shops/")["Location"] == "/shops/"
        other = Client()
        assert go(other, next="https://evil.example/")["Location"] == "/"

    def test_the_address_may_stand_in_the_user_info_alone(self, client: Client, provider: Provider) -> None:
        ada = UserFactory(email="ada@example.test")
        provider.userinfo = {"sub": "4711", **provider.claims}
        provider.claims = {}
        go(client)
        assert who(client) == ada

    def test_their_number_stands_for_them_when_the_address_here_changes(
        self, client: Client, provider: Provider
    ) -> None:
        ada = UserFactory(email="ada@example.test")
        go(client)
        User.objects.update(email="ada.king@example.test")
        other = Client()
        go(other)
        assert who(other) == ada
        assert SocialAccount.objects.get().extra_data == {}


class TestStayingOut:
    @pytest.mark.parametrize("verified", [False, "false", "no", None, 1, {}])
    def test_with_an_address_that_is_not_verified(self, client: Client, provider: Provider, verified: Any) -> None:
        UserFactory(email="ada@example.test")
        provider.claims["email_verified"] = verified
        is_told(go(client), "does not say that your e-mail address is verified")
        assert who(client) is None
        assert not SocialAccount.objects.exists()
        assert Entry.objects.get().action == "person.sign_in_failed"

    def test_with_an_address_that_turned_unverified_after_the_first_time(
        self, client: Client, provider: Provider
    ) -> None:
        UserFactory(email="ada@example.test")
        go(client)
        provider.claims["email_verified"] = False
        other = Client()
        is_told(go(other), "verified")
        assert who(other) is None

    @pytest.mark.parametrize("address", [None, "", "nonsense", "a@b@example.test"])
    def test_without_an_address(self, client: Client, provider: Provider, address: str | None) -> None:
        provider.claims["email"], provider.userinfo = address, {"sub": "4711"}
        is_told(go(client), "verified")

    def test_with_an_address_that_nobody_here_has(self, client: Client, provider: Provider) -> None:
        UserFactory(email="bob@example.test")
        is_told(go(client), "Nobody here has the address ada@example.test")
        assert User.objects.count() == 1
        assert who(client) is None

    def test_with_an_account_that_was_closed(self, client: Client, provider: Provider) -> None:
        UserFactory(email="ada@example.test", is_active=False)
        is_told(go(client), "This account is closed")
        assert who(client) is None

    def test_with_an_account_that_was_closed_after_the_first_time(self, client: Client, provider: Provider) -> None:
        UserFactory(email="ada@example.test")
        go(client)
        User.objects.update(is_active=False)
        other = Client()
        is_told(go(other), "This account is closed")

    def test_with_an_address_that_the_provider_gave_to_somebody_else(self, client: Client, provider: Provider) -> None:
        UserFactory(email="ada@example.test")
        go(client)
        provider.claims["sub"] = "4712"
        other = Client()
        is_told(go(other), "Somebody else at the provider")
        assert who(other) is None

    def test_from_another_domain_than_those_that_are_allowed(
        self, client: Client, provider: Provider, settings: Any
    ) -> None:
        settings.OIDC_ALLOWED_DOMAINS = ["acme.example"]
        UserFactory(email="ada@example.test")
        is_told(go(client), "example.test")
        assert who(client) is None
        settings.OIDC_ALLOWED_DOMAINS = ["acme.example", "example.test"]
        go(client)
        assert who(client) is not None

    def test_who_broke_it_off_is_told_so(self, client: Client, provider: Provider) -> None:
        provider.denies = True
        is_told(go(client), "You broke it off")


class TestUsersOfItsOwn:
    def test_are_made_where_the_environment_says_so_and_see_no_shop(
        self, client: Client, provider: Provider, settings: Any
    ) -> None:
        settings.OIDC_CREATES_USERS = True
        provider.claims |= {"given_name": "Ada", "family_name": "King"}
        go(client)
        ada = User.objects.get()
        assert who(client) == ada
        assert (ada.email, str(ada), ada.is_staff, ada.is_superuser) == ("ada@example.test", "Ada King", False, False)
        assert not ada.has_usable_password()
        assert not ada.memberships.exists()

    def test_are_not_made_for_an_unverified_address(self, client: Client, provider: Provider, settings: Any) -> None:
        settings.OIDC_CREATES_USERS = True
        provider.claims["email_verified"] = False
        is_told(go(client), "verified")
        assert not User.objects.exists()

    def test_nobody_signs_up_otherwise_even_then(self, client: Client, provider: Provider, settings: Any) -> None:
        settings.OIDC_CREATES_USERS = True
        client.post(reverse("account_signup"), {"email": "new@example.test", "password1": PASSWORD})
        assert not User.objects.exists()


class TestWhatIsNotBelieved:
    @pytest.fixture(autouse=True)
    def ada(self) -> User:
        return UserFactory(email="ada@example.test")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"nonce": "another"}, {"nonce": None}, {"iss": "https://evil.example"}, {"aud": "another-app"},
            {"exp": 1_000_000_000}, {"sub": None}, {"sub": ""},
        ],
    )  # fmt: skip
    def test_a_token_that_is_for_somebody_or_something_else(
        self, client: Client, provider: Provider, wrong: dict[str, Any]
    ) -> None:
        provider.claims |= wrong
        is_told(go(client), NOT_AS_IT_SHOULD)
        assert who(client) is None

    def test_the_same_number_of_the_provider_that_was_asked_before(
        self, client: Client, provider: Provider, settings: Any, ada: User
    ) -> None:
        go(client)
        number = SocialAccount.objects.get(user=ada).uid.partition(":")[2]
        SocialAccount.objects.update(user=UserFactory(is_superuser=True), uid=f"another:{number}")
        client.logout()
        go(client)
        assert who(client) == ada

    def test_a_signature_by_another_key(self, client: Client, provider: Provider) -> None:
        provider.key = STRANGERS_KEY
        is_told(go(client), NOT_AS_IT_SHOULD)
        assert who(client) is None

    @pytest.mark.parametrize("algorithm", ["none", "HS256"])
    def test_a_signature_by_no_key_or_by_one_that_everybody_has(
        self, client: Client, provider: Provider, algorithm: str
    ) -> None:
        provider.algorithm = algorithm
        provider.key = "a text that is long enough to be taken for a key" if algorithm == "HS256" else provider.key
        is_told(go(client), NOT_AS_IT_SHOULD)
        assert who(client) is None

    def test_a_user_info_of_somebody_else(self, client: Client, provider: Provider) -> None:
        provider.userinfo = {"sub": "1", **provider.claims}
        provider.claims = {}
        is_told(go(client), NOT_AS_IT_SHOULD)
        assert who(client) is None

    def test_an_answer_that_was_brought_by_another_browser(self, client: Client, provider: Provider) -> None:
        """Otherwise a stranger could have somebody sign in as them."""
        there = client.post(LOGIN)
        back = requests.get(there["Location"], allow_redirects=False, timeout=5).headers["Location"]
        other = Client()
        is_told(other.get(back.removeprefix("http://testserver")), NOT_AS_IT_SHOULD)
        assert who(other) is None

    @pytest.mark.parametrize("query", ["", "?code=1", "?state=1&code=1", "?error=access_denied", "?state=%00&code=%00"])
    def test_an_answer_that_nobody_asked_for(self, client: Client, provider: Provider, query: str) -> None:
        is_told(client.get(f"{LOGIN}callback/{query}"), NOT_AS_IT_SHOULD)

    def test_an_answer_that_comes_twice(self, client: Client, provider: Provider) -> None:
        there = client.post(LOGIN)
        back = requests.get(there["Location"], allow_redirects=False, timeout=5).headers["Location"]
        client.get(back.removeprefix("http://testserver"))
        client.post(reverse("account_logout"))
        is_told(client.get(back.removeprefix("http://testserver")), NOT_AS_IT_SHOULD)

    def test_a_code_that_was_asked_for_without_our_secret_proof(self, client: Client, provider: Provider) -> None:
        there = client.post(LOGIN)
        asked = dict(parse_qsl(urlsplit(there["Location"]).query))
        assert asked["code_challenge_method"] == "S256" and asked["nonce"] and asked["state"]
        back = provider.authorize({**asked, "code_challenge": "another"})
        is_told(client.get(back.removeprefix("http://testserver")), NOT_AS_IT_SHOULD)

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
    @pytest.mark.parametrize("how", ["broken", "nonsense"])
    def test_nothing_breaks_when_the_provider_does(
        self, client: Client, provider: Provider, path: str, how: str
    ) -> None:
        setattr(provider, how, path)
        there = client.post(LOGIN)
        if path.startswith("/.well"):
            is_told(there, NOT_AS_IT_SHOULD)
            return
        back = requests.get(there["Location"], allow_redirects=False, timeout=5).headers["Location"]
        is_told(client.get(back.removeprefix("http://testserver")), NOT_AS_IT_SHOULD)

    def test_a_provider_that_is_down_is_told(self, client: Client, provider: Provider, settings: Any) -> None:
        settings.OIDC_ISSUER = "http://127.0.0.1:9"
        is_told(client.post(LOGIN), NOT_AS_IT_SHOULD)

    def test_a_discovery_document_of_another_issuer(self, client: Client, provider: Provider, settings: Any) -> None:
        settings.OIDC_ISSUER = provider.issuer.replace("127.0.0.1", "localhost")
        is_told(client.post(LOGIN), NOT_AS_IT_SHOULD)


def test_without_a_provider_there_is_no_button_and_no_address(client: Client) -> None:
    assert "oidc" not in client.get(reverse("account_login")).content.decode()
    assert client.post(LOGIN).status_code == 404
    assert client.get(f"{LOGIN}callback/?code=1&state=1").status_code == 404


def test_another_providers_address_leads_nowhere(client: Client, provider: Provider) -> None:
    assert client.post("/accounts/oidc/google/login/").status_code == 404


def test_a_link_alone_signs_nobody_in(client: Client, provider: Provider) -> None:
    assert client.get(LOGIN).status_code == 405
    assert Client(enforce_csrf_checks=True).post(LOGIN).status_code == 403


def test_the_secret_is_on_no_page(client: Client, provider: Provider) -> None:
    there = client.post(LOGIN)
    assert "s3cret" not in there["Location"] + client.get(reverse("account_login")).content.decode()
    assert "s3cret" not in base64.b64encode(json.dumps(dict(client.session.items()), default=str).encode()).decode()


class TestTheSecondFactor:
    def test_is_the_providers_for_who_comes_from_there(self, client: Client, provider: Provider, settings: Any) -> None:
        settings.SECOND_FACTOR = "everybody"
        ada = UserFactory(email="ada@example.test")
        go(client)
        assert client.get("/shops/").status_code == 200
        other = Client()
        other.post(reverse("account_login"), {"login": ada.email, "password": PASSWORD})
        assert other.get("/shops/")["Location"] == reverse("mfa_index")

    def test_is_asked_for_all_the_same_of_who_has_set_one_up_here(self, client: Client, provider: Provider) -> None:
        ada = UserFactory(email="ada@example.test")
        TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
        assert go(client)["Location"] == reverse("mfa_authenticate")
        assert who(client) is None
