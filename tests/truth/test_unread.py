"""What the marketplace does not show, or refuses to show, is neither over nor forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cancellations import sync
from cancellations.models import CancellationRequest, Decision
from marketplaces.errors import Refused
from marketplaces.records import Page
from orders import sync as orders_sync
from shops.models import Shop
from tests.factories import CancellationFactory, DecisionFactory
from tests.truth.looking import listed, look, look_twice
from truth.models import Disagreement

pytestmark = pytest.mark.django_db
State = Decision.State


def shows_nothing(shop: Shop, call: object) -> Page[Any]:
    return Page([])


def refuses(shop: Shop, call: object) -> Page[Any]:
    raise Refused("This order belongs to another shop.")


def answered_by(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sync, orders_sync):
        monkeypatch.setattr(module, "call_for", answer)


def found_before(request: CancellationRequest, kind: str, about: str) -> Disagreement:
    ago = timezone.now() - timedelta(hours=1)
    row: Disagreement = Disagreement.objects.create(
        shop=request.shop, kind=kind, about=about, cancellation=request, ours="Ours", theirs="Theirs", suspected_at=ago,
        found_at=ago, decision=request.decisions.first(),
    )  # fmt: skip
    return row


def test_a_request_that_waits_here_and_is_not_shown_any_more_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    answered_by(shows_nothing, monkeypatch)
    request = CancellationFactory()
    (row,) = look_twice(request.shop)
    assert (row.kind, row.about) == ("other_state", f"cancellation:{request.pk}")
    assert "showed nothing" in str(row.theirs)


@pytest.mark.parametrize("answer", [shows_nothing, refuses])
def test_what_was_found_about_it_is_not_over(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    answered_by(answer, monkeypatch)
    request = CancellationFactory(needs_answer=False, state="approved")
    decision = DecisionFactory(cancellation=request, state=State.SET_ASIDE, settled_at=timezone.now())
    rows = [
        found_before(request, "waits_here", f"cancellation:{request.pk}"),
        found_before(request, "done_anyway", f"decision:{decision.pk}"),
    ]
    look(request.shop)
    assert {*rows} <= {*listed(request.shop)}


def test_a_decision_of_which_nothing_can_be_read_is_said_to_be_stuck_and_to_be_so_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered_by(refuses, monkeypatch)
    ago = timezone.now() - timedelta(hours=3)
    decision = DecisionFactory(
        cancellation=CancellationFactory(), state=State.SENDING, send_after=ago, is_outcome_unknown=True
    )
    (row,) = look_twice(decision.shop)
    assert (row.kind, row.about) == ("stuck", f"decision:{decision.pk}")
    Decision.objects.filter(pk=decision.pk).update(state=State.SET_ASIDE, settled_at=timezone.now())
    look(decision.shop)
    assert row not in listed(decision.shop)
