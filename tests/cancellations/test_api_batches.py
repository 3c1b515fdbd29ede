"""One verdict for many requests over the API: what is begun, what is said no to, and what became of each."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cancellations import batch_work, live, tasks
from cancellations.models import Batch, CancellationRequest, Decision
from marketplaces.errors import TemporaryFailure
from marketplaces.records import RejectReason
from shops.models import Role, Shop
from tests.factories import CancellationFactory, DecisionFactory, OrderFactory, ShopFactory, member

BATCHES = "/api/v1/batches/"
REASONS = [RejectReason("already_sent", "It has left already")]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """No broker, and a marketplace that knows one reason."""
    cache.clear()
    monkeypatch.setattr(batch_work, "nudge", lambda pk, wait=0: None)
    monkeypatch.setattr(tasks, "nudge_delivery", lambda pk, wait: None)
    with patch.object(live, "reject_reasons", return_value=REASONS) as reasons:
        yield reasons


@pytest.fixture
def shop(db: None) -> Shop:
    return ShopFactory()


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop)


@pytest.fixture
def staff(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


def asked(shop: Shop, **columns: Any) -> CancellationRequest:
    return CancellationFactory(order=OrderFactory(shop=shop), **columns)


def post(client: Client, body: Any, address: str = BATCHES) -> Any:
    return client.post(address, json.dumps(body), "application/json")


def begun(client: Client, *rows: CancellationRequest) -> dict[str, Any]:
    answer = post(client, {"verdict": "approve", "cancellations": [row.pk for row in rows]})
    assert answer.status_code == 202, answer.content
    told: dict[str, Any] = answer.json()
    return told


def rows_of(client: Client, batch: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(f"{batch['items']}{query}").json()["results"]
    return rows


class TestBeginning:
    def test_a_worker_decides_about_each_and_the_batch_says_how_far_it_is(self, shop: Shop, staff: Client) -> None:
        rows = [asked(shop), asked(shop)]
        answer = post(staff, {"verdict": "approve", "cancellations": [row.pk for row in rows]})
        told = answer.json()
        assert (answer.status_code, answer.headers["Location"]) == (202, told["url"])
        assert told["progress"]["results"]["waiting"] == told["progress"]["total"] == 2
        assert told["progress"]["is_moving"] is True
        batch_work.work(told["id"])
        assert {decision.cancellation for decision in Decision.objects.all()} == {*rows}
        again = staff.get(told["url"]).json()
        assert again["progress"]["results"]["under_way"] == 2
        assert again["finished_at"]

    def test_what_cannot_get_the_verdict_is_left_out_and_its_row_says_why(self, shop: Shop, staff: Client) -> None:
        fine, settled = asked(shop), asked(shop, needs_answer=False, state="completed")
        batch = begun(staff, fine, settled)
        assert (batch["progress"]["total"], batch["progress"]["results"]["left_out"]) == (1, 1)
        (left_out,) = rows_of(staff, batch, "?result=left_out")
        assert left_out["cancellation"] == settled.pk
        assert left_out["why"].startswith("This request is settled")
        assert [row["cancellation"] for row in rows_of(staff, batch, "?result=waiting")] == [fine.pk]

    def test_where_none_can_nothing_is_begun_and_each_is_told_why(self, shop: Shop, staff: Client) -> None:
        rows = [asked(shop, needs_answer=False, state="completed") for _ in range(2)]
        answer = post(staff, {"verdict": "approve", "cancellations": [row.pk for row in rows]})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")
        assert set(answer.json()["errors"]) == {"cancellations[0]", "cancellations[1]"}
        assert not Batch.objects.exists()

    def test_where_none_that_a_filter_finds_can_each_is_named_and_the_rule_with_it(
        self, shop: Shop, staff: Client
    ) -> None:
        Shop.objects.filter(pk=shop.pk).update(region="US")
        row = asked(Shop.objects.get(pk=shop.pk))
        answer = post(staff, {"verdict": "reject", "filter": f"shop={shop.pk}"})
        told = answer.json()
        assert (answer.status_code, told["type"]) == (422, "/problems/not-allowed")
        assert [one.split(":")[0] for one in told["errors"]["filter"]] == [str(row.pk)]
        assert told["notice"]["url"]

    def test_a_filter_means_what_the_list_would_show(self, shop: Shop, staff: Client) -> None:
        soon = asked(shop, deadline=timezone.now() + timedelta(hours=1))
        asked(shop, deadline=timezone.now() + timedelta(hours=20))
        answer = post(staff, {"verdict": "approve", "filter": f"needs_answer=true&left=soon&shop={shop.pk}"})
        assert [row["cancellation"] for row in rows_of(staff, answer.json())] == [soon.pk]

    @pytest.mark.parametrize(
        ("asked_for", "field"),
        [
            ({}, "cancellations"),
            ({"cancellations": []}, "cancellations"),
            ({"cancellations": [1], "filter": "left=soon"}, "filter"),
            ({"cancellations": ["own", 4711]}, "cancellations[1]"),
            ({"cancellations": ["own", "own"]}, "cancellations[1]"),
            ({"cancellations": [1] * 501}, "cancellations"),
            ({"filter": "lfet=soon"}, "filter"),
            ({"filter": "left=never"}, "filter"),
            ({"filter": "shop=4711"}, "filter"),
            ({"filter": "reason=nobody_ever_said"}, "filter"),
            ({"cancellations": ["own"], "comment": "Sorry."}, "comment"),
            ({"cancellations": ["own"], "items": []}, "items"),
        ],
    )
    def test_a_wrong_body_is_told_at_its_field(self, shop: Shop, staff: Client, asked_for: Any, field: str) -> None:
        own = asked(shop)
        ids = asked_for.get("cancellations")
        body = asked_for | ({"cancellations": [own.pk if pk == "own" else pk for pk in ids]} if ids else {})
        answer = post(staff, {"verdict": "approve", **body})
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid")
        assert field in answer.json()["errors"]
        assert not Batch.objects.exists()

    def test_requests_of_others_shops_are_not_there(self, shop: Shop, staff: Client) -> None:
        answer = post(staff, {"verdict": "approve", "cancellations": [asked(shop).pk, asked(ShopFactory()).pk]})
        assert answer.json()["errors"] == {"cancellations[1]": ["There is no such request."]}

    def test_a_filter_never_reaches_into_others_shops(self, shop: Shop, staff: Client) -> None:
        own, _foreign = asked(shop), asked(ShopFactory())
        answer = post(staff, {"verdict": "approve", "filter": "needs_answer=true"})
        assert [row["cancellation"] for row in rows_of(staff, answer.json())] == [own.pk]

    def test_whoever_may_decide_about_none_of_them_is_told_so(self, shop: Shop, client: Client) -> None:
        client.force_login(member(Role.VIEWER, shop))
        answer = post(client, {"verdict": "approve", "cancellations": [asked(shop).pk]})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


class TestRejecting:
    def test_the_reason_and_the_comment_go_with_each(self, shop: Shop, staff: Client) -> None:
        row = asked(shop)
        body = {"verdict": "reject", "cancellations": [row.pk], "reason": "already_sent", "comment": "It left."}
        answer = post(staff, body)
        assert answer.status_code == 202
        batch_work.work(answer.json()["id"])
        decision = Decision.objects.get()
        assert (decision.verdict, decision.reason_text, decision.comment) == (
            "reject", "It has left already", "It left.",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("more", "field"), [({}, "reason"), ({"reason": "x"}, "reason"), ({"comment": "x" * 9000}, "comment")]
    )
    def test_what_the_marketplace_would_not_take_is_told(
        self, shop: Shop, staff: Client, more: dict[str, str], field: str
    ) -> None:
        answer = post(staff, {"verdict": "reject", "cancellations": [asked(shop).pk], **more})
        assert answer.status_code == 400
        assert field in answer.json()["errors"]

    def test_markets_that_differ_in_it_are_not_answered_together(self, shop: Shop, agent: User, staff: Client) -> None:
        other = ShopFactory(marketplace="crux_timp", connection__marketplace="crux_timp", region="")
        agent.memberships.create(shop=other, role=Role.AGENT)
        rows = [asked(shop), asked(other)]
        answer = post(staff, {"verdict": "reject", "cancellations": [row.pk for row in rows]})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")

    def test_a_marketplace_that_does_not_answer_is_a_503_and_nothing_is_begun(
        self, shop: Shop, staff: Client, quiet: Any
    ) -> None:
        quiet.side_effect = TemporaryFailure("busy")
        answer = post(staff, {"verdict": "reject", "cancellations": [asked(shop).pk], "reason": "already_sent"})
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/marketplace-unavailable")
        assert not Batch.objects.exists()


class TestAfterwards:
    def test_what_is_not_sent_is_taken_back_and_it_says_how_many(self, shop: Shop, staff: Client) -> None:
        batch = begun(staff, asked(shop), asked(shop))
        told = post(staff, {}, f"{batch['url']}take-back/").json()
        assert told["said"] == "2 were taken back."
        assert told["batch"]["progress"]["results"]["taken_back"] == 2

    def test_a_row_tells_what_the_marketplace_said(self, shop: Shop, staff: Client) -> None:
        batch = begun(staff, asked(shop))
        batch_work.work(batch["id"])
        said = {"code": "25020012", "message": "cancel order status is invalid", "request_id": "2026-x"}
        Decision.objects.update(state="refused", **said)
        (row,) = rows_of(staff, batch)
        assert (row["result"], row["why"], row["marketplace"]) == ("failed", said["message"], said)
        assert row["decision"]["state"] == "refused"

    def test_what_failed_is_tried_again_with_what_went_with_it(self, shop: Shop, staff: Client) -> None:
        rows = [asked(shop), asked(shop)]
        body = {"verdict": "reject", "cancellations": [row.pk for row in rows], "reason": "already_sent"}
        first = post(staff, body).json()
        batch_work.work(first["id"])
        Decision.objects.filter(cancellation=rows[0]).update(state="refused")
        answer = post(staff, {}, f"{first['url']}try-again/")
        told = answer.json()
        assert (answer.status_code, answer.headers["Location"]) == (202, told["url"])
        assert (told["retry_of"], told["reason"], told["reason_text"]) == (
            first["id"], "already_sent", "It has left already",
        )  # fmt: skip
        assert [row["cancellation"] for row in rows_of(staff, told)] == [rows[0].pk]

    def test_where_nothing_is_left_to_try_it_says_so(self, shop: Shop, staff: Client) -> None:
        batch = begun(staff, asked(shop))
        answer = post(staff, {}, f"{batch['url']}try-again/")
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")
        assert Batch.objects.count() == 1

    def test_ones_own_are_listed_newest_first_and_nobody_elses(self, shop: Shop, staff: Client) -> None:
        first, second = begun(staff, asked(shop)), begun(staff, asked(shop))
        assert [row["id"] for row in staff.get(BATCHES).json()["results"]] == [second["id"], first["id"]]
        colleague = Client()
        colleague.force_login(member(Role.MANAGER, shop))
        assert colleague.get(BATCHES).json()["results"] == []
        assert colleague.get(first["url"]).status_code == colleague.get(first["items"]).status_code == 404

    def test_a_list_costs_the_same_however_many_there_are(
        self, shop: Shop, staff: Client, django_assert_num_queries: Any
    ) -> None:
        begun(staff, asked(shop))
        with django_assert_num_queries(5):
            staff.get(BATCHES)
        for _ in range(3):
            begun(staff, asked(shop))
        with django_assert_num_queries(5):
            staff.get(BATCHES)

    def test_a_decision_that_others_made_meanwhile_is_told_in_its_row(self, shop: Shop, staff: Client) -> None:
        row = asked(shop)
        batch = begun(staff, row)
        DecisionFactory(cancellation=row, made_by=member(Role.AGENT, shop, first_name="Ada"))
        batch_work.work(batch["id"])
        (told,) = rows_of(staff, batch)
        assert told["result"] == "failed"
        assert "has decided already" in told["why"]
