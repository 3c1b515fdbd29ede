"""What integrators ask at the gate: by which names, in how many queries, and what they are told."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Entry
from cancellations.models import CancellationRequest, Event, Evidence, PushedNotification
from cancellations.rereading import LONGEST
from gate.finding import KINDS, orders_named
from gate.models import PullTask
from marketplaces import http
from marketplaces.errors import TemporaryFailure
from orders.models import Order
from shops.models import Role
from tests.cancellations.test_pushes import ADDRESS
from tests.cancellations.views.pages import picture
from tests.factories import PackageFactory, ShopFactory, member
from tests.gate.test_verdict import CANCELLED, PACKED, asked, order
from tests.world import World

pytestmark = pytest.mark.django_db
GATE, TASKS = "/api/v1/gate/", "/api/v1/pull-tasks/"


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def packed() -> Order:
    return order({**PACKED, "tracking_number": "JD014600003", "package_id": "1153"}, number="PO-7")


@pytest.fixture
def agent(packed: Order) -> Client:
    return signed_in(member(Role.AGENT, packed.shop))


def seconds_left() -> float:
    left = http.seconds_left()
    assert left is not None
    return left


def done(order: Order) -> str:
    return f"{TASKS}{order.pk}/done/"


class TestNames:
    @pytest.mark.parametrize("name", ["pk", "marketplace_id", "number"])
    def test_an_order_goes_by_each_of_its_names(self, packed: Order, agent: Client, name: str) -> None:
        told = agent.get(f"{GATE}{getattr(packed, name)}/").json()
        assert (told["verdict"], told["order"]["id"]) == ("ship", packed.pk)
        assert agent.get(GATE, {"order": getattr(packed, name)}).json() == told

    @pytest.mark.parametrize("code", ["JD014600003", "jd014600003", "JD 0146 00003", "JD014600003\x1d"])
    def test_a_tracking_number_is_read_as_it_is_scanned_or_typed(self, packed: Order, agent: Client, code: str) -> None:
        told = agent.get(GATE, {"tracking": code}).json()
        assert (told["order"]["id"], told["package"]) == (packed.pk, "1153")

    def test_the_zip_code_before_a_number_of_the_us_post_is_left_out(self, packed: Order, agent: Client) -> None:
        packed.lines.update(tracking_number="9400111899223100001234")
        for before in ("42090210", "420902101234"):
            told = agent.get(GATE, {"tracking": f"{before}9400111899223100001234"}).json()
            assert told["order"]["id"] == packed.pk

    def test_a_package_goes_by_its_id_whether_a_line_names_it_or_not(self, packed: Order, agent: Client) -> None:
        PackageFactory(order=packed, marketplace_id="1154", tracking_number="RM1")
        assert agent.get(GATE, {"package": "1153"}).json()["package"] == "1153"
        assert agent.get(GATE, {"package": "1154"}).json()["order"]["id"] == packed.pk
        assert agent.get(GATE, {"tracking": "RM1"}).json()["order"]["id"] == packed.pk

    def test_what_nobody_knows_is_a_404_and_never_a_ship(self, agent: Client) -> None:
        for address in (f"{GATE}999/", f"{GATE}?tracking=999", f"{GATE}?package=%1D1", f"{GATE}{'9' * 400}/"):
            answer = agent.get(address)
            assert answer.status_code == 404
            assert answer.json()["type"] == "/problems/not-found"

    def test_a_stranger_finds_nothing_by_any_name(self, packed: Order) -> None:
        stranger = signed_in(member(Role.MANAGER, ShopFactory()))
        for query in ({"order": packed.marketplace_id}, {"tracking": "JD014600003"}, {"package": "1153"}):
            assert stranger.get(GATE, query).status_code == 404

    @pytest.mark.parametrize(
        "query", [{}, {"order": "1", "package": "2"}, {"tracking": ""}, {"order": "1", "shop": "x"}]
    )
    def test_anything_but_one_name_is_refused(self, agent: Client, query: dict[str, str]) -> None:
        answer = agent.get(GATE, query)
        assert answer.status_code == 400
        assert answer.json()["errors"]
        assert "stored" not in answer.json()["detail"]  # nothing was sent to be stored

    def test_a_number_of_two_shops_is_told_apart_by_the_shop(self, packed: Order) -> None:
        other = order(PACKED, number="PO-7")
        client = signed_in(member(Role.VIEWER, packed.shop, other.shop))
        several = client.get(f"{GATE}PO-7/")
        assert (several.status_code, several.json()["type"]) == (409, "/problems/ambiguous")
        assert len(several.json()["orders"]) == 2
        assert sorted(several.json()["shops"]) == sorted([packed.shop_id, other.shop_id])
        assert client.get(f"{GATE}PO-7/?shop={other.shop_id}").json()["order"]["id"] == other.pk

    def test_an_id_of_ours_that_is_anothers_number_is_never_guessed(self, packed: Order) -> None:
        other = order(PACKED, number=str(packed.pk), shop=packed.shop)
        client = signed_in(member(Role.VIEWER, packed.shop))
        assert client.get(f"{GATE}{packed.pk}/").status_code == 409
        assert client.get(f"{GATE}{other.marketplace_id}/").status_code == 200


class TestAnswers:
    def test_a_packed_order_that_somebody_asks_to_cancel_is_pulled_with_the_request(
        self, packed: Order, agent: Client
    ) -> None:
        request = asked(packed)
        told = agent.get(f"{GATE}{packed.pk}/").json()
        assert (told["verdict"], told["reason"]) == ("pull", "request_waits")
        assert told["words"]
        assert (told["cancellation"]["id"], told["cancellation"]["needs_answer"]) == (request.pk, True)
        assert (told["is_stale"], told["caution"], told["live"], told["pulled"]) == (False, "", None, None)
        assert told["as_of"].endswith("Z")

    def test_orders_that_share_a_package_are_one_parcel_and_the_strictest_speaks(
        self, packed: Order, agent: Client
    ) -> None:
        other = order({**PACKED, "package_id": "1153"}, shop=packed.shop)
        asked(other)
        told = agent.get(GATE, {"package": "1153"}).json()
        assert (told["verdict"], told["order"]["id"]) == ("pull", other.pk)
        assert [(one["verdict"], one["order"]["id"]) for one in told["together_with"]] == [("ship", packed.pk)]

    def test_none_of_the_orders_in_a_parcel_is_left_out_and_where_there_are_too_many_there_is_no_answer(
        self, packed: Order, agent: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked(packed)
        for _ in range(21):
            order({**PACKED, "package_id": "1153"}, shop=packed.shop)
        told = agent.get(GATE, {"package": "1153"}).json()
        assert (told["verdict"], told["order"]["id"], len(told["together_with"])) == ("pull", packed.pk, 21)
        monkeypatch.setattr("gate.finding.MOST", 21)
        assert agent.get(GATE, {"package": "1153"}).status_code == 409

    def test_what_comes_out_of_a_parcel_is_listed(self, packed: Order, agent: Client) -> None:
        order_line = packed.lines.get()
        order_line.quantity, order_line.cancelled_quantity = 3, 2
        order_line.save()
        (line,) = agent.get(f"{GATE}{packed.pk}/").json()["lines"]
        assert (line["line_item"], line["out"], line["stays"]) == (order_line.pk, 2, 1)

    def test_it_takes_six_queries_once_one_is_signed_in(self, packed: Order, agent: Client) -> None:
        asked(packed, *packed.lines.all())
        with CaptureQueriesContext(connection) as queries:
            assert agent.get(GATE, {"tracking": "JD014600003"}).status_code == 200
        own = [
            one["sql"]
            for one in queries
            if "django_session" not in one["sql"] and "accounts_user" not in one["sql"][:400]
        ]
        assert len(own) <= 6, own

    def test_each_name_is_looked_up_by_an_index(self, packed: Order) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            plan = orders_named(KINDS, ["JD014600003"], None).explain()
        assert "Seq Scan" not in plan, plan


class TestLive:
    def test_many_orders_in_one_parcel_have_no_more_time_than_one(
        self, packed: Order, agent: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left: list[float] = []
        monkeypatch.setattr("gate.asking.reread", lambda order: left.append(seconds_left()))
        order({**PACKED, "package_id": "1153"}, shop=packed.shop)
        assert agent.get(GATE, {"package": "1153", "live": "1"}).json()["live"]["asked"] is True
        first, second = left
        assert LONGEST >= first > second

    def test_where_it_cannot_be_asked_the_answer_is_ours_and_says_so(self, transactional_db: None) -> None:
        about = order(PACKED)
        told = signed_in(member(Role.VIEWER, about.shop)).get(f"{GATE}{about.pk}/?live=1").json()
        assert (told["verdict"], told["live"]["asked"]) == ("ship", False)
        assert told["live"]["why_not"]

    def test_old_data_let_nothing_leave_then(self, transactional_db: None) -> None:
        about = order(PACKED, read=timedelta(hours=2))
        told = signed_in(member(Role.VIEWER, about.shop)).get(f"{GATE}{about.pk}/?live=1").json()
        assert (told["verdict"], told["reason"], told["is_stale"]) == ("hold", "not_asked", True)

    def test_the_marketplace_is_asked_and_what_it_shows_is_the_answer(self, world: World) -> None:
        about = world.orders("GB")[0]
        client = signed_in(world.agent)
        assert client.get(f"{GATE}{about.pk}/").json()["verdict"] == "ship"
        told = world.sandbox.ask_to_cancel(shop_id=about.shop.marketplace_id, order_id=about.marketplace_id)
        assert client.get(f"{GATE}{about.pk}/").json()["verdict"] == "ship"
        live = client.get(f"{GATE}{about.pk}/?live=1").json()
        assert (live["verdict"], live["live"]["asked"]) == ("hold", True)
        assert CancellationRequest.objects.filter(marketplace_id=told["cancel_id"]).exists()

    def test_one_that_hangs_is_not_waited_for(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def hangs(*_: object) -> None:
            raise TemporaryFailure("It did not answer within 2.5 seconds.")

        about = world.orders("GB")[0]
        monkeypatch.setattr("cancellations.rereading.orders_sync.read_again", hangs)
        told = signed_in(world.agent).get(f"{GATE}{about.pk}/?live=1").json()
        assert told["live"] == {"asked": False, "at": None, "why_not": "It did not answer within 2.5 seconds."}


class TestPullTasks:
    def test_parcels_come_onto_the_list_by_themselves_and_go_when_they_are_pulled(
        self, packed: Order, agent: Client
    ) -> None:
        assert agent.get(TASKS).json() == {"is_complete": True, "results": []}
        asked(packed)
        asked(order({"status": "AWAITING_SHIPMENT"}, shop=packed.shop))  # nothing is packed of that one
        (task,) = agent.get(TASKS).json()["results"]
        assert (task["order"]["id"], task["verdict"]) == (packed.pk, "pull")
        answer = agent.post(task["done"], {}, content_type="application/json")
        assert (answer.status_code, answer.json()["state"]) == (201, "done")
        assert agent.get(TASKS).json()["results"] == []
        assert agent.get(f"{GATE}{packed.pk}/").json()["pulled"]["id"] == answer.json()["id"]

    def test_a_request_that_is_withdrawn_takes_its_parcel_off_the_list(self, packed: Order, agent: Client) -> None:
        asked(packed)
        CancellationRequest.objects.update(state="closed", needs_answer=False)
        assert agent.get(TASKS).json()["results"] == []

    def test_one_that_was_approved_while_it_was_packed_is_on_it(self, packed: Order, agent: Client) -> None:
        asked(packed, state="approved", needs_answer=False)
        packed.lines.update(**CANCELLED)
        Order.objects.update(is_cancelled=True)
        assert len(agent.get(TASKS).json()["results"]) == 1

    def test_strangers_have_none_and_pull_none(self, packed: Order) -> None:
        asked(packed)
        stranger = signed_in(member(Role.MANAGER, ShopFactory()))
        assert stranger.get(TASKS).json()["results"] == []
        assert stranger.post(done(packed)).status_code == 404

    def test_a_viewer_sees_them_and_pulls_none(self, packed: Order) -> None:
        asked(packed)
        viewer = signed_in(member(Role.VIEWER, packed.shop))
        assert len(viewer.get(TASKS).json()["results"]) == 1
        assert viewer.post(done(packed)).status_code == 403
        assert not PullTask.objects.exists()

    def test_a_photo_becomes_evidence_and_it_stands_in_history_and_audit_log(
        self, packed: Order, agent: Client
    ) -> None:
        request = asked(packed)
        answer = agent.post(done(packed), {"photo": picture(), "package": "1153"})
        assert (answer.status_code, answer.json()["has_photo"]) == (201, True)
        photo = Evidence.objects.get()
        assert (photo.cancellation, photo.is_from_bench, photo.decision) == (request, True, None)
        event = Event.objects.get(name="parcel.pulled")
        assert (event.cancellation, event.detail["photo"]) == (request, photo.pk)
        assert Entry.objects.get(action="parcel.pulled").cancellation_id == request.pk

    def test_saying_it_twice_says_it_once(self, packed: Order, agent: Client) -> None:
        asked(packed)
        first, second = agent.post(done(packed)), agent.post(done(packed))
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert (PullTask.objects.count(), Event.objects.count()) == (1, 1)

    def test_one_that_is_not_there_can_still_be_found(self, packed: Order, agent: Client) -> None:
        asked(packed)
        assert agent.post(done(packed), {"is_there": "false"}).json()["state"] == "dropped"
        assert agent.get(TASKS).json()["results"] == []
        assert agent.post(done(packed)).json()["state"] == "done"
        assert [*Event.objects.order_by("pk").values_list("name", flat=True)] == ["parcel.not_there", "parcel.pulled"]

    def test_what_was_pulled_in_vain_is_put_back(self, packed: Order, agent: Client) -> None:
        asked(packed)
        agent.post(done(packed))
        assert agent.post(done(packed), {"is_put_back": "true"}).status_code == 422
        CancellationRequest.objects.update(state="closed", needs_answer=False)
        assert [one["reason"] for one in agent.get(TASKS).json()["results"]] == ["put_back"]
        answers = [agent.post(done(packed), {"is_put_back": "true"}) for _ in range(2)]
        assert [(one.status_code, one.json()["state"]) for one in answers] == [(201, "put_back"), (200, "put_back")]
        assert agent.get(TASKS).json()["results"] == []

    def test_what_may_leave_is_not_pulled(self, packed: Order, agent: Client) -> None:
        answer = agent.post(done(packed))
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")
        assert not PullTask.objects.exists()

    @pytest.mark.parametrize("sent", [{"photo": "no file"}, {"colour": "red"}])
    def test_what_is_not_understood_is_refused(self, packed: Order, agent: Client, sent: dict[str, str]) -> None:
        asked(packed)
        assert agent.post(done(packed), sent).status_code == 400
        assert not PullTask.objects.exists()

    def test_a_photo_needs_a_request_that_it_is_about(self, packed: Order, agent: Client) -> None:
        Order.objects.update(is_cancelled=True)
        answer = agent.post(done(packed), {"photo": picture()})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["photo"])

    def test_a_file_that_is_no_picture_is_refused_at_its_field(self, packed: Order, agent: Client) -> None:
        asked(packed)
        broken = picture()
        broken.file.truncate(40)  # type: ignore[union-attr]
        broken.size = 40
        answer = agent.post(done(packed), {"photo": broken})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["photo"])
        assert not (PullTask.objects.exists() or Evidence.objects.exists())


def test_a_push_is_heard_at_the_gate_within_a_second_with_nobody_at_work(world: World, live_server: Any) -> None:
    cache.clear()
    about = packed_order(world)
    client = signed_in(world.agent)
    assert client.get(f"{GATE}{about.pk}/").json()["verdict"] == "ship"
    world.sandbox.post("webhooks", url=f"{live_server.url}{ADDRESS}")
    world.sandbox.ask_to_cancel(shop_id=about.shop.marketplace_id, order_id=about.marketplace_id)
    began = time.monotonic()
    while client.get(f"{GATE}{about.pk}/").json()["verdict"] != "pull":
        assert time.monotonic() - began < 1
    assert not CancellationRequest.objects.filter(order=about).exists()
    assert PushedNotification.objects.get(says="waiting").processed_at is None


def packed_order(world: World) -> Order:
    """One with a tracking number, before the marketplace counts it as shipped: such a one can still be asked about."""
    about = world.orders("GB")[0]
    about.lines.update(tracking_number="JD014600003")
    return about
