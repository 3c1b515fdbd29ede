"""Requests that no marketplace lists, on screens: announced, written down, answered without words, closed."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations import live
from cancellations.models import Announcement, CancellationRequest, Decision, Event, Verdict
from cancellations.recording import Heard, record
from orders.models import LineItem, Order
from shops.models import Connection, Role, Shop
from tests.factories import DecisionFactory, LineItemFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
RECORD = reverse("cancellations:record")


@pytest.fixture
def shop() -> Shop:
    """One whose retailers ask by e-mail, because its marketplace lists no requests."""
    return ShopFactory(
        marketplace="crux_timp", region="US", name="Northgate Outfitters", connection__marketplace="crux_timp"
    )


@pytest.fixture
def listed() -> Shop:
    """One whose requests come in by themselves."""
    return ShopFactory(name="Kettle & Co")


@pytest.fixture
def agent(shop: Shop, listed: Shop) -> User:
    return member(Role.AGENT, shop, listed, first_name="Ada", time_zone="Europe/Berlin")


@pytest.fixture(autouse=True)
def signed_in(client: Client, agent: User) -> None:
    client.force_login(agent)


@pytest.fixture(autouse=True)
def marketplace_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "eligibility", lambda order: [])


@pytest.fixture
def order(shop: Shop) -> Order:
    return ordered(shop, "NG-104417")


def ordered(shop: Shop, number: str, **columns: Any) -> Order:
    """Three lanterns and ten stools, of which two are cancelled and one has left."""
    order = OrderFactory(
        shop=shop, number=number, status="Unallocated", currency="USD", is_cancel_requested=False, tax=None, **columns
    )
    LineItemFactory(order=order, product_name="Trail lantern", seller_sku="LNT", quantity=3, status="Unallocated")
    LineItemFactory(
        order=order, product_name="Camp stool", quantity=10, cancelled_quantity=2, shipped_quantity=1, status="Partial"
    )
    return order


def line(order: Order, name: str) -> LineItem:
    return order.lines.get(product_name__contains=name)


def announced(shop: Shop, number: int = 1, **columns: Any) -> Announcement:
    return Announcement.objects.create(
        shop=shop, marketplace_id=str(number), title="Order Cancelled", is_cancellation=True,
        announced_at=timezone.now() - timedelta(minutes=number), **columns,
    )  # fmt: skip


def url(name: str, pk: int) -> str:
    return reverse(f"cancellations:{name}", args=[pk])


def text_of(answer: Any) -> str:
    """The page's words, however they are broken into lines."""
    return " ".join(answer.content.decode().split())


def sent(**columns: Any) -> dict[str, Any]:
    """What the form sends when nothing is changed about its proposals."""
    now = timezone.localtime(timezone=ZoneInfo("Europe/Berlin"))
    return {"line_item": "order", "through": "email", "asked_at": f"{now:%Y-%m-%dT%H:%M}", "note": "", **columns}


def written_down(order: Order, user: User, line_item: LineItem | None = None, **heard: Any) -> CancellationRequest:
    return record(order, line_item, user, Heard(**heard))


# --- finding the order ------------------------------------------------------------------------------------------------


def found(client: Client, query: str) -> set[str]:
    return {order.label for order in client.get(RECORD + query).context["orders"]}


def test_an_order_is_found_by_what_people_call_it_by_its_id_and_by_what_is_in_it(client: Client, shop: Shop) -> None:
    first, other = ordered(shop, "NG-104417"), ordered(shop, "HB-22")
    LineItemFactory(order=other, product_name="Enamel mug")
    assert found(client, "?q=ng-1044") == {first.number}
    assert found(client, f"?q={other.marketplace_id}") == {other.number}
    assert found(client, "?q=enamel") == {other.number}
    assert found(client, "") == {first.number, other.number}
    assert found(client, "?q=nothing") == set()
    assert "No order fits this" in text_of(client.get(f"{RECORD}?q=nothing"))


