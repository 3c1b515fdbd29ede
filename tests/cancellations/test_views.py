"""The queue, a request's page, the verdicts' forms and the decision, as a browser without and with htmx sees them."""

import base64
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations import live
from cancellations.models import CancellationRequest, Decision, Verdict
from marketplaces.errors import Refused, TemporaryFailure
from marketplaces.records import HandoverOptions, Money, RefundParts, RejectReason, ShippingProvider
from shops.models import Role, Shop
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    at,
    member,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
State = Decision.State
REASONS = [RejectReason("packed", "Product has been packed"), RejectReason("agreed", "Reached an agreement")]


@pytest.fixture
def shop() -> Shop:
    return ShopFactory(name="Kettle & Co")


@pytest.fixture
def american() -> Shop:
    return ShopFactory(name="Juniper & Oak", region="US", time_zone="America/Los_Angeles")


@pytest.fixture
def agent(shop: Shop, american: Shop) -> User:
    return member(Role.AGENT, shop, american)


@pytest.fixture(autouse=True)
def signed_in(client: Client, agent: User) -> None:
    client.force_login(agent)


@pytest.fixture(autouse=True)
def marketplace_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: REASONS)
    monkeypatch.setattr(live, "handover_options", lambda order: HandoverOptions(can_pickup=True, can_drop_off=True))
    monkeypatch.setattr(live, "shipping_providers", lambda order: [ShippingProvider("7117858858072016686", "USPS")])
    monkeypatch.setattr(live, "eligibility", lambda order: [])


def asked(shop: Shop, **columns: object) -> CancellationRequest:
    """A waiting request with one line."""
    line = CancellationLineFactory(cancellation=CancellationFactory(order=OrderFactory(shop=shop), **columns))
    return line.cancellation


def text_of(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined, no-any-return]


def url(name: str, pk: int) -> str:
    return reverse(f"cancellations:{name}", args=[pk])


def picture(size: tuple[int, int] = (200, 200), name: str = "proof.png") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue(), "image/png")


# --- the queue --------------------------------------------------------------------------------------------------------


def test_the_queue_shows_what_silence_decides_first_first(client: Client, shop: Shop) -> None:
    now = timezone.now()
    later = asked(shop, deadline=now + timedelta(hours=30))
    never = asked(shop, deadline=None)
    soon = asked(shop, deadline=now + timedelta(minutes=20))
    settled = asked(shop, needs_answer=False, state="completed")
    page = text_of(client.get("/"))
    positions = [page.index(row.order_marketplace_id) for row in (soon, later, never)]
    assert positions == sorted(positions)
    assert settled.order_marketplace_id not in page
    assert "approves itself" in page


def test_the_queue_is_narrowed_by_its_address(client: Client, shop: Shop, american: Shop) -> None:
    british, us = asked(shop), asked(american, deadline=timezone.now() + timedelta(hours=1))
    over = asked(shop, deadline=timezone.now() - timedelta(minutes=1))
    settled = asked(shop, needs_answer=False, state="closed")
    decided = asked(shop)
    DecisionFactory(cancellation=decided)
    everything = {british, us, over, settled, decided}

    def shown(query: str) -> set[CancellationRequest]:
        page = text_of(client.get(f"/?{query}"))
        return {row for row in everything if f'id="row-{row.pk}"' in page}

    assert shown("") == everything - {settled}
    assert shown("state=all") == everything
    assert shown("state=closed") == {settled}
    assert shown(f"shop={american.pk}") == {us}
    assert shown("market=US") == {us}
    assert shown("left=over") == {over}
    assert shown("left=soon") == {us}
    assert shown(f"q={british.order_marketplace_id}") == {british}
    assert shown("decision=under_way") == {decided}
    assert shown("decision=undecided") == everything - {settled, decided}


def test_a_strangers_shop_in_the_address_shows_nothing_and_says_so(client: Client, shop: Shop) -> None:
    mine = asked(shop)
    page = text_of(client.get(f"/?shop={ShopFactory().pk}"))
    assert mine.order_marketplace_id not in page
    assert "errorlist" in page


