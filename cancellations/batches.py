"""Deciding about many requests at once: propose, start, take back, try again. Each is decided by `decisions.decide`.

A proposal has its items already, so what a person was shown is what is decided, whatever comes into the queue
meanwhile; starting it twice starts it once. A worker does the deciding (`batch_work`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from audit import log
from cancellations import batch_work, decisions, rules
from cancellations.checks import Details, NotAllowed, TooLate
from cancellations.models import (
    Batch,
    BatchItem,
    CancellationQuerySet,
    CancellationRequest,
    Decision,
    Result,
    Verdict,
)
from marketplaces.base import Notice
from marketplaces.records import Money
from shops.models import Permission, Shop
from shops.roles import why_not_allowed
from shops.templatetags.markets import progress as how_far

if TYPE_CHECKING:
    from accounts.models import User

MOST = 1000


class Forgotten(NotAllowed):
    """Nobody started the proposal for so long that it is gone."""


def propose(rows: CancellationQuerySet, verdict: Verdict, user: "User", *, retry_of: Batch | None = None) -> Batch:
    """A batch of these requests, which does nothing yet: its items say which can be decided and why others can't.

    Raises NotAllowed for no request at all and for more than MOST.
    """
    found = list(rows.visible_to(user).with_standing().by_time_left()[: MOST + 1])
    if not found:
        raise NotAllowed(_("None of these requests is here any more."))
    if len(found) > MOST:
        raise NotAllowed(
            _("At most %(most)d requests can be answered at once, and these are %(count)d. Narrow the filter.")
            % {"most": MOST, "count": rows.visible_to(user).count()}
        )
    agent_in = shops_to_answer_in(user, verdict)
    with transaction.atomic():
        again = {"reason": retry_of.reason, "comment": retry_of.comment} if retry_of else {}
        batch = Batch.objects.create(
            verdict=verdict, made_by=user, language=get_language() or "", retry_of=retry_of, **again
        )
        BatchItem.objects.bulk_create(proposed(batch, row, agent_in) for row in found)
    return batch


def proposed(batch: Batch, row: CancellationRequest, agent_in: Set[int]) -> BatchItem:
    why = why_not(row, Verdict(batch.verdict), agent_in)
    state = BatchItem.State.LEFT_OUT if why else BatchItem.State.WAITING
    return BatchItem(batch=batch, cancellation=row, state=state, why=why)


def shops_to_answer_in(user: "User", verdict: Verdict) -> Set[int]:
    return set(Shop.objects.where_may(user, Permission(verdict)).values_list("pk", flat=True))


def why_not(row: CancellationRequest, verdict: Verdict, agent_in: Set[int]) -> str:
    """Why this person can't give this request this verdict now; empty where they can."""
    if row.shop_id not in agent_in:
        return why_not_allowed(Permission(verdict))
    market = rules.capabilities(row.shop, timezone.now())
    return rules.offer(row, verdict, market, rules.not_now(row)).why_not


def start(batch: Batch, details: Details | None = None) -> bool:
    """Have a worker decide about what a proposal holds; False where it was started before, and then that stands.

    Raises NotAllowed where nothing of it can be decided (any more), Forgotten where it is gone.
    """
    details, now = details or Details(), timezone.now()
    with transaction.atomic():
        locked = Batch.objects.select_for_update().filter(pk=batch.pk).first()
        if locked is None:
            raise Forgotten(_("Nobody started this for so long that it was forgotten. Choose the requests again."))
        if not locked.is_started:
            if not any(offer.allowed for _item, offer in standing(batch, batch.made_by)):
                raise NotAllowed(_("None of these requests can be answered like this."))
            Batch.objects.filter(pk=batch.pk).update(
                started_at=now, due_at=now,
                reason=details.reason, reason_text=details.reason_text, comment=details.comment,
            )  # fmt: skip
            count = batch.items.waiting().count()
            sent = {"verdict": batch.verdict, "reason": details.reason, "requests": count}
            log.write("batch.started", about=batch, actor=batch.made_by, after=sent)
            transaction.on_commit(lambda: batch_work.nudge(batch.pk))
    batch.refresh_from_db()
    return not locked.is_started


