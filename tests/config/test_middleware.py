"""What is turned away before any page sees it."""

import pytest
from django.test import Client

from shops.models import Role
from tests.factories import CancellationFactory, member

pytestmark = pytest.mark.django_db


def test_a_form_beyond_all_measure_is_refused_unread_with_words_that_help(client: Client) -> None:
    cancellation = CancellationFactory()
    client.force_login(member(Role.AGENT, cancellation.shop))
    answer = client.post(f"/cancellations/{cancellation.pk}/reject/", {"comment": "x"}, CONTENT_LENGTH="100000001")
    assert answer.status_code == 413
    assert "A form takes at most 100 MB. Nothing was changed or sent" in answer.content.decode()


@pytest.mark.parametrize("address", ["/accounts/login/", "/webhooks/tiktok_shop/", "/nowhere/"])
def test_nobody_who_is_not_signed_in_fills_the_disk(client: Client, address: str) -> None:
    assert client.post(address, {"file": "x"}, CONTENT_LENGTH="9" * 30).status_code == 413


def test_the_api_says_it_as_a_problem(client: Client) -> None:
    client.force_login(member(Role.AGENT))
    answer = client.post("/api/v1/decisions/", {"comment": "x"}, CONTENT_LENGTH="100000001")
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize("length", ["", "1e9", "-1", "²", "many"])
def test_a_length_that_is_none_is_left_to_those_who_read(client: Client, length: str) -> None:
    assert client.post("/accounts/login/", {"login": "x"}, CONTENT_LENGTH=length).status_code in (200, 400)
