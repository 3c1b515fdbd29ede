"""Crux Connect's smaller answers as records: the sign-in, notifications, what of an order can be cancelled. Pure."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from marketplaces.crux_timp.lines import Line
from marketplaces.crux_timp.reading import moment
from marketplaces.errors import BadRecord, CredentialsRejected
from marketplaces.reading import Json, an_object, identifier, short
from marketplaces.records import Announcement, LineEligibility, ShopRecord, Tokens

TOKEN_LASTS = timedelta(hours=2)  # Authentication: from when it was issued
LONGEST_TOKEN = 4000  # characters
LONGEST_TITLE = 200
REGION = "US"  # the only market that the pages know


def tokens(data: Any, user_name: str, asked_at: datetime) -> Tokens:
    """What signing in opened, for a supplier's user. Raises BadRecord, and CredentialsRejected for anybody else.

    The token counts from when it was asked for, since the answer does not say when it was made.
    """
    data = an_object(data, "sign-in")
    _suppliers_only(data, user_name)
    shop = ShopRecord(
        marketplace_id=identifier(data, "org_uuid"),
        name=user_name,  # the answer names no organization
        region=REGION,
        seller_type="SUPPLIER",
        code=short(data, "supplier_uuid"),
        cipher="",
    )
    return Tokens(
        access_token=identifier(data, "auth_token", LONGEST_TOKEN),
        access_token_expires_at=asked_at + TOKEN_LASTS,
        refresh_token="",
        refresh_token_expires_at=None,
        seller_name=user_name,
        seller_region=REGION,
        scopes=_assigned(data.get("permission_assignments")),
        shops=(shop,),
    )


def named(tokens: Tokens, organization: str) -> Tokens:
    """The same, with the organization's name where it is known."""
    if not organization:
        return tokens
    shops = tuple(replace(shop, name=organization) for shop in tokens.shops)
    return replace(tokens, seller_name=organization, shops=shops)


def _suppliers_only(data: Json, user_name: str) -> None:
    kind = short(data, "org_type").upper() or ("RETAILER" if data.get("retailer_uuid") else "SUPPLIER")
    if kind != "SUPPLIER":
        raise CredentialsRejected(
            f"“{user_name}” is the user of a {kind.lower()}. Answering requests to cancel takes the user of a supplier."
        )


def _assigned(told: Any) -> Sequence[str]:
    """The names of the permissions that the user has. They are only shown, so what cannot be read is passed over."""
    listed = told.get("permissions") if isinstance(told, dict) else None
    found = []
    for one in listed if isinstance(listed, list) else ():
        permission = one.get("permission") if isinstance(one, dict) and one.get("assigned") is True else None
        name = permission.get("name") if isinstance(permission, dict) else None
        if isinstance(name, str) and name:
            found.append(name)
    return tuple(dict.fromkeys(found))


def announcements(data: Any, cancel_title: str, now: datetime) -> Sequence[Announcement]:
    """The notifications of the dashboard. Raises BadRecord where they are no list.

    Reading may have used them up, so one that is odd is told as well as it can be: without a time it is of `now`, and
    without an id it gets one from what it says.
    """
    if not isinstance(data, list):
        raise BadRecord("notifications", "must be a list")
    return [_announcement(raw, plain(cancel_title), now) for raw in data if isinstance(raw, dict)]


def _announcement(raw: Json, cancel_title: str, now: datetime) -> Announcement:
    title = raw.get("title")
    title = title if isinstance(title, str) else ""
    try:
        marketplace_id = identifier(raw, "uuid")
    except BadRecord:
        marketplace_id = hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()
    try:
        announced_at = moment(raw, "created_at") or now
    except BadRecord:
        announced_at = now
    is_cancellation = bool(title) and plain(title) == cancel_title
    return Announcement(marketplace_id, title[:LONGEST_TITLE], announced_at, is_cancellation)


def plain(title: str) -> str:
    """A title without what two writings of it may differ in: capitals, spaces, dashes, and one l or two."""
    return re.sub(r"[\W_]+", "", title.casefold()).replace("ll", "l")


def eligibility(lines: Sequence[Line]) -> Sequence[LineEligibility]:
    """What of each line can still be cancelled by rejecting units of it."""
    return [
        LineEligibility(
            line_item_ids=(line.record.marketplace_id,),
            sku_id=line.record.sku_id,
            eligible=line.open > 0,
            reason=_why_not(line),
        )
        for line in lines
    ]


def _why_not(line: Line) -> str:
    if line.open:
        return ""
    if line.record.is_cancelled:
        return "All of it is cancelled."
    return "All that is not cancelled has shipped." if line.record.cancelled_quantity else "All of it has shipped."
