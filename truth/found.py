"""One thing that does not agree, before it is written down."""

from dataclasses import dataclass

from cancellations.models import CancellationRequest, Decision
from cancellations.models.words import Words
from marketplaces.records import Money
from truth.models import Disagreement


@dataclass(frozen=True)
class Found:
    kind: Disagreement.Kind
    about: str
    ours: Words
    theirs: Words
    money: Money | None = None
    order_id: int | None = None
    cancellation_id: int | None = None
    decision_id: int | None = None
    is_mended: bool = False  # it was so until it was read again just now

    @property
    def key(self) -> tuple[str, str]:
        return self.kind.value, self.about


def of_decision(
    kind: Disagreement.Kind, decision: Decision, ours: Words, theirs: Words, money: Money | None = None
) -> Found:
    return Found(
        kind, f"decision:{decision.pk}", ours, theirs, money or money_of(decision), decision.order_id,
        decision.cancellation_id, decision.pk,
    )  # fmt: skip


def of_request(
    kind: Disagreement.Kind, row: CancellationRequest, ours: Words, theirs: Words, *, is_mended: bool = False
) -> Found:
    return Found(kind, f"cancellation:{row.pk}", ours, theirs, row.refund(), row.order_id, row.pk, is_mended=is_mended)


def money_of(decision: Decision) -> Money | None:
    """What it gives back; of a rejection, what it keeps from being given back."""
    return decision.money or (decision.cancellation.refund() if decision.cancellation else None)
