"""What the queue can be narrowed to, beyond what its page's tests try."""

from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import User
from cancellations.filters import QueueFilter
from cancellations.models import CancellationRequest
from shops.models import Role, Shop
from tests.factories import CancellationFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return ShopFactory()


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop, first_name="Alex", last_name="Agent")


def filtered(user: User, **asked: str) -> QueueFilter:
    request = RequestFactory().get("/", asked)
    request.user = user
    return QueueFilter(request.GET, queryset=CancellationRequest.objects.visible_to(user), request=request)


def found(user: User, **asked: str) -> set[CancellationRequest]:
    chosen = filtered(user, **asked)
    assert chosen.is_valid(), chosen.form.errors
    return set(chosen.rows())


@pytest.mark.parametrize(
    ("age", "hours"),
    [("under_hour", [0]), ("under_day", [0, 2, 20]), ("over_day", [30, 80]), ("over_3_days", [80])],
)
def test_by_how_long_ago_the_buyer_asked(agent: User, shop: Shop, age: str, hours: list[int]) -> None:
    rows = {
        ago: CancellationFactory(order__shop=shop, created_at=timezone.now() - timedelta(hours=ago, minutes=1))
        for ago in (0, 2, 20, 30, 80)
    }
    assert found(agent, age=age) == {rows[ago] for ago in hours}


def test_by_the_buyers_reason_of_which_those_are_offered_that_there_are(agent: User, shop: Shop) -> None:
    late, price = (
        CancellationFactory(order__shop=shop, reason=code, reason_text=text)
        for code, text in (("late", "It comes too late"), ("price", "Better price"))
    )
    CancellationFactory(order__shop=shop, reason="", reason_text="")
    CancellationFactory(order__shop=shop, reason="settled", reason_text="Settled", needs_answer=False, state="closed")
    CancellationFactory(reason="foreign", reason_text="Another shop's")
    assert found(agent, reason="late") == {late}
    assert found(agent, reason="price") == {price}
    assert filtered(agent).reason_choices() == [("price", "Better price"), ("late", "It comes too late")]
    assert filtered(agent, state="closed").reason_choices()[-1] == ("settled", "Settled")


def test_a_reason_that_nobody_gives_any_more_stays_chosen_and_finds_nothing(agent: User, shop: Shop) -> None:
    CancellationFactory(order__shop=shop, reason="late", reason_text="Late")
    assert found(agent, reason="gone") == set()
    assert ("gone", "gone") in filtered(agent, reason="gone").reason_choices()


def test_reasons_in_the_same_words_are_one_choice_that_finds_them_all(agent: User, shop: Shop) -> None:
    one, other = (
        CancellationFactory(order__shop=shop, reason=code, reason_text="Late") for code in ("late_1", "late_2")
    )
    price = CancellationFactory(order__shop=shop, reason="price", reason_text="Better price")
    assert filtered(agent).reason_choices() == [("price", "Better price"), ("late_1", "Late")]
    assert ("late_2", "Late") in filtered(agent, reason="late_2").reason_choices()
    assert found(agent, reason="late_1") == found(agent, reason="late_2") == {one, other}
    assert found(agent, reason="price") == {price}
    CancellationRequest.objects.filter(pk=one.pk).update(needs_answer=False, state="closed")
    assert found(agent, reason=" late_1 ") == {other}


def test_a_reason_that_cannot_be_one_is_no_choice(client: Client, agent: User, shop: Shop) -> None:
    client.force_login(agent)
    assert client.get("/", {"reason": "late\0"}).status_code == 200


def test_by_whose_it_is_down_to_one_person(agent: User, shop: Shop) -> None:
    colleague = member(Role.AGENT, shop, first_name="Mina")
    mine, theirs, nobodys = (
        CancellationFactory(order__shop=shop, assigned_to=whose) for whose in (agent, colleague, None)
    )
    assert found(agent, whose="me") == {mine}
    assert found(agent, whose="nobody") == {nobodys}
    assert found(agent, whose="others") == {theirs}
    _ = QueueFilter.base_filters["whose"].field  # as the schema asks for it, which must not settle who there is
    assert found(agent, whose=str(colleague.pk)) == {theirs}


def test_only_people_who_decide_in_shops_that_one_sees_are_named(agent: User, shop: Shop) -> None:
    member(Role.VIEWER, shop, first_name="Vera")
    stranger = member(Role.AGENT, ShopFactory(), first_name="Stella")
    gone = member(Role.AGENT, shop, first_name="Gone", is_active=False)
    assert [words for _value, words in filtered(agent).people()][3:] == ["Alex Agent"]
    for nobody in (stranger, gone):
        assert not filtered(agent, whose=str(nobody.pk)).is_valid()


def test_the_same_filters_are_written_in_the_same_words(agent: User, shop: Shop) -> None:
    one = filtered(agent, whose="me", q=" mug ", shop=str(shop.pk), market="", page="abc", nonsense="1")
    other = filtered(agent, q="mug", shop=str(shop.pk), whose="me")
    assert one.query == other.query == f"q=mug&shop={shop.pk}&whose=me"


def test_the_api_takes_them_too(client: Client, agent: User, shop: Shop) -> None:
    row = CancellationFactory(order__shop=shop, reason="late", assigned_to=agent)
    CancellationFactory(order__shop=shop, reason="price")
    client.force_login(agent)
    for query in ("reason=late", "whose=me", f"whose={agent.pk}"):
        answer = client.get(f"/api/v1/cancellations/?{query}").json()
        assert [one["id"] for one in answer["results"]] == [row.pk]
    assert client.get("/api/v1/cancellations/?age=over_3_days").json()["results"] == []
    for wrong in ("age=old", "whose=everybody", "whose=99999999"):
        assert client.get(f"/api/v1/cancellations/?{wrong}").status_code == 400


def test_markets_are_offered_by_name(agent: User, shop: Shop) -> None:
    for region in ("US", "GB", "DE"):
        agent.memberships.create(shop=ShopFactory(region=region), role=Role.AGENT)
    asked = filtered(agent, market="GB")
    names = ["Germany (DE)", "United Kingdom (GB)", "United States (US)"]
    assert [words for _region, words in asked.markets() if words in names] == names
    assert asked.is_valid()
