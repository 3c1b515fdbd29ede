"""Reading orders from Crux Connect: by the time they were made, by id, and by what their retailers ask for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from marketplaces.crux_timp.client import CruxTimpClient
from marketplaces.crux_timp.known import CANCELLED
from marketplaces.crux_timp.lines import Line, QuantityMissing, supplier
from marketplaces.crux_timp.mapper import Reader
from marketplaces.crux_timp.reading import named, quantity
from marketplaces.crux_timp.windows import (
    MOST_ROWS,
    as_moment,
    next_window,
    whole_second_after,
    whole_second_before,
    window_at,
)
from marketplaces.errors import BadRecord, Refused, TemporaryFailure
from marketplaces.reading import TWICE, UNASKED, Drift, Json, an_object, objects, only
from marketplaces.records import OrderRecord, Page, SetAside

_FORMATS = {"plain": "%Y-%m-%d %H:%M:%S", "iso": "%Y-%m-%dT%H:%M:%S.000Z"}
SOON = timedelta(days=2)  # whichever zone dates are written in
_LONGEST = 200  # characters of what is told about a page


class Orders:
    """A supplier's orders. `clock` gives the moment that a record was read at."""

    def __init__(self, client: CruxTimpClient, reader: Reader, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._reader = reader
        self._clock = clock

    def made(self, since: datetime, until: datetime, cursor: str) -> Page[OrderRecord]:
        """Orders made in a stretch of time, `since` included and `until` not; one call for a page."""
        if since.tzinfo is None or until.tzinfo is None:
            raise ValueError("a time without time zone is no moment")
        begin, end = whole_second_before(since), whole_second_after(until)
        if begin >= end:
            return Page([])
        window = window_at(cursor, begin, end)
        rows, total, now = self._search(
            # The very moment of the end is the next window's; it is asked for here since nobody says whether a search
            # includes its end, and left out again below.
            {"start_date": self._written(window.start), "end_date": self._written(window.end)},
            window.row,
        )
        usable, following = next_window(window, len(rows), total, end)
        page = only(
            self._page(rows if usable else [], now),
            lambda one: one.created_at < as_moment(window.end) + SOON,
            "says that it was made later than what was asked for",
        )
        records = [one for one in page.records if one.created_at != as_moment(window.end)]
        set_aside = list(page.set_aside)
        if not rows and window.row < total:
            missing = f"{total - window.row} orders made about {as_moment(window.start)} were counted and not given"
            set_aside.append(SetAside("", missing))
        return Page(records, following.cursor if following else "", None, set_aside, page.drift)

    def requested(self, cursor: str) -> Page[OrderRecord]:
        """Orders with a line that says Cancelled, for a platform on which that is a request."""
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise Refused("This is no place in these orders.")
        row = int(cursor or 0)
        rows, total, now = self._search({"line_item_designation": CANCELLED}, row)
        page = self._page(rows, now)
        more = bool(rows) and row + len(rows) < total
        return Page(page.records, str(row + len(rows)) if more else "", None, page.set_aside, page.drift)

    def by_id(self, order_ids: Sequence[str]) -> Page[OrderRecord]:
        """One call for each; unknown ones are left out."""
        now = self._clock()
        pages = [
            only(self._page([raw], now), partial(_is, order_id), UNASKED)
            for order_id in dict.fromkeys(order_ids)
            if (raw := self._client.order(order_id)) is not None
        ]
        return Page(
            [record for page in pages for record in page.records],
            set_aside=[one for page in pages for one in page.set_aside],
            drift=list(dict.fromkeys(word for page in pages for word in page.drift)),
        )

    def lines(self, order_id: str) -> Sequence[Line]:
        """Our lines of one order, as they are now. Raises Refused for an order that is unknown."""
        raw = self._client.order(order_id)
        if raw is None:
            raise Refused("Crux Connect does not know this order.", code="404")
        try:
            order = self._reader.order(_object(raw), self._clock(), {})
            lines = self._reader.lines(raw, {})
        except BadRecord as problem:
            raise TemporaryFailure(f"The order is not as documented: {problem}.") from None
        if order.marketplace_id != order_id:
            raise TemporaryFailure("The answer is about another order than was asked for.")
        return lines

    def supplier_name(self, organization: str) -> str:
        """What the lines of some order call this organization; "" where none does."""
        answer = self._client.orders({"start": 0, "limit": 1})
        suppliers = [
            supplier(line) for raw in objects(_object(answer), "orders") for line in objects(raw, "line_items")
        ]
        return next((name for uuid, name in suppliers if uuid == organization), "")

    def _search(self, wanted: Json, row: int) -> tuple[list[Any], int, datetime]:
        """Rows, how many there are in all, and the moment of asking.

        The limit fits both of its readings: so many rows, and the row where they end.
        """
        now = self._clock()
        answer = self._client.orders({"start": row, "limit": row + MOST_ROWS, **wanted})
        try:
            told = _object(answer)
            rows, total = told.get("orders"), quantity(told, "total_results")
            if rows is None and total != 0:
                raise BadRecord("orders", "is missing")
        except BadRecord as problem:
            raise TemporaryFailure(f"The answer is not as documented: {problem}.") from None
        rows = [] if rows is None else rows
        if not isinstance(rows, list):
            raise TemporaryFailure("The answer is not as documented: orders: must be a list.")
        most = row + MOST_ROWS + 1  # nobody says whether the limit is a count, an end or the last row
        if len(rows) > most:
            raise TemporaryFailure(f"The page holds more than the {most} orders asked for.")
        return rows, row + len(rows) if total is None else total, now

    def _page(self, rows: Sequence[Any], now: datetime) -> Page[OrderRecord]:
        """Each order once; one that cannot be understood is set aside."""
        records: dict[str, OrderRecord] = {}
        set_aside: list[SetAside] = []
        drift: Drift = {}
        for raw in rows:
            try:
                record = self._order(_object(raw), now, drift)
                if records.setdefault(record.marketplace_id, record) != record:
                    set_aside.append(SetAside(record.marketplace_id, TWICE))
            except BadRecord as problem:
                set_aside.append(SetAside(_id_of(raw), str(problem)))
            except RecursionError:
                set_aside.append(SetAside(_id_of(raw), "is nested too deeply"))
        page = Page(list(records.values()), set_aside=set_aside, drift=[word[:_LONGEST] for word in drift])
        twice = {one.marketplace_id for one in set_aside if one.problem == TWICE}
        return replace(page, records=[one for one in page.records if one.marketplace_id not in twice])

    def _order(self, raw: Json, now: datetime, drift: Drift) -> OrderRecord:
        """From the row, or where that does not tell how much was ordered, from Get Order Detail."""
        try:
            return self._reader.order(raw, now, drift)
        except QuantityMissing:
            if "order_uuid" in raw:  # this was Get Order Detail
                raise
        now = self._clock()
        try:
            detail = self._client.order(_id_of(raw))
        except Refused as refusal:
            raise BadRecord("quantity_ordered", f"is not in the list, and nowhere else: {refusal.message}") from None
        order = self._reader.order(_object(detail), now, drift)
        if order.marketplace_id != _id_of(raw):
            raise BadRecord("quantity_ordered", "is not in the list, and another order came when it was asked for")
        return order

    def _written(self, seconds: int) -> str:
        readings = self._reader.readings
        moment = as_moment(seconds).astimezone(ZoneInfo(readings.date_zone))
        return moment.strftime(_FORMATS[readings.date_format])


def now() -> datetime:
    return datetime.now(UTC)


def _object(raw: Any) -> Json:
    return an_object(raw, "order")


def _is(order_id: str, record: OrderRecord) -> bool:
    return record.marketplace_id == order_id


def _id_of(raw: Any) -> str:
    value = raw.get(named(raw, "order_uuid", "uuid")) if isinstance(raw, dict) else None
    return value[:_LONGEST] if isinstance(value, str) else ""
