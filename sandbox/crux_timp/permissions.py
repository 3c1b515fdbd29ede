"""What a user may be allowed to do, and how the login shows it."""

from __future__ import annotations

from typing import Any

from sandbox.crux_timp.ids import Ids
from sandbox.crux_timp.records import RETAILER, SUPPLIER, User

BOTH = "BOTH"
# name: who can have it, and the group it stands in
PERMISSIONS = {
    "view_org_users": (BOTH, "ORGUSERS"),
    "edit_org_users": (BOTH, "ORGUSERS"),
    "view_org_subscription_plan": (BOTH, "BILLING"),
    "edit_org_subscription_plan": (BOTH, "BILLING"),
    "view_payment_info": (BOTH, "BILLING"),
    "edit_payment_info": (BOTH, "BILLING"),
    "view_billing_statement": (BOTH, "BILLING"),
    "view_notifications_settings": (BOTH, "NOTIFICATIONS"),
    "edit_email_notifications_preferences": (BOTH, "NOTIFICATIONS"),
    "cancel_order": (BOTH, "ORDERS"),
    "view_order": (BOTH, "ORDERS"),
    "export_order": (BOTH, "ORDERS"),
    "view_items": (BOTH, "ITEMS"),
    "create_order": (RETAILER, "ORDERS"),
    "view_inventory_lists": (RETAILER, "ITEMS"),
    "edit_inventory_lists": (RETAILER, "ITEMS"),
    "edit_items": (SUPPLIER, "ITEMS"),
    "add_order_tracking": (SUPPLIER, "ORDERS"),
    "allocate_order": (SUPPLIER, "ORDERS"),
    "view_supplier_catalogs": (SUPPLIER, "ITEMS"),
    "edit_supplier_catalogs": (SUPPLIER, "ITEMS"),
}


def all_for(kind: str) -> frozenset[str]:
    """Every permission an organization of this kind can give its users."""
    return frozenset(name for name, (visibility, _) in PERMISSIONS.items() if visibility in (BOTH, kind))


class PermissionBook:
    """The permissions under the UUIDs of this world."""

    def __init__(self, ids: Ids) -> None:
        self._uuids = {name: ids.uuid() for name in PERMISSIONS}

    def assignments(self, user: User) -> list[dict[str, Any]]:
        return [
            {"assigned": name in user.permissions, "permission": self._permission(name)}
            for name in PERMISSIONS
            if name in all_for(user.organization.kind)
        ]

    def _permission(self, name: str) -> dict[str, str]:
        visibility, grouping = PERMISSIONS[name]
        words = name.replace("_", " ")
        return {
            "uuid": self._uuids[name],
            "name": name,
            "display_name": words.title(),
            "description": words.capitalize(),
            "visibility": visibility,
            "grouping": grouping,
        }
