"""Confirm and Reject, row by row: what each does, what refuses it, and that a refused one changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.sandbox.crux_timp.client import Answer, Network, Placed, User

CONFIRM, REJECT = "confirm", "reject"
Try = Callable[[Network, Placed], Answer]


def test_row_01_a_rejected_line_stays_as_it_was(network: Network, placed: Placed) -> None:
    before = network.supplier.order(placed.uuid)
    assert network.retailer.ask_line(placed.b).status == 204
    answer = network.supplier.decide_line(REJECT, placed.b)
    assert (answer.status, answer.text) == (204, "")
    assert network.supplier.order(placed.uuid) == before


def test_row_02_a_line_is_not_rejected_twice(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.b)
    network.supplier.decide_line(REJECT, placed.b)
    assert network.supplier.decide_line(REJECT, placed.b).status == 422


def test_row_03_a_rejected_line_is_not_confirmed(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.b)
    network.supplier.decide_line(REJECT, placed.b)
    assert network.supplier.decide_line(CONFIRM, placed.b).status == 422


def test_row_04_a_line_asked_for_again_may_be_confirmed(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.b)
    network.supplier.decide_line(REJECT, placed.b)
    assert network.retailer.ask_line(placed.b).status == 204
    assert network.supplier.decide_line(CONFIRM, placed.b).status == 204
    assert network.designations(placed.uuid) == [None, "Cancelled"]


@pytest.mark.parametrize("verdict", [CONFIRM, REJECT])
def test_row_05_nothing_asked_is_nothing_to_decide(network: Network, placed: Placed, verdict: str) -> None:
    assert network.supplier.decide_line(verdict, placed.a).status == 422


def test_row_06_a_rejected_order_stays_as_it_was(network: Network, placed: Placed) -> None:
    before = network.supplier.order(placed.uuid)
    assert network.retailer.ask_order(placed.uuid).status == 204
    assert network.supplier.decide_order(REJECT, placed.uuid).status == 204
    assert network.supplier.order(placed.uuid) == before


def test_row_07_a_confirmed_order_is_cancelled_as_far_as_it_is_open(network: Network, placed: Placed) -> None:
    network.supplier.allocate(placed.uuid, {placed.b: (1, 0, 0)})
    network.supplier.ship(placed.uuid, {placed.b: 1})
    network.retailer.ask_order(placed.uuid)
    assert network.supplier.decide_order(CONFIRM, placed.uuid).status == 204
    assert network.designations(placed.uuid) == ["Cancelled", "HasTracking"]


def test_row_08_a_line_is_not_decided_when_the_order_is_asked_for(network: Network, placed: Placed) -> None:
    network.retailer.ask_order(placed.uuid)
    assert network.supplier.decide_line(REJECT, placed.a).status == 422


def test_row_09_the_order_is_not_decided_when_a_line_is_asked_for(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.b)
    assert network.supplier.decide_order(REJECT, placed.uuid).status == 422


@pytest.mark.parametrize("verdict", [CONFIRM, REJECT])
def test_row_10_a_retailer_does_not_decide(network: Network, placed: Placed, verdict: str) -> None:
    network.retailer.ask_order(placed.uuid)
    assert network.retailer.decide_order(verdict, placed.uuid).status == 409
    assert network.retailer.decide_line(verdict, placed.a).status == 409


def test_row_11_a_user_without_the_permission_does_not_decide(network: Network, placed: Placed) -> None:
    network.retailer.ask_order(placed.uuid)
    assert network.packer.decide_order(CONFIRM, placed.uuid).status == 403


@pytest.mark.parametrize("authorization", [None, "Token", "Token " + "0" * 40, "Bearer {}", "token {}", "Token  {}"])
def test_row_12_only_a_known_token_opens(network: Network, placed: Placed, authorization: str | None) -> None:
    network.retailer.ask_order(placed.uuid)
    network.supplier.login()
    sent = authorization and authorization.format(network.supplier.token)
    assert network.supplier.decide_order(CONFIRM, placed.uuid, authorization=sent).status == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
def test_row_13_only_patch_decides(network: Network, placed: Placed, method: str) -> None:
    network.retailer.ask_order(placed.uuid)
    for path in (f"/timp/orders/cancel/{placed.uuid}/confirm/", f"/timp/orders/items/cancel/{placed.a}/reject/"):
        assert network.supplier.call(method, path).status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/timp/orders/cancel/{}/confirm",
        "/timp/orders/cancel/not-a-uuid/confirm/",
        "/timp/orders/cancelation/{}/confirm/",
        "/timp/orders/cancel/{}/confirmed/",
        "/orders/cancel/{}/confirm/",
        "/api/timp/orders/cancel/{}/confirm/",
    ],
)
def test_row_14_a_misspelt_path_is_not_found(network: Network, placed: Placed, path: str) -> None:
    network.retailer.ask_order(placed.uuid)
    assert network.supplier.call("PATCH", path.format(placed.uuid)).status == 404


def test_row_15_a_form_is_no_body(network: Network, placed: Placed) -> None:
    network.retailer.ask_order(placed.uuid)
    form = "application/x-www-form-urlencoded"
    assert network.supplier.decide_order(CONFIRM, placed.uuid, raw=b"x=1", content_type=form).status == 415
    assert network.supplier.decide_order(CONFIRM, placed.uuid, raw=b"x=1", content_type=None).status == 415


@pytest.mark.parametrize("body", [{}, None, {"reason": "ignored"}])
def test_row_16_an_object_or_nothing_is_a_body(network: Network, placed: Placed, body: object) -> None:
    network.retailer.ask_line(placed.a)
    assert network.supplier.decide_line(CONFIRM, placed.a, body=body).status == 204


def test_row_16_a_chunked_body_of_nothing_is_none(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.a)
    network.supplier.login()
    answer = network.supplier.session.patch(
        f"{network.supplier.base_url}/timp/orders/items/cancel/{placed.a}/confirm/",
        data=iter([]),
        headers={"authorization": f"Token {network.supplier.token}"},
        timeout=10,
    )
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 204


@pytest.mark.parametrize("verdict", [CONFIRM, REJECT])
def test_row_17_an_unknown_uuid_is_not_acted_on(network: Network, verdict: str) -> None:
    assert network.supplier.decide_order(verdict, str(uuid.uuid4())).status == 422
    assert network.supplier.decide_line(verdict, str(uuid.uuid4())).status == 422


@pytest.mark.parametrize("verdict", [CONFIRM, REJECT])
def test_row_18_another_suppliers_line_is_as_good_as_unknown(network: Network, shared: Placed, verdict: str) -> None:
    network.retailer.ask_line(shared.b)
    assert network.supplier.decide_line(verdict, shared.b).status == 422


def test_row_19_each_supplier_decides_for_its_own_lines(network: Network, shared: Placed) -> None:
    network.retailer.ask_order(shared.uuid)
    assert network.supplier.decide_order(CONFIRM, shared.uuid).status == 204
    assert network.designations(shared.uuid) == ["Cancelled", None]
    assert network.other_supplier.decide_order(REJECT, shared.uuid).status == 204
    assert network.designations(shared.uuid) == ["Cancelled", None]


def test_row_20_what_has_shipped_can_be_rejected_only(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.a)
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    network.supplier.ship(placed.uuid, {placed.a: 2})
    assert network.supplier.decide_line(CONFIRM, placed.a).status == 422
    assert network.supplier.decide_line(REJECT, placed.a).status == 204
    [entry] = network.control.get("ledger", effect="cancellation.rejected", order_id=placed.uuid)["entries"]
    assert entry["line_item_ids"] == [placed.a]


def test_row_21_a_token_ends_after_two_hours(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.a)
    network.supplier.login()
    network.control.shift(2 * 3600 + 1)
    before = network.truth(placed.uuid)
    assert network.supplier.decide_line(REJECT, placed.a).status == 401
    assert network.truth(placed.uuid) == before
    network.supplier.login()
    assert network.supplier.decide_line(REJECT, placed.a).status == 204


def asked_line(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.b)


def asked_order(network: Network, placed: Placed) -> None:
    network.retailer.ask_order(placed.uuid)


def rejected_line(network: Network, placed: Placed) -> None:
    asked_line(network, placed)
    network.supplier.decide_line(REJECT, placed.b)


def shipped_line(network: Network, placed: Placed) -> None:
    asked_line(network, placed)
    network.supplier.allocate(placed.uuid, {placed.b: (1, 0, 0)})
    network.supplier.ship(placed.uuid, {placed.b: 1})


def by_order(verdict: str, user: str = "supplier", **changes: object) -> Try:
    def attempt(network: Network, placed: Placed) -> Answer:
        who: User = getattr(network, user)
        return who.decide_order(verdict, placed.uuid, **changes)

    return attempt


def by_line(verdict: str, user: str = "supplier", **changes: object) -> Try:
    def attempt(network: Network, placed: Placed) -> Answer:
        who: User = getattr(network, user)
        return who.decide_line(verdict, placed.b, **changes)

    return attempt


def at(method: str, path: str) -> Try:
    return lambda network, placed: network.supplier.call(method, path.format(order=placed.uuid, line=placed.b))


FAILING: dict[str, tuple[Callable[[Network, Placed], None], Try, int]] = {
    "row 2": (rejected_line, by_line(REJECT), 422),
    "row 3": (rejected_line, by_line(CONFIRM), 422),
    "row 5 confirm": (lambda network, placed: None, by_line(CONFIRM), 422),
    "row 5 reject": (lambda network, placed: None, by_line(REJECT), 422),
    "row 8": (asked_order, by_line(REJECT), 422),
    "row 9": (asked_line, by_order(REJECT), 422),
    "row 10": (asked_order, by_order(CONFIRM, "retailer"), 409),
    "row 11": (asked_order, by_order(CONFIRM, "packer"), 403),
    "row 12 none": (asked_order, by_order(CONFIRM, authorization=None), 401),
    "row 12 unknown": (asked_order, by_order(CONFIRM, token="f" * 40), 401),
    "row 13": (asked_order, at("POST", "/timp/orders/cancel/{order}/confirm/"), 405),
    "row 14 slash": (asked_order, at("PATCH", "/timp/orders/cancel/{order}/confirm"), 404),
    "row 14 uuid": (asked_order, at("PATCH", "/timp/orders/cancel/not-a-uuid/confirm/"), 404),
    "row 15": (asked_order, by_order(CONFIRM, raw=b"x=1", content_type="text/plain"), 415),
    "no json": (asked_order, by_order(CONFIRM, raw=b"{"), 400),
    "no object": (asked_order, by_order(CONFIRM, raw=b"[]"), 400),
    "row 17": (asked_order, at("PATCH", f"/timp/orders/cancel/{uuid.uuid4()}/confirm/"), 422),
    "row 18": (asked_line, by_line(CONFIRM, "other_supplier"), 422),
    "a line as an order": (asked_line, at("PATCH", "/timp/orders/cancel/{line}/confirm/"), 422),
    "an order as a line": (asked_order, at("PATCH", "/timp/orders/items/cancel/{order}/confirm/"), 422),
    "row 20": (shipped_line, by_line(CONFIRM), 422),
}


@pytest.mark.parametrize("name", FAILING)
def test_row_22_a_call_that_fails_changes_nothing(network: Network, placed: Placed, name: str) -> None:
    prepare, attempt, status = FAILING[name]
    prepare(network, placed)
    before, effects = network.truth(placed.uuid), network.effects(placed.uuid)
    assert attempt(network, placed).status == status
    assert (network.truth(placed.uuid), network.effects(placed.uuid)) == (before, effects)


def test_an_items_catalogue_uuid_names_no_line(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.b)
    item_uuid = network.supplier.lines(placed.uuid)[placed.b]["item_uuid"]
    assert network.supplier.decide_line(CONFIRM, item_uuid).status == 422
