"""Each verb of the staff leaves an entry: who, what, to which request, before and after."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from cancellations import batches, recording, teamwork
from cancellations.models import (
    Announcement,
    Batch,
    BatchItem,
    CancellationRequest,
    Claim,
    CommentTemplate,
    SavedView,
    Verdict,
)
from shops.models import Role, Shop
from tests.cancellations.views.pages import picture
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    ConnectionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    member,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked() -> CancellationRequest:
    cancellation = CancellationFactory()
    CancellationLineFactory(cancellation=cancellation)
    return cancellation


@pytest.fixture
def person(client: Client, asked: CancellationRequest) -> User:
    someone = member(Role.MANAGER, asked.shop)
    client.force_login(someone)
    return someone


def the_entry(action: str) -> Entry:
    return Entry.objects.get(action=action)


def test_an_open_page_is_told_once_and_not_every_minute(asked: CancellationRequest, person: User) -> None:
    for _ in range(3):
        teamwork.claim(asked, person)
    entry = the_entry("cancellation.claimed")
    assert (entry.actor, entry.cancellation_id, entry.shop_id) == (person, asked.pk, asked.shop_id)


def test_whoever_comes_second_has_claimed_nothing(asked: CancellationRequest, person: User) -> None:
    teamwork.claim(asked, person)
    assert teamwork.claim(asked, member(Role.AGENT, asked.shop)).user == person
    assert the_entry("cancellation.claimed").actor == person


def test_a_page_that_was_left_is_claimed_anew(asked: CancellationRequest, person: User) -> None:
    teamwork.claim(asked, member(Role.AGENT, asked.shop))
    Claim.objects.update(until=timezone.now())
    assert teamwork.claim(asked, person).user == person
    assert Entry.objects.filter(action="cancellation.claimed").count() == 2


def test_taking_over_says_from_whom(asked: CancellationRequest, person: User) -> None:
    colleague = member(Role.AGENT, asked.shop)
    teamwork.claim(asked, colleague)
    teamwork.take_over(asked, person)
    assert the_entry("cancellation.taken_over").before == {"from": str(colleague)}


def test_assigning_says_from_whom_to_whom(asked: CancellationRequest, person: User) -> None:
    colleague = member(Role.AGENT, asked.shop)
    teamwork.assign(asked, colleague, person)
    teamwork.assign(asked, colleague, person)  # as it is
    entry = the_entry("cancellation.assigned")
    assert (entry.before, entry.after) == ({"assigned_to": ""}, {"assigned_to": str(colleague)})


def test_a_note_is_told_of_and_not_repeated(asked: CancellationRequest, person: User) -> None:
    teamwork.add_note(asked, person, "Her number is zorro.")
    assert "zorro" not in str(Entry.objects.values())
    assert the_entry("note.added").about == str(asked)


def test_recording_and_closing(person: User) -> None:
    shop = ShopFactory(connection=ConnectionFactory(marketplace="crux_timp"), marketplace="crux_timp", region="US")
    agent = member(Role.AGENT, shop)
    order = OrderFactory(shop=shop)
    LineItemFactory(order=order, status="open")
    recorded = recording.record(order, None, agent, recording.Heard(note="By telephone: zorro"))
    recording.close(recorded, agent, "A mistake.")
    assert [entry.action for entry in Entry.objects.order_by("pk")] == ["cancellation.recorded", "cancellation.closed"]
    assert the_entry("cancellation.recorded").order_id == order.pk
    assert "zorro" not in str(Entry.objects.values())


def test_an_announcement_is_told_of_once(asked: CancellationRequest, person: User) -> None:
    announcement = Announcement.objects.create(
        shop=asked.shop, marketplace_id="a", title="Order Cancelled", is_cancellation=True, announced_at=timezone.now()
    )
    for _ in range(2):
        recording.handle(announcement, person, asked)
    assert the_entry("announcement.handled").cancellation_id == asked.pk


def test_comment_templates(client: Client, asked: CancellationRequest, person: User) -> None:
    form = {"name": "Packed", "text": "It is packed.", "language": "en", "reason": ""}
    client.post(reverse("cancellations:templates", args=[asked.shop_id]), form)
    kept = CommentTemplate.objects.get()
    address = reverse("cancellations:template", args=[kept.pk])
    client.post(address, {**form, "text": "It has been packed."})
    client.post(reverse("cancellations:delete_template", args=[kept.pk]))
    made, changed, deleted = Entry.objects.order_by("pk")
    assert (made.action, made.after["name"]) == ("comment_template.added", "Packed")
    assert (changed.before, changed.after) == ({"text": "It is packed."}, {"text": "It has been packed."})
    assert (deleted.action, deleted.before["name"]) == ("comment_template.deleted", "Packed")
    assert {entry.shop_id for entry in (made, changed, deleted)} == {asked.shop_id}


def test_only_views_that_others_see_are_told_of(client: Client, person: User) -> None:
    client.post(reverse("cancellations:views"), {"name": "Mine", "query": "q=mug"})
    client.post(reverse("cancellations:delete_view", args=[SavedView.objects.get().pk]))
    assert not Entry.objects.exists()
    client.post(reverse("cancellations:views"), {"name": "Ours", "query": "q=mug", "is_shared": "on"})
    client.post(reverse("cancellations:delete_view", args=[SavedView.objects.get().pk]))
    assert [entry.action for entry in Entry.objects.order_by("pk")] == ["saved_view.shared", "saved_view.deleted"]


def test_batches(asked: CancellationRequest, person: User) -> None:
    batch = Batch.objects.create(verdict=Verdict.APPROVE, made_by=person)
    BatchItem.objects.create(batch=batch, cancellation=asked)
    batches.start(batch)
    batches.start(batch)
    batches.take_back(batch, person)
    started, taken_back = Entry.objects.order_by("pk")
    assert (started.action, started.after["requests"], started.actor) == ("batch.started", 1, person)
    assert taken_back.action == "batch.taken_back"


def test_evidence(client: Client, asked: CancellationRequest, person: User) -> None:
    client.post(reverse("cancellations:add_evidence", args=[asked.pk]), {"image": picture()})
    draft = asked.drafts.get()
    client.post(reverse("cancellations:remove_evidence", args=[draft.pk]))
    uploaded, removed = Entry.objects.order_by("pk")
    assert (uploaded.action, removed.action) == ("evidence.uploaded", "evidence.removed")
    assert uploaded.after == removed.before == {"name": draft.original_name, "sha256": draft.sha256}
    assert uploaded.cancellation_id == removed.cancellation_id == asked.pk


def ask_on_the_page(client: Client, shop: Shop) -> Any:
    return client.post(reverse("shops:sync", args=[shop.pk]))


def ask_over_the_api(client: Client, shop: Shop) -> Any:
    return client.post(f"/api/v1/shops/{shop.pk}/sync/", "{}", content_type="application/json")


def ask_in_the_admin(client: Client, shop: Shop) -> Any:
    User.objects.update(is_staff=True, is_superuser=True)
    form = {"action": "pull_now", ACTION_CHECKBOX_NAME: [shop.pk]}
    return client.post(reverse("admin:shops_shop_changelist"), form)


@pytest.mark.parametrize(
    ("ask", "via"), [(ask_on_the_page, "page"), (ask_over_the_api, "api"), (ask_in_the_admin, "admin")]
)
def test_a_pull_that_somebody_asks_for(
    client: Client, asked: CancellationRequest, person: User, ask: Callable[[Client, Shop], Any], via: str
) -> None:
    assert ask(client, asked.shop).status_code in (202, 302)
    entry = the_entry("sync.asked_for")
    assert (entry.actor, entry.shop_id, entry.via) == (person, asked.shop_id, via)


def test_secrets_that_are_encrypted_anew(asked: CancellationRequest) -> None:
    call_command("rotate_secrets")
    assert the_entry("secrets.rotated").after == {"rows": 2}
