"""What Crux Connect's pages leave open; ``docs/sandbox.md`` explains each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.switches import SwitchBoard, one_of


@dataclass(slots=True)
class CruxTimpSwitches(SwitchBoard):
    prefix: ClassVar[str] = "crux_"

    # What a request and its answer do.
    pending_visible: bool = False
    confirmed_in_status: bool = False
    decision_answer: str = one_of("204", "200_empty_object", "200_message")
    decision_content_type: str = one_of("optional", "required")
    decision_permission: str = one_of("cancel_order", "allocate_order", "none")
    accepts_item_uuid: bool = False
    repeat: int = one_of(422, 204)
    repeat_request: int = one_of(422, 204)
    request_while: str = one_of("open", "unallocated")
    request_again: bool = True
    order_settles_items: bool = False
    first_decision_wins: bool = False
    while_pending: str = one_of("allowed", "blocked", "shipping_rejects")
    silence: str = one_of("waits", "confirms", "expires")
    silence_hours: int = 24

    # How calls are checked and refused.
    unknown_uuid: int = one_of(422, 404)
    malformed_uuid: int = one_of(404, 400, 422)
    missing_slash: int = one_of(404, 301)
    check_order: str = one_of("type_permission_media", "permission_type_media", "type_media_permission")
    error_body: str = one_of("detail", "message", "empty", "html")
    one_token_per_user: bool = False
    sliding_token: bool = False

    # How orders are read.
    sees_all_lines: bool = False
    hides_unsent: bool = False
    list_line_key: str = one_of("line_item_uuid", "uuid")
    designation_form: str = one_of("word", "id_name", "list")
    quantity_ordered: bool = True
    limit: str = one_of("count", "end_exclusive", "end_inclusive")
    newest_first: bool = True
    date_zone_hours: int = 0

    # The other calls.
    allocation_answer: str = one_of("pairs", "line_items")
    allocation_sum: bool = True
    allocation_all_lines: bool = False
    tracking_status: int = one_of(201, 200, 204)
    tracking_limits: bool = True
    invoice_status: int = one_of(201, 200)
    invoice_again: str = one_of("refused", "replaces")
    update_status: int = one_of(204, 200, 201)
    export_status: int = one_of(200, 201)
    export_seconds: int = 2
    notifications_seen_once: bool = True
    unpublished: bool = False
