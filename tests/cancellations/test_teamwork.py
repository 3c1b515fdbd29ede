"""Working a queue together: who is on a request, whose it is, and notes between colleagues."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts.models import User
from cancellations import teamwork
from cancellations.models import CancellationRequest, Claim, Event, Note
from shops.models import Role
from tests.factories import CancellationFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_() -> CancellationRequest:
    return CancellationFactory()


def agent(request: CancellationRequest, name: str = "Alex") -> User:
    return member(Role.AGENT, request.shop, first_name=name)


class TestClaiming:
    def test_whoever_comes_first_is_on_it(self, request_: CancellationRequest) -> None:
        alex, mina = agent(request_), agent(request_, "Mina")
        assert teamwork.claim(request_, alex).user == alex
        assert teamwork.claim(request_, mina).user == alex
        assert Claim.objects.count() == 1

    def test_staying_there_keeps_it(self, request_: CancellationRequest) -> None:
        alex = agent(request_)
        first = teamwork.claim(request_, alex)
        Claim.objects.update(until=timezone.now() + timedelta(seconds=5))
        assert teamwork.claim(request_, alex).until > first.since + timedelta(minutes=1)

    def test_a_page_that_was_left_is_free_again_after_a_while(self, request_: CancellationRequest) -> None:
        alex, mina = agent(request_), agent(request_, "Mina")
        teamwork.claim(request_, alex)
        Claim.objects.update(until=timezone.now() - timedelta(seconds=1))
        taken = teamwork.claim(request_, mina)
        assert (taken.user, taken.holds(timezone.now())) == (mina, True)

    def test_at_once_when_it_is_let_go(self, request_: CancellationRequest) -> None:
        alex, mina = agent(request_), agent(request_, "Mina")
        teamwork.claim(request_, alex)
        teamwork.let_go(request_, mina)  # which is not hers to let go
        assert teamwork.claim(request_, mina).user == alex
        teamwork.let_go(request_, alex)
        assert teamwork.claim(request_, mina).user == mina

    def test_it_can_be_taken_over_which_the_history_tells(self, request_: CancellationRequest) -> None:
        alex, mina = agent(request_), agent(request_, "Mina")
        teamwork.claim(request_, alex)
        assert teamwork.take_over(request_, mina).user == mina
        assert Event.objects.get().name == "cancellation.taken_over"

    def test_a_row_of_the_queue_knows_who_is_on_it(self, request_: CancellationRequest) -> None:
        teamwork.claim(request_, agent(request_))
        row = CancellationRequest.objects.with_queue_columns().get()
        claim = row.on_it(timezone.now())
        assert claim and claim.user.first_name == "Alex"
        assert row.on_it(timezone.now() + timedelta(hours=1)) is None

    @pytest.mark.parametrize("verb", [teamwork.claim, teamwork.take_over, teamwork.let_go])
    def test_viewers_are_on_nothing(self, request_: CancellationRequest, verb: object) -> None:
        with pytest.raises(PermissionDenied):
            verb(request_, member(Role.VIEWER, request_.shop))  # type: ignore[operator]


class TestAssigning:
    def test_a_request_becomes_somebodys_and_nobodys_again(self, request_: CancellationRequest) -> None:
        alex, mina = agent(request_), agent(request_, "Mina")
        teamwork.assign(request_, mina, alex)
        assert request_.assigned_to == mina
        teamwork.assign(request_, None, alex)
        assert request_.assigned_to is None
        told = Event.objects.order_by("pk").values_list("name", "detail__person")
        assert list(told) == [("cancellation.assigned", str(mina)), ("cancellation.assigned", "")]

    def test_saying_it_again_tells_nothing(self, request_: CancellationRequest) -> None:
        alex = agent(request_)
        for _ in range(2):
            teamwork.assign(request_, alex, alex)
        assert Event.objects.count() == 1

    def test_only_to_those_who_can_decide_there(self, request_: CancellationRequest) -> None:
        alex = agent(request_)
        for person in (member(Role.VIEWER, request_.shop), member(Role.AGENT, ShopFactory())):
            with pytest.raises(ValidationError) as problem:
                teamwork.assign(request_, person, alex)
            assert list(problem.value.message_dict) == ["to"]

    def test_not_by_viewers(self, request_: CancellationRequest) -> None:
        with pytest.raises(PermissionDenied):
            teamwork.assign(request_, None, member(Role.VIEWER, request_.shop))


class TestNotes:
    def test_a_note_is_kept_with_its_author(self, request_: CancellationRequest) -> None:
        alex = agent(request_)
        teamwork.add_note(request_, alex, " Rang twice, nobody there. ")
        assert list(Note.objects.values_list("author", "text")) == [(alex.pk, "Rang twice, nobody there.")]

    @pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
    def test_nothing_and_too_much_are_refused(self, request_: CancellationRequest, text: str) -> None:
        with pytest.raises(ValidationError) as problem:
            teamwork.add_note(request_, agent(request_), text)
        assert list(problem.value.message_dict) == ["text"]

    def test_viewers_write_none(self, request_: CancellationRequest) -> None:
        with pytest.raises(PermissionDenied):
            teamwork.add_note(request_, member(Role.VIEWER, request_.shop), "Hello")
