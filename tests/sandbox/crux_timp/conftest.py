from __future__ import annotations

import pytest

from tests.sandbox.client import Control
from tests.sandbox.conftest import Running
from tests.sandbox.crux_timp.client import Network, Placed, User


@pytest.fixture
def control(running: Running) -> Control:
    running.control.post("reset", scenario="default", seed=1, orders=120, rate_limit=0, webhook_url="")
    return running.control


@pytest.fixture
def network(control: Control) -> Network:
    users = [
        User(f"{control.base_url}/crux", row["username"], row["password"], row["org_uuid"])
        for row in control.get("credentials")["crux"]["users"]
    ]
    retailer, other_retailer, supplier, packer, other_supplier, _ = users
    return Network(control, retailer, supplier, packer, other_supplier, other_retailer)


@pytest.fixture
def supplier(network: Network) -> User:
    return network.supplier


@pytest.fixture
def retailer(network: Network) -> User:
    return network.retailer


@pytest.fixture
def placed(network: Network) -> Placed:
    """An order of two lines, two mugs and a candle, all of one supplier."""
    return network.place((network.supplier, "MUG12-SAG", 2), (network.supplier, "CAN8-CED", 1))


@pytest.fixture
def shared(network: Network) -> Placed:
    """An order of two lines, each of another supplier."""
    return network.place((network.supplier, "MUG12-SAG", 2), (network.other_supplier, "PAN10", 1))
