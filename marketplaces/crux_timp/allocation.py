"""Cancelling by allocation: which numbers make a given total of each line rejected, and what the answer means. Pure.

Pages: Allocate Order. An allocation puts every ordered unit under one of accepted, rejected and backordered; naming a
line again replaces what was said before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from marketplaces.crux_timp.known import CANCELLED
from marketplaces.crux_timp.lines import Line
from marketplaces.crux_timp.reading import words
from marketplaces.errors import BadRecord, Refused
from marketplaces.reading import Json

NOT_FOUND = "Item Not Found"


def changes(lines: Sequence[Line], totals: Mapping[str, int]) -> dict[str, int]:
    """Those of `totals` ({id: units cancelled afterwards}) that the lines do not show already.

    With no totals, all that is left of every line. Raises Refused for totals that cannot be reached.
    """
    totals = totals or _all_that_is_left(lines)
    known = {line.record.marketplace_id: line for line in lines}
    if strangers := totals.keys() - known.keys():
        raise Refused(f"The order has no line of ours with this id: {', '.join(sorted(strangers))}.")
    for line_id, total in totals.items():
        _check(known[line_id], total)
    return {line_id: total for line_id, total in totals.items() if total != known[line_id].record.cancelled_quantity}


def allocations(lines: Sequence[Line], changed: Mapping[str, int], *, all_lines: bool = False) -> list[dict[str, Any]]:
    """The `line_items` of an allocation that makes these `changes`; with `all_lines`, of one that names every line."""
    return [
        _allocation(line, changed.get(line.record.marketplace_id, min(line.rejected, line.ordered)))
        for line in lines
        if all_lines or line.record.marketplace_id in changed
    ]


def _all_that_is_left(lines: Sequence[Line]) -> dict[str, int]:
    """Every unit that has not shipped, by line. Raises Refused where nothing was left and nothing is cancelled."""
    if not any(line.open or line.record.cancelled_quantity for line in lines):
        raise Refused("Everything has shipped: nothing is left to cancel.", already_processed=True)
    return {line.record.marketplace_id: line.ordered - line.shipped for line in lines if line.shipped < line.ordered}


def _check(line: Line, total: int) -> None:
    name = line.record.seller_sku or line.record.marketplace_id
    if total < line.record.cancelled_quantity:
        told = f"{line.record.cancelled_quantity} of {name} are cancelled already, which is more than {total}."
        raise Refused(told, already_processed=True)
    if total > line.ordered - line.shipped:
        left = line.ordered - line.shipped
        raise Refused(f"Of {name} only {left} can be cancelled: {line.ordered} ordered, {line.shipped} shipped.")


def _allocation(line: Line, rejected: int) -> dict[str, Any]:
    """Units that wait for stock are given up before accepted ones; what was not allocated is accepted."""
    unallocated = max(0, line.ordered - line.accepted - line.backordered - line.rejected)
    kept = line.ordered - rejected
    accepted = min(line.accepted + unallocated, kept)
    allocation: dict[str, Any] = {
        "quantity_accepted": accepted,
        "quantity_rejected": rejected,
        "quantity_backordered": kept - accepted,
    }
    if line.backorder_date and kept > accepted:
        allocation["backorder_date"] = line.backorder_date
    return {"line_item_uuid": line.record.marketplace_id, "allocation": allocation}


def left_out(reply: Any, sent: Sequence[str]) -> dict[str, str]:
    """{line: word} of those lines that the reply says nothing was done with. Raises BadRecord where it is none.

    An allocation succeeds as a whole even where a line is unknown or was cancelled: the line's word in the reply tells.
    """
    told = dict(_told(reply))
    return {
        line_id: next(word for word in told[line_id] if word in (CANCELLED, NOT_FOUND))
        for line_id in sent
        if {CANCELLED, NOT_FOUND}.intersection(told.get(line_id, ()))
    }


def _told(reply: Any) -> list[tuple[str, tuple[str, ...]]]:
    """The words for each line, out of a list of one-key objects or out of an object with `line_items`."""
    if isinstance(reply, dict):
        rows = reply.get("line_items")
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return [(_id(row), (*words(row, "line_item_status"), *words(row, "line_item_designation"))) for row in rows]
    elif isinstance(reply, list) and all(isinstance(row, dict) for row in reply):
        return [(line_id, words(row, line_id)) for row in reply for line_id in row]
    raise BadRecord("line_items", "must be a list of objects")


def _id(row: Json) -> str:
    return str(row.get("line_item_uuid", ""))
