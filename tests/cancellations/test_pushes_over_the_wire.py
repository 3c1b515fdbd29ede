"""Pushes over the wire: those that the simulator sends, and a flood of forged ones with genuine ones between them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from cancellations import pushes, sync
from cancellations.models import CancellationRequest, PushedNotification
from shops.models import Shop
from shops.pulling import claim_due_shops
from tests.cancellations.test_pushes import ADDRESS, IN_AN_HOUR, push, signed
from tests.factories import ConnectionFactory, ShopFactory
from tests.world import World


@pytest.fixture(autouse=True)
def nobody_has_forged_yet() -> None:
    cache.clear()


def until(what: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def deliveries(world: World) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = world.sandbox.get("webhooks")["deliveries"]
    return told


def test_what_the_simulator_pushes_arrives_and_the_request_is_here_with_the_next_pull(
    world: World, live_server: Any
) -> None:
    shop = world.shop("DE")
    Shop.objects.update(next_pull_at=timezone.now() + IN_AN_HOUR)
    world.sandbox.post("webhooks", url=f"{live_server.url}{ADDRESS}")
    told = world.sandbox.ask_to_cancel(shop_id=shop.marketplace_id)
    until(lambda: deliveries(world) != [] and {one["state"] for one in deliveries(world)} == {"delivered"})
    assert [try_["status"] for one in deliveries(world) for try_ in one["tries"]] == [200] * len(deliveries(world))
    stored = PushedNotification.objects.get(cancellation_id=told["cancel_id"])
    assert (stored.shop, stored.topic, stored.order_id) == (shop, "cancellation", told["order_id"])
    pushes.sweep_pushes()
    (claimed,) = claim_due_shops(timezone.now())
    assert claimed == shop
    sync.pull(claimed)
    assert CancellationRequest.objects.waiting().filter(marketplace_id=told["cancel_id"]).exists()


def test_what_the_simulator_pushes_twice_is_stored_once(world: World, live_server: Any) -> None:
    world.sandbox.post("webhooks", url=f"{live_server.url}{ADDRESS}")
    world.sandbox.ask_to_cancel(shop_id=world.shop("DE").marketplace_id)
    until(lambda: deliveries(world) != [] and {one["state"] for one in deliveries(world)} == {"delivered"})
    first = deliveries(world)[0]
    stored = PushedNotification.objects.count()
    world.sandbox.post(f"webhooks/{first['id']}/resend")
    until(lambda: len(deliveries(world)[0]["tries"]) == 2)
    assert deliveries(world)[0]["tries"][1]["status"] == 200
    assert PushedNotification.objects.count() == stored


def test_what_the_simulator_pushes_for_a_shop_that_we_do_not_have_is_refused(world: World, live_server: Any) -> None:
    shop = world.shop("DE")
    Shop.objects.filter(pk=shop.pk).update(marketplace_id="7000000000000000001")
    world.sandbox.post("webhooks", url=f"{live_server.url}{ADDRESS}")
    world.sandbox.ask_to_cancel(shop_id=shop.marketplace_id)
    until(lambda: deliveries(world) != [] and all(one["tries"] for one in deliveries(world)))
    assert {one["tries"][0]["status"] for one in deliveries(world)} == {401}
    assert not PushedNotification.objects.exists()


def post(address: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, float]:
    """Over the wire; with how many seconds the answer took."""
    began = time.monotonic()
    answer = requests.post(address, data=body, headers=headers, timeout=30)
    return answer.status_code, answer.content, time.monotonic() - began


def test_between_a_thousand_forged_ones_every_genuine_one_is_taken(
    transactional_db: None, live_server: Any, record_property: Callable[[str, object], None]
) -> None:
    shop = ShopFactory(next_pull_at=timezone.now() + IN_AN_HOUR)
    other = ShopFactory(
        connection=ConnectionFactory(app_secret="another-secret"), next_pull_at=timezone.now() + IN_AN_HOUR
    )
    address = f"{live_server.url}{ADDRESS}"

    def send(number: int) -> tuple[bool, tuple[int, bytes, float]]:
        body = push(shop, tts_notification_id=str(number))
        if number % 11 == 0:
            return True, post(address, body, signed(shop, body))
        forgeries = [{}, {"Authorization": "0" * 64}, signed(other, body), signed(shop, body + b" ")]
        return False, post(address, body, forgeries[number % 4])

    with ThreadPoolExecutor(8) as senders:
        told = list(senders.map(send, range(1100)))
    connections.close_all()
    genuine = [answer for is_genuine, answer in told if is_genuine]
    assert {answer[:2] for answer in genuine} == {(200, b"")}
    assert {answer[:2] for is_genuine, answer in told if not is_genuine} == {(401, b""), (429, b"")}
    assert PushedNotification.objects.count() == len(genuine) == 100
    record_property("slowest genuine answer, seconds", max(seconds for _, _, seconds in genuine))
    pushes.sweep_pushes()
    assert claim_due_shops(timezone.now()) == [shop]
