"""What the adapter makes of answers that the simulator never gives."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplaces.crux_timp.adapter import CruxTimp, CruxTimpAdapter
from marketplaces.errors import OutcomeUnknown, Refused, TemporaryFailure, Unsupported
from marketplaces.http import Http
from marketplaces.records import Credentials, Shipment
from tests.marketplaces.crux_timp.calls import head_of, last
from tests.marketplaces.crux_timp.samples import LINE, ORDER, SECOND, US, allocation, line, order, parcel
from tests.marketplaces.scripted_server import ScriptedServer, Step, scripted


def speaker(server: ScriptedServer, http: Http, **options: str) -> CruxTimpAdapter:
    return CruxTimpAdapter(Credentials("u", "p", "t" * 40, shop_id=US, api_url=server.url, options=options), http)


def told(value: Any) -> Step:
    return last(json.dumps(value))


def sent(server: ScriptedServer) -> Any:
    return json.loads(head_of(server.requests[-1])[2])


TWO = order(line_items=[line(), line(line_item_uuid=SECOND, sku_id="MUG-RED")])


def test_lines_that_were_passed_over_are_named(http: Http) -> None:
    with scripted(told(TWO), told([{LINE: "Rejected"}, {SECOND: "Cancelled"}])) as server:
        receipt = speaker(server, http).cancel_items(ORDER, "", {})
    assert receipt.warning == "Some lines were passed over. MUG-RED: Cancelled"
    assert receipt.code == "200"


@pytest.mark.parametrize(("word", "late"), [("Cancelled", True), ("Item Not Found", False)])
def test_an_allocation_of_nothing_is_a_refusal(http: Http, word: str, late: bool) -> None:
    with scripted(told(TWO), told([{SECOND: word}])) as server:
        with pytest.raises(Refused, match=f"MUG-RED: {word}") as refusal:
            speaker(server, http).cancel_items(ORDER, "", {SECOND: 1})
        assert refusal.value.already_processed == late
        allocations = sent(server)["line_items"]
    assert [row["line_item_uuid"] for row in allocations] == [SECOND]
    assert {type(units) for units in allocations[0]["allocation"].values()} == {int}


@pytest.mark.parametrize("reply", [{}, "ok", [1], [{LINE: 5}]])
def test_an_allocation_that_is_answered_oddly_may_have_happened(http: Http, reply: Any) -> None:
    with scripted(told(TWO), told(reply)) as server, pytest.raises(OutcomeUnknown, match="not as documented"):
        speaker(server, http).cancel_items(ORDER, "", {})


def test_what_is_shown_as_cancelled_needs_no_call(http: Http) -> None:
    done = order(line_items=[line(allocation=allocation(quantity_accepted=2, quantity_rejected=1))])
    with scripted(told(done), told([])) as server:
        receipt = speaker(server, http).cancel_items(ORDER, "", {LINE: 1})
        assert len(server.requests) == 1
    assert "nothing was sent" in receipt.warning


def test_an_order_that_cannot_be_read_is_not_changed(http: Http) -> None:
    with scripted(told(order(line_items=[line(quantity_ordered=None)])), told([])) as server:
        with pytest.raises(TemporaryFailure, match="not as documented"):
            speaker(server, http).cancel_items(ORDER, "", {})
        assert len(server.requests) == 1


def test_an_order_that_was_not_asked_for_is_not_changed(http: Http) -> None:
    with scripted(told(order(order_uuid=SECOND)), told([])) as server:
        with pytest.raises(TemporaryFailure, match="another order than was asked for"):
            speaker(server, http).cancel_items(ORDER, "", {})
        assert len(server.requests) == 1


def test_an_order_that_a_page_tells_twice_and_differently_is_set_aside(http: Http) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    told_twice = {"orders": [order(), order(line_items=[line(quantity_ordered=9)])], "total_results": 2}
    with scripted(told(told_twice)) as server:
        page = speaker(server, http).orders_updated(since + timedelta(days=90), since + timedelta(days=91))
    assert not page.records
    assert [one.problem for one in page.set_aside] == ["was told twice, and differently"]


def test_a_package_holds_what_was_accepted_and_is_left(http: Http) -> None:
    lines = [
        line(allocation=allocation(quantity_accepted=2, quantity_backordered=1), tracking=[parcel(1)]),
        line(line_item_uuid=SECOND),
    ]
    with scripted(told(order(line_items=lines)), told({"package_uuid": "box"})) as server:
        receipt = speaker(server, http).ship(Shipment(ORDER, tracking_number="1Z", shipping_provider_id="UPS"))
        assert sent(server) == {
            "tracking_number": "1Z",
            "supplier_provided_carrier": "UPS",
            "line_items": [
                {"line_item_uuid": LINE, "quantity_shipped": 1},
                {"line_item_uuid": SECOND, "quantity_shipped": 3},
            ],
        }
    assert receipt.package_id == "box"


def test_a_package_may_hold_some_lines_only(http: Http) -> None:
    with scripted(told(TWO), told({})) as server:
        speaker(server, http).ship(Shipment(ORDER, line_item_ids=[SECOND], tracking_number="1Z"))
        assert sent(server)["line_items"] == [{"line_item_uuid": SECOND, "quantity_shipped": 3}]


@pytest.mark.parametrize("answer", [{}, "x", {"uuid": "x"}])
def test_answers_that_are_none_are_temporary_failures(http: Http, answer: Any) -> None:
    with scripted(told(answer), told(answer), told(answer)) as server:
        with pytest.raises(TemporaryFailure, match="not as documented"):
            speaker(server, http).announcements()
        with pytest.raises(TemporaryFailure, match="not as documented"):
            speaker(server, http).refresh_tokens("")


def test_what_crux_connect_does_not_have(http: Http) -> None:
    with scripted() as server:
        adapter = speaker(server, http)
        for call in (
            lambda: adapter.tokens_from_code("code"),
            lambda: adapter.refund_preview(ORDER, "", []),
            lambda: adapter.package("1Z"),
            lambda: adapter.handover_options("1Z"),
            lambda: adapter.upload_image(b"", "x.png", "image/png"),
        ):
            with pytest.raises(Unsupported):
                call()
        assert list(adapter.authorized_shops()) == []
        assert list(adapter.reject_reasons("", "en-US")) == []
        assert list(adapter.shipping_providers("")) == []
        assert not server.requests
    assert CruxTimp().read_notification(b"{}", {"Authorization": "x"}, "u", "p") is None
