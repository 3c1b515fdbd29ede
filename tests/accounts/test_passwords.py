"""Passwords: which are taken, and that asking the service about stolen ones never stands in the way."""

import hashlib
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pwned_passwords_django import api

from accounts.passwords import NotBreached
from tests.factories import PASSWORD, UserFactory

STOLEN = "correct horse battery staple"


class Service:
    """Stands for api.pwnedpasswords.com: knows one password, and remembers what it was asked."""

    def __init__(self, fails: Exception | None = None, status: int = 200) -> None:
        self.asked: list[str] = []
        self.client = api.PwnedPasswords(client=httpx.Client(transport=httpx.MockTransport(self.answer)))
        self.fails, self.status = fails, status

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url) + request.read().decode())
        if self.fails:
            raise self.fails
        digest = hashlib.sha1(STOLEN.encode()).hexdigest().upper()
        lines = (
            f"{digest[5:]}:42\r\n"
            if str(request.url).endswith(digest[:5])
            else "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n"
        )
        return httpx.Response(self.status, text=lines)

    def validator(self) -> NotBreached:
        validator = NotBreached()
        validator.api_client = self.client
        return validator


def test_a_stolen_one_is_not_taken() -> None:
    with pytest.raises(ValidationError, match="stolen"):
        Service().validator().validate(STOLEN)


def test_another_one_is() -> None:
    Service().validator().validate("a phrase that nobody has lost yet")


def test_only_five_digits_of_a_hash_leave_the_house() -> None:
    service = Service()
    service.validator().validate("a phrase that nobody has lost yet")
    digest = hashlib.sha1(b"a phrase that nobody has lost yet").hexdigest().upper()
    assert service.asked == [f"https://api.pwnedpasswords.com/range/{digest[:5]}"]


@pytest.mark.parametrize(
    "service",
    [
        Service(fails=httpx.ConnectError("no route")),
        Service(fails=httpx.ReadTimeout("slow")),
        Service(status=500),
        Service(fails=RuntimeError("whatever")),
    ],
)
def test_where_the_service_fails_the_list_of_common_ones_has_to_do(service: Service) -> None:
    service.validator().validate("a phrase that nobody has lost yet")
    with pytest.raises(ValidationError):
        service.validator().validate("password123")


@pytest.mark.django_db
def test_changing_ones_password_says_so_at_the_field(client: Client, settings: Any, monkeypatch: Any) -> None:
    cache.clear()
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.passwords.NotBreached"}]
    monkeypatch.setattr(api.default_client, "client", Service().client.client)
    person = UserFactory()
    client.force_login(person)
    form = {"oldpassword": PASSWORD, "password1": STOLEN, "password2": STOLEN}
    answer = client.post(reverse("account_change_password"), form)
    assert "stolen ones" in answer.content.decode()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


@pytest.mark.django_db
@pytest.mark.parametrize("weak", ["short", "password123", "1234567890123", "person-ada@example.test"])
def test_weak_ones_are_not_taken(weak: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(weak, UserFactory(email="person-ada@example.test"))


def test_they_are_hashed_with_argon2() -> None:
    from config import settings as product

    assert product.PASSWORD_HASHERS[0] == "django.contrib.auth.hashers.Argon2PasswordHasher"
    assert Argon2PasswordHasher().encode("a phrase", "some-salt-for-it").startswith("argon2$argon2id$")
