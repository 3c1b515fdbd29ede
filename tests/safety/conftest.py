from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from cancellations.models import CancellationRequest
from shops import heartbeat
from shops.models import Role, Shop, SyncCursor
from tests.factories import CancellationFactory, ShopFactory, member
from tests.safety.channel import Channel, listening


@pytest.fixture
def somebody_works() -> None:
    cache.clear()
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.BEAT)


@pytest.fixture
def shop(db: None, somebody_works: None) -> Shop:
    """One that was read a moment ago."""
    made = ShopFactory()
    SyncCursor.objects.create(shop=made, kind="cancellations", synced_until=timezone.now())
    return made


@pytest.fixture
def manager(shop: Shop) -> User:
    return member(Role.MANAGER, shop, first_name="Mina", email="mina@example.test")


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop, first_name="Anna", email="anna@example.test")


@pytest.fixture
def channel(settings: Any) -> Iterator[Channel]:
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.0/8"]
    with listening() as one:
        yield one


def waiting(shop: Shop, minutes: float, now: datetime | None = None, **more: Any) -> CancellationRequest:
    """A request that silence decides in so many minutes."""
    deadline = (now or timezone.now()) + timedelta(minutes=minutes)
    return CancellationFactory(order__shop=shop, deadline=deadline, **more)
