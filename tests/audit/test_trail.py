"""Reading the audit log: who sees what of it, narrowed, in sentences, page by page."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit import log
from audit.models import Entry
from cancellations import trail_words
from shops.models import ConnectAttempt, Role
from tests.factories import CancellationFactory, ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
AUDIT = "/audit/"


def seen(client: Client, **query: str | int) -> list[str]:
    page = client.get(AUDIT, query)
    assert page.status_code == 200
    return [line.entry.action for line in page.context["lines"]]


@pytest.fixture
def manager(client: Client) -> User:
    person = member(Role.MANAGER, ShopFactory())
    client.force_login(person)
    return person


def test_a_manager_sees_what_was_done_in_their_shops_alone(client: Client, manager: User) -> None:
    log.write("sync.asked_for", about=manager.shops.get())
    log.write("shop.changed", about=ShopFactory())
    log.write("user.changed", about=UserFactory())
    assert seen(client) == ["sync.asked_for"]


def test_a_superuser_sees_everything(client: Client) -> None:
    client.force_login(UserFactory(is_superuser=True))
    log.write("shop.changed", about=ShopFactory())
    log.write("user.changed", about=UserFactory())
    assert seen(client) == ["user.changed", "shop.changed"]


@pytest.mark.parametrize("role", [Role.AGENT, Role.VIEWER])
def test_who_manages_nothing_is_told_so(client: Client, role: Role) -> None:
    shop = ShopFactory()
    client.force_login(member(role, shop))
    log.write("shop.changed", about=shop)
    assert seen(client) == []
    assert "You manage no shop" in client.get(AUDIT).content.decode()


def test_the_log_is_narrowed_by_what_is_asked_for(client: Client, manager: User) -> None:
    shop = manager.shops.get()
    cancellation = CancellationFactory(order__shop=shop)
    other = CancellationFactory(order__shop=shop)
    colleague = member(Role.AGENT, shop)
    assert cancellation.order
    log.write("cancellation.assigned", about=cancellation, actor=manager)
    log.write("cancellation.closed", about=other, actor=colleague)
    log.write("order.read", about=cancellation.order, actor=colleague)
    assert seen(client, person=colleague.pk) == ["order.read", "cancellation.closed"]
    assert seen(client, action="cancellation.closed") == ["cancellation.closed"]
    assert seen(client, order=cancellation.order.marketplace_id) == ["order.read", "cancellation.assigned"]
    assert seen(client, request_id=other.marketplace_id) == ["cancellation.closed"]
    assert seen(client, shop=shop.pk, person=manager.pk) == ["cancellation.assigned"]
    assert seen(client, person=UserFactory().pk) == []
    assert seen(client, shop=ShopFactory().pk) == []


def test_days_are_the_readers(client: Client, manager: User) -> None:
    User.objects.update(time_zone="Pacific/Auckland")
    shop = manager.shops.get()
    with time_machine.travel("2026-03-10T12:00:00Z"):  # the 11th over there
        log.write("shop.changed", about=shop)
    assert seen(client, since="2026-03-11", until="2026-03-11") == ["shop.changed"]
    assert seen(client, until="2026-03-10") == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "yesterday"])
def test_a_day_that_is_none_finds_nothing_and_is_said_so(client: Client, manager: User, day: str) -> None:
    log.write("shop.changed", about=manager.shops.get())
    assert seen(client, until=day) == []


def test_long_lists_come_in_pages_that_stay_right(client: Client, manager: User) -> None:
    shop = manager.shops.get()
    moment = timezone.now()
    Entry.objects.bulk_create(
        Entry(action=f"thing.n{number}", shop_id=shop.pk, via="page", at=moment - timedelta(seconds=number // 2))
        for number in range(120)
    )
    found, token = [], ""
    while True:
        page = client.get(AUDIT, {"page": token}).context
        found += [line.entry.action for line in page["lines"]]
        log.write("shop.changed", about=shop)  # arrives meanwhile
        token = page["page"].next
        if not token:
            break
    assert sorted(name for name in found if name.startswith("thing")) == sorted(f"thing.n{n}" for n in range(120))


def test_a_page_costs_the_same_queries_however_many_entries(
    client: Client, manager: User, django_assert_max_num_queries: object
) -> None:
    for _ in range(20):
        log.write("cancellation.closed", about=CancellationFactory(order__shop=manager.shops.get()), actor=manager)
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        assert len(seen(client)) == 20


def test_an_entry_reads_as_a_sentence_with_what_changed(client: Client, manager: User) -> None:
    shop = manager.shops.get()
    log.write(
        "membership.changed",
        about=manager.memberships.get(),
        before={"role": "viewer", "permissions": None},
        after={"role": "manager", "permissions": ["approve"]},
    )
    log.write("shop.changed", about=shop, before={"is_active": True}, after={"is_active": False, "cipher": "changed"})
    log.write("api_token.ended", about=shop)
    page = client.get(AUDIT)
    ended, of_shop, of_member = page.context["lines"]
    assert ended.sentence == "api token ended"  # what nobody has worded is still readable
    assert of_member.sentence == "Membership changed"
    told = [(change.name, change.before, change.after) for change in of_member.changes]
    assert told == [("role", "viewer: reads", "manager: decides and looks after the shop"), ("may do", "", "approve")]
    assert [(change.name, change.before, change.after, change.is_secret) for change in of_shop.changes] == [
        ("active", "yes", "no", False), ("shop cipher", "", "", True),
    ]  # fmt: skip
    assert "{" not in page.content.decode().partition('id="audit"')[2].partition("</section>")[0]


def test_what_is_gone_is_still_told(client: Client) -> None:
    client.force_login(UserFactory(is_superuser=True))
    shop = ShopFactory(name="Gone tomorrow")
    log.write("shop.changed", about=shop)
    shop.delete()
    assert "Gone tomorrow" in client.get(AUDIT).content.decode()


def test_the_pages_of_a_request_and_of_an_order_lead_managers_to_it(client: Client, manager: User) -> None:
    cancellation = CancellationFactory(order__shop=manager.shops.get())
    log.write("cancellation.assigned", about=cancellation)
    for page, expected in (
        (cancellation.get_absolute_url(), f"/audit/?request_id={cancellation.marketplace_id}"),
        (
            reverse("cancellations:order_history", args=[cancellation.order_id]),
            f"/audit/?order={cancellation.order_marketplace_id}",
        ),
    ):
        assert expected in client.get(page).content.decode()
        assert len(client.get(expected).context["lines"]) == 1
    client.force_login(member(Role.AGENT, manager.shops.get()))
    assert "/audit/" not in client.get(cancellation.get_absolute_url()).content.decode()


def test_every_action_that_is_written_has_words() -> None:
    assert actions_written() - set(trail_words.ACTIONS) == set()


def test_pushes_that_are_asked_for_and_switched_off_have_words() -> None:
    assert {"pushes.registered", "pushes.removed"} <= set(trail_words.ACTIONS)


def test_no_two_actions_are_called_the_same() -> None:
    words = [str(words) for words in trail_words.ACTIONS.values()]
    assert sorted(set(words)) == sorted(words)


def test_why_connecting_failed_is_told_in_words(client: Client) -> None:
    client.force_login(UserFactory(is_superuser=True))
    attempt = ConnectAttempt.objects.create(user=UserFactory(), marketplace="tiktok_shop")
    log.write("connection.failed", about=attempt, after={"why": ConnectAttempt.Failure.ELSEWHERE})
    shown = client.get(AUDIT).content.decode()
    assert "others look after this seller" in shown and "elsewhere" not in shown


def actions_written() -> set[str]:
    """Of the product's own files: what stands as the first argument of `write`."""
    import re
    from pathlib import Path

    house = ("accounts", "audit", "shops", "orders", "cancellations", "webhooks", "truth", "config")
    files = [file for folder in house for file in Path(folder).rglob("*.py")]
    return {
        name for file in files for name in re.findall(r"\bwrite\(\s*\"([a-z_]+\.[a-z_]+)\"", file.read_text("utf-8"))
    }


# --- over the API -----------------------------------------------------------------------------------------------------


def test_the_api_tells_the_same_with_the_same_filters(client: Client, manager: User) -> None:
    shop = manager.shops.get()
    log.write("sync.asked_for", about=shop, actor=manager, after={"full": True})
    log.write("shop.changed", about=ShopFactory())
    told = client.get("/api/v1/audit/").json()["results"]
    assert [(row["action"], row["sentence"], row["after"]) for row in told] == [
        ("sync.asked_for", "Pull asked for", {"full": True})
    ]
    assert client.get("/api/v1/audit/", {"action": "shop.changed"}).json()["results"] == []
    wrong = client.get("/api/v1/audit/", {"since": "9999-12-31"})
    assert (wrong.status_code, wrong["Content-Type"]) == (400, "application/problem+json")


def test_the_api_pages_by_cursor(client: Client, manager: User) -> None:
    for _ in range(3):
        log.write("sync.asked_for", about=manager.shops.get())
    first = client.get("/api/v1/audit/", {"page_size": 2}).json()
    assert len(first["results"]) == 2
    assert len(client.get(first["next"]).json()["results"]) == 1
