"""A real worker with its beat: what happened is at the other side moments later, without anybody's doing."""

import time

import pytest
from django.db import transaction

from shops.models import Role
from shops.outgoing import RELAY
from tests.factories import ShopFactory, member
from tests.webhooks.conftest import happened
from tests.webhooks.receiver import receiving
from tests.workers import StartWorker
from webhooks import endpoints, tasks
from webhooks.models import Delivery


def test_the_relay_is_known_by_its_name() -> None:
    assert tasks.relay.name == RELAY


@pytest.mark.django_db(transaction=True)
def test_what_is_announced_arrives(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, settings: object
) -> None:
    monkeypatch.setenv("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8")  # before the worker is made, which inherits it
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.0/8"]  # type: ignore[attr-defined]
    start_worker: StartWorker = request.getfixturevalue("start_worker")
    shop = ShopFactory()
    with receiving() as receiver:
        made = endpoints.make(member(Role.MANAGER, shop), endpoints.Wish("ERP", receiver.url))
        receiver.secrets = [made.secret]
        start_worker()
        with transaction.atomic():
            happened(shop, "decision:1", count=3)
        until = time.monotonic() + 60
        while Delivery.objects.filter(state="delivered").count() < 3 and time.monotonic() < until:
            time.sleep(0.05)
    assert [told["data"]["n"] for _id, told in receiver.taken] == [f"decision:1/{n}" for n in range(3)]
