from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from exports import tasks
from shops.models import Role, Shop
from tests.factories import ShopFactory, member


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The exports that a worker was sent for."""
    sent: list[int] = []
    monkeypatch.setattr(tasks, "nudge", sent.append)
    return sent


@pytest.fixture
def shop(db: None) -> Shop:
    return ShopFactory(name="Mugs")


@pytest.fixture
def manager(shop: Shop) -> User:
    return member(Role.MANAGER, shop)
