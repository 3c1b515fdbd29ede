"""Marketplaces that lie: whatever they answer, a call ends soon, in a record that is one or in an error of ours."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from marketplaces.base import Adapter
from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, TemporaryFailure
from marketplaces.http import Http
from marketplaces.records import CancellationTarget, Page
from sandbox.faults import LIES
from tests.cancellations.test_evidence import encoded, picture
from tests.marketplaces.scripted_server import answer, scripted
from tests.marketplaces.sides import SIDES, Side
from tests.sandbox_process import ROOT, SandboxProcess

REAL = ("tiktok_shop", "crux_timp")
LONGEST = 3.0  # seconds for a call, of which most is for bodies that come in drops or fill everything there is

Call = Callable[[Adapter], Any]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def http() -> Http:
    return Http(connect_timeout=2, read_timeout=0.8, backoff=0.01, longest_wait=1, longest_answer=0.3)


@pytest.fixture(params=REAL)
def side(request: pytest.FixtureRequest, sandbox: SandboxProcess, http: Http) -> Side:
    found: Side = SIDES[request.param](sandbox, http)
    return found


def reads(side: Side, target: CancellationTarget) -> dict[str, Call]:
    """Every question that there is, about an order of which somebody asks to cancel."""
    adapter = side.adapter(side.credentials)
    (order,) = adapter.orders_by_id([target.order_id]).records
    package = next(iter(order.package_ids), "1153132168120000001")
    return {
        "orders": lambda one: one.orders_updated(side.since, side.until),
        "orders with requests": lambda one: one.orders_with_cancel_requested(),
        "an order": lambda one: one.orders_by_id([target.order_id]),
        "requests": lambda one: one.cancellations_updated(side.since, side.until),
        "a request": lambda one: one.cancellations_by_id([target.cancellation_id or "1"]),
        "requests of an order": lambda one: one.cancellations_of_order(target.order_id),
        "announcements": lambda one: one.announcements(),
        "pushes": lambda one: one.registered_pushes(),
        "shops": lambda one: one.authorized_shops(),
        "reasons": lambda one: one.reject_reasons(target.cancellation_id or "1", "en-US"),
        "eligibility": lambda one: one.cancel_eligibility(target.order_id),
        "refund": lambda one: one.refund_preview(target.order_id, side.cancel_reason, ()),
        "package": lambda one: one.package(package),
        "handover": lambda one: one.handover_options(package),
        "carriers": lambda one: one.shipping_providers(order.delivery_option_id or "1"),
    }


def changes(side: Side) -> dict[str, Call]:
    adapter = side.adapter(side.credentials)
    free = side.free_order()
    (order,) = adapter.orders_by_id([free]).records
    line = order.lines[0]
    image, shipment = encoded(picture()), side.shipment(order)
    one_request, another = side.ask(), side.ask()
    return {
        "approve": lambda one: one.approve(one_request, "key-1"),
        "reject": lambda one: one.reject(another, "key-2", side.reject_reason, "", []),
        "cancel": lambda one: one.cancel_items(free, side.cancel_reason, {line.marketplace_id: 1}),
        "ship": lambda one: one.ship(shipment),
        "upload": lambda one: one.upload_image(image, "a.png", "image/png"),
        "register": lambda one: one.register_push("order", "https://example.org/pushes"),
        "unregister": lambda one: one.remove_push("order"),
        "tokens": lambda one: one.refresh_tokens("a refresh token"),
    }


def asked(name: str, call: Call, adapter: Adapter) -> Any:
    """The answer or the error; anything else that is raised fails the test."""
    began = time.monotonic()
    try:
        found = call(adapter)
    except MarketplaceError as error:
        found = error
    assert time.monotonic() - began < LONGEST, name
    return found


@pytest.fixture
def ask(sandbox: SandboxProcess) -> Ask:
    """All these calls, while the marketplace tells a lie; {call: what came of it}."""

    def told(kind: str, calls: Mapping[str, Call], adapter: Adapter, **how: object) -> dict[str, Any]:
        fault = sandbox.fault("*", kind, rate=1, **how)
        try:
            return {name: asked(f"{name}: {kind}", call, adapter) for name, call in calls.items()}
        finally:
            sandbox.delete("faults", id=fault["id"])

    return told


@pytest.mark.parametrize("group", [name for name in LIES if name != "wire"])
def test_a_call_ends_in_a_record_or_in_an_error_of_ours(side: Side, ask: Ask, group: str) -> None:
    target = side.ask()
    adapter = side.adapter(side.credentials)
    every = reads(side, target) | changes(side)
    for kind in LIES[group]:
        found = ask(kind, every, adapter)
        assert {one.marketplace_id for one in records(found["an order"])} <= {target.order_id}, kind
        assert {one.marketplace_id for one in records(found["a request"])} <= {target.cancellation_id}, kind
        assert {one.order_id for one in records(found["requests of an order"])} <= {target.order_id}, kind
        for page in ("orders", "an order", "orders with requests"):
            assert all(one.total.amount >= 0 for one in records(found[page])), kind


@pytest.mark.parametrize("kind", LIES["wire"])
def test_neither_size_nor_slowness_holds_a_call(side: Side, ask: Ask, kind: str) -> None:
    adapter = side.adapter(side.credentials)
    calls = {name: (reads(side, side.ask()) | changes(side))[name] for name in ("orders", "approve", "tokens")}
    found = ask(kind, calls, adapter, seconds=1)
    if side.marketplace.signs_in_with_password and kind == "drops":
        assert isinstance(found["orders"], TemporaryFailure)  # its approval answers without a body
        return
    assert isinstance(found["orders"], TemporaryFailure)
    assert isinstance(found["approve"], OutcomeUnknown)
    assert isinstance(found["tokens"], TemporaryFailure | CredentialsRejected)


@pytest.mark.parametrize("kind", ["web_page", "redirect", "yes_with_an_error"])
def test_a_yes_that_is_none_leaves_a_change_unknown(side: Side, ask: Ask, kind: str) -> None:
    every = changes(side)
    calls = {name: every[name] for name in ("approve", "reject")}
    found = ask(kind, calls, side.adapter(side.credentials), to="http://127.0.0.1:9/")
    assert {type(one) for one in found.values()} == {OutcomeUnknown}


def test_a_redirect_takes_neither_token_nor_question_elsewhere(side: Side, ask: Ask) -> None:
    with scripted(answer()) as elsewhere:
        ask("redirect", reads(side, side.ask()) | changes(side), side.adapter(side.credentials), to=elsewhere.url)
        assert elsewhere.connections == 0


def test_what_was_told_twice_and_differently_is_not_believed(sandbox: SandboxProcess, http: Http, ask: Ask) -> None:
    side: Side = SIDES["tiktok_shop"](sandbox, http)
    target = side.ask()
    calls = {name: call for name, call in reads(side, target).items() if name in ("an order", "a request", "orders")}
    found = ask("told_twice", calls, side.adapter(side.credentials))
    assert not [one for name in calls for one in records(found[name]) if one.marketplace_id == target.order_id]
    assert not records(found["a request"])


def records(found: Any) -> list[Any]:
    return list(found.records) if isinstance(found, Page) else []


HEAVY = (
    "huge_body",
    "endless_body",
    "packed_body",
    "many_headers",
    "many_values",
    "bottomless",
    "huge_pages",
    "long_texts",
)
MOST_MEMORY = 200  # MB of a process that does nothing else; it needs some 30 to begin with


@pytest.mark.parametrize("marketplace", REAL)
def test_however_large_the_lie_memory_stays_small(sandbox: SandboxProcess, marketplace: str) -> None:
    command = [sys.executable, "-m", "tests.marketplaces.under_lies", sandbox.url, marketplace, *HEAVY]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    assert int(told.stdout) < MOST_MEMORY