def test_without_a_word_only_orders_are_shown_of_which_something_may_be_open(client: Client, shop: Shop) -> None:
    gone = ordered(shop, "GONE-1", is_shipped=True)
    assert found(client, "") == set()
    assert found(client, "?q=gone") == {gone.number}


def test_only_shops_whose_requests_are_recorded_by_hand_are_looked_through(
    client: Client, shop: Shop, listed: Shop
) -> None:
    ordered(listed, "SAME-1")
    ordered(ShopFactory(marketplace="crux_timp", region="US"), "SAME-2")  # a stranger's
    assert found(client, "?q=same") == set()
    assert "shop" not in client.get(RECORD).context["form"].fields  # there is only one to choose


def test_of_several_such_shops_one_can_be_chosen(client: Client, shop: Shop, agent: User) -> None:
    second = ShopFactory(marketplace="crux_timp", region="US", name="Harbor Supply")
    agent.memberships.create(shop=second, role=Role.AGENT)
    ordered(shop, "SAME-1")
    ordered(second, "SAME-2")
    assert found(client, "?q=same") == {"SAME-1", "SAME-2"}
    assert found(client, f"?q=same&shop={second.pk}") == {"SAME-2"}
    assert found(client, f"?q=same&shop={ShopFactory().pk}") == set()


def test_matches_come_alone_while_somebody_types(client: Client, order: Order) -> None:
    fragment = client.get(f"{RECORD}?q=NG", headers=HTMX).content.decode()
    assert '<section id="matches"' in fragment
    assert "<html" not in fragment
    assert url("record_request", order.pk) in fragment


def test_the_page_says_why_it_exists(client: Client, shop: Shop) -> None:
    assert "lists no requests to cancel" in text_of(client.get(RECORD))


def test_whoever_has_no_such_shop_is_told_that_there_is_nothing_to_record(client: Client, listed: Shop) -> None:
    client.force_login(member(Role.AGENT, listed))
    assert "There is nothing to record" in text_of(client.get(RECORD))