def test_bands_count_what_waits_whichever_is_chosen(client: Client, shop: Shop) -> None:
    for hours in (-1, 1, 3, 30, 40):
        asked(shop, deadline=timezone.now() + timedelta(hours=hours))
    for query in ("", "?left=over"):
        bands = client.get(f"/{query}").context["bands"]
        assert [(name, count) for name, _words, count in bands] == [
            ("", 5), ("over", 1), ("soon", 1), ("today", 1), ("later", 2),
        ]  # fmt: skip


def test_an_empty_queue_and_a_search_without_a_find_say_different_things(client: Client) -> None:
    assert "Nothing waits for you" in text_of(client.get("/"))
    assert "Clear the filters" in text_of(client.get("/?q=nothing"))


def test_the_american_notice_stands_where_american_requests_wait(client: Client, shop: Shop, american: Shop) -> None:
    asked(shop)
    assert "31 March 2024" not in text_of(client.get("/"))
    asked(american)
    page = text_of(client.get("/"))
    assert "31 March 2024" in page
    assert "us-only-order-cancellation-workflow-updates" in page
    assert "31 March 2024" not in text_of(client.get("/?market=GB"))


def test_stalled_decisions_stand_above_the_queue(client: Client, shop: Shop) -> None:
    settled = asked(shop, needs_answer=False, state="closed")
    DecisionFactory(cancellation=settled, state=State.STALLED, stalled_because="disagreement")
    assert settled.order_marketplace_id in text_of(client.get("/"))


@pytest.mark.parametrize(
    ("number", "words"), [(1, "One decision needs"), (4, "4 decisions need"), (22, "More than 20 decisions need")]
)
def test_many_stalled_decisions_leave_the_queue_in_sight(client: Client, shop: Shop, number: int, words: str) -> None:
    for _ in range(number):
        DecisionFactory(cancellation=asked(shop), state=State.STALLED, stalled_because="disagreement")
    page = text_of(client.get("/"))
    assert words in page
    assert ("Show the others" in page) == (number > 3)


def test_the_queue_says_in_which_order_it_is(client: Client, shop: Shop) -> None:
    asked(shop)
    first, newest = "What silence decides first", "Newest first."
    assert [words in text_of(client.get("/")) for words in (first, newest)] == [True, False]
    assert [words in text_of(client.get("/?state=all")) for words in (first, newest)] == [False, True]


def test_a_word_of_the_marketplace_is_said_once(client: Client, shop: Shop) -> None:
    row = asked(shop, needs_answer=False, state="unknown", status="LIMBO")
    page = text_of(client.get(row.get_absolute_url()))
    assert page.count("LIMBO") == 2  # as the state, and as what the marketplace says


def test_cancelling_items_belongs_to_the_orders(client: Client, shop: Shop) -> None:
    order = LineItemFactory(order=OrderFactory(shop=shop, is_cancel_requested=False)).order
    page = client.get(f"/orders/{order.pk}/cancel-items/").content.decode()
    assert page.count("aria-current") == 1
    assert 'aria-current="true">Orders' in page


def test_pages_of_the_queue_hold_every_request_once_and_lead_back(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    deadline = timezone.now() + timedelta(hours=3)
    rows = [CancellationFactory(order=order, deadline=deadline if n < 70 else None) for n in range(120)]
    seen: list[int] = []
    token, tokens = "", []
    while True:
        page = client.get("/", {"page": token} if token else {}).context["page"]
        seen += [row.pk for row in page.rows]
        tokens.append(page.previous)
        token = page.next
        if not token:
            break
    assert (len(seen), set(seen)) == (120, {row.pk for row in rows})
    back = client.get("/", {"page": tokens[-1]}).context["page"]
    assert [row.pk for row in back.rows] == seen[50:100]
    first = client.get("/", {"page": back.previous}).context["page"]
    assert ([row.pk for row in first.rows], first.previous) == (seen[:50], "")


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "W10",
        "WzEsMiwzLDRd",
        "bnVsbA",
        encoded("[" * 5000),
        encoded('[false, "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00+00:00", 1]'),
        encoded('[false, "0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00+00:00", 1]'),
        encoded('[false, "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", 1]'),
        encoded('[false, "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00", true]'),
    ],
    ids=range(10),
)
def test_a_page_token_that_was_tampered_with_gives_the_first_page(client: Client, shop: Shop, token: str) -> None:
    row = asked(shop)
    assert row.order_marketplace_id in text_of(client.get("/", {"page": token}))


