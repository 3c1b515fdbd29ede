"""Which of a shop's topics are sent where: Get, Update and Delete Shop Webhook."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import dumps
from sandbox.tiktok_shop.records import Webhook
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.world import World


def get_webhooks(world: World, call: Call) -> bytes:
    webhooks = [
        {
            "event_type": event_type,
            "address": webhook.address,
            "create_time": webhook.create_time,
            "update_time": webhook.update_time,
        }
        for event_type, webhook in call.of.webhooks.items()
    ]
    return dumps({"webhooks": webhooks, "total_count": len(webhooks)})


def update_webhook(world: World, call: Call) -> bytes:
    """Creates or replaces."""
    address, event_type = call.body["address"], call.body["event_type"]
    check_address(address, strict=world.switches.strict_webhook_urls)
    earlier = call.of.webhooks.get(event_type)
    call.of.webhooks[event_type] = Webhook(address, earlier.create_time if earlier else call.now, call.now)
    world.ledger.write(
        call.now,
        "webhook.updated",
        shop_id=call.of.id,
        actor="seller",
        request_id=call.request_id,
        detail={"event_type": event_type, "address": address},
    )
    return b"{}"


def delete_webhook(world: World, call: Call) -> bytes:
    """Succeeds whether or not there was one."""
    if call.of.webhooks.pop(call.body["event_type"], None) is not None:
        world.ledger.write(
            call.now,
            "webhook.deleted",
            shop_id=call.of.id,
            actor="seller",
            request_id=call.request_id,
            detail={"event_type": call.body["event_type"]},
        )
    return b"{}"


def check_address(address: str, strict: bool) -> None:
    """TikTok wants https, a domain name and no port. Unless strict, any http or https URL will do here."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal(36009004, "Parameter 'address' is not a URL")
    if strict and (parts.scheme != "https" or parts.port is not None or _is_ip(parts.hostname)):
        raise Refusal(36009004, "Parameter 'address' must be https with a domain name and no port")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
