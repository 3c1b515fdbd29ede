"""Nets and ladders over the API: the same verbs, the same rules, problems by field."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from safety import ladder
from safety.models import Rung, SafetyNet
from safety.tasks import sweep_tellings
from shops.models import Shop
from tests.factories import UserFactory
from tests.safety.conftest import waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def put(client: Client, shop: Shop, what: str, body: Any) -> Any:
    return client.put(f"/api/v1/shops/{shop.pk}/{what}/", body, content_type="application/json")


def test_a_net_is_off_until_it_is_set_and_says_what_can_be_chosen(api: Client, shop: Shop) -> None:
    told = api.get(f"/api/v1/shops/{shop.pk}/safety-net/").json()
    assert (told["is_on"], told["set_by"], told["silence"]) == (False, None, "approves")
    assert {one["action"]: one["allowed"] for one in told["choices"]} == {
        "tell": True, "approve": True, "reject": True, "ship_to_reject": False
    }  # fmt: skip
    answer = put(api, shop, "safety-net", {"action": "approve", "minutes": 30})
    assert answer.status_code == 200
    assert (answer.json()["is_on"], answer.json()["set_by"]) == (True, "Mina")
    put(api, shop, "safety-net", {"action": "approve", "minutes": 30, "is_on": False})
    assert not SafetyNet.objects.get().is_on


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "ship_to_reject", "minutes": 30}, "action"), ({"action": "approve", "minutes": 1}, "minutes"),
        ({"action": "reject", "minutes": 30}, "reason"), ({"action": "tell", "minutes": 30, "colour": "red"}, "colour"),
        ({}, "action"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_net_is_told_at_its_field(
    api: Client, shop: Shop, body: dict[str, Any], field: str
) -> None:
    answer = put(api, shop, "safety-net", body)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid")
    assert field in answer.json()["errors"]


def test_a_ladder_is_set_and_read(api: Client, shop: Shop, agent: User) -> None:
    rungs = [
        {"minutes": 60, "who": "agents", "person": None, "channel": "email"},
        {"minutes": 30, "who": "person", "person": agent.pk, "channel": "in_app"},
    ]
    told = put(api, shop, "ladder", {"rungs": rungs}).json()
    assert (told["is_own"], told["rungs"], told["problems"]) == (True, rungs, [])
    for stranger in (UserFactory().pk, 999_999):
        rung = {"minutes": 60, "who": "person", "person": stranger, "channel": "email"}
        answer = put(api, shop, "ladder", {"rungs": [rung]})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["rungs"])
    assert Rung.objects.count() == 2


def test_of_the_chat_channel_only_the_host_is_told(api: Client, shop: Shop, manager: User) -> None:
    ladder.set_chat(shop, manager, "https://chat.example/services/secret")
    words = api.get(f"/api/v1/shops/{shop.pk}/ladder/").content.decode()
    assert "chat.example" in words
    assert "secret" not in words


def test_who_was_told_is_listed_by_request(api: Client, shop: Shop, manager: User) -> None:
    ladder.set_ladder(shop, manager, [ladder.Wish(60, "agents", "in_app")])
    row = waiting(shop, 20)
    sweep_tellings()
    (one,) = api.get(f"/api/v1/tellings/?cancellation={row.pk}").json()["results"]
    assert (one["person_name"], one["channel"], one["state"], one["why"]) == ("Mina", "in_app", "sent", "rung")
    assert api.get(f"/api/v1/tellings/?cancellation={row.pk + 1}").json()["results"] == []
    assert api.get("/api/v1/tellings/?state=x").status_code == 400
