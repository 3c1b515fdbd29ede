"""Times and words on a page are those of the person who reads it, and of nobody after them."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation

from accounts.middleware import ReaderMiddleware
from accounts.models import User


def zone_on_page(user: User | AnonymousUser) -> str:
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(timezone.get_current_timezone_name())

    request = RequestFactory().get("/")
    request.user = user
    return ReaderMiddleware(page)(request).content.decode()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Bangkok", "UTC"])
def test_a_page_is_in_the_zone_of_its_reader(zone: str) -> None:
    assert zone_on_page(User(time_zone=zone)) == zone


def test_it_is_the_servers_zone_for_those_who_are_not_signed_in() -> None:
    assert zone_on_page(AnonymousUser()) == "UTC"


def test_one_readers_zone_does_not_reach_the_next_one() -> None:
    zone_on_page(User(time_zone="Asia/Bangkok"))
    assert timezone.get_current_timezone_name() == "UTC"
    assert zone_on_page(AnonymousUser()) == "UTC"


def test_nor_does_it_after_a_page_that_broke() -> None:
    def page(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("the page broke")

    request = RequestFactory().get("/")
    request.user = User(time_zone="Asia/Bangkok")
    with pytest.raises(RuntimeError):
        ReaderMiddleware(page)(request)
    assert timezone.get_current_timezone_name() == "UTC"


def page_for(user: User) -> HttpResponse:
    request = RequestFactory().get("/")
    request.user = user
    return ReaderMiddleware(lambda request: HttpResponse(translation.gettext("Save")))(request)


def test_the_language_that_somebody_chose_wins_over_the_browsers() -> None:
    with translation.override("en"):
        answer = page_for(User(language="de"))
        assert (answer.content.decode(), answer["Content-Language"]) == ("Speichern", "de")
        assert translation.get_language() == "en"


def test_without_a_choice_it_is_the_browsers() -> None:
    with translation.override("de"):
        answer = page_for(User())
    assert (answer.content.decode(), answer["Content-Language"]) == ("Speichern", "de")