def test_the_queue_costs_the_same_queries_however_many_rows(
    client: Client, shop: Shop, american: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for one in (shop, american):
        for _ in range(12):
            DecisionFactory(cancellation=asked(one))
    with django_assert_max_num_queries(16):
        client.get("/")


def test_htmx_gets_the_list_alone(client: Client, shop: Shop) -> None:
    asked(shop)
    fragment = text_of(client.get("/", headers=HTMX))
    assert fragment.lstrip().startswith('<section id="queue"')
    assert "<html" not in fragment
    assert "<html" in text_of(client.get("/", headers={**HTMX, "HX-History-Restore-Request": "true"}))


# --- a request's page -------------------------------------------------------------------------------------------------


def test_a_request_tells_all_that_is_needed_to_decide(client: Client, american: Shop) -> None:
    row = asked(american, deadline=at("2026-05-02 03:00"), created_at=at("2026-05-01 03:00"), currency="USD")
    with time_machine.travel(at("2026-05-01 20:00"), tick=False):
        page = text_of(client.get(row.get_absolute_url()))
    for told in (
        "Order created by mistake", "Cotton tote bag", "TOTE-BLK", "$26.98", "7 h 00 min",
        "1 May 20:00", "America/Los_Angeles", "tomorrow 03:00", "31 March 2024",
    ):  # fmt: skip
        assert told in page, told


def test_unknown_states_are_shown_as_the_marketplace_words_them(client: Client, shop: Shop) -> None:
    row = asked(shop, state="unknown", status="CANCELLATION_IN_LIMBO", needs_answer=False)
    assert "CANCELLATION_IN_LIMBO" in text_of(client.get(row.get_absolute_url()))
    assert "CANCELLATION_IN_LIMBO" in text_of(client.get("/?state=all"))


def test_rupiah_have_no_decimals(client: Client, shop: Shop) -> None:
    row = asked(shop, currency="IDR", refund_total=Decimal(2054600), refund_subtotal=Decimal(2054600))
    assert "IDR 2,054,600<" in text_of(client.get(row.get_absolute_url())).replace("\N{NO-BREAK SPACE}", " ")


def test_viewers_read_a_request_and_are_offered_nothing(client: Client, shop: Shop) -> None:
    row = asked(shop)
    client.force_login(member(Role.VIEWER, shop))
    page = text_of(client.get(row.get_absolute_url()))
    assert 'action="/cancellations/' not in page
    assert "takes the role of an agent" in page


def test_a_request_costs_a_fixed_number_of_queries(
    client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = asked(shop)
    CancellationLineFactory.create_batch(12, cancellation=row)
    DecisionFactory(cancellation=row, state=State.WITHDRAWN)
    DecisionFactory(cancellation=row)
    with django_assert_max_num_queries(15):
        client.get(row.get_absolute_url())


def test_text_from_buyers_is_never_markup(client: Client, shop: Shop) -> None:
    row = asked(shop, reason_text="<script>alert(1)</script>")
    page = text_of(client.get(row.get_absolute_url()))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- the verdicts -----------------------------------------------------------------------------------------------------


def test_approving_works_without_scripts(client: Client, shop: Shop, agent: User) -> None:
    row = asked(shop)
    assert "Approve the cancellation" in text_of(client.get(url("approve", row.pk)))
    answer = client.post(url("approve", row.pk))
    decision = Decision.objects.get()
    assert (decision.verdict, decision.made_by, decision.cancellation) == (Verdict.APPROVE, agent, row)
    assert answer["Location"] == f"{row.get_absolute_url()}#answer"
    page = text_of(client.get(answer["Location"]))
    assert "Undo" in page
    assert 'id="verdicts"' not in page


def test_approving_with_htmx_answers_with_the_decision_that_follows_itself(client: Client, shop: Shop) -> None:
    row = asked(shop)
    answer = client.post(url("approve", row.pk), headers=HTMX)
    fragment = text_of(answer)
    assert fragment.lstrip().startswith('<section id="decision"')
    assert "every 1500ms" in fragment
    assert answer["HX-Trigger"] == "moved"


def test_a_second_click_shows_what_the_first_one_did(client: Client, shop: Shop) -> None:
    row = asked(shop)
    first = text_of(client.post(url("approve", row.pk), headers=HTMX))
    second = text_of(client.post(url("approve", row.pk), headers=HTMX))
    assert Decision.objects.count() == 1
    assert "Approve: recorded" in first
    assert "Approve: recorded" in second
    assert "has decided already" not in second


def test_a_colleague_who_was_faster_is_named(client: Client, shop: Shop) -> None:
    row = asked(shop)
    colleague = member(Role.AGENT, shop, first_name="Grace")
    DecisionFactory(cancellation=row, made_by=colleague)
    fragment = text_of(client.post(url("reject", row.pk), {"reason": "packed"}, headers=HTMX))
    assert "Grace has decided already" in fragment
    assert Decision.objects.count() == 1
    answer = client.post(url("reject", row.pk), {"reason": "packed"}, follow=True)
    assert "Grace has decided already" in text_of(answer)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_form_about_a_request_settled_meanwhile_sends_nothing(client: Client, shop: Shop, htmx: bool) -> None:
    row = asked(shop, needs_answer=False, state="closed")
    answer = client.post(url("approve", row.pk), headers=HTMX if htmx else None, follow=True)
    assert "Nothing was sent." in text_of(answer)
    assert "closed" in text_of(answer)
    assert not Decision.objects.exists()


def test_rejecting_takes_reason_comment_and_images(
    client: Client, shop: Shop, settings: object, tmp_path: object
) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    row = asked(shop)
    form = text_of(client.get(url("reject", row.pk)))
    assert "Product has been packed" in form
    answer = client.post(
        url("reject", row.pk), {"reason": "packed", "comment": "Packed at nine.", "images": [picture(), picture()]}
    )
    decision = Decision.objects.get()
    assert answer.status_code == 302
    assert (decision.reason, decision.reason_text) == ("packed", "Product has been packed")
    assert decision.comment == "Packed at nine."
    proof = decision.evidence.all()
    assert [(image.width, image.height) for image in proof] == [(200, 200), (200, 200)]
    shown = client.get(url("evidence", proof[0].pk))
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert b"".join(shown).startswith(b"\x89PNG")
    client.force_login(member(Role.MANAGER, ShopFactory()))
    assert client.get(url("evidence", proof[0].pk)).status_code == 404


FAKE = SimpleUploadedFile("fake.png", b"<svg onload=alert(1)>", "image/png")
TINY = picture((40, 40), "tiny.png")
MANY = [picture() for _ in range(10)]


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({}, "reason", "Choose a reason"),
        ({"reason": "another"}, "reason", "does not take this reason"),
        ({"reason": "packed", "comment": "x" * 501}, "comment", "At most 500 characters; this has 501."),
        ({"reason": "packed", "comment": "a\x00b"}, "comment", "Null characters"),
        ({"reason": "packed", "images": FAKE}, "images", "fake.png is not an image"),
        ({"reason": "packed", "images": TINY}, "images", "tiny.png is 40 × 40 pixels"),
        ({"reason": "packed", "images": MANY}, "images", "At most 9 images; these are 10."),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_what_is_wrong_with_a_rejection_is_said_at_its_field(
    client: Client, shop: Shop, sent: dict[str, object], field: str, words: str, htmx: bool
) -> None:
    row = asked(shop)
    for upload in (FAKE, TINY, *MANY):
        upload.seek(0)
    answer = client.post(url("reject", row.pk), sent, headers=HTMX if htmx else None)
    assert answer.status_code == 422
    assert any(words in error for error in answer.context["form"].errors[field])
    assert words in text_of(answer)
    assert not Decision.objects.exists()


def test_an_image_that_is_too_large_is_refused_at_its_field(client: Client, shop: Shop) -> None:
    row = asked(shop)
    large = SimpleUploadedFile("large.png", b"\x89PNG" + b"0" * 10_000_001, "image/png")
    answer = client.post(url("reject", row.pk), {"reason": "packed", "comment": "Typed.", "images": large})
    assert "at most 10 MB" in text_of(answer)
    assert "Typed." in text_of(answer)
    assert not Decision.objects.exists()


def test_a_marketplace_that_does_not_answer_gets_a_word_and_a_retry_instead_of_a_form(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise TemporaryFailure("Read timed out.", code="36009003", request_id="20240101abc")

    monkeypatch.setattr(live, "reject_reasons", silent)
    row = asked(shop)
    for headers in ({}, HTMX):
        page = text_of(client.get(url("reject", row.pk), headers=headers))
        assert "The marketplace does not answer" in page
        assert "20240101abc" in page
        assert "Try again" in page
        assert "<textarea" not in page
    answer = client.post(url("reject", row.pk), {"reason": "packed", "comment": "Half an hour of typing."})
    assert answer.status_code == 422
    assert "Half an hour of typing." in text_of(answer)
    assert not Decision.objects.exists()


def test_where_reject_is_over_its_form_is_refused_with_the_rule(client: Client, american: Shop) -> None:
    row = asked(american)
    fragment = text_of(client.post(url("reject", row.pk), {"reason": "packed"}, headers=HTMX))
    assert "Nothing was sent." in fragment
    assert "March 31, 2024" in fragment
    assert "us-only-order-cancellation-workflow-updates" in fragment
    assert not Decision.objects.exists()


def test_before_that_day_reject_is_offered_with_the_days_left(client: Client, american: Shop) -> None:
    with time_machine.travel(at("2024-03-28 20:00"), tick=False):
        row = asked(american, deadline=at("2024-03-29 20:00"))
        client.force_login(member(Role.AGENT, american))
        page = text_of(client.get(row.get_absolute_url()))
        assert "3 days" in page
        assert client.post(url("reject", row.pk), {"reason": "packed"}).status_code == 302


def test_shipping_rejects_only_where_the_market_says_so(client: Client, shop: Shop) -> None:
    row = asked(shop)
    assert "Only in the US" in text_of(client.post(url("ship", row.pk), headers=HTMX))
    assert not Decision.objects.exists()


def test_a_parcel_of_the_marketplaces_carrier_is_handed_over(client: Client, american: Shop) -> None:
    row = asked(american)
    PackageFactory(order=row.order)
    wrong = client.post(url("ship", row.pk), {"way": "BY_PIGEON"}, headers=HTMX)
    assert "not on offer" in text_of(wrong)
    client.post(url("ship", row.pk), {"way": "DROP_OFF"})
    assert Decision.objects.get().shipment["handover_method"] == "DROP_OFF"


def test_a_parcel_of_the_sellers_carrier_needs_its_number(client: Client, american: Shop) -> None:
    order = OrderFactory(shop=american, shipping_type="seller")
    row = CancellationFactory(order=order)
    wrong = client.post(url("ship", row.pk), {"shipping_provider_id": "1"})
    assert wrong.context["form"].errors.keys() == {"shipping_provider_id", "tracking_number"}
    client.post(url("ship", row.pk), {"shipping_provider_id": "7117858858072016686", "tracking_number": "9400"})
    shipment = Decision.objects.get().shipment
    assert (shipment["tracking_number"], shipment["shipping_provider_id"]) == ("9400", "7117858858072016686")


# --- the decision -----------------------------------------------------------------------------------------------------


def test_a_decision_is_told_only_when_there_is_something_new(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), send_after=timezone.now() + timedelta(seconds=60))
    address = url("decision", decision.pk)
    seen = client.get(address).context["seen"]
    assert client.get(address, {"seen": seen}, headers=HTMX).status_code == 204
    Decision.objects.update(state=State.CONFIRMED, settled_at=timezone.now())
    settled = client.get(address, {"seen": seen}, headers=HTMX)
    assert "Approve: confirmed" in text_of(settled)
    assert "hx-trigger" not in text_of(settled).partition(">")[0]


def test_a_decision_is_taken_back(client: Client, shop: Shop, agent: User) -> None:
    decision = DecisionFactory(
        cancellation=asked(shop), made_by=agent, send_after=timezone.now() + timedelta(seconds=60)
    )
    answer = client.post(url("undo", decision.pk), headers=HTMX)
    assert "Approve: withdrawn" in text_of(answer)
    assert "Decide anew" in text_of(answer)
    decision.refresh_from_db()
    assert decision.state == State.WITHDRAWN


def test_too_late_to_take_back_says_so(client: Client, shop: Shop, agent: User) -> None:
    decision = DecisionFactory(cancellation=asked(shop), made_by=agent, state=State.SENDING)
    for how in ({"headers": HTMX}, {"follow": True}):
        assert "Too late to take it back" in text_of(client.post(url("undo", decision.pk), **how))


def test_others_decisions_are_not_taken_back_by_agents(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), send_after=timezone.now() + timedelta(seconds=60))
    assert "Undo" not in text_of(client.get(url("decision", decision.pk)))
    assert client.post(url("undo", decision.pk)).status_code == 403


def test_a_refused_decision_shows_the_marketplaces_words_and_the_verdicts_again(client: Client, shop: Shop) -> None:
    row = asked(shop)
    DecisionFactory(
        cancellation=row, state=State.REFUSED, code="25020009", message="Reason not allowed", request_id="202411abc"
    )
    page = text_of(client.get(row.get_absolute_url()))
    for told in ("25020009", "Reason not allowed", "202411abc", 'id="verdicts"'):
        assert told in page


@pytest.mark.parametrize("why", Decision.Stalled.values)
def test_a_stalled_decision_says_what_to_do(client: Client, shop: Shop, why: str) -> None:
    row = asked(shop)
    decision = DecisionFactory(cancellation=row, state=State.STALLED, stalled_because=why)
    page = text_of(client.get(row.get_absolute_url()))
    assert "What to do" in page
    assert url("ask_again", decision.pk) in page
    assert url("set_aside", decision.pk) not in page
    client.force_login(member(Role.MANAGER, shop))
    assert url("set_aside", decision.pk) in text_of(client.get(row.get_absolute_url()))


def test_a_manager_sets_aside_with_a_note(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), state=State.STALLED, stalled_because="outcome_unknown")
    client.force_login(member(Role.MANAGER, shop))
    empty = client.post(url("set_aside", decision.pk), {"note": " "})
    assert empty.status_code == 422
    assert "Say what you found" in text_of(empty)
    client.post(url("set_aside", decision.pk), {"note": "The buyer called."})
    decision.refresh_from_db()
    assert (decision.state, decision.note) == (State.SET_ASIDE, "The buyer called.")


