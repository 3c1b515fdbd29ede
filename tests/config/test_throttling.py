"""How often a token may call, and what it is told about it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Scope, User
from accounts.tokens import make_token
from config.api import throttling
from shops.models import Role
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
SHOPS = "/api/v1/shops/"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> Iterator[None]:
    cache.clear()
    throttling.pause["until"] = 0.0
    settings.API_RATE, settings.API_WRITE_RATE, settings.API_FAILED_RATE = "5/minute", "2/minute", "3/minute"
    yield
    throttling.pause["until"] = 0.0


@pytest.fixture
def person() -> User:
    return member(Role.AGENT, ShopFactory())


def header(person: User) -> dict[str, str]:
    return {"Authorization": f"Token {make_token(person, Scope.DECIDE, 1)[1]}"}


def post(client: Client, headers: dict[str, str]) -> Any:
    return client.post("/api/v1/decisions/", "{}", "application/json", headers=headers)


def test_a_token_is_told_what_is_left_and_then_to_wait(client: Client, person: User) -> None:
    token = header(person)
    answers = [client.get(SHOPS, headers=token) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert answers[0].headers["RateLimit-Policy"] == '"all";q=5;w=60'
    assert answers[0].headers["RateLimit"].startswith('"all";r=4;t=')
    assert answers[0].headers["X-RateLimit-Limit"] == "5"
    last = answers[-1]
    assert last.json()["type"] == "/problems/too-many-requests"
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert last.headers["RateLimit"].startswith('"all";r=0;t=')


def test_each_token_has_a_limit_of_its_own_and_so_has_the_person(client: Client, person: User) -> None:
    first, second = header(person), header(person)
    for _ in range(6):
        client.get(SHOPS, headers=first)
    assert client.get(SHOPS, headers=first).status_code == 429
    assert client.get(SHOPS, headers=second).status_code == 200
    client.force_login(person)
    assert client.get(SHOPS).status_code == 200


def test_what_changes_something_is_counted_twice(client: Client, person: User) -> None:
    token = header(person)
    answers = [post(client, token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"all";q=5;w=60, "write";q=2;w=60'
    assert answers[-1].headers["X-RateLimit-Limit"] == "2"
    assert client.get(SHOPS, headers=token).status_code == 200


def test_a_limit_that_is_reached_leaves_the_key_free(client: Client, person: User) -> None:
    token = {**header(person), "Idempotency-Key": "a"}
    assert [post(client, token).status_code for _ in range(3)] == [400, 400, 429]
    assert not person.idempotency_keys.exists()


def test_who_guesses_tokens_is_stopped_before_they_are_looked_for(
    client: Client, django_assert_num_queries: Any
) -> None:
    wrong = {"Authorization": "Token nonsense"}
    assert [client.get(SHOPS, headers=wrong).status_code for _ in range(3)] == [401] * 3
    with django_assert_num_queries(0):
        answer = client.get(SHOPS, headers=wrong)
    assert answer.status_code == 429
    assert answer.json()["type"] == "/problems/too-many-requests"
    assert int(answer.headers["Retry-After"]) >= 1


def test_right_tokens_are_not_counted_as_guesses(client: Client, person: User) -> None:
    token = header(person)
    assert [client.get(SHOPS, headers=token).status_code for _ in range(5)] == [200] * 5


def test_without_a_cache_everybody_is_let_through_and_it_is_logged_once(
    client: Client, person: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    token = header(person)
    answers = [client.get(SHOPS, headers=token) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
    assert sum("throttle.cache_unreachable" in str(record.msg) for record in caplog.records) == 1


def test_no_limit_is_no_limit(client: Client, settings: Any) -> None:
    settings.API_RATE = settings.API_WRITE_RATE = settings.API_FAILED_RATE = ""
    token = header(UserFactory())
    answers = [client.get(SHOPS, headers=token) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
