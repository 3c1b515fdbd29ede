"""Get Access Token and Refresh Access Token, at the token host's paths."""

from __future__ import annotations

from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import dumps
from sandbox.tiktok_shop.tokens import Grant, Tokens
from sandbox.tiktok_shop.world import World


def get_access_token(world: World, tokens: Tokens, call: Call) -> bytes:
    grant = tokens.exchange(call.query["auth_code"], call.now)
    return _answer(world, grant, call, "token.granted")


def refresh_access_token(world: World, tokens: Tokens, call: Call) -> bytes:
    grant = tokens.renew(call.query["refresh_token"], call.now, world.switches.rotate_refresh_token)
    return _answer(world, grant, call, "token.refreshed")


def _answer(world: World, grant: Grant, call: Call, effect: str) -> bytes:
    """The ``…_expire_in`` fields hold moments, not durations."""
    shop = next(shop for shop in world.shops.values() if shop.seller_id == grant.seller_id)
    world.ledger.write(
        call.now,
        effect,
        shop_id=shop.id,
        actor="seller",
        request_id=call.request_id,
        detail={"open_id": grant.seller_id, "grant": grant.number},
    )
    return dumps(
        {
            "access_token": grant.access_token,
            "access_token_expire_in": grant.access_expires,
            "refresh_token": grant.refresh_token,
            "refresh_token_expire_in": grant.refresh_expires,
            "open_id": grant.seller_id,
            "seller_name": shop.seller_name,
            "seller_base_region": shop.region,
            "user_type": 0,
            "granted_scopes": list(grant.scopes),
        }
    )
