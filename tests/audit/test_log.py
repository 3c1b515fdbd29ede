"""The audit log: what an entry holds, and that nothing alters it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from audit import log, origin
from audit.models import Entry
from audit.tasks import forget_old_entries
from tests.factories import CancellationFactory, OrderFactory, ShopFactory, UserFactory

pytestmark = pytest.mark.django_db


def aged(days: int) -> Entry:
    """An entry of so many days ago."""
    with time_machine.travel(timezone.now() - timedelta(days=days)):
        return log.write("shop.changed")


def test_an_entry_says_where_a_row_belongs() -> None:
    cancellation = CancellationFactory()
    assert cancellation.order
    entry = log.write("cancellation.assigned", about=cancellation)
    assert (entry.shop_id, entry.order_id, entry.cancellation_id) == (
        cancellation.shop_id, cancellation.order_id, cancellation.pk,
    )  # fmt: skip
    assert (entry.about_type, entry.about_id) == ("cancellations.cancellationrequest", str(cancellation.pk))
    order = log.write("order.read", about=OrderFactory())
    assert (order.order_id, order.cancellation_id) == (int(order.about_id), None)
    shop = ShopFactory()
    assert log.write("shop.changed", about=shop).shop_id == shop.pk
    assert log.write("shop.changed", about=shop, shop_id=4711).shop_id == 4711


def test_values_are_kept_as_they_can_be_read_again() -> None:
    now = timezone.now()
    log.write("money_cap.changed", before={"amount": Decimal("1.50")}, after={"at": now})
    entry = Entry.objects.get()
    assert entry.before == {"amount": "1.50"}
    assert entry.after["at"].startswith(now.isoformat()[:23])


@pytest.mark.parametrize("change", ["UPDATE audit_entry SET actor_name = 'nobody'", "DELETE FROM audit_entry"])
def test_the_database_refuses_to_alter_an_entry(change: str) -> None:
    log.write("shop.changed")
    with pytest.raises(IntegrityError, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    assert Entry.objects.get().actor_name == ""


def test_saving_or_deleting_a_row_is_refused_as_well() -> None:
    entry = log.write("shop.changed")
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.delete()


def test_the_purge_deletes_what_is_old_and_nothing_else() -> None:
    aged(31)
    aged(40)
    kept = aged(29)
    assert log.purge(timezone.now() - timedelta(days=30)) == 2
    assert Entry.objects.get() == kept


@pytest.mark.parametrize(("days", "left"), [(0, 2), (30, 1)])
def test_entries_are_kept_as_long_as_the_settings_say(settings: Any, days: int, left: int) -> None:
    settings.KEEP_AUDIT_DAYS = days
    aged(4000)
    aged(1)
    forget_old_entries()
    assert Entry.objects.count() == left


def test_after_the_purge_the_same_transaction_deletes_nothing_any_more() -> None:
    with transaction.atomic():
        aged(31)
        kept = aged(1)
        log.purge(timezone.now() - timedelta(days=30))
        with pytest.raises(IntegrityError), transaction.atomic():
            kept.delete()
    assert Entry.objects.get() == kept


def test_an_entry_says_from_where_it_was_done(rf: RequestFactory) -> None:
    request = rf.get("/orders/", headers={"User-Agent": "A browser\0"}, REMOTE_ADDR="192.0.2.7")
    request.user = person = UserFactory()

    def page(request: object) -> None:
        log.write("order.read")

    origin.OriginMiddleware(page)(request)  # type: ignore[arg-type]
    entry = Entry.objects.get()
    assert (entry.actor, entry.via, entry.address) == (person, "page", "192.0.2.7")
    assert entry.user_agent == "A browser�"


@pytest.mark.parametrize(
    ("path", "via"), [("/api/v1/", "api"), ("/admin/", "admin"), ("/webhooks/x/", "push"), ("/", "page")]
)
def test_the_way_in_is_told_by_the_address(rf: RequestFactory, path: str, via: str) -> None:
    request = rf.get(path)
    request.user = AnonymousUser()
    origin.OriginMiddleware(lambda request: log.write("order.read"))(request)  # type: ignore[arg-type, return-value]
    assert (Entry.objects.get().via, Entry.objects.get().actor) == (via, None)


def test_what_nobody_asked_for_was_done_by_a_command() -> None:
    assert log.write("secrets.rotated").via == "command"


def test_nobody_is_deleted_whose_deeds_are_in_the_log() -> None:
    person = UserFactory()
    log.write("shop.changed", actor=person)
    with pytest.raises(IntegrityError):
        person.delete()
