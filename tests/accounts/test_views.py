import pytest
from django.test import Client
from django.urls import reverse

from shops.models import Role
from tests.factories import PASSWORD, UserFactory, member

pytestmark = pytest.mark.django_db
PROFILE = "/accounts/profile/"


def test_people_sign_in_with_their_address_and_land_in_the_queue(client: Client) -> None:
    person = UserFactory()
    assert "Sign in" in client.get(reverse("account_login")).content.decode()
    wrong = client.post(reverse("account_login"), {"login": person.email, "password": "wrong"})
    assert "not correct" in wrong.content.decode()
    answer = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("name", ["account_reset_password", "account_login"])
def test_the_way_in_is_dressed_like_the_rest(client: Client, name: str) -> None:
    assert "app.css" in client.get(reverse(name)).content.decode()


@pytest.mark.parametrize("name", ["account_change_password", "account_logout", "mfa_index", "usersessions_list"])
def test_an_accounts_own_pages_are_dressed_like_the_rest(client: Client, name: str) -> None:
    client.force_login(UserFactory())
    assert "app.css" in client.get(reverse(name)).content.decode()


def test_nobody_signs_up(client: Client) -> None:
    answer = client.post(reverse("account_signup"), {"email": "new@example.test", "password1": PASSWORD})
    assert "closed" in answer.content.decode().lower()


def test_people_say_their_name_and_zone(client: Client) -> None:
    person = member(Role.VIEWER)
    client.force_login(person)
    client.post(PROFILE, {"first_name": "Ada", "last_name": "King", "time_zone": "Asia/Jakarta"})
    person.refresh_from_db()
    assert (str(person), person.time_zone) == ("Ada King", "Asia/Jakarta")
    assert "Asia/Jakarta" in client.get(PROFILE).content.decode()


def test_a_zone_that_does_not_exist_is_refused_at_its_field(client: Client) -> None:
    person = member(Role.VIEWER)
    client.force_login(person)
    answer = client.post(PROFILE, {"first_name": "Ada", "last_name": "", "time_zone": "Mars/Olympus"})
    assert answer.status_code == 422
    assert "is no time zone" in answer.content.decode()
    person.refresh_from_db()
    assert person.time_zone == "UTC"
