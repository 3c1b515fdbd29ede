"""Many requests at once, as a browser without scripts and one with htmx sees it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations import batch_work, batches, live
from cancellations.models import Batch, BatchItem, CancellationRequest, Decision, Verdict
from marketplaces.errors import TemporaryFailure
from marketplaces.records import RejectReason
from orders.models import Order
from shops.models import Membership, Role, Shop
from tests.cancellations.views.pages import HTMX, asked, url, words_of, written_down
from tests.factories import CancellationFactory, DecisionFactory, member

pytestmark = pytest.mark.django_db
BATCHES = reverse("cancellations:batches")


@pytest.fixture(autouse=True)
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sent: list[int] = []
    monkeypatch.setattr(batch_work, "nudge", lambda pk, wait=0: sent.append(pk))
    return sent


def proposed(client: Client, *rows: CancellationRequest, verdict: str = "approve", **fields: Any) -> Batch:
    answer = client.post(BATCHES, {"verdict": verdict, "pick": [row.pk for row in rows], **fields})
    batch = Batch.objects.latest("pk")
    assert answer["Location"] == batch.get_absolute_url(), told(answer)
    return batch


def started(client: Client, *rows: CancellationRequest, **fields: Any) -> Batch:
    batch = proposed(client, *rows)
    client.post(batch.get_absolute_url(), fields)
    while Batch.objects.due(timezone.now()).exists():
        batch_work.work(batch.pk)
    batch.refresh_from_db()
    return batch


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def rows_of(batch: Batch) -> set[CancellationRequest]:
    return {item.cancellation for item in batch.items.all()}


class TestChoosing:
    def test_every_row_that_waits_can_be_chosen(self, client: Client, shop: Shop) -> None:
        row, settled = asked(shop), asked(shop, needs_answer=False, state="completed")
        page = words_of(client.get("/?state=all"))
        assert f'name="pick" value="{row.pk}"' in page
        assert f'name="pick" value="{settled.pk}"' not in page

    def test_whoever_decides_nowhere_chooses_nothing(self, client: Client, shop: Shop) -> None:
        asked(shop)
        client.force_login(member(Role.VIEWER, shop))
        assert 'name="pick"' not in words_of(client.get("/"))

    def test_ticked_rows_are_proposed_those_of_other_pages_too(self, client: Client, shop: Shop) -> None:
        here, elsewhere, _not_chosen = (asked(shop) for _ in range(3))
        batch = proposed(client, here, also=f"{elsewhere.pk},nonsense,{10**30},")
        assert rows_of(batch) == {here, elsewhere}

    def test_everything_that_matches_the_filter_is_proposed(self, client: Client, shop: Shop, american: Shop) -> None:
        chosen = [asked(shop) for _ in range(3)]
        asked(american)
        query = f"shop={shop.pk}"
        assert "Everything that matches (3)" in words_of(client.get(f"/?{query}"))
        batch = proposed(client, everything="on", filter=query)
        assert rows_of(batch) == set(chosen)

    def test_the_filter_is_asked_for_what_it_finds_and_never_widens(self, client: Client, shop: Shop) -> None:
        asked(shop)
        answer = client.post(BATCHES, {"verdict": "approve", "everything": "on", "filter": "shop=999999"})
        assert told(answer) == ["None of these requests is here any more."]
        assert not Batch.objects.exists()

    def test_more_than_can_be_answered_at_once_is_refused_in_words(
        self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "MOST", 2)
        for _ in range(4):
            asked(shop)
        answer = client.post(BATCHES, {"verdict": "approve", "everything": "on", "filter": "left=later&q="})
        assert answer["Location"] == "/?left=later&q="
        assert told(answer) == ["At most 2 requests can be answered at once, and these are 4. Narrow the filter."]

    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            ({"verdict": "approve"}, "Choose at least one request first."),
            ({"verdict": "approve", "pick": ["x", "-1", "²"]}, "Choose at least one request first."),
            ({"verdict": "ship_to_reject", "pick": ["1"]}, "not one of the available choices"),
            ({"pick": ["1"]}, "This field is required."),
            ({"verdict": "approve", "everything": "on", "filter": "a\nb: c\0"}, "Null characters are not allowed."),
            ({"verdict": "approve", "everything": "on", "filter": f"q={'x' * 10_000}"}, "at most 10000 characters"),
        ],
    )
    def test_what_makes_no_sense_leads_back_to_the_queue_with_words(
        self, client: Client, sent: dict[str, Any], why: str
    ) -> None:
        answer = client.post(BATCHES, sent)
        assert answer.status_code == 302
        assert why in " ".join(told(answer))

    def test_rows_of_another_shop_are_never_in_it(self, client: Client, shop: Shop) -> None:
        own, foreign = asked(shop), CancellationFactory()
        assert rows_of(proposed(client, own, foreign)) == {own}
        answer = client.post(BATCHES, {"verdict": "approve", "pick": [foreign.pk]})
        assert told(answer) == ["None of these requests is here any more."]


class TestTheSheet:
    def test_it_says_what_will_happen_and_why_not(self, client: Client, shop: Shop, american: Shop) -> None:
        rows = [asked(shop, refund_total=Decimal("10.10")) for _ in range(2)]
        over = asked(american, deadline=timezone.now() - timedelta(minutes=1), currency="USD")
        settled = asked(shop, needs_answer=False, state="completed")
        page = words_of(client.get(proposed(client, *rows, over, settled).get_absolute_url()))
        assert "Approve 3 requests" in page
        assert "<b>3 ×</b> The order is cancelled and the buyer gets the refund." in page
        assert "£20.20" in page
        assert "$26.98" in page
        assert "<b>1 ×</b> This request is settled: refunded." in page
        assert "One is past its deadline" in page

    def test_a_us_rejection_is_left_out_with_the_notice(self, client: Client, shop: Shop, american: Shop) -> None:
        page = words_of(client.get(proposed(client, asked(shop), asked(american), verdict="reject").get_absolute_url()))
        assert "Reject 1 request" in page
        assert "March 31, 2024" in page
        assert "The marketplace&#x27;s notice" in page or "The marketplace's notice" in page

    def test_where_nothing_can_be_done_there_is_nothing_to_press(self, client: Client, american: Shop) -> None:
        batch = proposed(client, asked(american), verdict="reject")
        page = words_of(client.get(batch.get_absolute_url()))
        assert "None of these requests can be answered like this" in page
        assert 'id="start"' not in page
        client.post(batch.get_absolute_url(), {"reason": "packed"})
        batch.refresh_from_db()
        assert not batch.is_started

    def test_what_comes_later_is_not_decided(self, client: Client, shop: Shop) -> None:
        batch = proposed(client, asked(shop), everything="on", filter="")
        later = asked(shop)
        client.post(batch.get_absolute_url())
        batch_work.work(batch.pk)
        assert Decision.objects.get().cancellation != later

    def test_what_was_settled_since_is_not_promised_any_more(self, client: Client, shop: Shop) -> None:
        rows = [asked(shop, refund_total=Decimal("10.10")) for _ in range(3)]
        batch = proposed(client, *rows)
        settled = CancellationRequest.objects.filter(pk__in=[row.pk for row in rows[:2]])
        settled.update(needs_answer=False, state="closed")
        page = words_of(client.get(batch.get_absolute_url()))
        assert "Approve 1 request" in page
        assert 'Refunds in all: <b class="text-nowrap">£10.10</b>' in page
        assert "<b>2 ×</b> This request is settled: closed." in page
        assert (page.count("will be approved"), page.count("left out</span>")) == (1, 2)
        left_out = words_of(client.get(f"{batch.get_absolute_url()}?show=left_out"))
        assert [row.order_label in left_out for row in rows] == [True, True, False]
        waiting = words_of(client.get(f"{batch.get_absolute_url()}?show=waiting"))
        assert [row.order_label in waiting for row in rows] == [False, False, True]

    def test_where_all_was_settled_since_it_says_so_instead_of_starting(self, client: Client, shop: Shop) -> None:
        batch = proposed(client, asked(shop))
        CancellationRequest.objects.update(needs_answer=False, state="closed")
        answer = client.post(batch.get_absolute_url())
        assert answer.status_code == 422
        assert told(answer) == ["None of these requests can be answered like this."]
        assert "This request is settled: closed." in words_of(answer)
        batch.refresh_from_db()
        assert not batch.is_started

    @pytest.mark.parametrize("verdict", ["approve", "reject"])
    def test_a_role_that_was_lost_since_leaves_nothing_to_press(
        self, client: Client, shop: Shop, agent: User, verdict: str
    ) -> None:
        batch = proposed(client, asked(shop), verdict=verdict)
        Membership.objects.filter(user=agent).update(role=Role.VIEWER)
        page = words_of(client.get(batch.get_absolute_url()))
        assert "None of these requests can be answered like this" in page
        assert f"<b>1 ×</b> You would need the permission “{verdict}” in this shop." in page
        assert 'id="start"' not in page

    def test_one_that_is_forgotten_while_it_is_started_leads_back_to_the_queue(
        self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = proposed(client, asked(shop))
        start = batches.start

        def start_what_is_gone(*args: Any) -> bool:
            Batch.objects.all().delete()
            return start(*args)

        monkeypatch.setattr(batches, "start", start_what_is_gone)
        answer = client.post(batch.get_absolute_url())
        assert answer["Location"] == "/"
        assert "Choose the requests again." in told(answer)[0]

    def test_its_rows_can_be_narrowed(self, client: Client, shop: Shop) -> None:
        fine, settled = asked(shop), asked(shop, needs_answer=False)
        batch = proposed(client, fine, settled)
        page = words_of(client.get(f"{batch.get_absolute_url()}?show=left_out"))
        assert settled.order_label in page
        assert fine.order_label not in page

    def test_it_costs_the_same_for_many_as_for_few(
        self, client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        batch = proposed(client, *(asked(shop) for _ in range(20)))
        with django_assert_max_num_queries(16):
            client.get(batch.get_absolute_url())


class TestRejecting:
    def test_it_takes_a_reason_and_a_comment_for_all(self, client: Client, shop: Shop, nudges: list[int]) -> None:
        batch = proposed(client, asked(shop), asked(shop), verdict="reject")
        assert "Product has been packed" in words_of(client.get(batch.get_absolute_url()))
        wrong = client.post(batch.get_absolute_url(), {"reason": "", "comment": "x" * 501})
        assert wrong.status_code == 422
        page = words_of(wrong)
        assert "Choose a reason" in page
        assert "At most 500 characters; this has 501." in page
        client.post(batch.get_absolute_url(), {"reason": "packed", "comment": "Gone\r\nalready"})
        batch_work.work(batch.pk)
        assert {(made.reason, made.reason_text, made.comment) for made in Decision.objects.all()} == {
            ("packed", "Product has been packed", "Gone\nalready")
        }

    def test_a_second_tab_with_another_reason_is_told_which_one_stands(self, client: Client, shop: Shop) -> None:
        batch = proposed(client, asked(shop), verdict="reject")
        first = client.post(batch.get_absolute_url(), {"reason": "packed"})
        assert told(first) == []
        second = client.post(batch.get_absolute_url(), {"reason": "agreed"})
        assert told(second) == ["This was started already, with the reason “Product has been packed”."]
        batch.refresh_from_db()
        assert batch.reason == "packed"

    def test_a_second_tab_that_approves_at_once_needs_no_word(
        self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = proposed(client, asked(shop))
        sheet = batches.sheet

        def started_meanwhile(*args: Any) -> batches.Sheet:
            seen = sheet(*args)
            batches.start(Batch.objects.get())
            return seen

        monkeypatch.setattr(batches, "sheet", started_meanwhile)
        assert told(client.post(batch.get_absolute_url())) == []  # there is nothing in which the two could differ

    def test_only_reasons_that_all_of_them_take_are_offered(
        self, client: Client, shop: Shop, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = asked(shop)
        Order.objects.filter(cancellations=other).update(status="ON_HOLD")
        batch = proposed(client, asked(shop), other, verdict="reject")
        reasons = {"ON_HOLD": ["a", "b"], "AWAITING_SHIPMENT": ["b", "c"]}
        monkeypatch.setattr(
            live,
            "reject_reasons",
            lambda row: [RejectReason(name, f"Reason {name}") for name in reasons[row.order.status]],
        )
        page = words_of(client.get(batch.get_absolute_url()))
        assert "Reason b" in page
        assert "Reason a" not in page
        assert "Reason c" not in page
        reasons["ON_HOLD"] = ["a"]
        page = words_of(client.get(batch.get_absolute_url()))
        assert "no reason in common. Choose requests of one market." in page
        assert 'id="start"' not in page

    def test_markets_that_differ_in_what_goes_with_it_are_not_answered_together(
        self, client: Client, shop: Shop, agent: User, order: Any
    ) -> None:
        batch = proposed(client, asked(shop), written_down(order, agent), verdict="reject")
        page = words_of(client.get(batch.get_absolute_url()))
        assert "Some of these markets take a reason with a rejection and others don&#x27;t" in page
        client.post(batch.get_absolute_url(), {"reason": "packed"})
        batch.refresh_from_db()
        assert not batch.is_started

    def test_where_the_market_takes_nothing_nothing_is_asked(self, client: Client, agent: User, order: Any) -> None:
        batch = proposed(client, written_down(order, agent), verdict="reject")
        page = words_of(client.get(batch.get_absolute_url()))
        assert 'name="reason"' not in page
        assert 'name="comment"' not in page
        client.post(batch.get_absolute_url())
        batch_work.work(batch.pk)
        assert Decision.objects.get().verdict == Verdict.REJECT

    def test_a_marketplace_that_does_not_answer_is_told_and_loses_nothing(
        self, client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = proposed(client, asked(shop), verdict="reject")

        def silent(row: CancellationRequest) -> list[RejectReason]:
            raise TemporaryFailure("asleep")

        monkeypatch.setattr(live, "reject_reasons", silent)
        page = words_of(client.get(batch.get_absolute_url()))
        assert "The marketplace does not say which reasons it takes (asleep)" in page
        assert 'id="start"' not in page
        answer = client.post(batch.get_absolute_url(), {"reason": "packed", "comment": "Half an hour of typing"})
        assert answer.status_code == 422
        assert "Half an hour of typing" in words_of(answer)
        batch.refresh_from_db()
        assert not batch.is_started


class TestFollowing:
    def test_starting_answers_at_once_and_sends_one_message(
        self, client: Client, shop: Shop, nudges: list[int], django_capture_on_commit_callbacks: Any
    ) -> None:
        batch = proposed(client, *(asked(shop) for _ in range(5)))
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(batch.get_absolute_url())
            assert client.post(batch.get_absolute_url()).status_code == 302  # a second click
        assert answer["Location"] == batch.get_absolute_url()
        assert nudges == [batch.pk]
        assert not Decision.objects.exists()
        assert "Approving 5 requests: 0 of 5 settled." in words_of(client.get(batch.get_absolute_url()))

    def test_each_row_says_what_became_of_it(self, client: Client, shop: Shop) -> None:
        rows = [asked(shop) for _ in range(4)]
        batch = started(client, *rows)
        first, second, third, _fourth = (row.decisions.get() for row in rows)
        Decision.objects.filter(pk=first.pk).update(state="confirmed")
        Decision.objects.filter(pk=second.pk).update(
            state="refused", code="25020009", message="It is closed", request_id="2026-A", note="Nothing was changed."
        )
        Decision.objects.filter(pk=third.pk).update(state="stalled", stalled_because="outcome_unknown")
        page = words_of(client.get(batch.get_absolute_url()))
        for words in ("3 of 4 settled", "It is closed", "25020009", "2026-A", "asking cannot tell", "recorded"):
            assert words in page
        failed = words_of(client.get(f"{batch.get_absolute_url()}?show=failed"))
        assert rows[1].order_label in failed
        assert rows[0].order_label not in failed

    def test_htmx_gets_what_is_new_and_nothing_otherwise(self, client: Client, shop: Shop) -> None:
        batch = started(client, *(asked(shop) for _ in range(8)))
        poll = {**HTMX, "HX-Target": "batch"}
        answer = client.get(f"{batch.get_absolute_url()}?seen=", headers=poll)
        assert answer["HX-Trigger"] == "moved"
        assert "hx-swap-oob" in words_of(answer)
        seen = answer.context["seen"]
        assert client.get(f"{batch.get_absolute_url()}?seen={seen}", headers=poll).status_code == 204
        Decision.objects.filter(pk=Decision.objects.first().pk).update(state="confirmed")  # type: ignore[union-attr]
        one_more = client.get(f"{batch.get_absolute_url()}?seen={seen}", headers=poll)
        assert "1 of 8 settled" in words_of(one_more)
        assert "hx-swap-oob" not in words_of(one_more)  # not worth being said aloud
        rows = client.get(batch.get_absolute_url(), headers={**HTMX, "HX-Target": "batch-items"})
        assert words_of(rows).startswith('<section id="batch-items"')

    def test_the_queue_tells_of_it_until_its_end_was_seen(self, client: Client, shop: Shop) -> None:
        batch = started(client, asked(shop), asked(shop))
        assert "0 of 2 settled" in words_of(client.get("/"))
        client.get(batch.get_absolute_url())
        assert "0 of 2 settled" in words_of(client.get("/"))
        first, second = Decision.objects.all()
        Decision.objects.filter(pk=first.pk).update(state="confirmed")
        Decision.objects.filter(pk=second.pk).update(state="refused")
        assert "Approving 2 requests: 1 done, 1 failed." in words_of(client.get(BATCHES, headers=HTMX))
        client.get(batch.get_absolute_url())
        assert batch.get_absolute_url() not in words_of(client.get("/"))
        assert batch.get_absolute_url() in words_of(client.get(BATCHES))

    def test_its_page_costs_the_same_for_many_as_for_few(
        self, client: Client, shop: Shop, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        batch = started(client, *(asked(shop) for _ in range(20)))
        with django_assert_max_num_queries(15):
            client.get(batch.get_absolute_url())
        with django_assert_max_num_queries(11):
            client.get(f"{batch.get_absolute_url()}?seen=", headers={**HTMX, "HX-Target": "batch"})

    def test_what_is_not_sent_is_taken_back(self, client: Client, shop: Shop) -> None:
        batch = started(client, asked(shop), asked(shop))
        answer = client.post(url("take_back_batch", batch.pk), follow=True)
        assert "2 were taken back." in words_of(answer)
        assert set(Decision.objects.values_list("state", flat=True)) == {"withdrawn"}
        assert "Approving 2 requests: 2 taken back." in words_of(answer)
        assert 'id="take-back"' not in words_of(answer)

    def test_what_failed_is_proposed_again(self, client: Client, shop: Shop) -> None:
        failed, fine = asked(shop), asked(shop)
        batch = started(client, failed, fine)
        fine.decisions.update(state="confirmed")
        failed.decisions.update(state="refused")
        assert "Try the one that failed again…" in words_of(client.get(batch.get_absolute_url()))
        answer = client.post(url("try_batch_again", batch.pk))
        again = batch.retries.get()
        assert answer["Location"] == again.get_absolute_url()
        assert rows_of(again) == {failed}
        client.post(again.get_absolute_url())
        batch_work.work(again.pk)
        page = words_of(client.get(batch.get_absolute_url()))
        assert "What failed was tried again" in page
        assert "Try the one that failed again…" not in page
        assert told(client.post(url("try_batch_again", batch.pk)))[-1] == "Nothing of this is left to try again."

    def test_rows_of_a_shop_that_is_no_longer_theirs_are_gone(self, client: Client, shop: Shop, agent: User) -> None:
        row = asked(shop)
        batch = started(client, row)
        Membership.objects.filter(user=agent, shop=shop).delete()
        assert row.order_label not in words_of(client.get(batch.get_absolute_url()))

    def test_where_no_shop_of_it_is_theirs_any_more_it_does_not_say_that_all_is_done(
        self, client: Client, shop: Shop, agent: User
    ) -> None:
        batch = started(client, asked(shop))
        Decision.objects.update(state="refused")
        membership = Membership.objects.get(user=agent, shop=shop)
        membership.delete()
        page = words_of(client.get(batch.get_absolute_url()))
        assert "You no longer see the shops of these requests." in page
        assert "all done" not in page
        assert "<progress" not in page
        assert batch.get_absolute_url() not in words_of(client.get("/"))
        membership.save(force_insert=True)
        assert "Approving 1 request: 1 failed." in words_of(client.get("/"))

    def test_a_colleagues_batch_is_not_found(self, client: Client, shop: Shop) -> None:
        batch = started(client, asked(shop))
        client.force_login(member(Role.MANAGER, shop))
        for name in ("batch", "take_back_batch", "try_batch_again"):
            assert client.post(url(name, batch.pk)).status_code == 404
        assert BatchItem.objects.get().state == BatchItem.State.DECIDED
        assert batch.get_absolute_url() not in words_of(client.get(BATCHES))


def test_a_decision_of_somebody_else_is_told_with_their_name(client: Client, shop: Shop) -> None:
    row = asked(shop)
    DecisionFactory(cancellation=row, made_by=member(Role.AGENT, shop, first_name="Grace"))
    page = words_of(client.get(proposed(client, row).get_absolute_url()))
    assert "Grace has decided already: approve (recorded)." in page
