"""What a marketplace shows about a decision once it is read again, and how to say it without claiming too much."""

from enum import Enum, auto

from django.utils.translation import gettext as _

from cancellations.models import CancellationRequest, Decision, DecisionLine, Verdict
from marketplaces.errors import Refused

State = CancellationRequest.State


class Shows(Enum):
    DONE = auto()  # what staff wanted is there
    NOT_DONE = auto()  # everything is as it was before
    SOMETHING_ELSE = auto()  # settled, but not as staff wanted
    CANNOT_TELL = auto()
    SILENT = auto()  # this marketplace never shows it, and shows nothing against it


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
    lines = cancellation.lines_in_question()
    if not lines:
        return Shows.CANNOT_TELL
    if decision.verdict == Verdict.REJECT:
        return Shows.SOMETHING_ELSE if lines_are_cancelled(cancellation) else Shows.SILENT
    if lines_are_cancelled(cancellation):
        return Shows.DONE
    return Shows.NOT_DONE if any(line.open_quantity for line in lines) else Shows.SOMETHING_ELSE


def lines_are_cancelled(cancellation: CancellationRequest) -> bool:
    """Whether all that could be cancelled is: what has left cannot be."""
    lines = cancellation.lines_in_question()
    return any(line.is_cancelled for line in lines) and not any(line.open_quantity for line in lines)


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
    lines = decision.order.lines.filter(is_cancelled=False)
    if chosen and lines.filter(package_id__in=chosen).exists():
        lines = lines.filter(package_id__in=chosen)
    shipped = set(lines.values_list("is_shipped", flat=True))
    if shipped == {True}:
        return Left.ALL
    return Left.A_PART if True in shipped else Left.NOTHING


def by_items(decision: Decision) -> Shows:
    """Of each line as many are cancelled as should be, or as many as before; anything between says nothing."""
    chosen = list(decision.lines.select_related("line_item"))
    if all(is_cancelled_enough(line) for line in chosen):
        return Shows.DONE
    untouched = all(line.line_item.cancelled_in_all == line.cancelled_before for line in chosen)
    return Shows.NOT_DONE if untouched else Shows.CANNOT_TELL


def is_cancelled_enough(line: DecisionLine) -> bool:
    return line.line_item.cancelled_in_all >= line.cancelled_afterwards


def found_done(decision: Decision) -> str:
    """For a lost answer whose effect is there. Whose effect it is, the marketplace does not always say."""
    if decision.verdict == Verdict.REJECT:
        return _(
            "The answer to our call was lost. The request is closed, as wanted; the marketplace does not say whether "
            "by this rejection or because the buyer withdrew."
        )
    return _("The answer to our call was lost; read back, the marketplace shows it as done.")


def settled_otherwise(decision: Decision) -> str:
    return _("The answer to our call was lost; read back, the marketplace shows it settled otherwise: %(state)s.") % {
        "state": what_is_there(decision)
    }


def cannot_tell(decision: Decision) -> str:
    return _("The answer to our call was lost, and what the marketplace shows does not tell: %(state)s.") % {
        "state": what_is_there(decision)
    }


def refused_and_cannot_tell(decision: Decision) -> str:
    return _("Refused, and what the marketplace shows does not tell what became of it: %(state)s.") % {
        "state": what_is_there(decision)
    }


def disagreement(decision: Decision) -> str:
    return _("The marketplace accepted it, but shows: %(state)s.") % {"state": what_is_there(decision)}


def taken_at_its_word(decision: Decision) -> str:
    return _(
        "The marketplace answered yes. It shows no rejections, so there is nothing to read back; it shows nothing "
        "against it either."
    )


def nothing_open_there() -> str:
    return _(
        "Refused: there, nothing of this request is open. It was settled or withdrawn before our call arrived, or "
        "never made; the marketplace does not say which. If it needs no answer any more, close it."
    )


def after_refusal(decision: Decision, shows: Shows, error: Refused) -> str:
    if shows == Shows.DONE:
        return _("It was settled this way before our call arrived: %(state)s.") % {"state": what_is_there(decision)}
    if shows == Shows.SOMETHING_ELSE:
        return _("It was settled otherwise before our call arrived: %(state)s.") % {"state": what_is_there(decision)}
    if error.already_processed and decision.cancellation and decision.cancellation.is_recorded:
        return nothing_open_there()
    return ""


def what_is_there(decision: Decision) -> str:
    """The states as the marketplace words them, so that staff find them again in its own screens."""
    parts = []
    if decision.cancellation and decision.cancellation.is_recorded:
        words = sorted({line.status for line in decision.cancellation.lines_in_question()})
        parts.append(_("lines: %(words)s") % {"words": ", ".join(words)})
    elif decision.cancellation:
        parts.append(_("request %(status)s") % {"status": decision.cancellation.status})
    if decision.order and decision.verdict in (Verdict.SHIP_TO_REJECT, Verdict.CANCEL_ITEMS):
        parts.append(_("order %(status)s") % {"status": decision.order.status})
    if decision.verdict == Verdict.CANCEL_ITEMS:
        lines = list(decision.lines.select_related("line_item"))
        cancelled = sum(is_cancelled_enough(line) for line in lines)
        parts.append(_("%(some)d of %(all)d items cancelled") % {"some": cancelled, "all": len(lines)})
    return ", ".join(parts)
