"""What a marketplace shows about a decision once it is read again, and how to say it without claiming too much."""

from enum import Enum, auto

from django.db.models import prefetch_related_objects

from cancellations.models import CancellationRequest, Decision, DecisionLine, Verdict
from cancellations.models.words import Words
from marketplaces.errors import Refused
from orders.models import LineItem

State = CancellationRequest.State


class Shows(Enum):
    DONE = auto()  # what staff wanted is there
    NOT_DONE = auto()  # everything is as it was before
    SOMETHING_ELSE = auto()  # settled, but not as staff wanted
    CANNOT_TELL = auto()
    SILENT = auto()  # this marketplace never shows it, and shows nothing against it
    GONE = auto()  # it cannot be found there any more


def shown(decision: Decision) -> Shows:
    """Judge by the rows as they were just read again."""
    if decision.cancellation and decision.cancellation.is_recorded:
        return by_lines(decision)
    match decision.verdict:
        case Verdict.APPROVE:
            return by_state(decision, done={State.APPROVED, State.COMPLETED}, otherwise={State.CLOSED})
        case Verdict.REJECT:
            return by_state(decision, done={State.CLOSED}, otherwise={State.APPROVED, State.COMPLETED})
        case Verdict.SHIP_TO_REJECT:
            return by_shipping(decision)
        case Verdict.CANCEL_ITEMS:
            return by_items(decision)
    return Shows.CANNOT_TELL


def by_state(decision: Decision, done: set[State], otherwise: set[State]) -> Shows:
    assert decision.cancellation
    state = State(decision.cancellation.state)
    if state in done:
        return Shows.DONE
    if state in otherwise:
        return Shows.SOMETHING_ELSE
    return Shows.NOT_DONE if state == State.WAITING else Shows.CANNOT_TELL


def by_lines(decision: Decision) -> Shows:
    """Where the marketplace shows no requests, cancelled lines are all there is to see: a rejection leaves no trace."""
    cancellation = decision.cancellation
    assert cancellation
    lines = lines_asked_for(cancellation)
    if not lines:
        return Shows.CANNOT_TELL
    if decision.verdict == Verdict.REJECT:
        return Shows.SOMETHING_ELSE if all(map(was_given_up, lines)) else Shows.SILENT
    if any(line.open_quantity for line in lines):
        return Shows.SILENT if shows_requests_as_cancelled(cancellation) else Shows.NOT_DONE
    if not any(map(was_given_up, lines)):
        return Shows.SOMETHING_ELSE
    # Some left and some were given up: that was this approval, or another request about some of them.
    return Shows.DONE if decision.accepted_at or all(map(was_given_up, lines)) else Shows.CANNOT_TELL


def lines_asked_for(cancellation: CancellationRequest) -> list[LineItem]:
    """Of the order's lines those that were open when the request was written down, as they are now."""
    asked = {line.line_item_marketplace_id for line in cancellation.lines.all()}
    return [line for line in cancellation.lines_in_question() if line.marketplace_id in asked]


def was_given_up(line: LineItem) -> bool:
    """What had not left was cancelled because somebody asked for it; what sellers cancel by themselves is no answer."""
    return bool(line.cancelled_in_all) and not line.open_quantity and line.cancelled_by != "seller"


def shows_requests_as_cancelled(cancellation: CancellationRequest) -> bool:
    """Over there one word serves for what is asked for and for what is done, so it does not show that it was done."""
    return bool(cancellation.order and cancellation.order.is_cancel_requested)


def lines_are_cancelled(cancellation: CancellationRequest) -> bool:
    """Whether all that was asked for was given up."""
    lines = lines_asked_for(cancellation)
    return bool(lines) and all(map(was_given_up, lines))


def by_shipping(decision: Decision) -> Shows:
    """Shipped and closed is done; still waiting and not shipped is not; one without the other may only need time."""
    assert decision.cancellation
    state, left = State(decision.cancellation.state), what_left(decision)
    if state == State.UNKNOWN or (state in (State.WAITING, State.CLOSED) and left == Left.A_PART):
        return Shows.CANNOT_TELL
    if state == State.WAITING:
        return Shows.NOT_DONE if decision.accepted_at or left == Left.NOTHING else Shows.CANNOT_TELL
    if state == State.CLOSED and left == Left.ALL:
        return Shows.DONE
    # Nothing has left: withdrawn by the buyer, or, once accepted, an order that is slow to show it.
    return Shows.NOT_DONE if state == State.CLOSED and decision.accepted_at else Shows.SOMETHING_ELSE


class Left(Enum):
    NOTHING = auto()
    A_PART = auto()
    ALL = auto()


def what_left(decision: Decision) -> Left:
    """How much of what was to be shipped has been: of the chosen packages, or of the whole order."""
    assert decision.order
    if decision.order.is_shipped:
        return Left.ALL
    chosen = decision.shipment.get("package_ids")
    lines = [line for line in decision.order.lines.all() if not line.is_cancelled]
    in_packages = [line for line in lines if line.package_id in chosen] if chosen else []
    shipped = {line.is_shipped for line in in_packages or lines}
    if shipped == {True}:
        return Left.ALL
    return Left.A_PART if True in shipped else Left.NOTHING


