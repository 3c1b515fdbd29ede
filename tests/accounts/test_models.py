"""People are known by their e-mail address alone."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, transaction

from accounts.models import User
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def test_there_are_no_user_names() -> None:
    assert User.USERNAME_FIELD == "email"
    assert "username" not in {field.name for field in User._meta.get_fields()}


def test_a_user_is_made_with_an_address_and_a_password() -> None:
    person = User.objects.create_user("ada@EXAMPLE.test", PASSWORD)
    assert person.email == "ada@example.test"
    assert person.check_password(PASSWORD)
    assert not (person.is_staff or person.is_superuser)
    assert authenticate(username="ada@example.test", password=PASSWORD) == person


def test_without_an_address_there_is_no_user() -> None:
    with pytest.raises(ValueError, match="e-mail"):
        User.objects.create_user("", PASSWORD)


def test_without_a_password_nobody_signs_in() -> None:
    person = User.objects.create_user("ada@example.test")
    assert not person.has_usable_password()
    assert authenticate(username=person.email, password="") is None


def test_one_address_is_one_person() -> None:
    UserFactory(email="ada@example.test")
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(email="ada@example.test")


def test_capitals_make_no_other_person() -> None:
    User.objects.create_user("ada@example.test", PASSWORD)
    with pytest.raises(ValidationError) as told:
        User(email="Ada@Example.Test", password="x").full_clean()
    assert list(told.value.message_dict) == ["email"]
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ADA@example.test", PASSWORD)


def test_a_superuser_is_made_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--email", "root@example.test", stdout=StringIO())
    person = User.objects.get()
    assert person.is_staff and person.is_superuser and person.check_password(PASSWORD)


@pytest.mark.parametrize(
    ("zone", "valid"), [("Europe/Berlin", True), ("UTC", True), ("Mars/Base", False), ("../x", False)]
)
def test_a_time_zone_is_one_that_exists(zone: str, valid: bool) -> None:
    person = UserFactory(time_zone=zone)
    if valid:
        person.full_clean()
        return
    with pytest.raises(ValidationError) as told:
        person.full_clean()
    assert list(told.value.message_dict) == ["time_zone"]


def test_a_person_is_called_by_name_and_else_by_address() -> None:
    assert str(User(email="ada@example.test", first_name="Ada", last_name="King")) == "Ada King"
    assert str(User(email="ada@example.test")) == "ada@example.test"


@pytest.mark.django_db
def test_the_database_keeps_addresses_in_lower_case_whoever_writes_them() -> None:
    with pytest.raises(IntegrityError, match="email_is_in_lower_case"):
        User(email="Ada@example.test").save()
