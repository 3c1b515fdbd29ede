from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import User
from shops import outgoing
from shops.models import Role, Shop
from shops.outgoing import event as made_up
from tests.factories import ShopFactory, member
from tests.webhooks.receiver import Receiver, receiving
from webhooks import endpoints, tasks
from webhooks.models import Delivery, Endpoint


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The endpoints that workers would be sent to."""
    asked: list[int] = []
    monkeypatch.setattr(tasks, "nudge", asked.append)
    return asked


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.0/8"]
    with receiving() as one:
        yield one


@pytest.fixture
def shop(db: None) -> Shop:
    return ShopFactory()


@pytest.fixture
def owner(shop: Shop) -> User:
    return member(Role.MANAGER, shop)


@pytest.fixture
def endpoint(owner: User, receiver: Receiver, nudged: list[int]) -> Endpoint:
    made = endpoints.make(owner, endpoints.Wish("ERP", receiver.url))
    receiver.secrets = [made.secret]
    return made


def happened(shop: Shop, about: str, n: str = "", kind: str = "decision.accepted", count: int = 1) -> None:
    """`count` events of one object, numbered."""
    outgoing.announce(made_up(kind, about, {"n": n or f"{about}/{number}"}, shop_id=shop.pk) for number in range(count))


def later(by: timedelta) -> None:
    """As if so much time had passed."""
    for model, names in (
        (Delivery, ("due_at", "first_tried_at", "tried_at", "made_at")),
        (Endpoint, ("rests_until", "failing_since", "busy_until", "previous_until")),
    ):
        for row in model.objects.all():
            moved = {name: getattr(row, name) - by for name in names if getattr(row, name)}
            model.objects.filter(pk=row.pk).update(**moved)
