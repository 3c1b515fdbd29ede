"""Holds what people decided and what the house says of it against what happened at the marketplace.

Plain data in, figures out: nothing is asked of the product here, so that it cannot agree with itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Entry: TypeAlias = Mapping[str, Any]  # of the sandbox's ledger
# What one decision is about: a request by its id, one that its marketplace does not show by order and line, an order.
About: TypeAlias = tuple[str, ...]
What: TypeAlias = tuple[About, str]  # … and the verdict
SETTLED = {"confirmed", "refused", "withdrawn"}
# A person has to look, or has looked: what came of it is not claimed.
OPEN = {"stalled", "set_aside"}

# The trace that each verdict leaves in the ledger, when a seller is behind it …
OWN = {
    "approve": {"cancellation.approved"},
    "reject": {"cancellation.rejected"},
    "ship_to_reject": {"cancellation.rejected_by_shipping"},
    "cancel_items": {"order.cancelled", "line_items.allocated"},
}
# … and by whom else a request ends the same way.
ELSEWHERE = {
    "approve": {"cancellation.auto_approved"},
    "reject": {"cancellation.withdrawn"},
    "ship_to_reject": {"cancellation.withdrawn"},
    "cancel_items": {"order.cancelled"},
}
# What the rows of requests must say after the last entry about them.
SHOWN_AS = {
    "cancellation.requested": {"waiting"},
    "order.cancelled": {"approved", "completed"},  # whatever nobody has to answer begins like this
    "cancellation.approved": {"approved", "completed"},
    "cancellation.auto_approved": {"approved", "completed"},
    "cancellation.completed": {"completed"},
    "cancellation.rejected": {"closed"},
    "cancellation.rejected_by_shipping": {"closed"},
    "cancellation.withdrawn": {"closed"},
}
BEGINNINGS = {"cancellation.requested", "order.cancelled"}


@dataclass(frozen=True)
class Told:
    """What somebody wanted, and was answered: `decision` is the row they heard of, `taken_back` that it is undone.

    `wanted_back` is that they tried, whatever came of it.
    """

    about: About
    verdict: str
    decision: int | None = None
    taken_back: bool = False
    wanted_back: bool = False


@dataclass(frozen=True)
class Row:
    """A decision as the database has it. `told` counts the events by which others were told of its end.

    `code` is the marketplace's, where it said no; `units` how many of its lines are cancelled afterwards.
    """

    pk: int
    about: About
    verdict: str
    state: str
    told: int = 1
    code: str = ""
    units: int = 0


@dataclass
class Figures:
    decisions: int = 0
    by_state: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0  # ended as decided, but by another hand, such as the deadline's
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.unsettled)


def count(
    told: Sequence[Told], rows: Sequence[Row], ledger: Sequence[Entry], shown: Mapping[str, str], read_until: float
) -> Figures:
    """Each fault found is said in words. `shown` is the state of each request's row by the marketplace's id.

    `read_until` is the moment in unix seconds up to which every shop was read. The marketplace's clock may be ahead of
    ours: what happened over there later than that, nobody can have read yet, though pushes may have told of it.
    """
    figures = Figures(decisions=len(rows), by_state=Counter(row.state for row in rows))
    answers(figures, told, rows)
    reasons(figures, told, rows, ledger)
    effects(figures, told, rows, ledger)
    quantities(figures, rows, ledger)
    parcels(figures, ledger)
    screens(figures, ledger, shown, read_until)
    return figures


def answers(figures: Figures, told: Sequence[Told], rows: Sequence[Row]) -> None:
    """Is what people were answered in the database, and no more of it than they asked for?"""
    by_pk = {row.pk: row for row in rows}
    for one in told:
        if one.decision is None:
            continue
        row = by_pk.get(one.decision)
        if row is None:
            figures.lost.append(f"decision {one.decision} was recorded, they were told, and is not there: {one}")
        elif (row.about, row.verdict) != (one.about, one.verdict):
            figures.wrong.append(f"decision {row.pk} is not what was decided: {row}, {one}")
        elif one.taken_back and row.state != "withdrawn":
            figures.wrong.append(f"decision {row.pk} was taken back, they were told, and is {row.state}: {row}")
    asked = Counter((one.about, one.verdict) for one in told)
    # Whoever hears a definite no may decide the same again.
    for what, made in Counter((row.about, row.verdict) for row in rows if row.state != "refused").items():
        if made > asked[what]:
            figures.doubled.append(f"{what} was decided {made} times, and asked for {asked[what]} times")
    for row in rows:
        if row.state in ("confirmed", "refused") and row.told != 1:
            problem = f"decision {row.pk} is {row.state}, and others were told so {row.told} times"
            (figures.doubled if row.told else figures.lost).append(problem)


def reasons(figures: Figures, told: Sequence[Told], rows: Sequence[Row], ledger: Sequence[Entry]) -> None:
    """What was not carried out: did somebody take it back, or the marketplace say no, or others settle the request?"""
    by_pk = {one.decision: one for one in told if one.decision is not None}
    settled = {one for one, history in histories(ledger) if history[-1]["effect"] != "cancellation.requested"}
    for row in rows:
        maker = by_pk.get(row.pk)
        if row.state == "withdrawn" and maker and not maker.wanted_back:
            figures.lost.append(f"decision {row.pk} is withdrawn, and nobody took it back: {row}")
        elif row.state == "refused" and not row.code and not (row.about[0] == "request" and row.about[1] in settled):
            figures.lost.append(f"decision {row.pk} is refused, and nobody refused it: {row}")


def quantities(figures: Figures, rows: Sequence[Row], ledger: Iterable[Entry]) -> None:
    """Were as many units cancelled as were decided, where one decision and one call are about an order?"""
    done = [row for row in rows if row.verdict == "cancel_items" and row.state == "confirmed"]
    calls = [entry for entry in ledger if entry["effect"] in OWN["cancel_items"] and entry["actor"] == "seller"]
    decided, happened = Counter(row.about for row in done), Counter(about_of(entry) for entry in calls)
    units = {about_of(entry): units_of(entry) for entry in calls}
    for row in done:
        if decided[row.about] == happened[row.about] == 1 and units[row.about] != row.units:
            figures.wrong.append(f"decision {row.pk} cancelled {units[row.about]} units instead of {row.units}: {row}")


def units_of(entry: Entry) -> int:
    """One marketplace names each unit, the other says how many of each line are cancelled afterwards."""
    if entry["effect"] == "order.cancelled":
        return len(entry["line_item_ids"])
    return sum(quantity["quantity_rejected"] for quantity in entry["detail"].values())


def effects(figures: Figures, told: Sequence[Told], rows: Sequence[Row], ledger: Sequence[Entry]) -> None:
    """Did each decision do over there what its row says, once?"""
    own, others = traces(ledger)
    states: dict[What, Counter[str]] = defaultdict(Counter)
    for row in rows:
        states[row.about, row.verdict][row.state] += 1
        if row.state not in SETTLED | OPEN:
            figures.unsettled.append(f"decision {row.pk} is still {row.state}: {row}")
    for what, known in states.items():
        weigh(figures, what, known, own[what], others[what])
    asked = Counter((one.about, one.verdict) for one in told)
    wanted = {one.about for one in told}
    for what, happened in own.items():
        if what in states and happened > asked[what]:
            figures.doubled.append(f"{what} happened {happened} times, and was wanted {asked[what]} times")
        elif what not in states and what[0] in wanted:
            figures.wrong.append(f"{what} happened, and nobody decided it")


def weigh(figures: Figures, what: What, known: Counter[str], happened: int, elsewhere: int) -> None:
    """`known` is how many decisions about it are in which state; of open ones the house says that it cannot tell."""
    said, can_be = known["confirmed"], known.total() - sum(known[state] for state in SETTLED)
    if happened < said and elsewhere:
        figures.elsewhere += said - happened
    elif happened < said:
        figures.lost.append(f"{what} is confirmed, and did not happen: {dict(known)}")
    elif happened > said + can_be:
        problem = f"{what} happened {happened} times: {dict(known)}"
        (figures.doubled if said + can_be else figures.wrong).append(problem)


def traces(ledger: Iterable[Entry]) -> tuple[Counter[What], Counter[What]]:
    """What sellers did, and what ended the same way by others, how often."""
    own: Counter[What] = Counter()
    others: Counter[What] = Counter()
    for entry in ledger:
        table, kind = (OWN, own) if entry["actor"] == "seller" else (ELSEWHERE, others)
        for verdict, words in table.items():
            if entry["effect"] in words:
                kind[about_of(entry), verdict] += 1
    return own, others


def about_of(entry: Entry) -> About:
    if entry["effect"] in OWN["cancel_items"]:
        return ("items", entry["order_id"])
    scope = entry["detail"].get("scope")
    if scope:
        return ("recorded", entry["order_id"], entry["line_item_ids"][0] if scope == "line" else "")
    return ("request", entry["cancel_id"])


def parcels(figures: Figures, ledger: Iterable[Entry]) -> None:
    shipped = Counter((one["order_id"], one["package_id"]) for one in ledger if one["effect"] == "package.shipped")
    figures.doubled += [f"parcel {parcel} left {times} times" for parcel, times in shipped.items() if times > 1]


def screens(figures: Figures, ledger: Iterable[Entry], shown: Mapping[str, str], read_until: float) -> None:
    """Do the rows say of each request what it was over there when it was read, or has become since?"""
    for cancel_id, history in histories(ledger):
        state = shown.get(cancel_id)
        read = [entry["effect"] for entry in history if entry["at"] < read_until]
        since = [entry["effect"] for entry in history[len(read) :]]
        if history[0]["effect"] not in BEGINNINGS:  # it waited when the ledger began
            read.insert(0, "cancellation.requested")
        if state is None and read:
            figures.lost.append(f"request {cancel_id} is not here: {read[-1]}")
        elif state and not any(state in SHOWN_AS[effect] for effect in (*read[-1:], *since)):
            figures.wrong.append(f"request {cancel_id} is shown as {state}, and was last {history[-1]['effect']}")


def histories(ledger: Iterable[Entry]) -> Iterator[tuple[str, Sequence[Entry]]]:
    """What happened to each of the requests that their marketplace shows, in order."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in ledger:
        if entry["effect"] in SHOWN_AS and "scope" not in entry["detail"]:
            found[entry["cancel_id"]].append(entry)
    yield from found.items()
