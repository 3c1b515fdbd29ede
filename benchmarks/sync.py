"""Reading a shop's orders for the first time and again, beside what the database takes of the same rows.

./run bench sync [ORDERS]
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from psycopg import sql

from benchmarks import world
from benchmarks.playback import playing
from benchmarks.processes import cpu_of_all, database_server
from benchmarks.side_by_side import Ratio, Thing, Timed, in_turn, tell
from marketplaces.records import OrderRecord
from orders import sync
from orders.models import LineItem, Order, Package
from shops.models import Connection, Shop, SyncRun
from shops.tokens import adapter_for

ORDERS = 100_000
AGAIN = 10_000  # of those that are read again
A_TRANSACTION = 1000  # orders
# Of a marketplace that takes its time: to its answer, and between calls where each of them brings a hundred orders.
FAR_AWAY, CALLS_A_SECOND, A_PAGE = 0.1, 50, 100
DAY = timedelta(days=1)
PACKAGE_COLUMNS = ("order_id", "marketplace_id", "status", "tracking_number", "shipping_provider")


@dataclass(frozen=True)
class Rows:
    """Of orders that are written in one transaction; `lines` and `packages` begin with the id of their order."""

    orders: Sequence[Sequence[Any]]
    lines: Sequence[Sequence[Any]]
    packages: Sequence[Sequence[Any]]


def main(arguments: Sequence[str]) -> int:
    orders = int(arguments[0]) if arguments else ORDERS
    world.work_in("sync")
    settings.PACE_CALLS = False  # a marketplace that answers at once, and as often as it is asked
    with playing(orders) as url:
        shop = connected(url)
        records = everything(shop)
        assert len(records) == orders
        rows = [as_rows(shop, some) for some in parts(records, A_TRANSACTION)]
        again = records[:AGAIN]
        del records
        limit, first = in_turn(
            [
                Thing(
                    "COPY upsert of the same rows from memory, one connection",
                    lambda: copy(rows),
                    empty,
                    orders,
                    once=True,
                ),
                Thing("first sync, answers at once", lambda: pull(shop), empty, orders, once=True),
            ]
        )
        at_once = worked(shop, orders)
    settings.PACE_CALLS = True
    with playing(orders, wait=FAR_AWAY, rate=CALLS_A_SECOND) as url:
        far = connected(url)
        (slowly,) = in_turn(
            [Thing("first sync, answers after 100 ms, in parts", lambda: pull(far), empty, orders, once=True)], runs=3
        )
        from_afar = worked(far, orders)
    calls = Timed("50 calls a second, if they were all that took time", [1 / CALLS_A_SECOND / A_PAGE])
    empty()
    with transaction.atomic():
        assert sync.store(shop, again) == len(again)
    instances = as_instances(shop, again)
    asked, bulk = in_turn(
        [
            Thing("nothing has changed: what is stored is asked for first", lambda: store(shop, again), units=AGAIN),
            Thing("the same rows by bulk_create(update_conflicts=True)", lambda: bulk_create(instances), units=AGAIN),
        ]
    )
    reached = tell(
        f"Sync of {orders:,} orders, each",
        [limit, first, slowly, calls, asked, bulk],
        [
            Ratio("first sync, of the COPY upsert", limit, first, at_least=0.5),
            Ratio("first sync with answers after 100 ms, of 50 calls a second", calls, slowly, at_least=0.9),
            Ratio("re-sync with nothing changed, times faster than Django's bulk upsert", bulk, asked, at_least=8),
        ],
    )
    print(
        "CPU of an order, ours and PostgreSQL's, and what it took: "
        f"{at_once} with answers at once, {from_afar} with answers after 100 ms"
    )
    return 0 if reached else 1


def worked(shop: Shop, orders: int) -> str:
    """Microseconds of CPU for each order of one more first sync: this process', and PostgreSQL's."""
    empty()
    server, began = database_server(), time.perf_counter()
    ours, theirs = time.process_time(), cpu_of_all(server)
    pull(shop)
    ours, theirs = time.process_time() - ours, cpu_of_all(server) - theirs
    took = time.perf_counter() - began
    return " + ".join(f"{one / orders * 1e6:.0f}" for one in (ours, theirs)) + f" µs in {took / orders * 1e6:.0f}"


def connected(url: str) -> Shop:
    now = timezone.now()
    held = Connection.objects.create(
        marketplace="tiktok_shop", app_key="app", app_secret="secret", api_url=url, seller_name="Seller",
        access_token="token", access_token_expires_at=now + 6 * DAY, refresh_token="again",
        refresh_token_expires_at=now + 300 * DAY,
    )  # fmt: skip
    names = {"marketplace_id": f"{time.time_ns()}", "name": "Shop", "region": "US", "cipher": "cipher"}
    shop = Shop.objects.create(connection=held, marketplace=held.marketplace, **names)
    return Shop.objects.select_related("connection").get(pk=shop.pk)


def everything(shop: Shop) -> list[OrderRecord]:
    records: list[OrderRecord] = []
    now, cursor = timezone.now(), ""
    while True:
        page = adapter_for(shop).orders_updated(now - 90 * DAY, now, cursor)
        records += page.records
        cursor = page.next_cursor
        if not cursor:
            return records


def parts(things: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (things[start : start + size] for start in range(0, len(things), size))


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE orders_order, shops_synccursor, shops_syncrun CASCADE")
        cursor.execute("CHECKPOINT")


# --- ours -------------------------------------------------------------------------------------------------------------


def pull(shop: Shop) -> None:
    run = sync.pull(shop)
    assert run and run.state == SyncRun.State.SUCCEEDED, run and run.error


def store(shop: Shop, records: Sequence[OrderRecord]) -> None:
    for some in parts(records, A_TRANSACTION):
        with transaction.atomic():
            assert sync.store(shop, some) == 0


# --- what the database takes ------------------------------------------------------------------------------------------


def as_rows(shop: Shop, records: Sequence[OrderRecord]) -> Rows:
    """As COPY takes them; whose order is another in every run is named by its marketplace id first."""
    lines = [line for record in records for line in record.lines]
    names = [record.marketplace_id for record in records for _ in record.lines]
    return Rows(
        orders=plain(sync.rows(sync.ORDER_COLUMNS, records, [shop.pk] * len(records))),
        lines=[(name, *row) for name, row in zip(names, plain(sync.rows(sync.LINE_COLUMNS, lines)), strict=True)],
        packages=[
            (record.marketplace_id, package, *sync.package_columns(record, package))
            for record in records
            for package in {*record.package_ids, *(line.package_id for line in record.lines if line.package_id)}
        ],
    )


def plain(rows: Iterator[Any]) -> list[tuple[Any, ...]]:
    return [tuple(json.dumps(value) if isinstance(value, dict) else value for value in row) for row in rows]


def copy(parts: Sequence[Rows]) -> None:
    for rows in parts:
        with transaction.atomic():
            ids = put(Order, ("shop_id", *sync.ORDER_COLUMNS), rows.orders)
            for model, columns, ours in (
                (LineItem, ("order_id", *sync.LINE_COLUMNS), rows.lines), (Package, PACKAGE_COLUMNS, rows.packages),
            ):  # fmt: skip
                put(model, columns, [(ids[name], *rest) for name, *rest in ours])


def put(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, int]:
    """By a temporary table and INSERT … ON CONFLICT, which nothing does faster that may meet rows that are there."""
    key = (columns[0], "marketplace_id")
    said = {
        "table": sql.Identifier(model._meta.db_table), "incoming": sql.Identifier(f"peer_{model._meta.db_table}"),
        "names": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "key": sql.SQL(", ").join(map(sql.Identifier, key)),
        "changes": sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns if name not in key
        ),
    }  # fmt: skip
    with connection.cursor() as cursor:
        raw: Any = cursor.cursor
        execute: Callable[[str], Any] = lambda words: raw.execute(sql.SQL(words).format(**said))  # noqa: E731
        execute("CREATE TEMPORARY TABLE {incoming} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA")
        with raw.copy(sql.SQL("COPY {incoming} ({names}) FROM STDIN").format(**said)) as copying:
            for row in rows:
                copying.write_row(row)
        execute(
            "INSERT INTO {table} ({names}) SELECT {names} FROM {incoming} ON CONFLICT ({key}) DO UPDATE SET {changes} "
            "RETURNING marketplace_id, id"
        )
        return dict(raw.fetchall())


# --- the peer ---------------------------------------------------------------------------------------------------------


def as_instances(shop: Shop, records: Sequence[OrderRecord]) -> list[tuple[list[Order], list[LineItem]]]:
    of_ours = Order.objects.filter(shop=shop)
    return [
        (list(of_ours.filter(marketplace_id__any=ids)), list(LineItem.objects.filter(order__marketplace_id__any=ids)))
        for ids in ([record.marketplace_id for record in some] for some in parts(records, A_TRANSACTION))
    ]


def bulk_create(instances: Sequence[tuple[list[Order], list[LineItem]]]) -> None:
    for orders, lines in instances:
        for one in (*orders, *lines):
            one.pk = None
        with transaction.atomic():
            Order.objects.bulk_create(orders, **conflicts("shop", sync.ORDER_COLUMNS))
            LineItem.objects.bulk_create(lines, **conflicts("order", sync.LINE_COLUMNS))


def conflicts(owner: str, columns: Iterable[str]) -> dict[str, Any]:
    changes = [name for name in columns if name != "marketplace_id"]
    return {"update_conflicts": True, "unique_fields": [owner, "marketplace_id"], "update_fields": changes}