def test_matches_cost_the_same_queries_however_many(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        ordered(shop, f"NG-{number}")
    with django_assert_max_num_queries(8):
        client.get(RECORD)


# --- where it is reached from -----------------------------------------------------------------------------------------


def test_the_way_there_is_shown_to_agents_of_such_shops_alone(client: Client, shop: Shop, listed: Shop) -> None:
    assert RECORD in text_of(client.get("/"))
    client.force_login(member(Role.VIEWER, shop))
    assert RECORD not in text_of(client.get("/"))
    client.force_login(member(Role.MANAGER, listed))
    assert RECORD not in text_of(client.get("/"))


def test_an_order_leads_there_while_something_of_it_is_open(
    client: Client, shop: Shop, listed: Shop, order: Order
) -> None:
    ways = [url("record_request", one.pk) for one in (order, ordered(listed, "L-1"), OrderFactory(shop=shop))]
    pages = [text_of(client.get(one.get_absolute_url())) for one in Order.objects.order_by("pk")]
    assert [way in page for way, page in zip(ways, pages, strict=True)] == [True, False, False]
    client.force_login(member(Role.VIEWER, shop))
    assert ways[0] not in text_of(client.get(order.get_absolute_url()))


# --- writing it down --------------------------------------------------------------------------------------------------


def test_the_form_shows_what_is_still_open_of_each_line(client: Client, order: Order) -> None:
    LineItemFactory(order=order, product_name="Enamel mug", is_cancelled=True)
    page = text_of(client.get(url("record_request", order.pk)))
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
    assert "Recorded. It waits for an answer in the queue." in text_of(answer)


def test_one_line_is_written_down(client: Client, order: Order) -> None:
    client.post(url("record_request", order.pk), sent(line_item=str(line(order, "stool").pk)))
    made = CancellationRequest.objects.get()
    assert made.line_item == line(order, "stool")
    assert [(one.product_name, one.quantity) for one in made.lines.all()] == [("Camp stool", 7)]


def test_an_order_of_one_line_is_asked_about_as_a_whole(client: Client, shop: Shop) -> None:
    single = LineItemFactory(order=OrderFactory(shop=shop, status="Unallocated")).order
    page = text_of(client.get(url("record_request", single.pk)))
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
    assert words in text_of(answer)
    assert "note" in wrong or "Ms Ruiz rang." in text_of(answer)
    assert not CancellationRequest.objects.exists()


def test_a_line_of_another_order_is_not_taken(client: Client, shop: Shop, order: Order) -> None:
    foreign = line(ordered(shop, "OTHER"), "lantern")
    assert client.post(url("record_request", order.pk), sent(line_item=str(foreign.pk))).status_code == 422


def test_a_second_record_of_the_same_leads_to_the_first(client: Client, order: Order, shop: Shop) -> None:
    colleague = member(Role.AGENT, shop, first_name="Grace")
    first = written_down(order, colleague)
    assert first.get_absolute_url() in text_of(client.get(url("record_request", order.pk)))
    answer = client.post(url("record_request", order.pk), sent(), follow=True)
    assert answer.redirect_chain == [(first.get_absolute_url(), 302)]
    assert "Grace has recorded this request already" in text_of(answer)
    assert CancellationRequest.objects.count() == 1


def test_where_nothing_is_open_there_is_no_form(client: Client, shop: Shop) -> None:
    done = LineItemFactory(order=OrderFactory(shop=shop), is_shipped=True).order
    page = text_of(client.get(url("record_request", done.pk)))
    assert "Nothing of this order can be cancelled any more." in page
    assert "<textarea" not in page


def test_where_the_marketplace_lists_requests_there_is_nothing_to_record(client: Client, listed: Shop) -> None:
    answer = client.post(url("record_request", ordered(listed, "L-1").pk), sent(), follow=True)
    assert "Nothing was recorded." in text_of(answer)
    assert not CancellationRequest.objects.exists()


# --- announcements ----------------------------------------------------------------------------------------------------


def test_an_announcement_says_what_is_known_and_what_to_do(client: Client, shop: Shop, order: Order) -> None:
    blind, named = announced(shop, 1), announced(shop, 2, order=order)
    page = text_of(client.get("/"))
    assert "2 announcements to be looked into" in page
    assert "did not say for which order" in page
    assert f"{RECORD}?announcement={blind.pk}" in page
    assert f"{url('record_request', order.pk)}?announcement={named.pk}" in page
    assert "NG-104417</a> says that somebody asks to cancel" in page


def test_viewers_read_announcements_and_strangers_do_not(client: Client, shop: Shop) -> None:
    row = announced(shop)
    client.force_login(member(Role.VIEWER, shop))
    page = text_of(client.get("/"))
    assert "Order Cancelled" in page
    assert url("handle", row.pk) not in page
    assert "Record it" not in page
    client.force_login(member(Role.MANAGER, ShopFactory()))
    assert "Order Cancelled" not in text_of(client.get("/"))


def test_recording_from_an_announcement_takes_it_off_the_list(client: Client, order: Order, shop: Shop) -> None:
    row = announced(shop)
    page = text_of(client.get(f"{RECORD}?announcement={row.pk}"))
    assert f"{url('record_request', order.pk)}?announcement={row.pk}" in page
    client.post(f"{url('record_request', order.pk)}?announcement={row.pk}", sent())
    row.refresh_from_db()
    assert row.cancellation == CancellationRequest.objects.get()
    assert not client.get("/").context["announcements"]


def test_an_announcement_of_what_was_recorded_already_is_looked_into_as_well(
    client: Client, order: Order, shop: Shop, agent: User
) -> None:
    row, first = announced(shop), written_down(order, agent)
    client.post(f"{url('record_request', order.pk)}?announcement={row.pk}", sent())
    row.refresh_from_db()
    assert row.cancellation == first


@pytest.mark.parametrize("token", ["", "x", "²", "-1", "9" * 40])
def test_an_announcement_that_is_none_changes_nothing(client: Client, order: Order, token: str) -> None:
    assert client.get(RECORD, {"announcement": token}).status_code == 200
    answer = client.post(f"{url('record_request', order.pk)}?announcement={token}", sent())
    assert answer.status_code == 302


def test_an_announcement_for_another_shop_stays_where_it_is(client: Client, order: Order, agent: User) -> None:
    second = ShopFactory(marketplace="crux_timp", region="US")
    agent.memberships.create(shop=second, role=Role.AGENT)
    row = announced(second)
    client.post(f"{url('record_request', order.pk)}?announcement={row.pk}", sent())
    assert row in Announcement.objects.waiting()


def test_nothing_to_do_is_noted_with_and_without_scripts(client: Client, shop: Shop, agent: User) -> None:
    one, other = announced(shop, 1), announced(shop, 2)
    fragment = client.post(url("handle", one.pk), headers=HTMX).content.decode()
    assert '<div id="announcements"' in fragment
    assert "<html" not in fragment
    assert "Noted: nothing to do" in fragment
    assert url("handle", one.pk) not in fragment
    assert "Noted: nothing to do" in text_of(client.post(url("handle", other.pk), follow=True))
    other.refresh_from_db()
    assert (other.handled_by, other.cancellation) == (agent, None)


@pytest.mark.parametrize(("number", "words"), [(21, "and one more, older"), (23, "and 3 more, older")])
def test_many_announcements_leave_the_queue_in_sight(client: Client, shop: Shop, number: int, words: str) -> None:
    for one in range(number):
        announced(shop, one)
    page = text_of(client.get("/"))
    assert f"{number} announcements to be looked into" in page
    assert page.count("Nothing to do") == 20
    assert words in page


def test_announcements_cost_the_same_queries_however_many(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for one in range(25):
        announced(shop, one, order=ordered(shop, f"NG-{one}"))
    with django_assert_max_num_queries(6):
        client.get(reverse("cancellations:announcements"))


# --- a recorded request -----------------------------------------------------------------------------------------------


def test_a_recorded_request_tells_how_it_was_heard_and_claims_no_more(
    client: Client, order: Order, agent: User
) -> None:
    made = written_down(order, agent, line(order, "lantern"), through="phone", note="Ms Ruiz rang:\nordered twice.")
    page = text_of(client.get(made.get_absolute_url()))
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
    page = text_of(client.get("/?q=ng-1044"))
    assert f'id="row-{made.pk}"' in page
    for told in ("NG-104417", "no deadline", "nothing happens until you answer", "Ordered twice", "+1 more"):
        assert told in page, told
    assert order.marketplace_id not in page
    assert "No reason can go with it" not in page  # a rule for whoever rejects, and no news on the list


def test_rejecting_without_a_reason_is_a_plain_confirmation(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    page = text_of(client.get(url("reject", made.pk)))
    assert "No reason can go with it" in page
    for field in ("<textarea", 'type="radio"', 'type="file"'):
        assert field not in page
    client.post(url("reject", made.pk))
    assert Decision.objects.get().verdict == Verdict.REJECT


def test_approving_says_what_is_cancelled_and_names_no_refund(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    page = text_of(client.get(url("approve", made.pk)))
    assert "that are still open are cancelled" in page
    assert "Refund:" not in page


def test_a_verdict_that_is_never_offered_is_explained_once(client: Client, order: Order, agent: User) -> None:
    page = text_of(client.get(written_down(order, agent).get_absolute_url()))
    assert page.count("Shipping answers no request") == 1
    assert "rejects the request because of it" not in page


def test_a_rejection_that_nothing_shows_is_not_said_to_be_read_back(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    decision = DecisionFactory(
        cancellation=made, verdict=Verdict.REJECT, state="confirmed", note="The marketplace answered yes."
    )
    Event.objects.create(
        shop=made.shop, cancellation=made, decision=decision, name="decision.confirmed", detail={"verdict": "reject"}
    )
    CancellationRequest.objects.update(state="closed", needs_answer=False)
    page = text_of(client.get(made.get_absolute_url()))
    assert page.count("The marketplace answered yes.") == 2  # at the decision and in the history
    assert "read back, the marketplace shows it" not in page
    assert "Answered from here." in page
    assert "The marketplace says" not in page


# --- closing it -------------------------------------------------------------------------------------------------------


def test_a_request_that_needs_no_answer_is_closed_with_a_note(client: Client, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    assert url("close", made.pk) in text_of(client.get(made.get_absolute_url()))
    page = text_of(client.post(url("close", made.pk), {"note": "Ms Ruiz wants it after all."}, follow=True))
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
    assert '<details id="close" class="card-footer rules" open>' in text_of(answer)
    made.refresh_from_db()
    assert made.needs_answer


def test_closing_is_not_offered_where_it_cannot_be_done(client: Client, shop: Shop, order: Order, agent: User) -> None:
    made = written_down(order, agent)
    DecisionFactory(cancellation=made, made_by=agent)
    assert url("close", made.pk) not in text_of(client.get(made.get_absolute_url()))
    page = text_of(client.post(url("close", made.pk), {"note": "Too late"}, follow=True))
    assert "Nothing was changed. Ada has decided already" in page
    Decision.objects.update(state="withdrawn")
    client.force_login(member(Role.VIEWER, shop))
    assert url("close", made.pk) not in text_of(client.get(made.get_absolute_url()))


def test_a_request_stays_closable_while_the_shop_has_to_be_connected_again(
    client: Client, order: Order, agent: User
) -> None:
    made = written_down(order, agent)
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert url("close", made.pk) in text_of(client.get(made.get_absolute_url()))


# --- items and their quantities ---------------------------------------------------------------------------------------


def test_items_are_cancelled_up_to_what_is_open_and_without_a_reason(client: Client, order: Order) -> None:
    LineItemFactory(order=order, product_name="Enamel mug", quantity=2, cancelled_quantity=2)
    page = text_of(client.get(url("cancel_items", order.pk)))
    for told in ("/ 3", "/ 7", "2 of 10 cancelled, 1 shipped, 7 open", "Items are cancelled by allocating"):
        assert told in page, told
    for absent in ('name="reason"', "refund", "Enamel mug"):
        assert absent not in page, absent
    stool = line(order, "stool")
    too_many = client.post(url("cancel_items", order.pk), {"items": [stool.pk], f"quantity_{stool.pk}": 8})
    assert f"quantity_{stool.pk}" in too_many.context["form"].errors
    client.post(url("cancel_items", order.pk), {"items": [stool.pk], f"quantity_{stool.pk}": 4})
    decision = Decision.objects.get()
    chosen = decision.lines.get()
    assert (decision.reason, chosen.quantity, chosen.cancelled_before) == ("", 4, 2)


def test_without_a_number_all_that_is_open_is_meant(client: Client, order: Order) -> None:
    stool = line(order, "stool")
    client.post(url("cancel_items", order.pk), {"items": [stool.pk]})
    assert Decision.objects.get().lines.get().quantity == 7


def test_a_refund_that_nobody_can_tell_is_not_asked_for(client: Client, order: Order) -> None:
    stool = line(order, "stool")
    assert client.post(url("refund", order.pk), {"items": [stool.pk]}).status_code == 404
    client.post(url("cancel_items", order.pk), {"items": [stool.pk], "preview": "1"})
    assert not Decision.objects.exists()


# --- names ------------------------------------------------------------------------------------------------------------

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SCREENS = [
    *(CHECKOUT / "templates").rglob("*.html"), *(CHECKOUT / "static").glob("*.*"),
    *(path for app in ("cancellations", "orders", "shops") for path in (CHECKOUT / app).rglob("*.py")
      if {path.stem, path.parent.name} & {"views", "forms", "filters", "history", "templatetags"}),
]  # fmt: skip


def test_no_screen_names_a_marketplace() -> None:
    named = re.compile("tiktok|crux", re.IGNORECASE)
    assert len(SCREENS) > 80
    assert [str(path) for path in SCREENS if named.search(path.read_text())] == []