def test_a_stalled_decision_is_asked_about_again(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), state=State.STALLED, stalled_because="outcome_unknown")
    assert "Approve: sending" in text_of(client.post(url("ask_again", decision.pk), headers=HTMX))
    assert "there is nothing to ask" in text_of(client.post(url("ask_again", decision.pk), follow=True))


# --- cancelling items of an order -------------------------------------------------------------------------------------

OUT_OF_STOCK = "seller_cancel_reason_out_of_stock_uk"
WRONG_PRICE = "seller_cancel_reason_wrong_price_uk"


def refund_of(amount: str) -> RefundParts:
    nothing = Money(Decimal(0), "GBP")
    return RefundParts(Money(Decimal(amount), "GBP"), Money(Decimal(amount), "GBP"), nothing, nothing, nothing)


def test_items_are_cancelled_by_line(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    first, second = LineItemFactory.create_batch(2, order=order)
    page = text_of(client.get(url("cancel_items", order.pk)))
    assert page.count('name="items"') == 2
    answer = client.post(url("cancel_items", order.pk), {"items": [second.pk], "reason": OUT_OF_STOCK})
    decision = Decision.objects.get()
    assert answer["Location"] == url("decision", decision.pk)
    assert [(line.line_item, line.quantity) for line in decision.lines.all()] == [(second, 1)]
    assert "Cancel items: recorded" in text_of(client.get(answer["Location"]))
    assert first.marketplace_id
    again = client.post(url("cancel_items", order.pk), {"items": [second.pk], "reason": OUT_OF_STOCK})
    assert again["Location"] == url("decision", decision.pk)


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        (lambda mine, foreign: {"reason": OUT_OF_STOCK}, "items", "Choose at least one item."),
        (lambda mine, foreign: {"items": [foreign], "reason": OUT_OF_STOCK}, "items", "not part of this order"),
        (lambda mine, foreign: {"items": ["'; --"], "reason": OUT_OF_STOCK}, "items", "not part of this order"),
        (lambda mine, foreign: {"items": [mine]}, "reason", "Choose a reason."),
        (lambda mine, foreign: {"items": [mine], "reason": "because"}, "reason", "does not fit"),
        (lambda mine, foreign: {"items": [mine], "reason": WRONG_PRICE}, "reason", "does not fit"),
    ],
)
def test_what_is_wrong_with_items_is_said_at_its_field(
    client: Client, shop: Shop, sent: Callable[[int, int], dict[str, object]], field: str, words: str
) -> None:
    order = OrderFactory(shop=shop)
    mine, _ = LineItemFactory.create_batch(2, order=order)
    foreign = LineItemFactory()
    answer = client.post(url("cancel_items", order.pk), sent(mine.pk, foreign.pk))
    assert answer.status_code == 422
    assert any(words in error for error in answer.context["form"].errors[field])
    assert words in text_of(answer)
    assert not Decision.objects.exists()