def begin(
    rows: CancellationQuerySet, verdict: Verdict, user: "User", details: Details, *, retry_of: Batch | None = None
) -> Batch:
    """Propose and start in one, for who shows a proposal to nobody. Raises as both do, and then nothing is kept."""
    with transaction.atomic():
        batch = propose(rows, verdict, user, retry_of=retry_of)
        start(batch, details)
    return batch


def take_back(batch: Batch, user: "User") -> str:
    """Take back whatever of a batch is not sent yet; says in words how many that were, and why others were not.

    Raises NotAllowed for a proposal, of which there is nothing to take back.
    """
    if not batch.is_started:
        raise NotAllowed(_("Nothing of this was started."))
    # First what no worker has decided about, so that nothing new is decided while the rest is taken back.
    with transaction.atomic():
        log.write("batch.taken_back", about=batch, actor=user)
        taken = batch.items.waiting().update(state=BatchItem.State.TAKEN_BACK)
    late = forbidden = 0
    unsent = (Decision.State.UNSIGNED, Decision.State.RECORDED)
    recorded = Decision.objects.filter(batch_item__batch=batch, state__in=unsent)
    for decision in recorded.select_related("shop").order_by("send_after"):
        try:
            decisions.withdraw(decision, user)
        except PermissionDenied:
            forbidden += 1
        except TooLate:
            # Another tab may have taken it back at this moment, which is what was wanted.
            is_taken_back = decision.state == Decision.State.WITHDRAWN
            taken, late = taken + is_taken_back, late + (not is_taken_back)
        else:
            taken += 1
    return what_was_taken_back(taken, late, forbidden)


def what_was_taken_back(taken: int, late: int, forbidden: int) -> str:
    counted = (
        (taken, ngettext("%(count)d was taken back.", "%(count)d were taken back.", taken)),
        (late, ngettext("%(count)d was too late.", "%(count)d were too late.", late)),
        (
            forbidden,
            ngettext(
                "%(count)d could not be taken back: your role there does not allow it any more.",
                "%(count)d could not be taken back: your role there does not allow it any more.",
                forbidden,
            ),
        ),
    )
    said = " ".join(words % {"count": count} for count, words in counted if count)
    return said or _("Nothing of this was left to take back.")


def try_again(batch: Batch, user: "User") -> Batch:
    """A proposal of what failed of this batch, and of nothing else. Raises NotAllowed where nothing is left to try."""
    return propose(left_to_try(batch, user), Verdict(batch.verdict), user, retry_of=batch)


def try_again_at_once(batch: Batch, user: "User") -> Batch:
    """As `try_again`, started with what went with the verdict before."""
    details = Details(reason=batch.reason, reason_text=batch.reason_text, comment=batch.comment)
    return begin(left_to_try(batch, user), Verdict(batch.verdict), user, details, retry_of=batch)


def left_to_try(batch: Batch, user: "User") -> CancellationQuerySet:
    failed = CancellationRequest.objects.filter(pk__in=batch.items.to_try_again().values("cancellation"))
    if not failed.visible_to(user).exists():
        raise NotAllowed(_("Nothing of this is left to try again."))
    return failed


# --- what a proposal would do -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """What would happen to how many if it were started now, and why not to others."""

    rows: Sequence[CancellationRequest]  # those that can be decided
    why_not: Mapping[int, str]  # of each other item, by its primary key
    shops: int
    effects: Sequence[tuple[str, int]]  # what will happen, in one sentence, and to how many
    refunds: Sequence[Money]  # one for each currency
    without_refund: int  # of which the marketplace did not say what the buyer gets
    over: int  # past their deadline: the marketplace may have decided by now
    on_it: Sequence[tuple["User", int]]  # colleagues who have some of them open
    orders: Sequence[tuple[str, int]]  # how far their orders are, and how many
    left_out: Sequence[tuple[str, int]]  # why, and how many
    notices: Sequence[Notice]

    @property
    def count(self) -> int:
        return len(self.rows)


