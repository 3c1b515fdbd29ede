"""The audit log as a file: all of it, nothing that a spreadsheet would calculate, and an entry about it."""

import csv
import io
import json
from typing import Any

import pytest
import time_machine
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from audit import log
from audit.models import Entry
from shops import spreadsheets
from shops.models import Membership, Permission, Role
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client) -> User:
    person = member(Role.MANAGER, ShopFactory())
    client.force_login(person)
    return person


def text_of(answer: Any) -> str:
    assert answer.streaming
    return b"".join(answer.streaming_content).decode("utf-8-sig")


@given(st.text())
def test_no_cell_begins_a_formula_and_no_text_is_lost(text: str) -> None:
    shown = spreadsheets.cell(text)
    assert not shown.startswith(spreadsheets.FORMULA)
    assert shown.removeprefix("'") == text.replace("\0", "\ufffd").removeprefix("'")


@given(st.sampled_from(spreadsheets.FORMULA), st.text())
def test_what_would_begin_one_is_marked_as_text(sign: str, rest: str) -> None:
    assert spreadsheets.cell(sign + rest).startswith("'" + sign)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2)))
def test_a_file_has_the_rows_and_cells_that_were_written(rows: list[list[str]]) -> None:
    file = io.StringIO("".join(spreadsheets.lines(["a", "b"], rows)).removeprefix("\ufeff"), newline="")
    read = list(csv.reader(file))
    assert read[0] == ["a", "b"]
    assert read[1:] == [[spreadsheets.cell(value) for value in row] for row in rows]


def test_the_file_has_what_the_list_has_and_is_dated(client: Client, manager: User) -> None:
    shop = manager.shops.get()
    log.write("sync.asked_for", about=shop, actor=UserFactory(first_name="=HYPERLINK(1)"))
    log.write("shop.changed", about=ShopFactory())
    with time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        client.force_login(manager)
        answer = client.get("/audit/csv/")
    assert answer["Content-Disposition"] == 'attachment; filename="countermand-audit-2026-11-21.csv"'
    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert [(row["action"], row["actor_name"]) for row in rows] == [("sync.asked_for", "'=HYPERLINK(1)")]


def test_json_lines_are_one_object_each(client: Client, manager: User) -> None:
    for number in range(3):
        log.write("sync.asked_for", about=manager.shops.get(), after={"number": number})
    rows = [json.loads(line) for line in text_of(client.get("/audit/jsonl/")).splitlines()]
    assert [row["after"]["number"] for row in rows] == [2, 1, 0]


def test_the_filters_of_the_list_narrow_the_file(client: Client, manager: User) -> None:
    log.write("sync.asked_for", about=manager.shops.get())
    log.write("shop.changed", about=manager.shops.get())
    rows = text_of(client.get("/audit/jsonl/", {"action": "shop.changed"})).splitlines()
    assert [json.loads(row)["action"] for row in rows] == ["shop.changed"]


def test_that_it_was_taken_away_is_in_the_log(client: Client, manager: User) -> None:
    text_of(client.get("/audit/csv/", {"action": "shop.changed", "q": "ignored"}))
    entry = Entry.objects.get()
    assert (entry.action, entry.actor, entry.after) == (
        "audit.exported", manager, {"format": "csv", "action": "shop.changed"},
    )  # fmt: skip


def test_who_may_not_export_takes_nothing_away(client: Client, manager: User) -> None:
    Membership.objects.update(permissions=[Permission.APPROVE])
    assert client.get("/audit/csv/").status_code == 403
    assert "/audit/csv/" not in client.get("/audit/").content.decode()
    assert not Entry.objects.exists()


def test_of_two_shops_the_file_has_the_one_that_may_be_exported(client: Client, manager: User) -> None:
    other = ShopFactory()
    Membership.objects.create(user=manager, shop=other, role=Role.MANAGER, permissions=[Permission.APPROVE])
    log.write("shop.changed", about=other)
    log.write("sync.asked_for", about=manager.shops.exclude(pk=other.pk).get())
    rows = text_of(client.get("/audit/jsonl/")).splitlines()
    assert [json.loads(row)["action"] for row in rows] == ["sync.asked_for"]


def test_there_are_no_other_formats_and_nobody_gets_one_without_signing_in(client: Client, manager: User) -> None:
    assert client.get("/audit/xlsx/").status_code == 404
    client.logout()
    assert client.get("/audit/csv/").status_code == 302