def test_a_quantity_beyond_the_line_is_refused_at_its_field(client: Client, shop: Shop) -> None:
    order = OrderFactory(shop=shop)
    line = LineItemFactory(order=order, quantity=3)
    sent = {"items": [line.pk], "reason": OUT_OF_STOCK, f"quantity_{line.pk}": 4}
    answer = client.post(url("cancel_items", order.pk), sent)
    assert f"quantity_{line.pk}" in answer.context["form"].errors
    client.post(url("cancel_items", order.pk), {**sent, f"quantity_{line.pk}": 2})
    assert Decision.objects.get().lines.get().quantity == 2


def test_the_refund_is_shown_with_and_without_scripts(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "refund_preview", lambda order, items, reason: refund_of("12.00"))
    line = LineItemFactory(order=OrderFactory(shop=shop))
    sent = {"items": [line.pk], "reason": OUT_OF_STOCK}
    assert "£12.00" in text_of(client.post(url("refund", line.order.pk), sent, headers=HTMX))
    assert "£12.00" in text_of(client.post(url("cancel_items", line.order.pk), {**sent, "preview": "1"}))
    assert "Choose items and a reason" in text_of(client.post(url("refund", line.order.pk), {}, headers=HTMX))
    assert not Decision.objects.exists()


def test_items_can_be_chosen_though_the_marketplace_does_not_answer(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise Refused("System busy", code="36009009")

    monkeypatch.setattr(live, "eligibility", silent)
    monkeypatch.setattr(live, "refund_preview", silent)
    line = LineItemFactory(order=OrderFactory(shop=shop))
    assert "could not be asked" in text_of(client.get(url("cancel_items", line.order.pk)))
    sent = {"items": [line.pk], "reason": OUT_OF_STOCK}
    assert "could not say what the refund" in text_of(client.post(url("refund", line.order.pk), sent))


def test_where_a_buyer_has_asked_the_request_is_to_be_answered_instead(client: Client, shop: Shop) -> None:
    row = asked(shop)
    assert row.order
    LineItemFactory(order=row.order)
    page = text_of(client.get(url("cancel_items", row.order.pk)))
    assert "answer that request" in page
    assert row.get_absolute_url() in page
    assert "answer that request" in text_of(client.get(url("items_offer", row.order.pk)))
