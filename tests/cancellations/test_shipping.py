"""What can be seen to be wrong with a shipment before it is sent."""

import pytest

from cancellations.calls import shipment_of
from cancellations.models import Verdict
from cancellations.shipping import Shipping, shipping_problems
from orders.models import Order
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, PackageFactory

pytestmark = pytest.mark.django_db
GOOD = "9400111899223197"


@pytest.fixture
def order() -> Order:
    """Of three packages, the first of which has left."""
    order = OrderFactory()
    for number in range(3):
        package = PackageFactory(order=order, marketplace_id=f"package-{number}")
        LineItemFactory(order=order, package_id=package.marketplace_id, is_shipped=number == 0)
    return order


def own_carrier(number: str) -> dict[str, str]:
    order = OrderFactory(shipping_type="seller")
    return shipping_problems(order, Shipping(tracking_number=number, shipping_provider_id="1"))


@pytest.mark.parametrize("number", [GOOD, "1Z999AA10123456784", "ab-12", "x" * 50])
def test_numbers_as_carriers_give_them_are_taken(number: str) -> None:
    assert own_carrier(number) == {}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("", "needs a tracking number"),
        ("9400 1118 9922", "Leave out the spaces"),
        ("9400\t1118", "Leave out the spaces"),
        ("940/01118", "letters from A to Z, digits and hyphens only, such as"),
        ("９４００１１１８９９", "letters from A to Z, digits"),
        ("JÄ1234567", "letters from A to Z"),
        ("9400", "5 to 50 characters; this has 4"),
        ("x" * 51, "5 to 50 characters; this has 51"),
    ],
)
def test_what_no_carrier_gives_is_said_at_the_number(number: str, words: str) -> None:
    problems = own_carrier(number)
    assert list(problems) == ["tracking_number"]
    assert words in problems["tracking_number"]


def test_a_package_that_has_left_cannot_be_chosen(order: Order) -> None:
    assert shipping_problems(order, Shipping("DROP_OFF", package_ids=["package-1"])) == {}
    left = shipping_problems(order, Shipping("DROP_OFF", package_ids=["package-0"]))
    assert "has left already: package-0" in left["package_ids"]


def test_one_number_is_not_put_on_two_packages(order: Order) -> None:
    order.shipping_type = "seller"
    sent = Shipping(tracking_number=GOOD, shipping_provider_id="1")
    assert "belongs to one package" in shipping_problems(order, sent)["package_ids"]
    one = Shipping(tracking_number=GOOD, shipping_provider_id="1", package_ids=["package-2"])
    assert shipping_problems(order, one) == {}


def test_what_is_sent_names_the_chosen_packages_or_all_that_have_not_left(order: Order) -> None:
    decision = DecisionFactory(cancellation=CancellationFactory(order=order), verdict=Verdict.SHIP_TO_REJECT)
    assert shipment_of(decision).package_ids == ["package-1", "package-2"]
    assert len(shipment_of(decision).line_item_ids) == 2
    decision.shipment = Shipping(package_ids=["package-2"]).as_json()
    assert shipment_of(decision).package_ids == ["package-2"]
