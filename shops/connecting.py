"""Connecting a seller: the first tokens, and the shops that they open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from marketplaces.base import Adapter
from marketplaces.records import Credentials, Page, ShopRecord, Tokens
from marketplaces.registry import marketplace
from shops import pulling
from shops.models import Connection, Shop, SyncKind, SyncRun
from shops.tokens import store_tokens

LONGEST_NAME = 200


@dataclass(frozen=True)
class Account:
    """Who we are at a marketplace: an app's key and secret, or a user's name and password; and where it answers."""

    marketplace: str
    app_key: str
    app_secret: str = field(repr=False)
    api_url: str = ""
    auth_url: str = ""
    options: Mapping[str, str] | None = None  # None: as they are, where the seller is connected already

    def credentials(self, access_token: str = "") -> Credentials:
        return Credentials(
            self.app_key, self.app_secret, access_token=access_token, api_url=self.api_url, auth_url=self.auth_url,
            options=self.options or {},
        )  # fmt: skip

    def adapter(self, access_token: str = "") -> Adapter:
        """Raises KeyError for a marketplace that is not there."""
        return marketplace(self.marketplace).adapter(self.credentials(access_token))


def connect_with_code(account: Account, auth_code: str) -> Connection:
    """Exchange the code of a seller's consent (30 minutes, once) for tokens and store the shops that it opened.

    Raises marketplaces.errors; nothing is stored then.
    """
    return connect(account, account.adapter().tokens_from_code(auth_code))


def connect_with_password(account: Account) -> Connection:
    """Sign in and store the shops that this opened. Raises marketplaces.errors; nothing is stored then."""
    return connect(account, account.adapter().refresh_tokens(""))


def connect(account: Account, tokens: Tokens) -> Connection:
    """Store tokens and the shops they open; a seller who was connected before keeps the connection and its shops."""
    slug = account.marketplace
    records = tokens.shops or account.adapter(tokens.access_token).authorized_shops()
    with transaction.atomic():
        known = Shop.objects.filter(marketplace=slug, marketplace_id__in=[record.marketplace_id for record in records])
        known_shop = known.select_related("connection").first()
        connection = known_shop.connection if known_shop else Connection(marketplace=slug)
        connection.app_key, connection.app_secret = account.app_key, account.app_secret
        connection.api_url, connection.auth_url = account.api_url, account.auth_url
        if account.options is not None:
            connection.options = dict(account.options)
        named = tokens.seller_name or (records[0].name if records else account.app_key)
        connection.seller_name = named[:LONGEST_NAME]
        connection.save()
        store_tokens(connection, tokens)
        store_shops(connection, records)
    return connection


def pull_shops(shop: Shop) -> SyncRun | None:
    """Read the names and ciphers of all the shops behind this shop's connection again, and find new ones.

    The run is this shop's; see `shops.pulling.pull`.
    """
    return pulling.pull(shop, SHOPS)


def store_shops(connection: Connection, records: Iterable[ShopRecord]) -> int:
    """Store shops in the surrounding transaction; returns how many were new or changed."""
    return sum(store_shop(connection, record) for record in records)


def store_shop(connection: Connection, record: ShopRecord) -> bool:
    """The time zone is only set for a new shop: staff may have put it right since."""
    told = {
        "connection": connection,
        "name": record.name[:LONGEST_NAME],
        "code": record.code,
        "region": record.region,
        "seller_type": record.seller_type,
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
        create_defaults={**told, "time_zone": market.time_zone},
    )
    return True


def all_at_once(adapter: Adapter) -> Page[ShopRecord]:
    records = adapter.authorized_shops()
    return Page(records, total=len(records))


SHOPS = pulling.Kind(
    kind=SyncKind.SHOPS,
    fetch=lambda adapter, since, until, cursor: all_at_once(adapter),
    store=lambda shop, records: store_shops(shop.connection, records),
)
