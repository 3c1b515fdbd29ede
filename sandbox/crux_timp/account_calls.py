"""Retrieve Auth Token."""

from __future__ import annotations

from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.records import RETAILER, SUPPLIER
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.tokens import Tokens
from sandbox.crux_timp.world import World


def user_login(world: World, tokens: Tokens, call: Call) -> Answer:
    """Whatever stands in ``Authorization`` is ignored: the documentation's samples send an empty Basic header."""
    name, password = call.body.needed_text("username"), call.body.needed_text("password")
    user = world.users.get(name)
    if user is None or user.password != password or not user.active:
        raise Refusal(401, "Unable to log in with the provided credentials.")
    organization, now = user.organization, int(call.now.timestamp())
    token = tokens.issue(user, now)
    world.ledger.write(
        now,
        "token.granted",
        shop_id=organization.uuid,
        actor="seller" if organization.kind == SUPPLIER else "buyer",
        request_id=call.request_id,
        detail={"username": user.email},
    )
    return Answer(
        200,
        {
            "auth_token": token,
            "org_uuid": organization.uuid,
            "user_uuid": user.uuid,
            "retailer_uuid": organization.role_uuid if organization.kind == RETAILER else "",
            "supplier_uuid": organization.role_uuid if organization.kind == SUPPLIER else "",
            "org_type": organization.kind,
            "permission_assignments": {
                "permissions": world.permissions.assignments(user),
                "org_user": {"uuid": user.uuid},
            },
        },
    )
