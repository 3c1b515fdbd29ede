"""Many decisions in one body, and decisions that somebody waits for."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import idempotency
from accounts.models import IdempotencyKey
from cancellations import decisions, live
from cancellations.api import bulk
from cancellations.decisions import found_again
from cancellations.models import CancellationRequest, Decision, Verdict
from config.api import waiting
from marketplaces.errors import TemporaryFailure
from marketplaces.records import RejectReason
from shops.models import Role, Shop
from tests.factories import CancellationFactory, LineItemFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db
DECISIONS = "/api/v1/decisions/"
BULK = f"{DECISIONS}bulk/"


@pytest.fixture(autouse=True)
def reasons() -> Iterator[Any]:
    cache.clear()
    with patch.object(live, "reject_reasons", return_value=[RejectReason("already_sent", "It has left")]) as asked:
        yield asked


@pytest.fixture
def shop() -> Shop:
    return ShopFactory()


@pytest.fixture
def agent(shop: Shop) -> Client:
    client = Client()
    client.force_login(member(Role.AGENT, shop))
    return client


def requests(shop: Shop, count: int) -> list[CancellationRequest]:
    return [CancellationFactory(order=OrderFactory(shop=shop)) for _ in range(count)]


def approve(cancellation: CancellationRequest, **more: Any) -> dict[str, Any]:
    return {"verdict": "approve", "cancellation": cancellation.pk, **more}


def cancelled_item(shop: Shop) -> dict[str, Any]:
    line = LineItemFactory(order=OrderFactory(shop=shop, is_cancel_requested=False))
    return {
        "verdict": "cancel_items", "order": line.order_id, "items": [{"line_item": line.pk}],
        "reason": "seller_cancel_reason_out_of_stock_uk",
    }  # fmt: skip


def post(client: Client, body: Any, address: str = BULK, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(address, json.dumps(body), "application/json", headers=names)


# --- many at once ---------------------------------------------------------------------------------------------------


def test_each_is_answered_in_the_order_sent_and_none_keeps_another_back(shop: Shop, agent: Client) -> None:
    one, two, foreign = *requests(shop, 2), CancellationFactory()
    order = OrderFactory(shop=shop, is_cancel_requested=False)
    line = LineItemFactory(order=order)
    options = agent.get(f"/api/v1/orders/{order.pk}/cancel-options/").json()
    rows = [
        approve(one),
        approve(one),
        approve(foreign),
        {"verdict": "reject", "cancellation": two.pk, "reason": "nonsense"},
        {"verdict": "reject", "cancellation": two.pk, "reason": "already_sent", "comment": "It left."},
        {"verdict": "cancel_items", "order": order.pk, "items": [{"line_item": 999_999}], "reason": "x"},
        {
            "verdict": "cancel_items", "order": order.pk, "items": [{"line_item": line.pk}],
            "reason": options["reasons"][0]["name"],
        },
        {"verdict": "reject", "cancellation": two.pk, "images": []},
        17,
        approve(one, colour="red"),
    ]  # fmt: skip
    answer = post(agent, {"decisions": rows})
    told = answer.json()
    assert answer.status_code == 200
    assert [row["index"] for row in told["results"]] == list(range(10))
    assert [row["status"] for row in told["results"]] == [201, 409, 400, 400, 201, 400, 201, 400, 400, 400]
    assert (told["recorded"], told["failed"]) == (3, 7)
    first, again, _foreign, nonsense, rejected, no_line, _cancelled, image, _number, colour = told["results"]
    assert first["decision"]["cancellation"] == one.pk
    assert again["problem"]["decision"] == first["decision"]["url"]
    assert set(nonsense["problem"]["errors"]) == {"reason"}
    assert rejected["decision"]["reason_text"] == "It has left"
    assert set(no_line["problem"]["errors"]) == {"items[0].line_item"}
    assert set(image["problem"]["errors"]) == {"images"}
    assert set(colour["problem"]["errors"]) == {"colour"}
    assert Decision.objects.count() == 3


def test_a_row_that_breaks_is_a_problem_of_its_own(shop: Shop, agent: Client) -> None:
    one, two = requests(shop, 2)

    def breaks_once(asked: CancellationRequest, *told: Any) -> None:
        if asked == one:
            raise RuntimeError("broken")

    with patch.object(decisions, "check", breaks_once):
        results = post(agent, {"decisions": [approve(one), approve(two)]}).json()["results"]
    assert [row["status"] for row in results] == [500, 201]
    assert results[0]["problem"]["type"] == "/problems/broken"


@pytest.mark.parametrize("rows", [[], None, "all", {"0": {}}, [{}] * 501])
def test_none_and_more_than_500_are_a_400(agent: Client, rows: Any) -> None:
    answer = post(agent, {"decisions": rows})
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"decisions"})


def test_images_cannot_come_along(agent: Client) -> None:
    assert agent.post(BULK, {"decisions": "x"}).status_code == 415


def test_the_same_body_again_records_nothing_twice_after_a_death_in_the_middle(shop: Shop, agent: Client) -> None:
    rows = {"decisions": [*map(approve, requests(shop, 2)), cancelled_item(shop), *map(approve, requests(shop, 1))]}
    recorded = decisions.save
    done: list[Decision] = []

    def dies_at_the_fourth(made: list[Decision]) -> None:
        if len(done) == 3:
            raise KeyboardInterrupt
        recorded(made)
        done.extend(made)

    with patch.object(decisions, "save", dies_at_the_fourth), pytest.raises(KeyboardInterrupt):
        post(agent, rows, Idempotency_Key="a")
    assert Decision.objects.count() == 3
    IdempotencyKey.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    told = post(agent, rows, Idempotency_Key="a").json()
    assert told["recorded"] == Decision.objects.count() == 4
    assert [row["decision"]["id"] for row in told["results"][:3]] == [decision.pk for decision in done]
    assert post(agent, rows, Idempotency_Key="a").headers["Idempotency-Replayed"] == "true"


def test_what_the_first_try_recorded_while_the_second_began_is_found(shop: Shop, agent: Client) -> None:
    [asked] = requests(shop, 1)

    def records_meanwhile(user: Any, names: list[str]) -> Any:
        found = found_again(user, names)
        list(found)
        decisions.decide(asked, Verdict.APPROVE, user, client_key=names[0])
        return found.none()

    with patch.object(bulk, "found_again", records_meanwhile):
        told = post(agent, {"decisions": [approve(asked)]}, Idempotency_Key="a").json()
    assert (told["recorded"], told["results"][0]["decision"]["id"]) == (1, Decision.objects.get().pk)


def test_what_they_have_in_common_is_looked_up_once(shop: Shop, agent: Client, reasons: Any) -> None:
    def cost(count: int) -> int:
        rows = [
            {"verdict": "reject", "cancellation": one.pk, "reason": "already_sent"} for one in requests(shop, count)
        ]
        with CaptureQueriesContext(connection) as asked:
            assert post(agent, {"decisions": rows}).json()["recorded"] == count
        return len(asked)

    cost(1)
    one, three, five = cost(1), cost(3), cost(5)
    assert one == three == five <= 40
    assert reasons.call_count == 4


def test_a_marketplace_that_does_not_answer_is_asked_once(shop: Shop, agent: Client, reasons: Any) -> None:
    reasons.side_effect = TemporaryFailure("no answer")
    rows = [{"verdict": "reject", "cancellation": one.pk, "reason": "already_sent"} for one in requests(shop, 3)]
    assert post(agent, {"decisions": rows}).json()["recorded"] == 3
    assert reasons.call_count == 1


# --- no time to undo ------------------------------------------------------------------------------------------------


def test_a_system_needs_no_time_to_undo(shop: Shop, agent: Client) -> None:
    for one, seconds in zip(requests(shop, 3), (0, 3, None), strict=True):
        post(agent, approve(one, **({} if seconds is None else {"undo_seconds": seconds})), DECISIONS)
    windows = [one.send_after - one.made_at for one in Decision.objects.order_by("pk")]
    assert [round(window.total_seconds()) for window in windows] == [0, 3, 10]


@pytest.mark.parametrize("seconds", [-1, 11, "soon", 0.5])
def test_but_never_longer_than_people_have(shop: Shop, agent: Client, seconds: Any) -> None:
    answer = post(agent, approve(requests(shop, 1)[0], undo_seconds=seconds), DECISIONS)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"undo_seconds"})


def test_silence_still_decides_no_sooner(shop: Shop, agent: Client) -> None:
    soon = CancellationFactory(order=OrderFactory(shop=shop), deadline=timezone.now() + timedelta(seconds=6))
    post(agent, approve(soon, undo_seconds=10), DECISIONS)
    decision = Decision.objects.get()
    assert decision.send_after - decision.made_at <= timedelta(seconds=3)


# --- who waits for the outcome --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_held_until_the_decision_is_settled(shop: Shop, agent: Client) -> None:
    one = requests(shop, 1)[0]

    def settle() -> None:
        while not Decision.objects.filter(state="recorded").update(state="confirmed"):
            time.sleep(0.02)
        connection.close()

    worker = threading.Thread(target=settle)
    worker.start()
    answer = post(agent, approve(one), DECISIONS, Prefer="respond-async, wait=60")
    worker.join()
    assert (answer.status_code, answer.json()["state"]) == (201, "confirmed")
    assert answer.headers["Preference-Applied"] == "wait=10"


def test_nobody_waits_longer_than_they_wanted(shop: Shop, agent: Client) -> None:
    made = post(agent, approve(requests(shop, 1)[0]), DECISIONS, Prefer="wait=0")
    assert (made.json()["state"], made.headers["Preference-Applied"]) == ("recorded", "wait=0")
    began = time.monotonic()
    answer = agent.get(made.json()["url"], headers={"Prefer": "wait=1"})
    assert 0.9 < time.monotonic() - began < 5
    assert (answer.json()["state"], answer.headers["Preference-Applied"]) == ("recorded", "wait=1")


@pytest.mark.parametrize("state", ["stalled", "unsigned", "refused"])
def test_nobody_waits_for_what_does_not_move_by_itself(shop: Shop, agent: Client, state: str) -> None:
    made = post(agent, approve(requests(shop, 1)[0]), DECISIONS).json()
    Decision.objects.update(state=state, stalled_because="outcome_unknown" if state == "stalled" else "")
    with patch.object(time, "sleep", side_effect=AssertionError("waited")):
        answer = agent.get(made["url"], headers={"Prefer": "wait=10"})
    assert answer.headers["Preference-Applied"] == "wait=10"


@pytest.mark.parametrize(
    "prefer", ["wait", "wait=", "wait=-1", "wait=soon", "handling=lenient", "wait=1.5", "x" * 5000]
)
def test_a_preference_that_cannot_be_understood_is_none(shop: Shop, agent: Client, prefer: str) -> None:
    with patch.object(time, "sleep", side_effect=AssertionError("waited")):
        answer = post(agent, approve(requests(shop, 1)[0]), DECISIONS, Prefer=prefer)
    assert answer.status_code == 201
    assert "Preference-Applied" not in answer.headers


def test_where_too_many_wait_the_next_is_answered_at_once(shop: Shop, agent: Client, settings: Any) -> None:
    for _ in range(settings.API_WAITERS):
        assert waiting.waiters.acquire(blocking=False)
    try:
        answer = post(agent, approve(requests(shop, 1)[0]), DECISIONS, Prefer="wait=10")
    finally:
        for _ in range(settings.API_WAITERS):
            waiting.waiters.release()
    assert answer.status_code == 201
    assert "Preference-Applied" not in answer.headers


def test_the_lease_of_a_key_is_longer_than_anybody_waits() -> None:
    assert timedelta(seconds=3 * waiting.LONGEST) < idempotency.LEASE
