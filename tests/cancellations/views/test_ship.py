"""The form of shipping to reject."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from cancellations import live
from cancellations.models import CancellationRequest, Decision
from marketplaces.errors import Refused
from marketplaces.records import HandoverOptions, PackageRecord, PickupSlot, ShippingProvider
from orders.models import Order
from shops.models import Shop
from tests.cancellations.views.pages import HTMX, asked, text_of, url, words_of
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, PackageFactory, at

pytestmark = pytest.mark.django_db
USPS = "7117858858072016686"


@pytest.fixture
def row(american: Shop) -> CancellationRequest:
    """Of an order of two packages that wait to be handed to the marketplace's carrier."""
    order = OrderFactory(shop=american)
    for number in (1, 2):
        package = PackageFactory(order=order, marketplace_id=f"parcel-{number}")
        LineItemFactory(order=order, package_id=package.marketplace_id, product_name=f"Mug {number}")
    return CancellationFactory(order=order)


@pytest.fixture
def own(american: Shop) -> CancellationRequest:
    """Of an order that the seller sends, and that has no package yet."""
    order = OrderFactory(shop=american, shipping_type="seller")
    LineItemFactory(order=order)
    LineItemFactory(order=order, quantity=3, cancelled_quantity=1)
    return CancellationFactory(order=order)


def offers(monkeypatch: pytest.MonkeyPatch, options: HandoverOptions) -> list[Any]:
    """What the marketplace says from now on, and for which packages it was asked."""
    told: list[Any] = []

    def answer(order: object, package_ids: list[str]) -> HandoverOptions:
        told.append(list(package_ids))
        return options

    monkeypatch.setattr(live, "handover_options", answer)
    return told


def test_shipping_rejects_only_where_the_market_says_so(client: Client, shop: Shop) -> None:
    row = asked(shop)
    assert "Only in the US" in text_of(client.post(url("ship", row.pk), headers=HTMX))
    assert not Decision.objects.exists()


def test_a_parcel_of_the_marketplaces_carrier_is_handed_over(client: Client, american: Shop) -> None:
    row = asked(american)
    package = PackageFactory(order=row.order)
    wrong = client.post(url("ship", row.pk), {"way": "BY_PIGEON"}, headers=HTMX)
    assert "not on offer" in text_of(wrong)
    client.post(url("ship", row.pk), {"way": "DROP_OFF"})
    shipment = Decision.objects.get().shipment
    assert shipment["handover_method"] == "DROP_OFF"
    assert shipment["package_ids"] == [package.marketplace_id]


def test_of_several_packages_all_are_ticked_and_those_that_stay_ticked_leave(
    client: Client, row: CancellationRequest
) -> None:
    answer = client.get(url("ship", row.pk))
    page = words_of(answer)
    assert page.count('name="package_ids"') == 2
    assert answer.context["form"].chosen() == ["parcel-1", "parcel-2"]
    for told in ("parcel-1", "Mug 1", "parcel-2", "Mug 2", "No label yet", "The packages that are ticked are marked"):
        assert told in page, told
    none = client.post(url("ship", row.pk), {"way": "DROP_OFF"})
    assert "Choose at least one package." in words_of(none)
    foreign = client.post(url("ship", row.pk), {"way": "DROP_OFF", "package_ids": ["parcel-3"]})
    assert "not part of the order" in words_of(foreign)
    client.post(url("ship", row.pk), {"way": "DROP_OFF", "package_ids": ["parcel-2"]})
    assert Decision.objects.get().shipment["package_ids"] == ["parcel-2"]


def test_a_package_with_a_label_says_so_and_one_that_has_left_is_not_shown(
    client: Client, row: CancellationRequest
) -> None:
    assert row.order
    row.order.packages.filter(marketplace_id="parcel-2").update(
        status="PROCESSING", tracking_number="9400111", shipping_provider="USPS"
    )
    row.order.lines.filter(package_id="parcel-1").update(is_shipped=True)
    page = words_of(client.get(url("ship", row.pk), headers=HTMX))
    assert "Label made, not handed over" in page
    assert "9400111" in page
    assert "parcel-1" not in page
    assert "Package parcel-2 with one item is marked as shipped." in page


