"""Reading orders from Crux Connect: by the time they were made, by id, and by what their retailers ask for."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
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
from marketplaces.reading import Drift, Json, objects
from marketplaces.records import OrderRecord, Page, SetAside

_FORMATS = {"plain": "%Y-%m-%d %H:%M:%S", "iso": "%Y-%m-%dT%H:%M:%S.000Z"}
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
        page = self._page(rows if usable else [], now)
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
        found = (self._client.order(order_id) for order_id in dict.fromkeys(order_ids))
        return self._page([raw for raw in found if raw is not None], now)

    def lines(self, order_id: str) -> Sequence[Line]:
        """Our lines of one order, as they are now. Raises Refused for an order that is unknown or not to be read."""
        raw = self._client.order(order_id)
        if raw is None:
            raise Refused("Crux Connect does not know this order.", code="404")
        try:
            return self._reader.lines(_object(raw), {})
        except BadRecord as problem:
            raise Refused(f"The order is not as documented: {problem}.") from None

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
            rows = _object(answer).get("orders")
            total = quantity(answer, "total_results")
        except BadRecord as problem:
            raise TemporaryFailure(f"The answer is not as documented: {problem}.") from None
        rows = [] if rows is None else rows
        if not isinstance(rows, list):
            raise TemporaryFailure("The answer is not as documented: orders: must be a list.")
        return rows, row + len(rows) if total is None else total, now

    def _page(self, rows: Sequence[Any], now: datetime) -> Page[OrderRecord]:
        """Each order once; one that cannot be understood is set aside."""
        records: dict[str, OrderRecord] = {}
        set_aside: list[SetAside] = []
        drift: Drift = {}
        for raw in rows:
            try:
                record = self._order(_object(raw), now, drift)
                records.setdefault(record.marketplace_id, record)
            except BadRecord as problem:
                set_aside.append(SetAside(_id_of(raw), str(problem)))
            except RecursionError:
                set_aside.append(SetAside(_id_of(raw), "is nested too deeply"))
        return Page(list(records.values()), set_aside=set_aside, drift=[word[:_LONGEST] for word in drift])

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
        return self._reader.order(_object(detail), now, drift)

    def _written(self, seconds: int) -> str:
        readings = self._reader.readings
        moment = as_moment(seconds).astimezone(ZoneInfo(readings.date_zone))
        return moment.strftime(_FORMATS[readings.date_format])


def now() -> datetime:
    return datetime.now(UTC)


def _object(raw: Any) -> Json:
    if not isinstance(raw, dict):
        raise BadRecord("order", "must be an object")
    return raw


def _id_of(raw: Any) -> str:
    value = raw.get(named(raw, "order_uuid", "uuid")) if isinstance(raw, dict) else None
    return value[:_LONGEST] if isinstance(value, str) else ""
