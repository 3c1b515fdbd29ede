"""The pages of exports, and the API: asked for, followed, fetched by who asked for it and by nobody else."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Scope, User
from accounts.tokens import make_token
from audit.models import Entry
from exports.exporting import MOST_UNFINISHED
from exports.models import Export
from shops.models import Membership, Permission, Role, Shop
from tests.exports.files import exported, written
from tests.factories import CancellationFactory, OrderFactory, ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def bearing(person: User, scope: Scope, *shops: Shop) -> Client:
    _row, text = make_token(person, scope, 1, shops=shops or None)
    return Client(headers={"Authorization": f"Token {text}"})


def body(answer: Any) -> str:
    assert answer.status_code == 200
    found = b"".join(answer.streaming_content)
    assert len(found) == int(answer["Content-Length"])
    return found.decode("utf-8-sig")


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_queues_filters_come_along_and_the_file_has_what_the_queue_shows(browser: Client, shop: Shop) -> None:
    wanted = CancellationFactory(order=OrderFactory(shop=shop))
    CancellationFactory(order=OrderFactory(shop=shop), needs_answer=False, state="closed")
    queue = browser.get("/", {"q": wanted.marketplace_id}).content.decode()
    assert f"/exports/new/requests/?of_queue=1&amp;q={wanted.marketplace_id}" in queue
    form = browser.get("/exports/new/requests/", {"of_queue": "1", "q": wanted.marketplace_id})
    assert form.context["filter"].data.dict() == {"q": wanted.marketplace_id, "needs_answer": "true"}
    told = {"q": wanted.marketplace_id, "needs_answer": "true", "format": "csv"}
    assert browser.post("/exports/new/requests/", told)["Location"] == "/exports/"
    export = written(Export.objects.get())
    answer = browser.get(f"/exports/{export.pk}/file/")
    assert answer["Content-Disposition"] == f'attachment; filename="{export.file_name}"'
    assert [row["id"] for row in csv.DictReader(io.StringIO(body(answer)))] == [str(wanted.pk)]


def test_the_audit_log_leads_here_with_its_filters(browser: Client, shop: Shop) -> None:
    browser.post("/exports/new/requests/", {"format": "jsonl"})
    page = browser.get("/audit/", {"action": "export.started"}).content.decode()
    assert "/exports/new/audit/?action=export.started" in page
    browser.post("/exports/new/audit/", {"format": "jsonl", "action": "export.started"})
    export = written(Export.objects.latest("pk"))
    rows = [json.loads(line) for line in body(browser.get(f"/exports/{export.pk}/file/")).splitlines()]
    assert {row["action"] for row in rows} == {"export.started"}


def test_what_is_wrong_is_said_at_its_field(browser: Client) -> None:
    answer = browser.post("/exports/new/requests/", {"format": "xlsx", "since": "yesterday"})
    assert answer.status_code == 422
    assert "format" in answer.context["form"].errors
    assert "since" in answer.context["filter"].form.errors
    assert not Export.objects.exists()
    assert browser.get("/exports/new/secrets/").status_code == 404


def test_who_has_many_under_way_waits_for_one_of_them(browser: Client) -> None:
    for _ in range(MOST_UNFINISHED):
        browser.post("/exports/new/requests/", {"format": "csv"})
    answer = browser.post("/exports/new/requests/", {"format": "csv"})
    assert answer.status_code == 422
    assert "5 exports of yours are under way" in answer.content.decode()
    assert Export.objects.count() == MOST_UNFINISHED


def test_over_the_api_too_and_is_told_when_to_ask_again(manager: User) -> None:
    client = bearing(manager, Scope.ADMIN)
    for _ in range(MOST_UNFINISHED):
        client.post("/api/v1/exports/", {"kind": "requests"}, content_type="application/json")
    answer = client.post("/api/v1/exports/", {"kind": "requests"}, content_type="application/json")
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-requests")
    assert "5 exports of yours are under way" in answer.json()["detail"]
    assert answer["Retry-After"] == "30"


def test_the_last_day_is_not_before_the_first(browser: Client) -> None:
    days = {"format": "csv", "since": "2026-11-30", "until": "2026-11-01"}
    for kind in ("requests", "decisions", "audit"):
        answer = browser.post(f"/exports/new/{kind}/", days)
        assert answer.status_code == 422
        assert "until" in answer.context["filter"].form.errors
    assert not Export.objects.exists()


def test_whether_an_answer_is_needed_can_be_left_open(browser: Client) -> None:
    field = browser.get("/exports/new/requests/").context["filter"].form["needs_answer"]
    assert list(dict(field.field.widget.choices)) == ["", "true", "false"]
    browser.post("/exports/new/requests/", {"format": "csv", "needs_answer": "false"})
    assert Export.objects.get().filters == {"needs_answer": "false"}


def test_the_list_tells_how_far_each_is_and_is_silent_while_nothing_changes(browser: Client, manager: User) -> None:
    export = exported(manager, "requests")
    Export.objects.update(state="running", rows_done=1200, rows_expected=4800)
    page = browser.get("/exports/")
    assert "1,200 of 4,800 rows" in page.content.decode()
    fragment = {"HX-Request": "true"}
    assert browser.get("/exports/", {"seen": page.context["seen"]}, headers=fragment).status_code == 204
    Export.objects.update(rows_done=2400)
    again = browser.get("/exports/", {"seen": page.context["seen"]}, headers=fragment).content.decode()
    assert "2,400 of 4,800" in again
    assert "<html" not in again
    browser.post(f"/exports/{export.pk}/remove/")
    assert "cancelled" in browser.get("/exports/").content.decode()


def test_filters_are_told_in_words(browser: Client, manager: User, shop: Shop) -> None:
    told = {"needs_answer": "true", "shop": str(shop.pk), "state": "waiting", "whose": str(manager.pk), "q": "mug"}
    exported(manager, "requests", told)
    exported(manager, "audit", {"person": str(manager.pk), "action": "export.started"})
    page = browser.get("/exports/").content.decode()
    for words in (
        "The seller has to answer: yes", f"Shop: {shop}", "State: waiting", f"Assigned to: {manager}", "Search: mug",
        f"Person: {manager}",
    ):  # fmt: skip
        assert words in page


def test_a_file_that_is_gone_says_so(browser: Client, manager: User) -> None:
    export = exported(manager, "requests")
    Export.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert browser.get(f"/exports/{export.pk}/file/").status_code == 404
    assert f"/exports/{export.pk}/file/" not in browser.get("/exports/").content.decode()


def test_that_it_was_started_and_fetched_is_in_the_audit_log(browser: Client, manager: User, shop: Shop) -> None:
    export = exported(manager, "requests", {"needs_answer": "true"})
    body(browser.get(f"/exports/{export.pk}/file/"))
    started, fetched = Entry.objects.filter(action__startswith="export.").order_by("pk")
    assert (started.action, started.after["needs_answer"], started.shop_id) == ("export.started", "true", shop.pk)
    assert (fetched.action, fetched.actor, fetched.after["rows"]) == ("export.fetched", manager, 0)


def test_only_its_maker_fetches_it_and_only_while_allowed(browser: Client, manager: User, shop: Shop) -> None:
    export = exported(manager, "requests")
    colleague = Client()
    for person in (member(Role.MANAGER, shop), UserFactory(is_superuser=True)):
        colleague.force_login(person)
        assert colleague.get(f"/exports/{export.pk}/file/").status_code == 404
        assert colleague.post(f"/exports/{export.pk}/remove/").status_code == 404
    Membership.objects.filter(user=manager).update(permissions=[Permission.APPROVE])
    assert browser.get(f"/exports/{export.pk}/file/").status_code == 403
    assert browser.get("/exports/new/requests/").status_code == 403
    assert "You may export from no shop" not in browser.get("/exports/").content.decode()  # there is this one
    assert not Entry.objects.filter(action="export.fetched").exists()


# --- the API ----------------------------------------------------------------------------------------------------------


def test_an_export_is_started_followed_fetched_and_deleted(manager: User, shop: Shop) -> None:
    row = CancellationFactory(order=OrderFactory(shop=shop))
    client = bearing(manager, Scope.ADMIN)
    told = {"kind": "requests", "filters": {"needs_answer": "true"}}
    answer = client.post("/api/v1/exports/", told, content_type="application/json")
    assert answer.status_code == 202
    address = answer["Location"]
    assert (answer.json()["url"], answer.json()["state"], answer.json()["download"]) == (address, "waiting", None)
    written(Export.objects.get())
    shown = client.get(address).json()
    assert (shown["state"], shown["rows_done"], shown["rows_expected"]) == ("done", 1, 1)
    fetched = json.loads(body(client.get(shown["download"])))
    assert fetched["id"] == row.pk
    assert [one["id"] for one in client.get("/api/v1/exports/").json()["results"]] == [shown["id"]]
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["state"] == "expired"
    gone = client.get(shown["download"])
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"kind": "secrets"}, "kind"),
        ({"kind": "requests", "format": "xlsx"}, "format"),
        ({"kind": "requests", "filters": {"colour": "red"}}, "filters.colour"),
        ({"kind": "decisions", "filters": {"state": "limbo"}}, "filters.state"),
        ({"kind": "requests", "filters": {"q": {"a": 1}}}, "filters.q"),
        ({"kind": "requests", "filters": {"shop": "9" * 30}}, "filters.shop"),
        ({"kind": "audit", "filters": {"since": "0001-01-01"}}, "filters.since"),
        ({"kind": "decisions", "filters": {"since": "2026-11-30", "until": "2026-11-01"}}, "filters.until"),
        ({"kind": "requests", "colour": "red"}, "colour"),
    ],
)
def test_a_body_that_is_wrong_is_told_by_field(manager: User, told: dict[str, Any], field: str) -> None:
    answer = bearing(manager, Scope.ADMIN).post("/api/v1/exports/", told, content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_a_token_takes_away_no_more_than_its_shops_and_its_scope_give(manager: User, shop: Shop) -> None:
    other = ShopFactory()
    Membership.objects.create(user=manager, shop=other, role=Role.MANAGER)
    for place in (shop, other):
        CancellationFactory(order=OrderFactory(shop=place))
    limited = bearing(manager, Scope.ADMIN, other)
    limited.post("/api/v1/exports/", {"kind": "requests"}, content_type="application/json")
    export = written(Export.objects.get())
    assert (export.shops, export.rows_done) == ([other.pk], 1)
    whole = exported(manager, "requests")
    for address in (f"/api/v1/exports/{whole.pk}/", f"/api/v1/exports/{whole.pk}/file/"):
        assert limited.get(address).status_code == 404
    assert limited.delete(f"/api/v1/exports/{whole.pk}/").status_code == 404
    assert [one["id"] for one in limited.get("/api/v1/exports/").json()["results"]] == [export.pk]
    for scope in (Scope.READ, Scope.DECIDE):
        client = bearing(manager, scope)
        assert client.get(f"/api/v1/exports/{whole.pk}/file/").status_code == 403
        answer = client.post("/api/v1/exports/", {"kind": "requests"}, content_type="application/json")
        assert answer.status_code == 403


def test_a_colleague_finds_nothing_of_it(manager: User, shop: Shop) -> None:
    export = exported(manager, "requests")
    colleague = bearing(member(Role.MANAGER, shop), Scope.ADMIN)
    for address in (f"/api/v1/exports/{export.pk}/", f"/api/v1/exports/{export.pk}/file/"):
        assert colleague.get(address).status_code == 404
    assert colleague.delete(f"/api/v1/exports/{export.pk}/").status_code == 404
    assert colleague.get("/api/v1/exports/").json()["results"] == []
