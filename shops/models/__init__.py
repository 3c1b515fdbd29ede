"""Connections, shops, who may do what in which shop, and what has been read of them."""

from shops.models.connections import Connection
from shops.models.members import Membership, MoneyCap, Permission, Role, ShopGroup
from shops.models.pulls import Drift, SyncCursor, SyncKind, SyncRun, SyncRunQuerySet
from shops.models.shops import Shop, ShopQuerySet

__all__ = [
    "Connection", "Drift", "Membership", "MoneyCap", "Permission", "Role", "Shop", "ShopGroup", "ShopQuerySet",
    "SyncCursor", "SyncKind", "SyncRun", "SyncRunQuerySet",
]  # fmt: skip