def sheet(batch: Batch, user: "User") -> Sheet:
    """A fixed number of queries, however many items there are."""
    now, offers = timezone.now(), standing(batch, user)
    rows = [item.cancellation for item, offer in offers if offer.allowed]
    claims = [claim for row in rows if (claim := row.on_it(now)) and claim.user_id != user.pk]
    return Sheet(
        rows=rows,
        why_not={item.pk: offer.why_not for item, offer in offers if not offer.allowed},
        shops=len({row.shop_id for row in rows}),
        effects=Counter(offer.effect for _item, offer in offers if offer.allowed).most_common(),
        refunds=refunds(rows),
        without_refund=sum(row.refund_total is None and not row.is_recorded for row in rows),
        over=sum(row.is_over(now) for row in rows),
        on_it=Counter(claim.user for claim in claims).most_common(),
        orders=Counter(how_far(row.shop, row.order.status) for row in rows if row.order).most_common(),
        left_out=Counter(offer.why_not for _item, offer in offers if not offer.allowed).most_common(),
        notices=list(dict.fromkeys(notice for _item, offer in offers for notice in told(offer))),
    )


def standing(batch: Batch, user: "User") -> list[tuple[BatchItem, rules.Offer]]:
    """What can be done about each item now. What was left out when they were counted stays left out."""
    rows = CancellationRequest.objects.with_standing().select_related("claim__user")
    items = batch.items.visible_to(user).prefetch_related(Prefetch("cancellation", rows))
    agent_in = shops_to_answer_in(user, Verdict(batch.verdict))
    return [(item, offer_of(item, Verdict(batch.verdict), agent_in)) for item in items]


def offer_of(item: BatchItem, verdict: Verdict, agent_in: Set[int]) -> rules.Offer:
    row = item.cancellation
    market = rules.capabilities(row.shop, timezone.now())
    return rules.offer(row, verdict, market, item.why or why_not(row, verdict, agent_in))


def told(offer: rules.Offer) -> list[Notice]:
    """What there is to know about it; what it does to a shop's standing only where it can be done."""
    return [notice for notice in (offer.notice, offer.standing if offer.allowed else None) if notice]


def refunds(rows: Iterable[CancellationRequest]) -> list[Money]:
    totals: Counter[str] = Counter()
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row.refund_total is not None:
            totals[row.currency] += 1
            sums[row.currency] = sums.get(row.currency, Decimal(0)) + row.refund_total
    return [Money(sums[currency], currency) for currency, _count in totals.most_common()]


# --- how far it is ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """How many of a batch stand how. What was left out from the start is not counted as work."""

    counts: dict[Result, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values()) - self.counts.get(Result.LEFT_OUT, 0)

    @property
    def settled(self) -> int:
        return self.total - sum(self.counts.get(result, 0) for result in Result.moving())

    @property
    def is_moving(self) -> bool:
        return self.settled < self.total

    @property
    def quarter(self) -> int:
        """0 to 4: what is said aloud changes with it, and not with each request."""
        return 4 * self.settled // self.total if self.total else 4

    @property
    def done(self) -> int:
        return self.of(Result.DONE)

    @property
    def trouble(self) -> int:
        """Those that somebody wanted and that did not happen, or not yet without somebody."""
        return self.of(Result.FAILED) + self.of(Result.NEEDS_YOU) + self.of(Result.SECOND_PERSON)

    @property
    def ends(self) -> list[tuple[str, int]]:
        """How it ended for how many, in words."""
        ends = (Result.DONE, Result.FAILED, Result.NEEDS_YOU, Result.SECOND_PERSON, Result.TAKEN_BACK)
        return [(str(end.label), self.of(end)) for end in ends if self.of(end)]

    def of(self, result: Result) -> int:
        return self.counts.get(result, 0)


def progress(batches: Sequence[Batch], user: "User") -> dict[int, Progress]:
    """By the batch's primary key, in one query."""
    counts: dict[int, dict[Result, int]] = {batch.pk: {} for batch in batches}
    for pk, result, count in BatchItem.objects.visible_to(user).filter(batch__in=batches).counted():
        counts[pk][result] = count
    return {pk: Progress(found) for pk, found in counts.items()}


def note_seen(batch: Batch, at: datetime) -> None:
    """Its maker has seen how it ended, so nobody has to be told any more."""
    Batch.objects.filter(pk=batch.pk, seen_at=None).update(seen_at=at)
