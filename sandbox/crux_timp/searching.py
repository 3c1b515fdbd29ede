"""Get Orders and its export twin: filters, sorting and the part of the result that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.crux_timp.bodies import Fields
from sandbox.crux_timp.encoding import DESIGNATIONS, STATUSES, allocation_status, designation
from sandbox.crux_timp.records import Line, Order, Organization
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World

USUAL_LIMIT = 25
DATE_FORMS = {len("2019-01-01 00:00:00"): "%Y-%m-%d %H:%M:%S", len("2019-01-01T00:00:00.000Z"): "%Y-%m-%dT%H:%M:%S.%fZ"}
SORT_KEYS = ("date", "status", "sku_id")

Test = Callable[[Order, list[Line]], bool]


@dataclass(frozen=True, slots=True)
class Search:
    """A checked search. ``tests`` take an order and those of its lines that the reader sees."""

    tests: list[Test]
    key: str
    descending: bool
    start: int
    limit: int | None

    def find(self, world: World, reader: Organization) -> list[Order]:
        """All matches, sorted."""
        shown = ((order, world.lines_shown_to(reader, order)) for order in world.orders.values())
        hits = [(order, lines) for order, lines in shown if lines and all(test(order, lines) for test in self.tests)]
        hits.sort(key=lambda hit: (_sort_value(self.key, *hit), hit[0].created, hit[0].uuid), reverse=self.descending)
        return [order for order, _ in hits]

    def part(self, world: World, orders: list[Order]) -> list[Order]:
        if self.limit is None:
            return orders[self.start : self.start + USUAL_LIMIT]
        end = {"count": self.start + self.limit, "end_exclusive": self.limit, "end_inclusive": self.limit + 1}
        return orders[self.start : end[world.switches.limit]]


def read_search(world: World, body: Fields, *, export: bool = False) -> Search:
    """The two calls differ in the designation (a word here, an array for exports) and in what ``term`` means."""
    key, descending = _read_sort(world, body)
    return Search(
        tests=[*_order_tests(world, body, export), *_line_tests(world, body, export)],
        key=key,
        descending=descending,
        start=body.whole("start") or 0,
        limit=body.whole("limit"),
    )


def _read_sort(world: World, body: Fields) -> tuple[str, bool]:
    """The examples write ``value`` where the text has ``dir``; it is ignored."""
    sort = body.object("sort")
    if sort is None:
        return "date", world.switches.newest_first
    key = sort.word("key", SORT_KEYS) or "date"
    direction = sort.word("dir", ("asc", "desc", "des"))
    return key, direction != "asc" if direction else world.switches.newest_first


def _sort_value(key: str, order: Order, lines: list[Line]) -> tuple[str | datetime, ...]:
    if key == "date":
        return (order.created,)
    return (allocation_status(lines[0]) if key == "status" else lines[0].sku.sku_id,)


def _order_tests(world: World, body: Fields, export: bool) -> list[Test]:
    tests: list[Test] = []
    since, until = _moment(world, body, "start_date"), _moment(world, body, "end_date")
    if since is not None:
        tests.append(lambda order, lines: order.created >= since)
    if until is not None:
        tests.append(lambda order, lines: order.created <= until)
    if organizations := set(body.texts("org_uuids")):
        tests.append(lambda order, lines: bool(organizations & _parties(order, lines)))
    if export:
        return tests
    if po_number := body.text("po_number"):
        tests.append(lambda order, lines: order.po_number == po_number)
    if (sent := body.flag("sent_to_supplier")) is not None:
        tests.append(lambda order, lines: order.sent_to_supplier is sent)
    return tests


def _line_tests(world: World, body: Fields, export: bool) -> list[Test]:
    """An order fits when one of its lines fits all that is said about lines."""
    wanted: list[Callable[[Line], bool]] = []
    if statuses := body.words("line_item_allocation_statuses", STATUSES):
        wanted.append(lambda line: allocation_status(line) in statuses)
    if words := _designations(body, export):
        wanted.append(lambda line: designation(world, line) in words)
    if term := (body.text("term") or "").lower():
        wanted.append(lambda line: _speaks_of(line, term, export))
    return [lambda order, lines: any(all(fits(line) for fits in wanted) for line in lines)] if wanted else []


def _designations(body: Fields, export: bool) -> list[str]:
    if export:
        return body.words("line_item_designation", DESIGNATIONS)
    word = body.text("line_item_designation")
    return [body.word("line_item_designation", DESIGNATIONS) or ""] if word else []


def _speaks_of(line: Line, term: str, export: bool) -> bool:
    if export:
        return term in (line.order.uuid, line.order.po_number.lower(), line.sku.sku_id.lower())
    return term in f"{line.sku.item_name} {line.sku.name}".lower()


def _parties(order: Order, lines: list[Line]) -> set[str]:
    return {order.retailer.uuid, *(line.supplier.uuid for line in lines)}


def _moment(world: World, body: Fields, name: str) -> datetime | None:
    text = body.text(name)
    if text is None:
        return None
    try:
        there = datetime.strptime(text, DATE_FORMS[len(text)]).replace(tzinfo=UTC)
        return there - timedelta(hours=world.switches.date_zone_hours)
    except (KeyError, ValueError, OverflowError):
        raise Refusal(400, f"{name}: no date the search understands.") from None
