"""What is written down beside decisions: notes, requests that were heard of, and their end."""

from typing import Any

from cancellations import recording, teamwork
from cancellations.command_line import finding
from cancellations.command_line.looking import show_one
from cancellations.command_line.people import Desk
from cancellations.serializers.heard import RecordRequest
from cancellations.serializers.teamwork import NoteSerializer


def note(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(told["id"]):
        found = finding.request(desk, told["id"])
        written = teamwork.add_note(found, desk.user, told["text"])
        if desk.as_json:
            desk.show(NoteSerializer, written)
        else:
            show_one(desk, found)
    return desk.exit_code


def close(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(told["id"]):
        found = finding.request(desk, told["id"])
        recording.close(found, desk.user, told["note"])
        show_one(desk, found)
    return desk.exit_code


def record(desk: Desk, told: dict[str, Any]) -> int:
    with desk.or_says_no(told["order"]):
        order = finding.order(desk, told["order"])
        body = {"order": order.pk, "note": told["note"]}
        body |= {name: told[name] for name in ("asked_at", "heard_through") if told[name]}
        if told["line"]:
            body["line_item"] = finding.line(order, told["line"]).pk
        heard = RecordRequest(data=body, context={"request": desk.request})
        heard.is_valid(raise_exception=True)
        show_one(desk, finding.request(desk, f"{finding.OURS}{heard.record().pk}"))
    return desk.exit_code
