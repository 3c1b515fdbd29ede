"""Which packages still have to leave."""

import pytest

from orders.models import Order
from orders.parcels import lines_to_ship, parcels_to_ship
from tests.factories import LineItemFactory, OrderFactory, PackageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    """Of two packages: one has left, the other holds a line to ship and a cancelled one."""
    order = OrderFactory()
    left, waiting = PackageFactory.create_batch(2, order=order)
    LineItemFactory(order=order, package_id=left.marketplace_id, is_shipped=True)
    LineItemFactory(order=order, package_id=waiting.marketplace_id, sku_name="To ship")
    LineItemFactory(order=order, package_id=waiting.marketplace_id, is_cancelled=True)
    return order


def test_a_package_that_has_left_is_not_shipped_again(order: Order) -> None:
    ((package, lines),) = parcels_to_ship(order)
    assert package == order.packages.last()
    assert len(lines) == 1
    assert [line.sku_name for line in lines_to_ship(order)] == ["To ship"]


def test_a_package_of_which_everything_is_cancelled_does_not_leave(order: Order) -> None:
    order.lines.filter(is_shipped=False).update(is_cancelled=True)
    assert parcels_to_ship(order) == []


def test_a_package_whose_lines_nobody_told_can_be_shipped(order: Order) -> None:
    unknown = PackageFactory(order=order)
    assert [package for package, _ in parcels_to_ship(order)][1:] == [unknown]
