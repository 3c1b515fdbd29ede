"""The dashboard's notifications, and which of them a user wants."""

from __future__ import annotations

from sandbox.crux_timp.bodies import Fields
from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.encoding import timestamp
from sandbox.crux_timp.paper_calls import updated
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World

WAYS = {"dashboard": "Dashboard", "email": "email"}
FREQUENCIES = ("Real-time", "Twice a day", "Daily")


def get_notifications(world: World, call: Call) -> Answer:
    """Reading is destructive: what was shown once is seen."""
    once = world.switches.notifications_seen_once
    shown = [each for each in call.by.notifications if not (once and each.seen)]
    for notification in shown:
        notification.seen = True
    return Answer(
        200,
        [
            {"uuid": each.uuid, "title": each.title, "created_at": timestamp(each.created), "type": "Dashboard"}
            for each in shown
        ],
    )


def get_settings(world: World, call: Call) -> Answer:
    return Answer(
        200,
        [
            {
                "uuid": setting.uuid,
                "notification_display_name": setting.display_name,
                "notification_name": setting.name,
                "notification_domain": "Orders",
                "notification_type": [
                    {"notification_via": via, "notification_frequency": frequency, "enabled": enabled}
                    for via, (frequency, enabled) in setting.ways.items()
                ],
                "org_user": {"uuid": call.by.uuid},
            }
            for setting in call.by.settings
        ],
    )


def update_setting(world: World, call: Call) -> Answer:
    body = call.body
    uuid = body.needed_text("uuid")
    via = WAYS.get(body.needed_text("notification_via").lower())
    if via is None:
        raise Refusal(400, "notification_via: Dashboard or email.")
    frequency, enabled = body.word("notification_frequency", FREQUENCIES), _enabled(body)
    setting = next((each for each in call.by.settings if each.uuid == uuid), None)
    if setting is None:
        raise Refusal(world.switches.unknown_uuid)
    before = setting.ways[via]
    setting.ways[via] = (frequency or before[0], before[1] if enabled is None else enabled)
    return updated(world)


def _enabled(body: Fields) -> bool | None:
    """A boolean, or the word for one as the documentation's example has it."""
    try:
        return body.flag("enabled")
    except Refusal:
        return body.word("enabled", ("True", "False")) == "True"
