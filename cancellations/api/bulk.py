"""Many decisions at once, with an answer for each: what is wrong with one keeps no other from being recorded.

In the order in which they were sent, those about requests together, and those about items each by itself.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog
from django.utils.translation import gettext as _
from rest_framework.request import Request

from cancellations.api.refusals import as_problems
from cancellations.decisions import Wanted, decide_each, found_again
from cancellations.models import Decision, Verdict
from cancellations.serializers.coming_in import found_or_raised
from cancellations.serializers.in_bulk import BulkRow, Together
from config.api.problems import Problem, as_problem

logger = structlog.get_logger(__name__)
Outcome = int | Problem  # the decision's pk, or why there is none
Told = Mapping[str, Any]  # a body as its fields read it


def decide_in_bulk(request: Request, bodies: Sequence[Any], named: Mapping[int, str]) -> list[Outcome]:
    """What came of each. `named` are their client keys, by which those of an earlier try are found again."""
    user: Any = request.user
    made_before = dict(found_again(user, list(named.values())).values_list("client_key", "pk"))
    outcomes: dict[int, Outcome] = {
        number: made_before[key] for number, key in named.items() if key in made_before
    }  # fmt: skip
    row = BulkRow(context={"request": request, "together": Together(user, bodies)})
    read: dict[int, Told] = {}
    for number in range(len(bodies)):
        if number in outcomes:
            continue
        try:
            read[number] = row.run_validation(bodies[number])
        except Exception as exc:
            outcomes[number] = problem_of(exc, request)
    for is_about_items, run in groupby(
        sorted(read), key=lambda number: read[number]["verdict"] == Verdict.CANCEL_ITEMS
    ):
        together = {number: read[number] for number in run}
        outcomes |= (cancel_items if is_about_items else decide_together)(request, row, together, named)
    return [outcomes[number] for number in range(len(bodies))]


def decide_together(
    request: Request, row: BulkRow, read: Mapping[int, Told], named: Mapping[int, str]
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    wanted: dict[int, Wanted] = {}
    for number, told in read.items():
        try:
            wanted[number] = row.wanted(told, named[number])
        except Exception as exc:
            outcomes[number] = outcome_of(exc, request, named[number])
    user: Any = request.user
    for number, made in zip(wanted, decide_each(list(wanted.values()), user), strict=True):
        outcomes[number] = outcome_of(made, request, named[number])
    return outcomes


def cancel_items(
    request: Request, row: BulkRow, read: Mapping[int, Told], named: Mapping[int, str]
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    for number, told in read.items():
        try:
            made: Decision | Exception = row.cancel_items(told, request.user, named[number])
        except Exception as exc:
            made = exc
        outcomes[number] = outcome_of(made, request, named[number])
    return outcomes


def outcome_of(made: Decision | Exception, request: Request, client_key: str) -> Outcome:
    if isinstance(made, Decision):
        return made.pk
    try:
        return found_or_raised(made, client_key).pk
    except Exception as exc:
        return problem_of(exc, request)


def problem_of(exc: Exception, request: Request) -> Problem:
    """What a single one would have been answered with."""
    try:
        with as_problems(request):
            raise exc
    except Exception as told:
        if found := as_problem(told):
            return found
        logger.error("bulk.row_broken", exc_info=told)
        return Problem("broken", _("An error of ours kept it from being decided. Nothing was sent."))


def told_of(outcomes: Sequence[Outcome], made: Mapping[int, Any]) -> dict[str, Any]:
    """`made` are the recorded decisions as they are shown, by their pk."""
    results = [
        {"index": number, "status": one.status, "problem": one.body()}
        if isinstance(one, Problem)
        else {"index": number, "status": 201, "decision": made[one]}
        for number, one in enumerate(outcomes)
    ]
    recorded = sum(not isinstance(one, Problem) for one in outcomes)
    return {"recorded": recorded, "failed": len(outcomes) - recorded, "results": results}
