"""Many rows in one statement: what goes in comes out, and what is not newer is not written."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.models import Order
from shops.upsert import upsert
from tests.factories import ShopFactory, at

pytestmark = pytest.mark.django_db

LEFT_OUT = {"id", "ship_by", "shipped_at", "cancelled_at", "cancel_requested_at"}
FIELDS = {str(field.column): field for field in Order._meta.concrete_fields if field.column not in LEFT_OUT}
COLUMNS = tuple(FIELDS)
NOON = at("2026-03-02 12:00")


def row(shop_id: int, **values: Any) -> list[Any]:
    """A row for COLUMNS; what is not named is what a new order has."""
    known: dict[str, Any] = {"shop_id": shop_id, "marketplace_id": "1", "status": "A", "currency": "GBP",
                             "total": Decimal(1), "created_at": NOON, "updated_at": NOON, "paid_at": None,
                             "extra": {}, **values}  # fmt: skip
    return [known.get(column, field.get_default()) for column, field in FIELDS.items()]


def put(*rows: Sequence[Any], unless_older_by: str | None = "updated_at") -> dict[str, int]:
    with transaction.atomic():
        return upsert(Order, COLUMNS, rows, key=("shop_id", "marketplace_id"), unless_older_by=unless_older_by)


@pytest.fixture
def shop_id() -> int:
    pk: int = ShopFactory().pk
    return pk


class TestWriting:
    def test_rows_that_are_new_are_inserted_and_their_ids_told(self, shop_id: int) -> None:
        ids = put(row(shop_id, marketplace_id="a"), row(shop_id, marketplace_id="b"))
        assert ids == {order.marketplace_id: order.pk for order in Order.objects.all()}
        assert set(ids) == {"a", "b"}

    def test_rows_that_are_there_keep_their_id(self, shop_id: int) -> None:
        first = put(row(shop_id))
        second = put(row(shop_id, status="B", updated_at=NOON + timedelta(seconds=1)))
        assert first == second
        assert Order.objects.get().status == "B"

    def test_a_row_that_is_older_changes_nothing_and_is_not_told(self, shop_id: int) -> None:
        put(row(shop_id))
        assert put(row(shop_id, status="B", updated_at=NOON - timedelta(seconds=1))) == {}
        assert Order.objects.get().status == "A"

    def test_one_of_the_same_second_is_written_as_it_was_read_later(self, shop_id: int) -> None:
        put(row(shop_id))
        assert put(row(shop_id, buyer_message="x"))
        assert Order.objects.get().buyer_message == "x"

    def test_without_a_time_to_go_by_everything_is_written(self, shop_id: int) -> None:
        put(row(shop_id))
        assert put(row(shop_id, updated_at=NOON - timedelta(days=1)), unless_older_by=None)
        assert Order.objects.get().updated_at == NOON - timedelta(days=1)

    def test_new_and_older_rows_go_together(self, shop_id: int) -> None:
        put(*(row(shop_id, marketplace_id=name) for name in "abc"))
        later = NOON + timedelta(seconds=1)
        told = put(
            row(shop_id, marketplace_id="a", updated_at=NOON - timedelta(days=1)),
            row(shop_id, marketplace_id="b", updated_at=later),
            row(shop_id, marketplace_id="c", updated_at=NOON - timedelta(seconds=1)),
            row(shop_id, marketplace_id="d"),
        )
        assert set(told) == {"b", "d"}

    def test_the_same_id_in_another_shop_is_another_row(self, shop_id: int) -> None:
        put(row(shop_id))
        assert put(row(ShopFactory().pk, status="B"))
        assert sorted(Order.objects.values_list("status", flat=True)) == ["A", "B"]

    def test_nothing_is_written_for_no_rows(self) -> None:
        assert put() == {}

    def test_several_upserts_share_a_transaction(self, shop_id: int) -> None:
        with transaction.atomic():
            put(row(shop_id, marketplace_id="a"))
            put(row(shop_id, marketplace_id="b"))
        assert Order.objects.count() == 2

    def test_a_row_that_breaks_a_rule_takes_the_others_with_it(self, shop_id: int) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            put(row(shop_id, marketplace_id="a"), row(shop_id, marketplace_id="b", status=None))
        with pytest.raises(DataError), transaction.atomic():
            put(row(shop_id, marketplace_id="a"), row(shop_id, marketplace_id="b", total=Decimal("1e30")))
        assert not Order.objects.exists()

    def test_a_row_of_the_wrong_length_is_an_error_of_ours(self, shop_id: int) -> None:
        with pytest.raises(ValueError, match="shorter"), transaction.atomic():
            put(row(shop_id)[:-1])

    def test_the_number_of_statements_does_not_grow_with_the_rows(self, shop_id: int, statements: list[str]) -> None:
        """A few go along with the statement; more are copied into a table of their own, dropped after."""
        for size, expected in ((0, 0), (1, 1), (10, 1), (11, 4), (300, 4)):
            statements.clear()
            put(*(row(shop_id, marketplace_id=f"{size}-{number}") for number in range(size)))
            assert len([statement for statement in statements if "SAVEPOINT" not in statement]) == expected, size


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_refuses_to_work() -> None:
    with pytest.raises(AssertionError):
        upsert(Order, COLUMNS, [], key=("shop_id", "marketplace_id"))


class TestWhatGoesInComesOut:
    @pytest.fixture(autouse=True, params=[0, 10], ids=["copied", "along with the statement"])
    def _way(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shops.upsert.A_FEW", request.param)

    @pytest.mark.parametrize(
        "text",
        [
            "100 %",
            "%s %(name)s",
            "tab\there",
            "line\nline\r\n",
            "\\",
            "\\N",
            "\\.",
            "'\"“”",
            "ä ☃ 𝄞 พ",
            "a,b;c|d",
            "{}",
            " ",
            "",
        ],
    )
    def test_any_text_in_a_column_and_in_json(self, shop_id: int, text: str) -> None:
        put(row(shop_id, buyer_message=text, extra={text: [text, {"in": text}]}))
        order = Order.objects.get()
        assert (order.buyer_message, order.extra) == (text, {text: [text, {"in": text}]})

    def test_nothing_stays_nothing(self, shop_id: int) -> None:
        put(row(shop_id, paid_at=None, extra={"a": None}))
        order = Order.objects.get()
        assert order.paid_at is None
        assert order.extra == {"a": None}

    def test_a_moment_is_the_same_moment_whatever_zone_it_was_told_in(self, shop_id: int) -> None:
        put(row(shop_id, paid_at=NOON.astimezone(timezone(timedelta(hours=7)))))
        assert Order.objects.get().paid_at == NOON

    def test_null_characters_are_told_as_unreadable(self, shop_id: int) -> None:
        put(row(shop_id, buyer_message="a\0b", extra={"a\0": "b\0", "\\u0000": "\\\\u0000"}))
        order = Order.objects.get()
        assert order.buyer_message == "a\ufffdb"
        assert order.extra == {"a\ufffd": "b\ufffd", "\\u0000": "\\\\u0000"}

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
    def test_what_json_cannot_hold_is_refused_and_not_bent(self, shop_id: int, value: object) -> None:
        with pytest.raises((DataError, ValueError)), transaction.atomic():
            put(row(shop_id, extra={"a": value}))
        assert not Order.objects.exists()

    @given(
        message=st.text(), keys=st.text(alphabet="\\u0a'\"\n\t%ä"), paid=st.none() | st.datetimes(
            datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.timezones()  # noqa: DTZ001 - hypothesis adds it
        ),
        total=st.decimals(-(10**15) + 1, 10**15 - 1, places=4, allow_nan=False), flag=st.booleans(),
        extra=st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
            max_leaves=10,
        ),
    )  # fmt: skip
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_for_any_values_at_all(
        self, shop_id: int, message: str, keys: str, paid: datetime | None, total: Decimal, flag: bool, extra: object
    ) -> None:
        Order.objects.all().delete()
        told = {"told": extra, keys: keys}
        put(row(shop_id, buyer_message=message, paid_at=paid, total=total, is_on_hold=flag, extra=told, buyer_id=keys))
        order = Order.objects.get()
        assert order.buyer_message == message.replace("\0", "\ufffd")
        assert order.buyer_id == keys
        assert (order.total, order.is_on_hold) == (total, flag)
        assert order.paid_at == (paid and paid.astimezone(UTC))
        assert order.extra == without_nulls(told)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {without_nulls(key): without_nulls(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def test_what_the_orm_writes_and_what_we_write_read_the_same(shop_id: int) -> None:
    """The same values by both ways, so that a field's own rules (encryption, JSON, zones) are never passed over."""
    values: dict[str, Any] = {"buyer_message": "ä\n\t\\", "extra": {"a": [1, None, "x"]}, "total": Decimal("1.2300")}
    put(row(shop_id, marketplace_id="ours", **values))
    Order.objects.create(shop_id=shop_id, marketplace_id="orm", status="A", currency="GBP", created_at=NOON,
                         updated_at=NOON, **values)  # fmt: skip
    ours, orm = (Order.objects.values(*values).get(marketplace_id=name) for name in ("ours", "orm"))
    assert json.dumps(ours, default=str) == json.dumps(orm, default=str)
