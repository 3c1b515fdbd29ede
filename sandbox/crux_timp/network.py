"""The organizations of the network, their users and what the suppliers sell, out of ``network.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from sandbox.crux_timp import cancelling, create_calls
from sandbox.crux_timp.permissions import all_for
from sandbox.crux_timp.records import SUPPLIER, NotificationSetting, Organization, Sku, User
from sandbox.crux_timp.world import World

EVENTS = {create_calls.TITLE: "orders/created", cancelling.TITLE: "orders/cancelled"}


def found_network(world: World) -> None:
    """Fill a world that has nobody in it yet."""
    rows = tomllib.loads(Path(__file__).with_name("network.toml").read_text())
    for row in rows["organization"]:
        organization = Organization(
            world.ids.uuid(), world.ids.uuid(), row["name"], row["kind"], row.get("po_prefix", "")
        )
        world.organizations[organization.uuid] = organization
        for person in row["user"]:
            world.users[person["email"]] = _user(world, organization, person)
    suppliers = {each.name: each for each in world.suppliers}
    for number, row in enumerate(rows["product"]):
        for sku in _skus(world, suppliers[row["supplier"]], row, number):
            world.skus[sku.supplier.uuid, sku.sku_id] = sku


def credentials(world: World) -> dict[str, Any]:
    """Everybody there is, with passwords: for tests, and for people who log in by hand."""

    def organization(each: Organization) -> dict[str, str]:
        role = "supplier_uuid" if each.kind == SUPPLIER else "retailer_uuid"
        return {"name": each.name, "org_uuid": each.uuid, role: each.role_uuid}

    return {
        "suppliers": [organization(each) for each in world.suppliers],
        "retailers": [organization(each) for each in world.retailers],
        "users": [
            {
                "username": user.email,
                "password": user.password,
                "name": user.name,
                "user_uuid": user.uuid,
                "org_uuid": user.organization.uuid,
                "org_type": user.organization.kind,
                "permissions": sorted(user.permissions),
            }
            for user in world.users.values()
        ],
    }


def _user(world: World, organization: Organization, row: dict[str, Any]) -> User:
    return User(
        uuid=world.ids.uuid(),
        email=row["email"],
        password=world.ids.password(),
        name=row["name"],
        organization=organization,
        permissions=all_for(organization.kind) - set(row.get("without", [])),
        settings=[
            NotificationSetting(
                world.ids.uuid(), title, name, {"Dashboard": ("Real-time", True), "email": ("Daily", False)}
            )
            for title, name in EVENTS.items()
        ],
    )


def _skus(world: World, supplier: Organization, row: dict[str, Any], number: int) -> list[Sku]:
    item_uuid = world.ids.uuid()
    return [
        Sku(
            uuid=world.ids.uuid(),
            item_uuid=item_uuid,
            item_name=row["name"],
            sku_id=sku_id,
            name=f"{row['name']}, {colour.lower()}" if colour else row["name"],
            colour=colour.lower() or None,
            upc=f"0850{number:04d}{place:03d}{(number * 7 + place * 3) % 10}",
            mpn=row["mpn"],
            cost=row["cost"],
            picture=f"/images/{row['picture']}-{tone}.svg",
            supplier=supplier,
        )
        for place, (sku_id, colour, tone) in enumerate(row["variants"])
    ]