def test_what_is_in_a_package_is_asked_where_the_order_does_not_tell(
    client: Client, row: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert row.order
    first, second = row.order.lines.all()
    row.order.lines.update(package_id="")
    told = {"parcel-1": second.marketplace_id, "parcel-2": first.marketplace_id}

    def package(order: object, package_id: str) -> PackageRecord:
        return PackageRecord(package_id, "", "9400111", "USPS", "", (), [told[package_id]])

    monkeypatch.setattr(live, "package", package)
    page = words_of(client.get(url("ship", row.pk), headers=HTMX))
    assert page.index("Mug 2") < page.index("parcel-2") < page.index("Mug 1")
    assert page.count("9400111") == 2


def test_a_package_of_which_nobody_can_say_what_is_in_it_can_be_shipped(
    client: Client, row: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise Refused("System busy", code="36009009")

    assert row.order
    row.order.lines.update(package_id="")
    row.order.packages.filter(marketplace_id="parcel-2").delete()
    monkeypatch.setattr(live, "package", silent)
    assert "Package parcel-1 is marked as shipped." in words_of(client.get(url("ship", row.pk)))
    client.post(url("ship", row.pk), {"way": "DROP_OFF"})
    assert Decision.objects.get().shipment["package_ids"] == ["parcel-1"]


@time_machine.travel(at("2026-11-20 12:00"), tick=False)  # days before, so that no slot is “tomorrow”
def test_times_of_picking_up_are_in_the_shops_zone_and_the_readers(
    client: Client, row: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = [
        PickupSlot(at("2026-11-24 17:00"), at("2026-11-24 20:00")),
        PickupSlot(at("2026-11-25 17:00"), at("2026-11-25 20:00"), available=False),
    ]
    asked_for = offers(monkeypatch, HandoverOptions(can_pickup=True, can_drop_off=False, pickup_slots=slots))
    page = words_of(client.get(url("ship", row.pk)))
    assert "Pick-up 24 Nov 09:00 to 12:00 (America/Los_Angeles)" in page
    assert "24 Nov 17:00 to 20:00 yours" in page
    assert "25 Nov" not in page
    assert "Drop it off" not in page
    assert asked_for == [["parcel-1", "parcel-2"]]
    way = "PICKUP 2026-11-24T17:00:00+00:00 2026-11-24T20:00:00+00:00"
    client.post(url("ship", row.pk), {"way": way, "package_ids": ["parcel-1"]})
    assert asked_for[1:] == [["parcel-1"]]
    decision = Decision.objects.get()
    assert decision.pickup == [slots[0].start, slots[0].end]
    assert "Pick-up from" in words_of(client.get(url("decision", decision.pk)))


@pytest.mark.parametrize(
    ("way", "told"), [("PICKUP", "To be picked up"), ("DROP_OFF", "To be dropped off at a collection point")]
)
def test_how_packages_leave_is_told_as_something_to_come(
    client: Client, row: CancellationRequest, way: str, told: str
) -> None:
    decision = DecisionFactory(cancellation=row, verdict="ship_to_reject", shipment={"handover_method": way})
    assert told in words_of(client.get(url("decision", decision.pk)))


def test_where_packages_cannot_be_handed_over_together_fewer_can_be_chosen(
    client: Client, row: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers(monkeypatch, HandoverOptions(can_pickup=False, can_drop_off=False))
    assert "choose fewer of them" in words_of(client.get(url("ship", row.pk)))
    offers(monkeypatch, HandoverOptions(can_pickup=False, can_drop_off=True))
    again = client.post(url("ship", row.pk), {"package_ids": ["parcel-1"]})
    assert again.context["form"].errors.keys() == {"way"}
    assert "Drop it off" in words_of(again)


def test_a_parcel_of_the_sellers_carrier_needs_its_number(client: Client, own: CancellationRequest) -> None:
    wrong = client.post(url("ship", own.pk), {"shipping_provider_id": "1"})
    assert wrong.context["form"].errors.keys() == {"shipping_provider_id", "tracking_number"}
    client.post(url("ship", own.pk), {"shipping_provider_id": USPS, "tracking_number": "9400 1118"})
    shipment = Decision.objects.get().shipment
    assert (shipment["tracking_number"], shipment["shipping_provider_id"]) == ("94001118", USPS)


def test_of_several_packages_one_gets_the_number_of_the_sellers_carrier(
    client: Client, row: CancellationRequest
) -> None:
    Order.objects.update(shipping_type="seller")
    assert client.get(url("ship", row.pk)).context["form"].chosen() == []
    sent = {"shipping_provider_id": USPS, "tracking_number": "94001118"}
    both = client.post(url("ship", row.pk), {**sent, "package_ids": ["parcel-1", "parcel-2"]})
    assert "A tracking number belongs to one package" in both.context["form"].errors["package_ids"][0]
    client.post(url("ship", row.pk), {**sent, "package_ids": ["parcel-2"]})
    assert Decision.objects.get().shipment["package_ids"] == ["parcel-2"]


def test_a_number_that_no_carrier_gives_is_told_at_its_field_with_an_example(
    client: Client, own: CancellationRequest
) -> None:
    page = words_of(client.get(url("ship", own.pk)))
    assert "such as 9400111899223197428490" in page
    wrong = client.post(url("ship", own.pk), {"shipping_provider_id": USPS, "tracking_number": "94/00"})
    assert wrong.status_code == 422
    assert wrong.context["form"].errors.keys() == {"tracking_number"}
    assert 'aria-invalid="true"' in text_of(wrong)
    assert not Decision.objects.exists()


def test_carriers_stand_in_the_order_of_their_names(
    client: Client, own: CancellationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    carriers = [ShippingProvider("1", "UPS"), ShippingProvider("2", "dpd"), ShippingProvider("3", "Amazon")]
    monkeypatch.setattr(live, "shipping_providers", lambda order: carriers)
    form = client.get(url("ship", own.pk)).context["form"]
    assert [name for _, name in form.fields["shipping_provider_id"].choices][1:] == ["Amazon", "dpd", "UPS"]


def test_what_is_about_to_happen_is_said_before_the_button(
    client: Client, own: CancellationRequest, settings: Any
) -> None:
    settings.UNDO_SECONDS = 10
    page = words_of(client.get(url("ship", own.pk)))
    for told in (
        "TikTok Shop makes one package of the 3 items and marks it as shipped.",
        "TikTok Shop rejects the request because of it: the order goes on, and nothing is refunded.",
        "You can undo it for 10 seconds, not after that.",
    ):
        assert told in page, told
    assert page.index("You can undo it") < page.index("Mark as shipped</button>")


def test_where_silence_comes_first_there_is_less_time_to_undo(client: Client, own: CancellationRequest) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        for left, told in ((12, "undo it for 6 seconds"), (1, "It is sent at once and cannot be undone.")):
            CancellationRequest.objects.update(deadline=timezone.now() + timedelta(seconds=left))
            assert told in words_of(client.get(url("ship", own.pk)))


CHANGED = "What can leave has changed since you opened this"


def test_a_package_that_was_not_ticked_never_leaves_in_place_of_one_that_has_left(
    client: Client, row: CancellationRequest
) -> None:
    assert row.order
    row.order.lines.filter(package_id="parcel-2").update(is_shipped=True)
    body = {"shown": ["", "parcel-1", "parcel-2"], "package_ids": ["parcel-2"], "way": "DROP_OFF"}
    answer = client.post(url("ship", row.pk), body, headers=HTMX)
    assert CHANGED in text_of(answer)
    assert not Decision.objects.exists()
    without = client.post(url("ship", row.pk), {"package_ids": ["parcel-2"], "way": "DROP_OFF"}, headers=HTMX)
    assert CHANGED in text_of(without)
    assert not Decision.objects.exists()


def test_another_package_than_was_shown_never_leaves(client: Client, american: Shop) -> None:
    row = asked(american)
    assert row.order
    PackageFactory(order=row.order, marketplace_id="new")
    for shown in (["", "old"], [""]):
        answer = client.post(url("ship", row.pk), {"shown": shown, "way": "DROP_OFF"}, headers=HTMX)
        assert CHANGED in text_of(answer)
    assert not Decision.objects.exists()
    page = client.get(url("ship", row.pk), headers=HTMX).content.decode()
    assert 'value="new"' in page
    client.post(url("ship", row.pk), {"shown": ["", "new"], "way": "DROP_OFF"})
    assert Decision.objects.get().shipment["package_ids"] == ["new"]


def test_where_all_of_it_has_left_meanwhile_that_is_said(client: Client, row: CancellationRequest) -> None:
    assert row.order
    row.order.lines.update(is_shipped=True)
    answer = client.post(url("ship", row.pk), {"shown": ["", "parcel-1", "parcel-2"], "way": "DROP_OFF"}, headers=HTMX)
    assert "Everything of this order has left already." in text_of(answer)
    assert not Decision.objects.exists()