def by_items(decision: Decision) -> Shows:
    """Of each line as many are cancelled as should be, or as many as before; anything between says nothing."""
    chosen = lines_of(decision)
    if all(is_cancelled_enough(line) for line in chosen):
        return Shows.DONE
    untouched = all(line.line_item.cancelled_in_all == line.cancelled_before for line in chosen)
    return Shows.NOT_DONE if untouched else Shows.CANNOT_TELL


def lines_of(decision: Decision) -> list[DecisionLine]:
    """With their line items, as they are now or as a whole page of decisions was loaded."""
    lines = list(decision.lines.all())
    prefetch_related_objects(lines, "line_item")
    return lines


def is_cancelled_enough(line: DecisionLine) -> bool:
    return line.line_item.cancelled_in_all >= line.cancelled_afterwards


def found_done(decision: Decision) -> Words:
    """For a lost answer whose effect is there. Whose effect it is, the marketplace does not always say."""
    if decision.restored_from:
        return Words("This came back with a copy of the database. Read back, the marketplace shows it as done.")
    if decision.verdict == Verdict.REJECT:
        return Words(
            "The answer to our call was lost. The request is closed, as wanted; the marketplace does not say whether "
            "by this rejection or because the buyer withdrew."
        )
    return Words("The answer to our call was lost; read back, the marketplace shows it as done.")


def settled_otherwise(decision: Decision, shows: Shows) -> Words:
    if decision.restored_from:
        return restored_and_shows(decision, shows)
    return Words(
        "The answer to our call was lost; read back, the marketplace shows it settled otherwise: %(state)s.",
        state=what_is_there(decision, shows),
    )


def cannot_tell(decision: Decision, shows: Shows) -> Words:
    if decision.restored_from:
        return restored_and_shows(decision, shows)
    return Words(
        "The answer to our call was lost, and what the marketplace shows does not tell: %(state)s.",
        state=what_is_there(decision, shows),
    )


def restored_and_shows(decision: Decision, shows: Shows) -> Words:
    return Words(
        "This came back with a copy of the database, so what was sent since is not known here. The marketplace shows: "
        "%(state)s.",
        state=what_is_there(decision, shows),
    )


def restored_and_not_done() -> Words:
    return Words(
        "The marketplace does not show it as done. Since the copy was made it may have been taken back or set aside. "
        "Ask again to have it sent, or set it aside."
    )


def refused_and_cannot_tell(decision: Decision, shows: Shows) -> Words:
    return Words(
        "Refused, and what the marketplace shows does not tell what became of it: %(state)s.",
        state=what_is_there(decision, shows),
    )


def disagreement(decision: Decision, shows: Shows) -> Words:
    return Words("The marketplace accepted it, but shows: %(state)s.", state=what_is_there(decision, shows))


def refuses_to_show(decision: Decision) -> Words:
    if decision.restored_from:
        return Words(
            "This came back with a copy of the database, so what was sent since is not known here, and the marketplace "
            "refuses to show it."
        )
    if decision.accepted_at:
        return Words("The marketplace accepted it, but refuses to show what became of it.")
    return Words("The answer to our call was lost, and the marketplace refuses to show what became of it.")


def taken_at_its_word(decision: Decision) -> Words:
    if decision.verdict == Verdict.APPROVE:
        return Words(
            "The marketplace answered yes. It has one word for what is asked for and for what is done, so there is "
            "nothing to read back."
        )
    return Words(
        "The marketplace answered yes. It shows no rejections, so there is nothing to read back; it shows nothing "
        "against it either."
    )


def nothing_open_there() -> Words:
    return Words(
        "Refused: there, no such request is open. It was settled or withdrawn before our call arrived, or never made, "
        "or made for something else: for the whole order, or for another line. The marketplace does not say which. "
        "Close it if it needs no answer, and record what was really asked."
    )


def after_refusal(decision: Decision, shows: Shows, error: Refused) -> Words:
    there = what_is_there(decision, shows)
    if shows == Shows.DONE:
        return Words("It was settled this way before our call arrived: %(state)s.", state=there)
    if shows == Shows.SOMETHING_ELSE:
        return Words("It was settled otherwise before our call arrived: %(state)s.", state=there)
    if error.already_processed and decision.cancellation and decision.cancellation.is_recorded:
        return nothing_open_there()
    return Words("")


def what_is_there(decision: Decision, shows: Shows) -> list[Words]:
    """The states as the marketplace worded them when it last showed them, so that staff find them again over there."""
    if shows == Shows.GONE:
        return [Words("nothing, it cannot be found there any more")]
    parts = []
    if decision.cancellation and decision.cancellation.is_recorded:
        words = sorted({line.status for line in decision.cancellation.lines_in_question()})
        parts.append(Words("lines: %(words)s", words=words))
    elif decision.cancellation:
        parts.append(Words("request %(status)s", status=decision.cancellation.status))
    if decision.order and decision.verdict in (Verdict.SHIP_TO_REJECT, Verdict.CANCEL_ITEMS):
        parts.append(Words("order %(status)s", status=decision.order.status))
    if decision.verdict == Verdict.CANCEL_ITEMS:
        lines = lines_of(decision)
        cancelled = sum(is_cancelled_enough(line) for line in lines)
        parts.append(Words("%(some)d of %(all)d items cancelled", some=cancelled, all=len(lines)))
    return parts
