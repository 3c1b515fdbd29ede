"""Many decisions at once: one after the other, each in a transaction of its own, with an answer for each."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.utils.translation import gettext as _
from rest_framework.request import Request

from cancellations.api.refusals import as_problems
from cancellations.decisions import found_again
from cancellations.serializers.in_bulk import BulkRow, Together
from config.api.problems import Problem, as_problem

logger = structlog.get_logger(__name__)
Outcome = int | Problem  # the decision's pk, or why there is none


def decide_each(request: Request, bodies: Sequence[Any], named: Mapping[int, str]) -> list[Outcome]:
    """What came of each. `named` are their client keys, by which those of an earlier try are found again."""
    user: Any = request.user
    made_before = dict(found_again(user, list(named.values())).values_list("client_key", "pk"))
    context = {"request": request, "together": Together(user, bodies)}
    return [
        made_before.get(named[number]) or decide_one(request, body, named[number], context)
        for number, body in enumerate(bodies)
    ]


def decide_one(request: Request, body: Any, client_key: str, context: Mapping[str, Any]) -> Outcome:
    told = BulkRow(data=body, context=dict(context))
    try:
        told.is_valid(raise_exception=True)
        with as_problems(request):
            return told.record(client_key).pk
    except Exception as exc:
        if (found := as_problem(exc)) is None:
            logger.exception("bulk.row_broken")
            return Problem("broken", _("An error of ours kept it from being decided. Nothing was sent."))
        return found


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
