"""A world of so many requests, written by COPY: shops, people, orders with two lines, requests, decisions.

The same seed gives the same world. As at a marketplace, what waits was asked within two days, and is mixed with what
has been answered since.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from random import Random
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import User
from cancellations.models import Attempt, CancellationLine, CancellationRequest, Decision, Verdict
from orders.models import LineItem, Order
from shops.models import Connection, Membership, Role, Shop, SyncCursor, SyncKind

MOST_WAITING = 20_000
SHOPS = 50
COLLEAGUES = 12
BULK = 5_000
STALLED = 3
ON_THEIR_WAY = 200

MARKETS = [
    ("US", "USD", "America/Los_Angeles"), ("GB", "GBP", "Europe/London"), ("DE", "EUR", "Europe/Berlin"),
    ("ES", "EUR", "Europe/Madrid"), ("ID", "IDR", "Asia/Jakarta"), ("VN", "VND", "Asia/Ho_Chi_Minh"),
    ("MX", "MXN", "America/Mexico_City"), ("JP", "JPY", "Asia/Tokyo"),
]  # fmt: skip
CURRENCIES = {region: currency for region, currency, _zone in MARKETS}
BRANDS = ["Aria", "Nordwind", "Hollis", "Kappa Home", "Luma", "Tideway", "Mori", "Petra", "Quill", "Sunfield"]
KINDS = [
    "wireless noise-cancelling over-ear headphones, foldable, 40 hours", "cotton tote bag with a zip",
    "stainless steel water bottle, 750 ml", "ceramic non-stick frying pan, 28 cm", "LED desk lamp, dimmable",
    "merino running socks, pack of three", "phone case with a stand", "children's rain jacket with a hood",
    "vitamin C serum, 30 ml", "resistance bands, set of five", "linen duvet cover, 200 × 200 cm", "espresso grinder",
]  # fmt: skip
VARIANTS = ["Black, Standard", "White, Standard", "Navy, Large", "Rose, Small", "Forest green, Medium"]
REASONS = [
    ("ecom_order_to_ship_canceled_reason_created_by_mistakes", "Order created by mistake"),
    ("ecom_order_to_ship_canceled_reason_no_longer_needed", "No longer needed"),
    ("ecom_order_to_ship_canceled_reason_better_price", "Better price available elsewhere"),
    ("ecom_order_to_ship_canceled_reason_change_address", "The delivery address has to be changed"),
    ("ecom_order_to_ship_canceled_reason_late", "It does not arrive in time"),
]
PICTURE = "https://p16-oec-ttp.tiktokcdn-us.com/tos-useast5-i-omjb5zjo8w-tx/{:032x}~tplv-resize-jpeg:300:300.jpeg"


def waiting_of(size: int) -> int:
    """How many requests of a world wait: 20,000, and in a small one a fifth."""
    return min(MOST_WAITING, size // 5)


def fill(size: int, seed: int) -> None:
    """An empty database, by as many processes as there are cores; and then what the planner knows of it."""
    shops = make_shops()
    people = [person.pk for person in make_people(shops)]
    made = Rows(size, seed, [(shop.pk, shop.region) for shop in shops], people, timezone.now())
    parts = [range(start, min(start + BULK, size)) for start in range(0, size, BULK)]
    connection.close()  # each process opens its own
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("fork")) as pool:
        list(pool.map(made.write, parts))
    with connection.cursor() as cursor:
        for table in TABLES:
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, greatest(1, (SELECT max(id) FROM {table})))")
        cursor.execute(f"VACUUM (ANALYZE) {', '.join(TABLES)}")
        cursor.execute("ANALYZE")


def make_shops() -> list[Shop]:
    connections = Connection.objects.bulk_create(
        Connection(
            marketplace="tiktok_shop", seller_name=f"{BRANDS[number % len(BRANDS)]} {number + 1}", app_key="app",
            app_secret="secret", access_token="token", refresh_token="token", api_url="http://127.0.0.1:9",
            access_token_expires_at=timezone.now() + timedelta(days=7),
            refresh_token_expires_at=timezone.now() + timedelta(days=3650),
        )
        for number in range(SHOPS)
    )  # fmt: skip
    made = []
    for number, one in enumerate(connections):
        region, _currency, zone = MARKETS[number % len(MARKETS)]
        made.append(
            Shop(
                connection=one, marketplace="tiktok_shop", marketplace_id=f"7495540735365{number:06}", region=region,
                name=one.seller_name, seller_type="LOCAL", cipher=f"cipher-{number}", time_zone=zone,
            )
        )  # fmt: skip
    shops = Shop.objects.bulk_create(made)
    kinds = [SyncKind.ORDERS, SyncKind.CANCELLATIONS]
    SyncCursor.objects.bulk_create(
        SyncCursor(shop=shop, kind=kind, synced_until=timezone.now()) for shop in shops for kind in kinds
    )
    return shops


def make_people(shops: list[Shop]) -> list[User]:
    """Agents in every shop; the first one and an administrator are those who look at pages."""
    User.objects.create_superuser("admin@countermand.example")
    agents = [
        User.objects.create_user(f"agent{number}@countermand.example", first_name="Alex", last_name=f"Agent {number}")
        for number in range(COLLEAGUES)
    ]
    Membership.objects.bulk_create(
        Membership(user=agent, shop=shop, role=Role.AGENT) for agent in agents for shop in shops
    )
    return agents


@dataclass
class Rows:
    size: int
    seed: int
    shops: list[tuple[int, str]]  # key and market
    people: list[int]
    now: datetime

    def write(self, numbers: range) -> None:
        """These requests, with all that belongs to each. Every row has the number of its request in its key."""
        made: dict[type[models.Model], list[dict[str, Any]]] = {model: [] for model in MODELS}
        for number in numbers:
            self.one(number, made)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # the rows fit together as they are
            for model, rows in made.items():
                copy(model, rows)

    def is_waiting(self, number: int) -> bool:
        """Every other one of the newest."""
        age = self.size - 1 - number
        return age % 2 == 0 and age // 2 < waiting_of(self.size)

    def one(self, number: int, made: Mapping[type[models.Model], list[dict[str, Any]]]) -> None:
        chance = Random(self.seed * 10_000_019 + number)
        key, waits = number + 1, self.is_waiting(number)
        shop, region = self.shops[int(len(self.shops) * chance.random() ** 2)]  # some are busy, most are not
        currency = CURRENCIES[region]
        asked = self.asked_at(number, chance)
        person = self.people[chance.randrange(len(self.people))]
        price = chance.randrange(400, 20_000) / 100
        order_id = f"5770876{number:011}"
        reason, reason_text = REASONS[chance.randrange(len(REASONS))]
        verdict = Verdict.APPROVE if chance.random() < 0.8 else Verdict.REJECT
        is_approved = not waits and verdict == Verdict.APPROVE
        ordered = asked - timedelta(minutes=chance.randrange(20, 2000))
        changed = asked if waits else asked + timedelta(minutes=chance.randrange(5, 1200))
        made[Order].append({
            "id": key, "shop_id": shop, "marketplace_id": order_id, "currency": currency,
            "status": "AWAITING_SHIPMENT" if waits else "CANCELLED" if is_approved else "COMPLETED",
            "total": 2 * price + 3, "subtotal": 2 * price, "shipping_fee": 3, "created_at": ordered, "paid_at": ordered,
            "updated_at": changed, "is_cancel_requested": waits, "is_cancelled": is_approved,
            "is_shipped": not waits and not is_approved, "fulfillment_type": "seller", "shipping_type": "marketplace",
            "buyer_id": f"7494{number:012}", "recipient_name": "R*** B***", "recipient_region": region,
        })  # fmt: skip
        made[CancellationRequest].append({
            "id": key, "shop_id": shop, "order_id": key, "order_marketplace_id": order_id,
            "marketplace_id": f"4035318{number:011}",
            "state": "waiting" if waits else "completed" if is_approved else "closed",
            "status": "CANCELLATION_REQUEST_PENDING" if waits else "CANCELLATION_REQUEST_COMPLETE",
            "kind": "BUYER_CANCEL", "needs_answer": waits, "initiator": "buyer", "reason": reason,
            "reason_text": reason_text, "deadline": asked + timedelta(hours=48), "currency": currency,
            "refund_total": 2 * price + 3, "refund_subtotal": 2 * price, "refund_shipping_fee": 3, "refund_tax": 0,
            "refund_fees": 0, "created_at": asked, "updated_at": changed,
            "assigned_to_id": person if waits and chance.random() < 0.1 else None,
        })  # fmt: skip
        for line in (1, 2):
            product = chance.randrange(5_000)
            words = {
                "marketplace_id": f"57708{line}{number:012}", "sku_id": f"172938641601{product:07}",
                "product_name": f"{BRANDS[product % 10]} {KINDS[product % 12]}, model {product}",
                "sku_name": VARIANTS[product % 5], "seller_sku": f"SKU-{product:05}", "currency": currency,
                "image_url": PICTURE.format(product),
            }  # fmt: skip
            made[LineItem].append({
                **words, "id": 2 * number + line, "order_id": key, "product_id": f"1729386416{product:09}",
                "status": "AWAITING_SHIPMENT" if waits else "CANCELLED", "price": price, "original_price": price,
                "is_cancelled": is_approved,
            })  # fmt: skip
            made[CancellationLine].append({
                **words, "id": 2 * number + line, "cancellation_id": key, "refund_total": price,
                "line_item_marketplace_id": words["marketplace_id"],
            })  # fmt: skip
        state, stalled_because = self.standing(number, waits)
        if not state:
            return
        made[Decision].append({
            "id": key, "shop_id": shop, "order_id": key, "cancellation_id": key, "verdict": verdict, "state": state,
            "key": uuid.UUID(int=chance.getrandbits(128)), "stalled_because": stalled_because, "made_by_id": person,
            "made_at": changed, "send_after": changed, "due_at": self.now + timedelta(hours=1), "sent_at": changed,
            "settled_at": None if waits else changed, "request_id": f"2026{number:012}",
        })  # fmt: skip
        made[Attempt].append({
            "id": key, "decision_id": key, "number": 1, "purpose": "send", "outcome": "ok", "started_at": changed,
            "finished_at": changed, "request_id": f"2026{number:012}",
        })  # fmt: skip

    def asked_at(self, number: int, chance: Random) -> datetime:
        """Those that wait over the last 47 hours, the newest last; the others over two years before that."""
        mixed = 2 * waiting_of(self.size)
        age = self.size - 1 - number
        if age < mixed:
            return self.now - timedelta(hours=47) * (age + chance.random()) / mixed
        return self.now - timedelta(days=2) - timedelta(days=730) * (age - mixed + chance.random()) / self.size

    def standing(self, number: int, waits: bool) -> tuple[str, str]:
        """The state of the decision, nothing where there is none; and why it needs a person, where it does."""
        if not waits:
            return Decision.State.CONFIRMED, ""
        place = (self.size - 1 - number) // 2
        if place < STALLED:
            return Decision.State.STALLED, Decision.Stalled.OUTCOME_UNKNOWN
        return (Decision.State.SENDING, "") if place % (waiting_of(self.size) // ON_THEIR_WAY) == 1 else ("", "")


MODELS: list[type[models.Model]] = [Order, LineItem, CancellationRequest, CancellationLine, Decision, Attempt]
TABLES = [model._meta.db_table for model in MODELS]


def copy(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """All columns that have no default in the database; those that rows do not name are as the model makes them.

    Every row names the same columns, in the same order.
    """
    if not rows:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields if not field.has_db_default()}
    named = list(rows[0])
    constants = {name: initial(field) for name, field in fields.items() if name not in rows[0]}
    names = ", ".join(f'"{fields[name].column}"' for name in [*named, *constants])
    line = "\t".join(["%s" for _ in named] + [text(value) for value in constants.values()]) + "\n"
    with connection.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as out:
        out.write("".join([line % tuple(map(text, row.values())) for row in rows]))


def initial(field: Any) -> Any:
    if field.null:
        return None
    value = field.get_default()
    return {} if isinstance(field, models.JSONField) else value


def text(value: Any) -> str:
    """As COPY reads it; none of the texts of this world has a tabulator, a line's end or a backslash in it."""
    if type(value) is str:
        return value
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return value.isoformat()
    return "{}" if value == {} else str(value)
