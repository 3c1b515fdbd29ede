"""The words that the command takes."""

import argparse
from collections.abc import Callable
from typing import Any

from cancellations.command_line import deciding, filing, looking
from cancellations.command_line.people import Desk
from cancellations.models import CancellationRequest, TimeLeft

Verb = Callable[[Desk, dict[str, Any]], int]


def add_verbs(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add in (add_looking, add_deciding, add_decisions, add_filing):
        add(verbs)


def verb(verbs: Any, name: str, does: Verb, help_text: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(name, help=help_text, description=help_text)
    made.set_defaults(does=does)
    made.add_argument("--as", dest="email", metavar="EMAIL", help="whose permissions count; else COUNTERMAND_USER")
    made.add_argument("--json", action="store_true", dest="as_json", help="print what the API would answer")
    return made


def add_looking(verbs: Any) -> None:
    made = verb(verbs, "list", looking.list_requests, "Requests, in the order in which silence decides them.")
    made.add_argument("--shop", help="its id, here or at the marketplace, or its name")
    made.add_argument("--state", choices=CancellationRequest.State.values)
    answer = made.add_mutually_exclusive_group()
    answer.add_argument("--needs-answer", action="store_const", const="true", help="only what waits for the seller")
    answer.add_argument("--settled", action="store_const", const="false", dest="needs_answer")
    made.add_argument("--time-left", dest="left", choices=TimeLeft.values)
    for name in ("q", "whose", "market", "reason", "age", "verdict", "decision"):
        made.add_argument(f"--{name}", help="as the filter of the queue")
    made.add_argument("--limit", type=at_least(1), default=100, help="at most so many (100)")

    made = verb(verbs, "show", looking.show, "A request: what it is about, what can be decided, what happened.")
    made.add_argument("id")

    made = verb(verbs, "reasons", looking.reasons, "The reasons that a request can be rejected with now.")
    made.add_argument("id")
    made.add_argument("--locale", default="en-US", help="language of the texts (BCP 47)")

    made = verb(verbs, "decision", looking.decision, "What became of a decision, with every call made for it.")
    made.add_argument("id", type=at_least(1))
    made.add_argument("--wait", type=at_least(0), metavar="SECONDS", help="for its end; 1 if it is not confirmed")


def add_deciding(verbs: Any) -> None:
    made = verb(verbs, "approve", deciding.approve, "Approve requests.")
    add_ids(made)
    made.add_argument("--yes", action="store_true", help="do not ask")

    made = verb(verbs, "reject", deciding.reject, "Reject requests.")
    add_ids(made)
    made.add_argument("--reason", default="", help="see `reasons`")
    made.add_argument("--comment", default="", help="for the buyer")
    made.add_argument(
        "--image", action="append", default=[], metavar="FILE", help="evidence; several times for several"
    )

    made = verb(verbs, "ship", deciding.ship, "Ship the package, which rejects the request where the market works so.")
    made.add_argument("id")
    made.add_argument("--tracking", dest="tracking_number", help="number on the label of the seller's own carrier")
    made.add_argument("--carrier", dest="shipping_provider_id", help="id of the seller's own carrier")
    made.add_argument("--handover", dest="handover_method", choices=["PICKUP", "DROP_OFF"])
    made.add_argument("--pickup-start", metavar="TIME", help="RFC 3339, with --pickup-end")
    made.add_argument("--pickup-end", metavar="TIME")
    made.add_argument("--package", action="append", dest="package_ids", metavar="ID", help="without it all leave")
    add_at_once(made)

    made = verb(verbs, "cancel-items", deciding.cancel_items, "Cancel items of an order that nobody asked to cancel.")
    made.add_argument("order", help="its id, here or at the marketplace, or its number")
    made.add_argument(
        "--line", action="append", required=True, metavar="ID=QUANTITY", help="id of a line, here or there"
    )
    made.add_argument("--reason", default="")
    add_at_once(made)


def add_decisions(verbs: Any) -> None:
    for name, does, words in (
        ("withdraw", deciding.withdraw, "Take decisions back that are not sent yet."),
        ("countersign", deciding.countersign, "Be the second person for decisions that wait for one."),
        ("ask-again", deciding.ask_again, "Have the marketplace asked once more about stalled decisions."),
    ):
        made = verb(verbs, name, does, words)
        made.add_argument("ids", nargs="+", metavar="DECISION", help="number of a decision; - reads them from input")
    for name, does, words in (
        ("decline", deciding.decline, "Say no to a decision that waits for a second person."),
        ("set-aside", deciding.set_aside, "End a stalled decision that you have looked into."),
    ):
        made = verb(verbs, name, does, words)
        made.add_argument("ids", nargs="+", metavar="DECISION", help="number of a decision; - reads them from input")
        made.add_argument("--note", required=True, help="for those who come after you")


def add_filing(verbs: Any) -> None:
    made = verb(verbs, "note", filing.note, "Write a note for colleagues.")
    made.add_argument("id")
    made.add_argument("text")

    made = verb(verbs, "close", filing.close, "Close a recorded request that needs no answer.")
    made.add_argument("id")
    made.add_argument("--note", required=True)

    made = verb(verbs, "record", filing.record, "Record a request that its marketplace does not show.")
    made.add_argument("order", help="its id, here or at the marketplace, or its number")
    made.add_argument("--line", help="id of the one line it is about, here or there")
    made.add_argument("--asked-at", metavar="TIME", help="RFC 3339; without it: now")
    made.add_argument("--heard-through", choices=[one for one in CancellationRequest.Channel.values if one != "order"])
    made.add_argument("--note", default="")


def add_ids(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "ids", nargs="+", metavar="ID", help="of a request, here or there, or its order; - reads them from input"
    )
    add_at_once(made)


def add_at_once(made: argparse.ArgumentParser) -> None:
    made.add_argument("--at-once", action="store_true", help="send it without the time in which it can be undone")


def at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value < 2**63:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return value

    return number
