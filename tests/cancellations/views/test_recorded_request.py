"""A request that was written down here: what is said about it, its answers, its end without one."""

import pytest
from django.test import Client

from accounts.models import User
from cancellations.models import CancellationRequest, Decision, Event, Verdict
from orders.models import Order
from shops.models import Connection, Role, Shop
from tests.cancellations.views.pages import line, url, words_of, written_down
from tests.factories import DecisionFactory, member

pytestmark = pytest.mark.django_db
State = Decision.State


def test_a_recorded_request_tells_how_it_was_heard_and_claims_no_more(
    client: Client, order: Order, agent: User
) -> None:
    made = written_down(order, agent, line(order, "lantern"), through="phone", note="Ms Ruiz rang:\nordered twice.")
    page = words_of(client.get(made.get_absolute_url()))
    for told in (
        "Somebody asks to cancel one line of the order", "Recorded by Ada, heard through telephone or chat",
        "Ms Ruiz rang:<br>ordered twice.", "No deadline: nothing happens until you answer.", "3 units",
        "NG-104417", order.marketplace_id, "Recorded: somebody asks to cancel",
    ):  # fmt: skip
        assert told in page, told
    for claimed in ("The buyer asks", "No reason was given", "0.00", "Refund:", "names no deadline"):
        assert claimed not in page, claimed


def test_the_queue_shows_recorded_requests_by_the_orders_number_and_finds_them(
    client: Client, order: Order, agent: User
) -> None:
    made = written_down(order, agent, note="Ordered twice")
    page = words_of(client.get("/?q=ng-1044"))
    assert f'id="row-{made.pk}"' in page
    for told in ("NG-104417", "no deadline", "nothing happens until you answer", "Ordered twice", "+1 more"):
        assert told in page, told
    assert order.marketplace_id not in page
    assert "No reason can go with it" not in page  # a rule for whoever rejects, and no news on the list


def test_rejecting_without_a_reason_is_a_plain_confirmation(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    page = words_of(client.get(url("reject", made.pk)))
    assert "No reason can go with it" in page
    for field in ('name="comment"', 'type="radio"', 'type="file"'):
        assert field not in page
    client.post(url("reject", made.pk))
    assert Decision.objects.get().verdict == Verdict.REJECT


def test_approving_says_what_is_cancelled_and_names_no_refund(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    page = words_of(client.get(url("approve", made.pk)))
    assert "that are still open are cancelled" in page
    assert "gets back" not in page and "refunded" not in page


def test_a_verdict_that_its_marketplace_never_has_is_left_out(client: Client, order: Order, agent: User) -> None:
    page = words_of(client.get(written_down(order, agent).get_absolute_url()))
    assert "Ship to reject" not in page
    assert "Shipping answers no request" not in page


def test_a_rejection_that_nothing_shows_is_not_said_to_be_read_back(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    decision = DecisionFactory(
        cancellation=made, verdict=Verdict.REJECT, state="confirmed", note="The marketplace answered yes."
    )
    Event.objects.create(
        shop=made.shop, cancellation=made, decision=decision, name="decision.confirmed", detail={"verdict": "reject"}
    )
    CancellationRequest.objects.update(state="closed", needs_answer=False)
    page = words_of(client.get(made.get_absolute_url()))
    assert page.count("The marketplace answered yes.") == 2  # at the decision and in the history
    assert "read back, the marketplace shows it" not in page
    assert "Answered from here." in page
    assert "The marketplace says" not in page


def test_a_request_that_needs_no_answer_is_closed_with_a_note(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    assert url("close", made.pk) in words_of(client.get(made.get_absolute_url()))
    page = words_of(client.post(url("close", made.pk), {"note": "Ms Ruiz wants it after all."}, follow=True))
    made.refresh_from_db()
    assert (made.state, made.needs_answer) == ("closed", False)
    for told in (
        "Closed. It needs no answer any more.", "Closed without an answer", "Ms Ruiz wants it after all.",
        "It needed no answer; what happened says why.",
    ):  # fmt: skip
        assert told in page, told
    assert url("close", made.pk) not in page


@pytest.mark.parametrize("note", ["", "  ", "x" * 2001])
def test_closing_takes_a_note(client: Client, order: Order, agent: User, note: str) -> None:
    made = written_down(order, agent)
    answer = client.post(url("close", made.pk), {"note": note})
    assert answer.status_code == 422
    assert answer.context["close_form"].errors["note"]
    assert '<details id="close" class="card-footer rules" open>' in words_of(answer)
    made.refresh_from_db()
    assert made.needs_answer


def test_closing_is_not_offered_where_it_cannot_be_done(
    client: Client, supplier: Shop, order: Order, agent: User
) -> None:
    made = written_down(order, agent)
    DecisionFactory(cancellation=made, made_by=agent)
    assert url("close", made.pk) not in words_of(client.get(made.get_absolute_url()))
    page = words_of(client.post(url("close", made.pk), {"note": "Too late"}, follow=True))
    assert "Nothing was changed. Ada has decided already" in page
    Decision.objects.update(state="withdrawn")
    client.force_login(member(Role.VIEWER, supplier))
    assert url("close", made.pk) not in words_of(client.get(made.get_absolute_url()))


def test_a_request_stays_closable_while_the_shop_has_to_be_connected_again(
    client: Client, order: Order, agent: User
) -> None:
    made = written_down(order, agent)
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert url("close", made.pk) in words_of(client.get(made.get_absolute_url()))
