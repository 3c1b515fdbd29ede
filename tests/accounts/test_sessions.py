"""Sessions: where somebody is signed in, ending them, and those that nobody uses."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.sessions import forget_ended
from accounts.templatetags.devices import device
from audit.models import Entry
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.fixture(autouse=True)
def nobody_has_tried_before() -> None:
    cache.clear()


@pytest.fixture
def person() -> User:
    return UserFactory()


def signed_in(person: User, user_agent: str = FIREFOX, address: str = "203.0.113.7") -> Client:
    client = Client(headers={"User-Agent": user_agent}, REMOTE_ADDR=address)
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return bool(client.get("/shops/").status_code == 200)


def test_each_is_listed_with_device_and_address(person: User) -> None:
    here, _there = signed_in(person), signed_in(person, SAFARI, "198.51.100.3")
    signed_in(UserFactory(), address="192.0.2.99")
    page = here.get(reverse("usersessions_list")).content.decode()
    for words in ("Firefox on Windows", "Safari on iPhone", "203.0.113.7", "198.51.100.3", "this one"):
        assert words in page
    assert "192.0.2.99" not in page


def test_one_is_signed_out_and_the_others_stay(person: User) -> None:
    here, there, third = signed_in(person), signed_in(person, SAFARI), signed_in(person, SAFARI)
    row = UserSession.objects.get(session_key=there.session.session_key)
    here.post(reverse("end_session", args=[row.pk]))
    assert [is_in(client) for client in (here, there, third)] == [True, False, True]
    entry = Entry.objects.get(action="sessions.ended")
    assert entry.actor == person
    assert entry.before["sessions"] == [{"address": "203.0.113.7", "with": SAFARI}]


def test_everywhere_else_is_one_click(person: User) -> None:
    here, there, stranger = signed_in(person), signed_in(person), signed_in(UserFactory())
    here.post(reverse("usersessions_list"))
    assert [is_in(client) for client in (here, there, stranger)] == [True, False, True]


def test_nobody_ends_another_ones(person: User) -> None:
    here, there = signed_in(person), signed_in(UserFactory())
    row = UserSession.objects.get(session_key=there.session.session_key)
    assert here.post(reverse("end_session", args=[row.pk])).status_code == 404
    assert here.get(reverse("end_session", args=[row.pk])).status_code == 405
    assert is_in(there)


def test_a_new_password_ends_the_others_and_not_this_one(person: User) -> None:
    here, there = signed_in(person), signed_in(person)
    new = "another long enough phrase"
    here.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert [is_in(here), is_in(there)] == [True, False]
    assert Entry.objects.filter(action="password.changed", actor=person).exists()


def test_an_administrator_ends_one(person: User, client: Client) -> None:
    there = signed_in(person)
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    row = UserSession.objects.get()
    client.post(reverse("admin:usersessions_usersession_delete", args=[row.pk]), {"post": "yes"})
    assert not is_in(there)


def test_whoever_does_nothing_for_too_long_signs_in_again(person: User, settings: Any) -> None:
    settings.SESSION_IDLE_SECONDS = 3600
    client, start = signed_in(person), timezone.now()
    for minutes, still in ((50, True), (100, True), (170, False)):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            assert is_in(client) is still, minutes


def test_without_such_a_limit_they_stay(person: User, settings: Any) -> None:
    settings.SESSION_IDLE_SECONDS = 0
    client = signed_in(person)
    with time_machine.travel(timezone.now() + timedelta(days=5)):
        assert is_in(client)


def test_the_last_time_seen_is_written_at_most_once_a_minute(person: User) -> None:
    client, start = signed_in(person), timezone.now()
    for seconds, noted in ((30, False), (70, True)):
        with time_machine.travel(start + timedelta(seconds=seconds)):
            is_in(client)
        seen = UserSession.objects.get().last_seen_at
        assert (seen > start + timedelta(seconds=60)) is noted


def test_sessions_that_ended_are_forgotten_with_where_they_were_from(client: Client) -> None:
    client.force_login(UserFactory())
    client.get(reverse("accounts:profile"))
    over = Session.objects.get()
    old = {"user": UserFactory(), "ip": "192.0.2.1", "last_seen_at": timezone.now() - timedelta(days=2)}
    UserSession.objects.create(session_key="long gone", **old)
    forget_ended()
    assert list(Session.objects.all()) == [over]
    assert not UserSession.objects.filter(session_key="long gone").exists()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    forget_ended()
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (SAFARI, "Safari on iPhone"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36 Edg/141.0",
            "Edge on Linux",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/141.0.0.0 Safari/537.36", "Chrome on macOS"),
        ("curl/8.5.0", "curl"),
        ("something else entirely", "something else entirely"),
        ("", "An unknown device"),
    ],
)
def test_devices_have_the_names_that_people_call_them_by(user_agent: str, words: str) -> None:
    assert device(user_agent) == words
