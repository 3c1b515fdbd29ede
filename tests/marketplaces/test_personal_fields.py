"""What marketplaces tell of a person is kept where it is said to be kept (docs/security.md), and nowhere else."""

import json
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.crux_timp import known as crux_known
from marketplaces.crux_timp.mapper import Reader
from marketplaces.crux_timp.readings import Readings
from marketplaces.reading import Drift, unknown
from marketplaces.tiktok_shop import known as tiktok_known
from marketplaces.tiktok_shop.mapper import cancellation_page, order_page
from tests.marketplaces.crux_timp import samples as crux
from tests.marketplaces.tiktok_shop import samples as tiktok

SECRET = "zorro@example.test"
KEPT = {"postal_code"}  # of an address, on purpose
WORDS = (
    "buyer_email", "phone", "mobile_number", "fullName", "first_name", "address_line9", "postal_code", "cpf",
    "cpf_name", "cnpj", "tax_id", "taxpayer_no", "birthday", "date_of_birth", "passport_number", "customer", "contact",
    "national_registry_id", "recipient_note",
)  # fmt: skip
names = st.builds(
    "{}{}{}".format, st.sampled_from(["", "new_", "x"]), st.sampled_from(WORDS), st.sampled_from(["", "_2"])
)
personal = st.recursive(
    st.builds(lambda name: {name: SECRET}, names),
    lambda inner: (
        st.builds(lambda one: {"block": [one, {"deeper": one}]}, inner)
        | st.builds(lambda name: {name: [SECRET, {"value": SECRET}]}, names)
    ),
    max_leaves=3,
)


def columns_with_it(record: Any) -> set[str]:
    return {name for name, value in asdict(record).items() if SECRET in json.dumps(value, default=str)}


def read_tiktok(raw: Any) -> Any:
    page = order_page({"orders": [raw]})
    assert not page.set_aside
    assert SECRET not in str(page.drift)
    return page.records[0]


def read_crux(raw: Any) -> Any:
    return Reader(Readings(), crux.US).order(raw, datetime(2026, 3, 5, tzinfo=UTC), {})


@pytest.mark.parametrize(
    ("order", "read"), [(tiktok.order, read_tiktok), (crux.order, read_crux)], ids=["tiktok_shop", "crux_timp"]
)
@given(fields=personal)
def test_of_a_new_field_that_tells_of_a_person_only_its_name_is_kept(
    order: Callable[..., Any], read: Callable[[Any], Any], fields: dict[str, Any]
) -> None:
    raw = order()
    for place in (raw, raw["line_items"][0], raw.get("payment") or {}, raw.get("recipient_address") or raw["address"]):
        place.update({name: value for name, value in fields.items() if name not in KEPT})
    assert columns_with_it(read(raw)) == set()


@given(fields=personal)
def test_so_it_is_with_requests(fields: dict[str, Any]) -> None:
    page = cancellation_page({"cancellations": [tiktok.cancellation(**fields)]})
    assert not page.set_aside
    assert columns_with_it(page.records[0]) == set()


@pytest.mark.parametrize("name", sorted(tiktok_known.PERSONAL_FIELDS))
def test_known_fields_that_nobody_needs_are_left_out(name: str) -> None:
    assert columns_with_it(read_tiktok(tiktok.order(**{name: SECRET}))) == set()


@pytest.mark.parametrize("name", sorted(tiktok_known.PERSONAL_RECIPIENT_FIELDS))
def test_of_a_recipient_only_what_is_shown_is_kept(name: str) -> None:
    raw = tiktok.order(recipient_address={"name": "A", "region_code": "GB", "full_address": "1 High St", name: SECRET})
    assert columns_with_it(read_tiktok(raw)) == set()


@pytest.mark.parametrize("name", sorted(crux_known.PERSONAL_FIELDS))
def test_so_it_is_with_what_organizations_add(name: str) -> None:
    assert columns_with_it(read_crux(crux.order(**{name: [{"text": SECRET}]}))) == set()


def test_a_buyer_is_told_of_in_the_documented_columns_and_in_no_other() -> None:
    kept: dict[str, Collection[str]] = {
        "user_id": ["buyer_id"],
        "buyer_message": ["buyer_message"],
        "recipient_address": ["recipient_name", "recipient_address"],
    }
    for name, columns in kept.items():
        value = {"name": SECRET, "full_address": SECRET, "region_code": "GB"} if "address" in name else SECRET
        assert columns_with_it(read_tiktok(tiktok.order(**{name: value}))) == set(columns)


def test_what_tells_of_nobody_is_kept_as_it_came() -> None:
    drift: Drift = {}
    told = {"mood": 7, "tax_rate": "0.2", "block": {"kind": "x", "phone": "1"}, "buyer_email": SECRET}
    kept = unknown(told, (), "order", drift)
    assert kept == {"mood": 7, "tax_rate": "0.2", "block": {"kind": "x", "phone": None}, "buyer_email": None}
    assert "order.buyer_email" in drift
