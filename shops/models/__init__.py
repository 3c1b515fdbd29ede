"""Connections, shops, who may do what in which shop, and what has been read of them."""

from shops.models.connecting import AuthorizationNotice, ConnectAttempt
from shops.models.connections import App, Connection
from shops.models.members import Membership, MembershipQuerySet, MoneyCap, Permission, Role, ShopGroup
from shops.models.outgoing import OutgoingEvent, OutgoingEventQuerySet
from shops.models.pulls import Drift, SyncCursor, SyncKind, SyncRun, SyncRunQuerySet
from shops.models.pushes import Alert, PushRegistration
from shops.models.shops import Shop, ShopQuerySet

__all__ = [
    "Alert", "App", "AuthorizationNotice", "ConnectAttempt", "Connection", "Drift", "Membership", "MembershipQuerySet",
    "MoneyCap", "OutgoingEvent", "OutgoingEventQuerySet", "Permission", "PushRegistration", "Role", "Shop", "ShopGroup",
    "ShopQuerySet", "SyncCursor", "SyncKind", "SyncRun", "SyncRunQuerySet",
]  # fmt: skip
