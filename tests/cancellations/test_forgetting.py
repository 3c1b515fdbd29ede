"""Buyers are forgotten: by schedule, and when one asks for it. What is needed for disputes and accounts stays."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from audit.models import Entry
from cancellations import forgetting
from cancellations.forgetting import StillOpen, forget, purge, purge_pictures
from cancellations.models import Announcement, CancellationRequest, Decision, Event, Evidence, Note, Verdict
from orders import sync
from orders.forgetting import BLANK, of_one_buyer
from orders.models import LineItem, Order
from shops.models import Connection, Role, Shop
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, UserFactory, member
from tests.world import World

pytestmark = pytest.mark.django_db

SECRET = "zorro"
LONG_AGO = timedelta(days=200)
State = CancellationRequest.State


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def old_order(**columns: Any) -> Order:
    """One that was delivered long ago, with everything that tells of a buyer."""
    then = timezone.now() - LONG_AGO
    told: dict[str, Any] = {
        "created_at": then, "updated_at": then, "delivered_at": then, "is_shipped": True, "is_cancel_requested": False,
        "buyer_id": f"{SECRET}-id", "buyer_message": f"for {SECRET}", "recipient_name": SECRET,
        "recipient_address": f"1 {SECRET} St", "recipient_region": "GB", "extra": {"mood": SECRET},
    }  # fmt: skip
    order = OrderFactory(**{**told, **columns})
    LineItemFactory(order=order, extra={"engraving": SECRET})
    return order


def answered(order: Order, **columns: Any) -> CancellationRequest:
    then = timezone.now() - LONG_AGO
    return CancellationFactory(
        order=order, state=State.CLOSED, needs_answer=False, updated_at=then, note=f"{SECRET} called",
        extra={"mood": SECRET}, **columns,
    )  # fmt: skip


def rejected(cancellation: CancellationRequest, **columns: Any) -> Decision:
    then = timezone.now() - LONG_AGO
    told = {"state": Decision.State.CONFIRMED, "settled_at": then, "made_at": then, "comment": f"Dear {SECRET}"}
    return DecisionFactory(cancellation=cancellation, verdict=Verdict.REJECT, **{**told, **columns})


def picture(decision: Decision) -> Evidence:
    evidence = Evidence(decision=decision, mime_type="image/png", original_name="parcel.png", sha256="ab" * 32)
    evidence.image.save("x.png", ContentFile(png(), "x.png"), save=False)
    evidence.save()
    Evidence.objects.update(created_at=timezone.now() - LONG_AGO)
    return evidence


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "PNG")
    return out.getvalue()


def everything_stored() -> str:
    """All rows of the orders and cancellations apps, as text."""
    with connection.cursor() as cursor:
        names = [name for name in connection.introspection.table_names() if name.startswith(("orders_", "cancell"))]
        rows = []
        for name in names:
            cursor.execute(f'SELECT t::text FROM "{name}" t')
            rows += [f"{name}: {row}" for (row,) in cursor.fetchall()]
    return "\n".join(rows)


def days_ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


class TestBySchedule:
    def test_nothing_that_tells_of_the_buyer_is_left_anywhere(self) -> None:
        order = old_order()
        cancellation = answered(order)
        rejected(cancellation)
        Note.objects.create(cancellation=cancellation, author=UserFactory(), text=f"{SECRET} is nice")
        for name in ("cancellation.recorded", "cancellation.closed"):
            Event.objects.create(
                shop=order.shop, order=order, cancellation=cancellation, name=name,
                detail={"note": SECRET, "heard_through": "email"},
            )  # fmt: skip
        assert SECRET in everything_stored()
        purge(days_ago(180))
        assert SECRET not in everything_stored()

    def test_what_disputes_and_accounts_need_stays(self) -> None:
        before = old_order()
        cancellation = answered(before)
        decision = rejected(cancellation, reason="r1", reason_text="Shipped already", request_id="req-1")
        event = Event.objects.create(
            shop=cancellation.shop, cancellation=cancellation, name="cancellation.closed",
            detail={"note": SECRET, "heard_through": "email"},
        )  # fmt: skip
        purge(days_ago(180))
        order = Order.objects.get()
        assert (order.marketplace_id, order.total, order.recipient_region) == (
            before.marketplace_id, before.total, "GB",
        )  # fmt: skip
        kept = Decision.objects.get()
        assert (kept.reason_text, kept.request_id, kept.made_by_id) == (
            "Shipped already", "req-1", decision.made_by_id,
        )  # fmt: skip
        event.refresh_from_db()
        assert event.detail == {"heard_through": "email"}
        assert CancellationRequest.objects.get().reason_text == cancellation.reason_text

    def test_it_is_written_down_how_much_and_nothing_of_it(self) -> None:
        answered(old_order())
        purge(days_ago(180))
        entry = Entry.objects.get(action="buyer_data.purged")
        assert entry.after == {"orders": 1, "requests": 1}

    def test_a_run_that_erases_nothing_is_not_written_down(self) -> None:
        old_order()
        purge(days_ago(300))
        purge(days_ago(180))
        purge(days_ago(180))
        assert Entry.objects.count() == 1

    def test_an_order_is_kept_as_long_as_something_about_it_is_open_or_new(self) -> None:
        old_order(updated_at=timezone.now())
        old_order(delivered_at=None, is_shipped=False)
        old_order(delivered_at=None, is_cancel_requested=True)
        CancellationFactory(order=old_order())
        CancellationRequest.objects.filter(pk=answered(old_order()).pk).update(updated_at=timezone.now())
        rejected(answered(old_order()), state=Decision.State.ACCEPTED)
        rejected(answered(old_order()), settled_at=timezone.now())
        items = old_order()
        DecisionFactory(
            cancellation=None, order=items, shop=items.shop, verdict=Verdict.CANCEL_ITEMS,
            state=Decision.State.STALLED, stalled_because="reconnect",
        )  # fmt: skip
        announced = old_order()
        Announcement.objects.create(
            shop=announced.shop, order=announced, is_cancellation=True, announced_at=timezone.now(), title="x"
        )
        assert purge(days_ago(180))["orders"] == 0
        assert Order.objects.filter(purged_at=None).count() == 9

    @pytest.mark.parametrize(
        "columns",
        [
            {"delivered_at": None, "is_shipped": False, "is_cancelled": True, "is_cancel_requested": True},
            {"delivered_at": None, "is_shipped": True},
            {"is_cancel_requested": True},
        ],
    )
    def test_cancelled_sent_and_delivered_are_over(self, columns: dict[str, Any]) -> None:
        old_order(**columns)
        assert purge(days_ago(180))["orders"] == 1

    def test_orders_of_a_shop_that_was_disconnected_are_over_when_nobody_will_tell(self) -> None:
        old_order(delivered_at=None, is_shipped=False)
        Connection.objects.update(state=Connection.State.DISCONNECTED)
        assert purge(days_ago(180))["orders"] == 1

    def test_many_are_erased_some_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(forgetting, "ERASED_AT_ONCE", 2)
        shop = old_order().shop
        same_moment = Order.objects.get().created_at
        for _ in range(4):
            old_order(shop=shop, created_at=same_moment)
            old_order(shop=shop, updated_at=timezone.now())
        assert purge(days_ago(180))["orders"] == 5
        assert Entry.objects.filter(action="buyer_data.purged").count() == 1

    @pytest.mark.parametrize(("days", "left"), [(0, 1), (180, 0), (365, 1)])
    def test_the_setting_says_after_how_many_days(self, settings: Any, days: int, left: int) -> None:
        settings.KEEP_BUYER_DATA_DAYS = days
        old_order()
        forgetting.purge_buyer_data()
        assert Order.objects.filter(purged_at=None).count() == left

    def test_it_finds_what_is_old_by_an_index(self) -> None:
        shop = old_order().shop
        erased = OrderFactory.build_batch(1000, shop=shop, created_at=days_ago(900), purged_at=days_ago(500))
        Order.objects.bulk_create(erased)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE orders_order")  # else it depends on what other tests left in the statistics
        plan = forgetting.long_over(days_ago(180))[:500].explain()
        assert "orders_with_buyers_data" in plan


@pytest.mark.django_db(transaction=True)
def test_an_order_that_somebody_holds_is_left_to_the_next_run(product_environment: dict[str, str]) -> None:
    held, free = old_order(), old_order()
    other = psycopg.connect(**{name: value for name, value in connection.get_connection_params().items()
                               if name in ("host", "port", "user", "password", "dbname")})  # fmt: skip
    try:
        other.execute("SELECT 1 FROM orders_order WHERE id = %s FOR UPDATE", [held.pk])
        assert purge(days_ago(180))["orders"] == 1
    finally:
        other.close()
    assert list(Order.objects.filter(purged_at=None)) == [held]
    assert free.pk != held.pk


class TestEvidence:
    def test_files_go_and_it_stays_that_there_was_one(self, media: Path) -> None:
        decision = rejected(answered(old_order()))
        evidence = picture(decision)
        assert [file for file in media.rglob("*") if file.is_file()]
        assert purge_pictures(days_ago(180)) == 1
        assert not [file for file in media.rglob("*") if file.is_file()]
        evidence.refresh_from_db()
        assert (bool(evidence.image), evidence.original_name, evidence.sha256) == (False, "parcel.png", "ab" * 32)
        assert Entry.objects.get(action="evidence.purged").after == {"pictures": 1}

    def test_a_decision_that_is_not_over_keeps_its_pictures(self) -> None:
        picture(rejected(answered(old_order()), state=Decision.State.ACCEPTED))
        assert purge_pictures(days_ago(180)) == 0

    def test_one_that_ended_a_short_while_ago_too(self) -> None:
        picture(rejected(answered(old_order()), settled_at=days_ago(5)))
        assert purge_pictures(days_ago(180)) == 0

    @pytest.mark.parametrize(("days", "left"), [(0, 1), (180, 0), (365, 1)])
    def test_the_setting_says_after_how_many_days(self, settings: Any, days: int, left: int) -> None:
        settings.KEEP_EVIDENCE_DAYS = days
        picture(rejected(answered(old_order())))
        forgetting.purge_evidence()
        assert Evidence.objects.exclude(image="").count() == left

    def test_a_page_says_that_it_is_erased_and_the_address_finds_nothing(self, admin_client: Any) -> None:
        decision = rejected(answered(old_order()))
        evidence = picture(decision)
        purge_pictures(days_ago(180))
        page = admin_client.get(reverse("cancellations:decision", args=[decision.pk]), follow=True)
        assert "parcel.png (erased)" in page.content.decode()
        for name in ("evidence", "thumbnail"):
            assert admin_client.get(reverse(f"cancellations:{name}", args=[evidence.pk])).status_code == 404


class TestOnRequest:
    def test_all_orders_of_the_buyer_are_erased_at_once_however_new(self) -> None:
        order, other = old_order(updated_at=timezone.now()), old_order()
        picture(rejected(answered(order)))
        stranger = old_order(buyer_id="somebody-else")
        counts = forget(of_one_buyer("tiktok_shop", other))
        assert (counts["orders"], counts["pictures"]) == (2, 1)
        assert list(Order.objects.filter(purged_at=None)) == [stranger]

    def test_each_order_says_in_the_audit_log_who_had_it_erased(self) -> None:
        root = UserFactory(is_superuser=True)
        order = old_order()
        forget(Order.objects.all(), root)
        entry = Entry.objects.get(action="buyer_data.erased")
        assert (entry.order_id, entry.shop_id, entry.actor) == (order.pk, order.shop_id, root)
        assert SECRET not in f"{entry.before} {entry.after} {entry.about}"

    def test_a_request_that_waits_is_in_the_way_and_is_named(self) -> None:
        waiting = CancellationFactory(order=old_order())
        old_order()
        with pytest.raises(StillOpen, match=f"Request {waiting} about order {waiting.order} waits") as no:
            forget(Order.objects.all())
        assert len(no.value.what) == 1
        assert not Order.objects.exclude(purged_at=None).exists()

    def test_so_are_decisions_on_their_way_and_orders_under_way(self) -> None:
        rejected(answered(old_order()), state=Decision.State.SENDING)
        old_order(delivered_at=None, is_shipped=False)
        with pytest.raises(StillOpen) as no:
            forget(Order.objects.all())
        assert [text.rpartition(" ")[2] for text in no.value.what] == ["somebody.", "way."]

    def test_a_business_that_buys_for_many_is_not_one_person(self) -> None:
        order, _another = (old_order(buyer_name="Shops Ltd.") for _ in range(2))
        assert list(of_one_buyer("tiktok_shop", order)) == [order]

    def test_an_order_without_a_buyers_id_is_nobody_elses(self) -> None:
        order, _another = (old_order(buyer_id="") for _ in range(2))
        assert list(of_one_buyer("tiktok_shop", order)) == [order]

    def test_only_superusers_may(self) -> None:
        old_order()
        with pytest.raises(PermissionDenied):
            forget(Order.objects.all(), UserFactory(is_staff=True))


class TestTheCommand:
    @pytest.mark.parametrize(("how", "erased"), [("--buyer", 2), ("--order", 2)])
    def test_it_finds_all_orders_of_the_buyer(self, how: str, erased: int) -> None:
        order, _other = old_order(), old_order()
        stranger = old_order(buyer_id="somebody-else")
        out = io.StringIO()
        call_command(
            "forget_buyer", "tiktok_shop", how, {"--buyer": order.buyer_id, "--order": order.marketplace_id}[how],
            stdout=out,
        )  # fmt: skip
        assert out.getvalue().startswith(f"{erased} orders")
        assert list(Order.objects.filter(purged_at=None)) == [stranger]

    def test_it_says_what_is_in_the_way(self) -> None:
        waiting = CancellationFactory(order=old_order())
        with pytest.raises(CommandError, match=f"{waiting} about order"):
            call_command("forget_buyer", "tiktok_shop", "--order", waiting.order_marketplace_id)

    @pytest.mark.parametrize("how", ["--buyer", "--order"])
    def test_a_buyer_who_is_not_there_is_an_error(self, how: str) -> None:
        old_order(buyer_id="")
        with pytest.raises(CommandError, match="is stored"):
            call_command("forget_buyer", "tiktok_shop", how, "")
        with pytest.raises(CommandError, match="is stored"):
            call_command("forget_buyer", "crux_timp", how, f"{SECRET}-id")


class TestTheAdmin:
    LIST = "/admin/orders/order/"

    def choose(self, client: Client, order: Order, **more: str) -> str:
        chosen = {"action": "forget_buyer", "_selected_action": [order.pk], **more}
        return client.post(self.LIST, chosen, follow=True).content.decode()

    def test_it_asks_first_and_names_all_orders_of_the_buyer(self, admin_client: Client) -> None:
        order, other = old_order(), old_order()
        page = self.choose(admin_client, order)
        assert order.marketplace_id in page
        assert other.marketplace_id in page
        assert not Order.objects.exclude(purged_at=None).exists()

    def test_then_it_erases(self, admin_client: Client) -> None:
        order, _other = old_order(), old_order()
        assert "What 2 orders told of their buyers is erased." in self.choose(admin_client, order, confirmed="yes")
        assert not Order.objects.filter(purged_at=None).exists()
        assert Entry.objects.filter(action="buyer_data.erased", via="admin").count() == 2

    def test_it_says_what_is_in_the_way(self, admin_client: Client) -> None:
        waiting = CancellationFactory(order=old_order())
        order = Order.objects.get()
        assert f"Request {waiting} about order" in self.choose(admin_client, order, confirmed="yes")
        assert Order.objects.filter(purged_at=None).exists()

    def test_staff_who_are_no_superusers_are_not_offered_it(self, client: Client) -> None:
        order = old_order()
        support = member(Role.MANAGER, order.shop, is_staff=True)
        support.user_permissions.add(Permission.objects.get(codename="view_order"))
        client.force_login(support)
        assert client.get(self.LIST).status_code == 200
        self.choose(client, order, confirmed="yes")
        assert Order.objects.filter(purged_at=None).exists()


class TestWhatComesIn:
    """With the simulator on the other side, which goes on telling everything."""

    def read_again(self, shop: Shop, order: Order) -> Order:
        sync.read_again(shop, [order.marketplace_id])
        return Order.objects.get(pk=order.pk)

    def told(self, order: Order) -> dict[str, Any]:
        return {name: getattr(order, name) for name in BLANK}

    def test_a_later_pull_brings_nothing_back(self, world: World) -> None:
        world.sync("GB")
        shop = world.shop("GB")
        order = Order.objects.filter(shop=shop).over().exclude(recipient_name="")[0]
        forget(Order.objects.filter(pk=order.pk))
        Order.objects.filter(pk=order.pk).update(status="OF_LONG_AGO")
        again = self.read_again(shop, order)
        assert again.status == order.status
        assert self.told(again) == BLANK
        assert again.purged_at
        assert not LineItem.objects.filter(order=order).exclude(extra={}).exists()

    def test_one_that_comes_to_life_again_is_known_again(self, world: World) -> None:
        world.sync("GB")
        shop = world.shop("GB")
        order = world.orders("GB")[0]
        with transaction.atomic():
            forgetting.erase([order.pk], timezone.now())
        again = self.read_again(shop, order)
        assert again.recipient_name == order.recipient_name != ""
        assert again.purged_at is None
