"""Connecting a seller: the first tokens, and the shops that they open."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from marketplaces.base import Adapter
from marketplaces.records import Credentials, Page, ShopRecord, Tokens
from marketplaces.registry import marketplace
from shops import pulling
from shops.connecting.registering import fitting_app
from shops.connecting.telling import write_for_each
from shops.models import App, Connection, Shop, SyncKind, SyncRun
from shops.outgoing import announce_shops
from shops.tokens import store_tokens

if TYPE_CHECKING:
    from accounts.models import User

LONGEST_NAME, LONGEST_CODE, LONGEST_REGION, LONGEST_TYPE = 200, 64, 8, 32
LONGEST_ID = 64


@dataclass(frozen=True)
class Account:
    """Who we are at a marketplace: an app's key and secret, or a user's name and password; and where it answers."""

    marketplace: str
    app_key: str
    app_secret: str = field(repr=False)
    api_url: str = ""
    auth_url: str = ""
    options: Mapping[str, str] | None = None  # None: as they are, where the seller is connected already
    app: App | None = None

    def credentials(self, access_token: str = "", shop: ShopRecord | None = None) -> Credentials:
        return Credentials(
            self.app_key, self.app_secret, access_token=access_token, api_url=self.api_url, auth_url=self.auth_url,
            options=self.options or {}, shop_cipher=shop.cipher if shop else "",
            shop_id=shop.marketplace_id if shop else "",
        )  # fmt: skip

    def adapter(self, access_token: str = "", shop: ShopRecord | None = None) -> Adapter:
        """Raises KeyError for a marketplace that is not there."""
        return marketplace(self.marketplace).adapter(self.credentials(access_token, shop))


def connect_with_code(account: Account, auth_code: str) -> Connection:
    """Exchange the code of a seller's consent (30 minutes, once) for tokens and store the shops that it opened.

    Raises marketplaces.errors; nothing is stored then.
    """
    return connect(account, account.adapter().tokens_from_code(auth_code))


def connect_with_password(account: Account) -> Connection:
    """Sign in and store the shops that this opened. Raises marketplaces.errors; nothing is stored then."""
    return connect(account, account.adapter().refresh_tokens(""))


def connect(
    account: Account, tokens: Tokens, *, chosen: Collection[str] | None = None, by: "User | None" = None
) -> Connection:
    """Store tokens and the shops they open; a seller who was connected before keeps the connection and its shops.

    `chosen` are the shops that are to be read, by the marketplace's ids. Others that are new are kept inactive, so that
    they are not found again. None is all, but for those that somebody has made inactive.
    """
    slug = account.marketplace
    records = tokens.shops or account.adapter(tokens.access_token).authorized_shops()
    ids = [record.marketplace_id for record in records]
    wanted = ids if chosen is None else list(chosen)
    with transaction.atomic():
        known = Shop.objects.filter(marketplace=slug, marketplace_id__in=ids)
        known_shop = known.select_related("connection").order_by("pk").first()
        connection = known_shop.connection if known_shop else Connection(marketplace=slug)
        before = {"state": connection.state} if known_shop else {}
        read = known.active().filter(connection__state=Connection.State.CONNECTED)
        were_read = list(read.values_list("pk", flat=True))
        named = tokens.seller_name or (records[0].name if records else account.app_key)
        connection.seller_name = named[:LONGEST_NAME]
        authorize(connection, account, tokens)
        store_shops(connection, records, wanted)
        if not account.app:
            connection.app = fitting_app(connection)
            connection.save(update_fields=["app"])
        Shop.objects.filter(marketplace=slug, marketplace_id__in=chosen or ()).update(
            is_active=True, next_pull_at=timezone.now()
        )
        announce_shops(connection.shops.exclude(pk__in=were_read), "shop.connected")
        after = told_of(connection, wanted)
        write_for_each(
            connection.shops.all(), "connection.made", about=connection, actor=by, before=before, after=after
        )
    return connection


def authorize(connection: Connection, account: Account, tokens: Tokens) -> None:
    """Store a seller's new consent in the surrounding transaction, and with what it was asked for."""
    connection.app_key, connection.app_secret = account.app_key, account.app_secret
    connection.api_url, connection.auth_url = account.api_url, account.auth_url
    connection.app = account.app or connection.app
    if account.options is not None:
        connection.options = dict(account.options)
    connection.authorized_at, connection.announced_end = timezone.now(), None
    connection.save()
    store_tokens(connection, tokens)


def told_of(connection: Connection, shop_ids: Collection[str]) -> dict[str, object]:
    """What the audit log says of a connection."""
    return {
        "seller": connection.seller_name, "state": connection.state, "app_key": connection.app_key,
        "ends": connection.authorization_ends_at, "shops": sorted(shop_ids),
    }  # fmt: skip


def pull_shops(shop: Shop) -> SyncRun | None:
    """Read the names and ciphers of all the shops behind this shop's connection again, and find new ones.

    The run is this shop's; see `shops.pulling.pull`.
    """
    return pulling.pull(shop, SHOPS)


def store_shops(connection: Connection, records: Iterable[ShopRecord], wanted: Collection[str] = ()) -> int:
    """Store shops in the surrounding transaction; returns how many were new or changed.

    New ones are read if they are among `wanted`: which shops are is for a person to say.
    """
    return sum(store_shop(connection, record, is_wanted=record.marketplace_id in wanted) for record in records)


def store_pulled(shop: Shop, records: Sequence[ShopRecord]) -> int:
    """Store what a pull found. Raises ValueError for shops of another connection: only people move them.

    They may be whose others' authorization it is, who have no say in this one.
    """
    known = Shop.objects.filter(
        marketplace=shop.marketplace, marketplace_id__in=[one.marketplace_id for one in records]
    )
    elsewhere = known.exclude(connection=shop.connection_id)
    if elsewhere.exclude(connection__state=Connection.State.DISCONNECTED).exists():
        raise ValueError("This shop is connected another way already, and stays so until somebody connects it anew.")
    return store_shops(shop.connection, records)


def store_shop(connection: Connection, record: ShopRecord, *, is_wanted: bool) -> bool:
    """The time zone is only set for a new shop: staff may have put it right since."""
    told = {
        "connection": connection,
        "name": record.name[:LONGEST_NAME],
        "code": record.code[:LONGEST_CODE],
        "region": record.region[:LONGEST_REGION],
        "seller_type": record.seller_type[:LONGEST_TYPE],
        "cipher": record.cipher,
    }
    known = Shop.objects.filter(marketplace=connection.marketplace, marketplace_id=record.marketplace_id).first()
    if known and all(getattr(known, name) == value for name, value in told.items()):
        return False
    market = marketplace(connection.marketplace).capabilities(record.region, timezone.now().date())
    Shop.objects.update_or_create(
        marketplace=connection.marketplace,
        marketplace_id=record.marketplace_id,
        defaults=told,
        create_defaults={**told, "time_zone": market.time_zone, "is_active": is_wanted},
    )
    return True


def all_at_once(adapter: Adapter) -> Page[ShopRecord]:
    records = adapter.authorized_shops()
    return Page(records, total=len(records))


SHOPS = pulling.Kind(
    kind=SyncKind.SHOPS,
    fetch=lambda adapter, since, until, cursor: all_at_once(adapter),
    store=store_pulled,
)
