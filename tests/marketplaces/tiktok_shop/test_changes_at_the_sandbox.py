"""Every change of the adapter against the simulator's process, its ledger telling what really happened."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from PIL import Image

from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, Refused, TemporaryFailure
from marketplaces.http import Http
from marketplaces.records import CancellationState, Credentials, OrderRecord, Receipt, Shipment
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from marketplaces.tiktok_shop.client import TikTokShopClient
from tests.marketplaces.tiktok_shop.samples import target
from tests.marketplaces.tiktok_shop.test_reads_of_the_sandbox import Adapters, all_orders, an_order
from tests.sandbox_process import SandboxProcess, wait_for

PACKED = "seller_reject_apply_product_has_been_packed"
OUT_OF_STOCK = "seller_cancel_reason_out_of_stock"


def png(side: int = 200) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (side, side), "white").save(content, "PNG")
    return content.getvalue()


def own_shipping(adapter: TikTokAdapter, *, lines: int = 1, packages: bool = True) -> OrderRecord:
    """An order that the seller ships himself."""
    return next(
        one
        for one in all_orders(adapter)
        if (one.status, one.shipping_type) == ("AWAITING_SHIPMENT", "seller")
        and len(one.lines) >= lines
        and bool(one.package_ids) == packages
        and not one.is_cancel_requested
    )


def sent(adapter: TikTokAdapter, order: OrderRecord, tracking: str = "JX12345") -> Shipment:
    provider = adapter.shipping_providers(order.delivery_option_id)[0]
    return Shipment(
        order_id=order.marketplace_id,
        package_ids=order.package_ids,
        tracking_number=tracking,
        shipping_provider_id=provider.marketplace_id,
    )


def test_approving_approves_once_per_key(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="DE")
    receipt = adapter("DE").approve(target(asked["cancel_id"]), "key-1")
    again = adapter("DE").approve(target(asked["cancel_id"]), "key-1")
    assert receipt.request_id
    assert (receipt.code, receipt.status, again.code) == ("0", "", "0")
    (record,) = adapter("DE").cancellations_by_id([asked["cancel_id"]]).records
    assert record.state is CancellationState.APPROVED
    (effect,) = sandbox.effects(effect="cancellation.approved", cancel_id=asked["cancel_id"])
    assert effect["idempotency_key"] == "key-1"


def test_approving_sends_no_body(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="DE")
    adapter("DE").approve(target(asked["cancel_id"]), "key-1")
    assert sandbox.recording
    path = f"/return_refund/202309/cancellations/{asked['cancel_id']}/approve"
    line = next(one for one in sandbox.recording.read_text("utf-8").splitlines() if path in one)
    assert '"body":null' in line
    assert '"content-length":"0"' in line.lower()


def test_rejecting_carries_reason_comment_and_images(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="TH")
    image = adapter("TH").upload_image(png(), "Beweis für ไทย.png", "image/png")
    assert (image.width, image.height, image.mime_type) == (200, 200, "image/png")
    comment = "แพ็กแล้ว – “ship” \u0007 日本 🚚"
    adapter("TH").reject(target(asked["cancel_id"]), "key-2", PACKED, comment, [image])
    kept = sandbox.get(f"cancellations/{asked['cancel_id']}")["rejection"]
    assert (kept["reject_reason"], kept["comment"]) == (PACKED, comment)
    assert [one["image_id"] for one in kept["images"]] == [image.image_id]
    (record,) = adapter("TH").cancellations_by_id([asked["cancel_id"]]).records
    assert record.state is CancellationState.CLOSED


def test_rejecting_needs_neither_comment_nor_images(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="TH")
    adapter("TH").reject(target(asked["cancel_id"]), "key-3", PACKED, "", [])
    assert len(sandbox.effects(effect="cancellation.rejected", cancel_id=asked["cancel_id"])) == 1


def test_the_older_form_of_the_answer_is_understood(sandbox: SandboxProcess, adapter: Adapters) -> None:
    sandbox.post("switches", legacy_answers=True)
    asked = sandbox.ask_to_cancel(region="DE")
    receipt = adapter("DE").approve(target(asked["cancel_id"]), "key-4")
    assert receipt.status == "CANCELLATION_REQUEST_SUCCESS"


def test_who_comes_late_is_told_that_it_was_decided(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="DE")
    sandbox.post("buyer", action="withdraw", cancel_id=asked["cancel_id"])
    with pytest.raises(Refused) as late:
        adapter("DE").approve(target(asked["cancel_id"]), "key-5")
    assert (late.value.code, late.value.already_processed) == ("25020009", True)
    assert late.value.request_id


def test_a_reason_that_does_not_fit_is_a_plain_no(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="DE")
    with pytest.raises(Refused) as refusal:
        adapter("DE").reject(target(asked["cancel_id"]), "key-6", "no_such_reason", "", [])
    assert not refusal.value.already_processed


def test_a_whole_order_can_be_cancelled_once(sandbox: SandboxProcess, adapter: Adapters) -> None:
    order = an_order(adapter("ID"), "AWAITING_SHIPMENT")
    receipt = adapter("ID").cancel_items(order.marketplace_id, OUT_OF_STOCK, {})
    assert (receipt.status, bool(receipt.cancellation_id)) == ("CANCELLATION_REQUEST_SUCCESS", True)
    (after,) = adapter("ID").orders_by_id([order.marketplace_id]).records
    assert (after.is_cancelled, after.cancelled_by) == (True, "SELLER")
    with pytest.raises(Refused) as again:
        adapter("ID").cancel_items(order.marketplace_id, OUT_OF_STOCK, {})
    assert again.value.already_processed


def test_single_line_items_can_be_cancelled_where_the_market_allows_it(
    sandbox: SandboxProcess, adapter: Adapters
) -> None:
    order = an_order(adapter("US"), "AWAITING_SHIPMENT", lines=2)
    gone = order.lines[0].marketplace_id
    adapter("US").cancel_items(order.marketplace_id, OUT_OF_STOCK, {gone: 1})
    (after,) = adapter("US").orders_by_id([order.marketplace_id]).records
    assert {line.marketplace_id for line in after.lines if line.is_cancelled} == {gone}
    assert not after.is_cancelled
    elsewhere = an_order(adapter("DE"), "AWAITING_SHIPMENT", lines=2)
    with pytest.raises(Refused) as refusal:
        adapter("DE").cancel_items(elsewhere.marketplace_id, OUT_OF_STOCK, {elsewhere.lines[0].marketplace_id: 1})
    assert refusal.value.code == "25005010"


def test_quantities_by_sku_are_the_clients_other_way(
    adapter: Adapters, credentials: Callable[[str], Credentials], http: Http
) -> None:
    order = an_order(adapter("US"), "AWAITING_SHIPMENT", lines=2)
    client = TikTokShopClient(credentials("US"), http)
    answer = client.cancel_order(order.marketplace_id, reason=OUT_OF_STOCK, skus={order.lines[0].sku_id: 1})
    assert answer.data["cancel_id"]
    with pytest.raises(ValueError, match="one of them"):
        client.cancel_order(order.marketplace_id, reason=OUT_OF_STOCK, skus={"1": 1}, line_item_ids=["2"])


def test_a_line_item_is_one_unit(sandbox: SandboxProcess, adapter: Adapters) -> None:
    with pytest.raises(Refused, match="one unit"):
        adapter("US").cancel_items("577087614418520388", OUT_OF_STOCK, {"577087614418716996": 2})
    assert not sandbox.get("calls")["calls"]


def test_an_order_without_a_package_is_marked_as_shipped_and_so_rejects_in_the_us(
    sandbox: SandboxProcess, adapter: Adapters
) -> None:
    order = own_shipping(adapter("US"), packages=False)
    asked = sandbox.ask_to_cancel(order_id=order.marketplace_id)
    receipt = adapter("US").ship(sent(adapter("US"), order))
    assert receipt.package_id
    (record,) = adapter("US").cancellations_by_id([asked["cancel_id"]]).records
    assert record.state is CancellationState.CLOSED
    (after,) = adapter("US").orders_by_id([order.marketplace_id]).records
    assert (after.is_shipped, after.is_cancel_requested) == (True, False)


def test_chosen_line_items_can_be_marked_as_shipped(adapter: Adapters) -> None:
    order = own_shipping(adapter("US"), lines=2, packages=False)
    shipment = sent(adapter("US"), order)
    part = Shipment(
        order_id=shipment.order_id,
        line_item_ids=[order.lines[0].marketplace_id],
        tracking_number=shipment.tracking_number,
        shipping_provider_id=shipment.shipping_provider_id,
    )
    adapter("US").ship(part)
    (after,) = adapter("US").orders_by_id([order.marketplace_id]).records
    assert [line.is_shipped for line in after.lines][:2] == [True, False]
    assert not after.is_shipped


def test_an_order_without_package_and_tracking_number_is_not_sent(sandbox: SandboxProcess, adapter: Adapters) -> None:
    with pytest.raises(Refused, match="tracking number"):
        adapter("US").ship(Shipment(order_id="577087614418520388"))
    assert not sandbox.get("calls")["calls"]


def test_one_package_is_shipped_by_its_carrier_or_by_the_seller(adapter: Adapters) -> None:
    speaker = adapter("DE")
    platform = next(
        one
        for one in all_orders(speaker)
        if (one.status, one.shipping_type) == ("AWAITING_SHIPMENT", "marketplace") and not one.is_cancel_requested
    )
    slot = speaker.handover_options(platform.package_ids[0]).pickup_slots[0]
    speaker.ship(Shipment(platform.marketplace_id, platform.package_ids, handover_method="PICKUP", pickup_slot=slot))
    own = own_shipping(speaker)
    speaker.ship(sent(speaker, own))
    after = speaker.orders_by_id([platform.marketplace_id, own.marketplace_id]).records
    assert [one.is_shipped for one in after] == [True, True]
    assert speaker.package(own.package_ids[0]).tracking_number == "JX12345"


def test_shipping_outside_the_us_waits_for_the_request(sandbox: SandboxProcess, adapter: Adapters) -> None:
    speaker = adapter("DE")
    order = own_shipping(speaker)
    sandbox.ask_to_cancel(order_id=order.marketplace_id)
    with pytest.raises(Refused) as refusal:
        speaker.ship(sent(speaker, order))
    assert refusal.value.code in ("21011007", "21008044")


def two_packages(adapter: TikTokAdapter) -> list[OrderRecord]:
    """Two orders whose packages can be handed over together."""
    waiting = [
        one
        for one in all_orders(adapter)
        if (one.status, one.shipping_type) == ("AWAITING_SHIPMENT", "marketplace") and not one.is_cancel_requested
    ]
    return waiting[:2]


def together(orders: list[OrderRecord]) -> Shipment:
    packages = [package_id for one in orders for package_id in one.package_ids]
    return Shipment(orders[0].marketplace_id, packages, handover_method="DROP_OFF")


def test_several_packages_are_shipped_together(adapter: Adapters) -> None:
    orders = two_packages(adapter("ID"))
    adapter("ID").ship(together(orders))
    after = adapter("ID").orders_by_id([one.marketplace_id for one in orders]).records
    assert [one.is_shipped for one in after] == [True, True]


def test_several_packages_that_all_fail_are_refused(sandbox: SandboxProcess, adapter: Adapters) -> None:
    orders = two_packages(adapter("ID"))
    for one in orders:
        sandbox.ask_to_cancel(order_id=one.marketplace_id)
    with pytest.raises(Refused) as refusal:
        adapter("ID").ship(together(orders))
    assert (refusal.value.code, refusal.value.already_processed) == ("21011007", False)
    assert not sandbox.effects(effect="package.shipped")


def test_several_packages_of_which_some_fail_must_be_read_back(sandbox: SandboxProcess, adapter: Adapters) -> None:
    orders = two_packages(adapter("ID"))
    sandbox.ask_to_cancel(order_id=orders[0].marketplace_id)
    with pytest.raises(Refused) as refusal:
        adapter("ID").ship(together(orders))
    assert refusal.value.already_processed
    assert refusal.value.message.startswith("1 of 2 packages were not shipped")
    assert orders[0].package_ids[0] in refusal.value.message
    assert orders[1].package_ids[0] not in refusal.value.message
    assert len(sandbox.effects(effect="package.shipped")) == 1


@dataclass(frozen=True)
class Change:
    """A change that can be made once, and the effect that the ledger then shows."""

    endpoint: str
    effect: str
    make: Callable[[], Receipt]


@pytest.fixture(params=["approve", "reject", "cancel", "ship one", "ship several", "mark shipped"])
def change(request: pytest.FixtureRequest, sandbox: SandboxProcess, adapter: Adapters) -> Change:
    kind: str = request.param
    if kind in ("approve", "reject"):
        speaker, asked = adapter("DE"), sandbox.ask_to_cancel(region="DE")["cancel_id"]
        reason = speaker.reject_reasons(asked, "en-US")[0].name
        if kind == "approve":
            return Change("approve-cancellation", "cancellation.approved", lambda: speaker.approve(target(asked), "k"))
        return Change(
            "reject-cancellation",
            "cancellation.rejected",
            lambda: speaker.reject(target(asked), "k", reason, "Packed.", []),
        )
    if kind == "mark shipped":
        speaker = adapter("US")
        shipment = sent(speaker, own_shipping(speaker, packages=False))
        return Change("mark-package-as-shipped", "package.shipped", lambda: speaker.ship(shipment))
    speaker = adapter("ID")
    orders = two_packages(speaker)
    if kind == "cancel":
        order_id = orders[0].marketplace_id
        return Change("cancel-order", "order.cancelled", lambda: speaker.cancel_items(order_id, OUT_OF_STOCK, {}))
    if kind == "ship one":
        return Change("ship-package", "package.shipped", lambda: speaker.ship(together(orders[:1])))
    return Change("batch-ship-packages", "package.shipped", lambda: speaker.ship(together(orders)))


@pytest.mark.parametrize(
    ("kind", "how", "error", "happened"),
    [
        ("slow", {"seconds": 1.0}, OutcomeUnknown, True),
        ("reset_before", {}, OutcomeUnknown, False),
        ("reset_after", {}, OutcomeUnknown, True),
        ("malformed", {}, OutcomeUnknown, True),
        ("server_error", {"status": 500}, OutcomeUnknown, False),
        ("server_error", {"status": 503}, OutcomeUnknown, False),
        ("rate_limited", {"retry_after": 3}, TemporaryFailure, False),
        ("expired_token", {}, CredentialsRejected, False),
        ("business_error", {"code": 25001028}, TemporaryFailure, False),
        ("business_error", {"code": 36009007}, OutcomeUnknown, False),
        ("business_error", {"code": 25020003}, Refused, False),
        ("business_error", {"code": 99999999}, Refused, False),
    ],
)
def test_no_trouble_makes_a_change_happen_twice_or_be_reported_wrongly(
    sandbox: SandboxProcess,
    change: Change,
    kind: str,
    how: dict[str, float],
    error: type[MarketplaceError],
    happened: bool,
) -> None:
    sandbox.delete("calls")
    sandbox.fault(change.endpoint, kind, **how)
    with pytest.raises(error) as failure:
        change.make()
    if kind == "slow":
        wait_for(lambda: sandbox.get("calls", endpoint=change.endpoint)["calls"])
    assert len(sandbox.get("calls", endpoint=change.endpoint)["calls"]) == 1
    assert bool(sandbox.effects(effect=change.effect)) == happened
    if kind == "rate_limited":
        assert getattr(failure.value, "retry_after", None) == 3
    if kind == "business_error":
        assert failure.value.code == str(how["code"])
        assert failure.value.request_id


@pytest.mark.parametrize("kind", ["reset_after", "malformed", "server_error"])
def test_an_upload_without_an_answer_may_simply_be_repeated(
    sandbox: SandboxProcess, adapter: Adapters, kind: str
) -> None:
    sandbox.fault("upload-product-image", kind)
    with pytest.raises(TemporaryFailure):
        adapter("US").upload_image(png(), "proof.png", "image/png")
    assert adapter("US").upload_image(png(), "proof.png", "image/png").image_id


def test_an_image_that_is_too_small_is_refused(adapter: Adapters) -> None:
    with pytest.raises(Refused):
        adapter("US").upload_image(png(50), "proof.png", "image/png")
