"""Writing down a request that no marketplace lists."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations.models import CancellationRequest
from orders.models import Order
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, RECORD, line, ordered, sent, url, words_of, written_down
from tests.factories import LineItemFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_berlin(agent: User) -> None:
    agent.time_zone = "Europe/Berlin"
    agent.save()


def found(client: Client, query: str) -> set[str]:
    return {order.label for order in client.get(RECORD + query).context["orders"]}


def test_an_order_is_found_by_its_number_its_id_and_what_is_in_it(client: Client, supplier: Shop) -> None:
    first, other = ordered(supplier, "NG-104417"), ordered(supplier, "HB-22")
    LineItemFactory(order=other, product_name="Enamel mug")
    assert found(client, "?q=ng-1044") == {first.number}
    assert found(client, f"?q={other.marketplace_id}") == {other.number}
    assert found(client, "?q=enamel") == {other.number}
    assert found(client, "") == {first.number, other.number}
    assert found(client, "?q=nothing") == set()
    assert "No order fits this" in words_of(client.get(f"{RECORD}?q=nothing"))


def test_without_a_word_only_orders_are_shown_of_which_something_may_be_open(client: Client, supplier: Shop) -> None:
    gone = ordered(supplier, "GONE-1", is_shipped=True)
    assert found(client, "") == set()
    assert found(client, "?q=gone") == {gone.number}


def test_only_shops_whose_requests_are_recorded_by_hand_are_looked_through(
    client: Client, supplier: Shop, shop: Shop
) -> None:
    ordered(shop, "SAME-1")
    ordered(ShopFactory(marketplace="crux_timp", region="US"), "SAME-2")  # a stranger's
    assert found(client, "?q=same") == set()
    assert "shop" not in client.get(RECORD).context["form"].fields  # there is only one to choose


def test_of_several_such_shops_one_can_be_chosen(client: Client, supplier: Shop, agent: User) -> None:
    second = ShopFactory(marketplace="crux_timp", region="US", name="Harbor Supply")
    agent.memberships.create(shop=second, role=Role.AGENT)
    ordered(supplier, "SAME-1")
    ordered(second, "SAME-2")
    assert found(client, "?q=same") == {"SAME-1", "SAME-2"}
    assert found(client, f"?q=same&shop={second.pk}") == {"SAME-2"}
    assert found(client, f"?q=same&shop={ShopFactory().pk}") == set()


def test_matches_come_alone_while_somebody_types(client: Client, order: Order) -> None:
    fragment = client.get(f"{RECORD}?q=NG", headers=HTMX).content.decode()
    assert '<section id="matches"' in fragment
    assert "<html" not in fragment
    assert url("record_request", order.pk) in fragment


def test_the_page_says_why_it_exists(client: Client, supplier: Shop) -> None:
    assert "lists no requests to cancel" in words_of(client.get(RECORD))


def test_whoever_has_no_such_shop_is_told_that_there_is_nothing_to_record(client: Client, shop: Shop) -> None:
    client.force_login(member(Role.AGENT, shop))
    assert "There is nothing to record" in words_of(client.get(RECORD))


def test_matches_cost_the_same_queries_however_many(
    client: Client, supplier: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        ordered(supplier, f"NG-{number}")
    with django_assert_max_num_queries(8):
        client.get(RECORD)


def test_the_way_there_is_shown_to_agents_of_such_shops_alone(client: Client, supplier: Shop, shop: Shop) -> None:
    assert RECORD in words_of(client.get("/"))
    client.force_login(member(Role.VIEWER, supplier))
    assert RECORD not in words_of(client.get("/"))
    client.force_login(member(Role.MANAGER, shop))
    assert RECORD not in words_of(client.get("/"))


def test_an_order_leads_there_while_something_of_it_is_open(
    client: Client, supplier: Shop, shop: Shop, order: Order
) -> None:
    ways = [url("record_request", one.pk) for one in (order, ordered(shop, "L-1"), OrderFactory(shop=shop))]
    pages = [words_of(client.get(one.get_absolute_url())) for one in Order.objects.order_by("pk")]
    assert [way in page for way, page in zip(ways, pages, strict=True)] == [True, False, False]
    client.force_login(member(Role.VIEWER, supplier))
    assert ways[0] not in words_of(client.get(order.get_absolute_url()))


def test_the_form_shows_what_is_still_open_of_each_line(client: Client, order: Order) -> None:
    LineItemFactory(order=order, product_name="Enamel mug", is_cancelled=True)
    page = words_of(client.get(url("record_request", order.pk)))
    for told in ("NG-104417", "Trail lantern", "3 open", "2 of 10 cancelled, 1 shipped, 7 open", "Europe/Berlin"):
        assert told in page, told
    assert "all 2 lines" in page
    assert "Enamel mug" not in page
    assert "the order itself" not in page  # it is announced, nobody hears it


def test_a_whole_order_is_written_down(client: Client, order: Order, agent: User) -> None:
    answer = client.post(
        url("record_request", order.pk),
        sent(through="phone", asked_at="2026-05-01T09:30", note="Ms Ruiz rang."),
        follow=True,
    )
    made = CancellationRequest.objects.get()
    assert answer.redirect_chain == [(made.get_absolute_url(), 302)]
    assert (made.line_item, made.heard_through, made.note, made.recorded_by) == (None, "phone", "Ms Ruiz rang.", agent)
    assert made.created_at == datetime(2026, 5, 1, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert "Recorded. It waits for an answer in the queue." in words_of(answer)


def test_one_line_is_written_down(client: Client, order: Order) -> None:
    client.post(url("record_request", order.pk), sent(line_item=str(line(order, "stool").pk)))
    made = CancellationRequest.objects.get()
    assert made.line_item == line(order, "stool")
    assert [(one.product_name, one.quantity) for one in made.lines.all()] == [("Camp stool", 7)]


def test_an_order_of_one_line_is_asked_about_as_a_whole(client: Client, supplier: Shop) -> None:
    single = LineItemFactory(order=OrderFactory(shop=supplier, status="Unallocated")).order
    page = words_of(client.get(url("record_request", single.pk)))
    assert page.count('name="line_item"') == 1
    assert 'id="what-order" checked' in page


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"line_item": ""}, "line_item", "Choose the whole order or one of its lines."),
        ({"line_item": "999999"}, "line_item", "not part of the order"),
        ({"through": "pigeon"}, "through", "Select a valid choice"),
        ({"through": "order"}, "through", "Select a valid choice"),
        ({"asked_at": ""}, "asked_at", "This field is required"),
        ({"asked_at": "yesterday"}, "asked_at", "Enter a date and a time."),
        ({"asked_at": "2999-01-01T00:00"}, "asked_at", "This is in the future."),
        ({"note": "x" * 2001}, "note", "at most 2000 characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    client: Client, order: Order, wrong: dict[str, str], field: str, words: str
) -> None:
    answer = client.post(url("record_request", order.pk), sent(**{"note": "Ms Ruiz rang.", **wrong}))
    assert answer.status_code == 422
    assert any(words in error for error in answer.context["form"].errors[field])
    assert words in words_of(answer)
    assert "note" in wrong or "Ms Ruiz rang." in words_of(answer)
    assert not CancellationRequest.objects.exists()


def test_a_line_of_another_order_is_not_taken(client: Client, supplier: Shop, order: Order) -> None:
    foreign = line(ordered(supplier, "OTHER"), "lantern")
    assert client.post(url("record_request", order.pk), sent(line_item=str(foreign.pk))).status_code == 422


def test_a_second_record_of_the_same_leads_to_the_first(client: Client, order: Order, supplier: Shop) -> None:
    colleague = member(Role.AGENT, supplier, first_name="Grace")
    first = written_down(order, colleague)
    assert first.get_absolute_url() in words_of(client.get(url("record_request", order.pk)))
    answer = client.post(url("record_request", order.pk), sent(), follow=True)
    assert answer.redirect_chain == [(first.get_absolute_url(), 302)]
    assert "Grace has recorded this request already" in words_of(answer)
    assert CancellationRequest.objects.count() == 1


def test_where_nothing_is_open_there_is_no_form(client: Client, supplier: Shop) -> None:
    done = LineItemFactory(order=OrderFactory(shop=supplier), is_shipped=True).order
    page = words_of(client.get(url("record_request", done.pk)))
    assert "Nothing of this order can be cancelled any more." in page
    assert "<textarea" not in page


def test_where_the_marketplace_lists_requests_there_is_nothing_to_record(client: Client, shop: Shop) -> None:
    answer = client.post(url("record_request", ordered(shop, "L-1").pk), sent(), follow=True)
    assert "Nothing was recorded." in words_of(answer)
    assert not CancellationRequest.objects.exists()
