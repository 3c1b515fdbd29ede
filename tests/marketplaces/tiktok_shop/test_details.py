"""The smaller answers as records, and what a batch that half failed amounts to."""

from typing import Any

import pytest

from marketplaces.errors import BadRecord, MarketplaceError, OutcomeUnknown, Refused, TemporaryFailure
from marketplaces.tiktok_shop import details
from marketplaces.tiktok_shop.client import Answer
from marketplaces.tiktok_shop.shipping import batch_failure

TOKENS = {
    "access_token": "ROW_a",
    "access_token_expire_in": 1701604800,
    "refresh_token": "ROW_r",
    "refresh_token_expire_in": 4841467787,
    "seller_name": "Example seller",
    "seller_base_region": "MY",
    "granted_scopes": ["seller.order.info"],
}


def test_lifetimes_of_tokens_are_moments_even_in_the_next_century() -> None:
    found = details.tokens(TOKENS)
    assert found.refresh_token_expires_at
    assert (found.access_token_expires_at.year, found.refresh_token_expires_at.year) == (2023, 2123)
    assert (found.seller_region, list(found.scopes)) == ("MY", ["seller.order.info"])
    assert "ROW_" not in repr(found)


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "access_token_expire_in"])
def test_tokens_without_the_essential_are_none(name: str) -> None:
    with pytest.raises(BadRecord, match=f"^{name}: "):
        details.tokens({key: value for key, value in TOKENS.items() if key != name})


def test_older_tokens_name_no_scopes() -> None:
    assert list(details.tokens({key: value for key, value in TOKENS.items() if key != "granted_scopes"}).scopes) == []


def test_two_reasons_may_share_one_text_and_names_may_hold_anything() -> None:
    raw = {"reasons": [{"name": "a/b (c,d)", "text": "Same"}, {"name": "e", "text": "Same"}]}
    assert [one.name for one in details.reject_reasons(raw)] == ["a/b (c,d)", "e"]
    assert list(details.reject_reasons({})) == []


@pytest.mark.parametrize("word", ["avaliable", "available"])
def test_a_slot_is_read_in_either_spelling(word: str) -> None:
    raw = {"pickup_slots": [{"start_time": 1701050400, "end_time": 1701061200, word: False}]}
    (slot,) = details.handover_options(raw).pickup_slots
    assert not slot.available
    assert (slot.end - slot.start).total_seconds() == 10800


def test_only_cancelling_counts_as_eligible_to_cancel() -> None:
    entries = [
        {"request_type": "RETURN", "order_line_items_ids": ["1"], "eligible": True},
        {"request_type": "CANCEL", "order_line_items_ids": ["1", "2"], "eligible": False, "ineligible_code": 25001003},
    ]
    raw = {"sku_eligibility": [{"sku_id": "9", "line_item_eligibility": entries}]}
    (found,) = details.cancel_eligibility(raw)
    assert (list(found.line_item_ids), found.sku_id, found.eligible, found.code) == (["1", "2"], "9", False, "25001003")


def test_a_path_leads_to_what_is_wrong() -> None:
    raw = {"sku_eligibility": [{}, {"line_item_eligibility": [{"request_type": 5}]}]}
    with pytest.raises(BadRecord) as problem:
        details.cancel_eligibility(raw)
    assert problem.value.where == "sku_eligibility[1].line_item_eligibility[0].request_type"
    with pytest.raises(BadRecord) as problem:
        details.refund_preview({"order_refund_amount": {"currency": "USD", "refund_total": 1}})
    assert problem.value.where == "order_refund_amount.refund_total"


def batch(*errors: Any) -> MarketplaceError | None:
    return batch_failure(["1", "2"], Answer({"errors": list(errors)}, "R", ""))


def failed(package_id: str, code: Any, message: str = "words") -> dict[str, Any]:
    return {"code": code, "message": message, "detail": {"package_id": package_id}}


def test_a_batch_without_errors_is_no_failure() -> None:
    assert batch() is None
    assert batch_failure(["1"], Answer({}, "R", "")) is None


@pytest.mark.parametrize(
    ("errors", "kind", "decided"),
    [
        ([failed("1", 21011007), failed("2", 21011007)], Refused, False),
        ([failed("1", 21011007), failed("2", 21011040)], Refused, True),
        ([failed("1", 36009002), failed("2", 36009002)], TemporaryFailure, None),
        ([failed("1", 36009002), failed("2", 21011007)], Refused, False),
        ([failed("1", 36009003), failed("2", 21011007)], OutcomeUnknown, None),
        ([failed("1", "odd"), failed("2", 21011007)], OutcomeUnknown, None),
        ([failed("2", 21011007)], Refused, True),
        ([failed("2", 36009002)], Refused, True),
        ([failed("2", 36009003)], Refused, True),
        ([{"code": 21011007}], Refused, True),
        (["odd", "odd"], Refused, True),
    ],
)
def test_a_batch_is_never_reported_as_more_certain_than_it_is(
    errors: list[Any], kind: type[MarketplaceError], decided: bool | None
) -> None:
    found = batch(*errors)
    assert type(found) is kind
    assert found.request_id == "R"
    assert getattr(found, "already_processed", None) is decided


def test_a_batch_whose_errors_cannot_be_read_is_of_unknown_outcome() -> None:
    assert isinstance(batch_failure(["1"], Answer({"errors": {"1": 5}}, "R", "")), OutcomeUnknown)
