import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from knox.models import AuthToken

from accounts.tokens import make_token
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_the_command_prints_a_token_that_works_and_stores_none(client: Client) -> None:
    person = UserFactory(email="robot@example.test")
    out = io.StringIO()
    call_command("api_token", "Robot@example.test", "--days", "30", stdout=out)
    token = out.getvalue().strip()
    assert client.get("/api/v1/shops/", headers={"Authorization": f"Token {token}"}).status_code == 200
    row = AuthToken.objects.get()
    assert row.user == person
    assert (row.expiry - row.created).days in (29, 30)
    assert token not in (row.digest, row.token_key)


def test_somebody_may_have_several_tokens_and_lose_one(client: Client) -> None:
    person = UserFactory()
    (first, _), (_, second) = make_token(person, 1), make_token(person, 1)
    first.delete()
    assert client.get("/api/v1/shops/", headers={"Authorization": f"Token {second}"}).status_code == 200


@pytest.mark.parametrize("arguments", [["nobody@example.test"], ["robot@example.test", "--days", "0"]])
def test_the_command_makes_no_token_for_nobody_or_for_no_time(arguments: list[str]) -> None:
    UserFactory(email="robot@example.test")
    UserFactory(email="left@example.test", is_active=False)
    with pytest.raises(CommandError):
        call_command("api_token", *arguments)
    with pytest.raises(CommandError, match="No active user"):
        call_command("api_token", "left@example.test")
    assert not AuthToken.objects.exists()
