"""`manage.py cancellations`: the verbs of the screens for scripts, with the same permissions and the same words."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from cancellations import live, rules
from cancellations.models import CancellationRequest, Decision, Note
from marketplaces.records import RejectReason
from shops.models import Membership, MoneyCap, Permission, Role, Shop
from tests.cancellations.views.pages import picture
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    UserFactory,
    member,
)

ROOT = Path(__file__).resolve().parents[2]
REASON = "seller_reject_apply_package_sent"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Said:
    """What a call printed, complained of, and ended with."""

    def __init__(self, *words: Any, stdin: io.StringIO | None = None, out: io.StringIO | None = None) -> None:
        out, complaints = out or io.StringIO(), io.StringIO()
        keyboard, sys.stdin = sys.stdin, stdin or io.StringIO()
        self.code: Any = 0
        try:
            call_command("cancellations", *map(str, words), stdout=out, stderr=complaints)
        except SystemExit as end:
            self.code = end.code
        finally:
            sys.stdin = keyboard
        self.out, self.complaints = out.getvalue(), complaints.getvalue()

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture(autouse=True)
def marketplace_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [RejectReason(REASON, "It has been sent")]
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation, locale="": known)
    monkeypatch.setattr(live, "ineligible", lambda order: {})
    monkeypatch.setattr(live, "shipping_providers", lambda order: [])


@pytest.fixture
def shop(db: None) -> Shop:
    return ShopFactory(name="Mugs")


@pytest.fixture
def person(shop: Shop) -> User:
    return member(Role.MANAGER, shop)


@pytest.fixture
def run(person: User) -> Run:
    """The command, as this person."""
    return lambda *words, **options: Said(*words, "--as", person.email, **options)


def asked(shop: Shop, **columns: Any) -> CancellationRequest:
    order = OrderFactory(shop=shop)
    LineItemFactory(order=order, quantity=3)
    row = CancellationFactory(order=order, **columns)
    CancellationLineFactory(cancellation=row)
    return row


# --- whose ------------------------------------------------------------------------------------------------------------


def test_it_has_to_be_said_who_decides(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERMAND_USER", raising=False)
    with pytest.raises(CommandError, match="--as") as usage:
        Said("list")
    assert usage.value.returncode == 2
    with pytest.raises(CommandError, match="nobody@example"):
        Said("list", "--as", "nobody@example.test")


def test_the_environment_can_say_it(shop: Shop, person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    row = asked(shop)
    monkeypatch.setenv("COUNTERMAND_USER", person.email.upper())
    assert str(row.pk) in Said("list").out


def test_who_may_not_sign_in_decides_nothing(shop: Shop, person: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(CommandError):
        Said("approve", asked(shop).pk, "--as", person.email)


def test_nobody_sees_or_decides_more_than_on_the_screens(shop: Shop) -> None:
    row = asked(shop)
    stranger, viewer = member(Role.MANAGER, ShopFactory()), member(Role.VIEWER, shop)
    assert str(row.pk) not in Said("list", "--as", stranger.email).out
    for words in (["show", row.pk], ["approve", row.pk], ["note", row.pk, "Hello"]):
        said = Said(*words, "--as", stranger.email)
        assert (said.code, said.out) == (1, "")
        assert "may see" in said.complaints
    said = Said("approve", row.pk, "--as", viewer.email)
    assert said.code == 1
    assert "permission “approve”" in said.complaints
    assert not Decision.objects.exists()


def test_the_audit_log_says_that_it_was_a_command_and_who(shop: Shop, person: User, run: Run) -> None:
    run("approve", asked(shop).pk)
    entry = Entry.objects.get(action="decision.recorded")
    assert (entry.actor, entry.via) == (person, Entry.Via.COMMAND)


# --- looking ----------------------------------------------------------------------------------------------------------


def test_the_list_is_the_apis_and_narrowed_like_it(shop: Shop, person: User, run: Run, client: Client) -> None:
    waiting = asked(shop)
    asked(shop, needs_answer=False, state="closed")
    client.force_login(person)
    shown = client.get("/api/v1/cancellations/?ordering=time_left").json()["results"]
    assert run("list", "--json").data == shown
    assert [row["id"] for row in run("list", "--json", "--needs-answer").data] == [waiting.pk]
    assert [row["state"] for row in run("list", "--json", "--state", "closed").data] == ["closed"]
    assert [row["id"] for row in run("list", "--json", "--q", waiting.marketplace_id).data] == [waiting.pk]
    assert len(run("list", "--json", "--limit", "1").data) == 1
    for name in (shop.pk, shop.marketplace_id, "mugs"):
        assert len(run("list", "--json", "--shop", name).data) == 2


def test_the_table_fits_a_narrow_terminal(shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    row = asked(shop, reason_text="I have found it cheaper elsewhere " * 5, refund_total="340")
    lines = run("list", out=Terminal()).out.splitlines()
    assert lines[0].split() == ["ID", "ORDER", "SHOP", "STATE", "REFUND", "LEFT", "REASON"]
    assert all(len(line) <= 80 for line in lines)
    assert str(row.pk) in lines[1]
    assert "£340.00" in lines[1]


def test_what_has_to_be_typed_is_never_cut(shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words, number = "I have found it cheaper elsewhere " * 5, "PO-" + "1044" * 12
    row = asked(shop, reason_text=words, refund_total="1234567.89", order_number=number)
    narrow = run("list", out=Terminal()).out
    assert (number in narrow, "£1,234,567.89" in narrow, words.strip() in narrow) == (True, True, False)
    long = RejectReason("seller_reject_" + "apply_" * 12, words)
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation, locale="": [long])
    assert long.name in run("reasons", row.pk, out=Terminal()).out
    for piped in (run("list").out, run("reasons", row.pk).out):
        assert words.strip() in piped


def test_an_empty_list_says_when_a_word_was_never_of_any_request(shop: Shop, run: Run) -> None:
    row = asked(shop, needs_answer=False, state="closed", status="CANCELLATION_REQUEST_CANCEL")
    for words in (("--reason", "bogus"), ("--market", "XX")):
        said = run("list", "--json", *words)
        assert (said.code, said.data) == (0, [])
        assert f"{' '.join(words)}: no request that you may see has ever had it." in said.complaints
    assert run("list", "--needs-answer", "--reason", row.reason).complaints == ""


def test_a_list_that_was_limited_says_so(shop: Shop, run: Run) -> None:
    for _ in range(2):
        asked(shop)
    said = run("list", "--json", "--limit", 1)
    assert (len(said.data), "There are more than these 1" in said.complaints) == (1, True)
    assert run("list", "--limit", 2).complaints == ""


def test_a_filter_that_is_wrong_is_said_in_the_words_of_the_screens(shop: Shop, run: Run) -> None:
    said = run("list", "--whose", "4711")
    assert said.code == 1
    assert "whose: " in said.complaints
    assert run("show", "nothing").complaints == "nothing: No request that you may see is called so.\n"


def test_a_request_is_found_by_our_id_the_marketplaces_and_the_order(shop: Shop, run: Run) -> None:
    row = asked(shop, order_number="PO-1044")
    for name in (row.pk, row.marketplace_id, row.order_marketplace_id, "PO-1044"):
        assert run("show", name, "--json").data["id"] == row.pk


def test_of_several_about_an_order_the_one_that_waits_is_meant(shop: Shop, run: Run) -> None:
    row = asked(shop, order_number="PO-1044")
    others = [
        CancellationFactory(order=row.order, order_number="PO-1044", needs_answer=False, state="closed")
        for _ in range(2)
    ]
    assert run("show", "PO-1044", "--json").data["id"] == row.pk
    CancellationRequest.objects.filter(pk=row.pk).update(needs_answer=False)
    said = run("show", "PO-1044")
    assert said.code == 1
    assert all(str(one.pk) in said.complaints for one in others)


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_number_from_outside_that_looks_like_our_id_decides_nothing(shop: Shop, run: Run, is_seen: bool) -> None:
    settled = asked(shop if is_seen else ShopFactory(), needs_answer=False, state="closed")
    waiting = asked(shop, order_number=str(settled.pk))
    said = run("approve", settled.pk)
    assert said.code == 1
    assert f"id:{waiting.pk}" in said.complaints
    assert (f"id:{settled.pk}" in said.complaints) == is_seen
    assert run("approve", f"id:{settled.pk}").code == 1
    assert not Decision.objects.exists()
    assert run("approve", f"id:{waiting.pk}").code == 0


def test_requests_about_orders_of_the_same_number_are_not_taken_for_each_other(shop: Shop, run: Run) -> None:
    rows = [asked(shop, order_number="7", needs_answer=waits) for waits in (True, False)]
    said = run("approve", "7")
    assert said.code == 1
    assert all(f"id:{row.pk}" in said.complaints for row in rows)


def test_the_number_of_an_order_is_not_taken_for_our_id_of_another(shop: Shop, run: Run) -> None:
    order, other = OrderFactory(shop=shop), OrderFactory()
    line = LineItemFactory(order=order)
    type(order).objects.filter(pk=order.pk).update(number=str(other.pk))
    words = ("--line", line.marketplace_id)
    assert f"id:{order.pk}" in run("cancel-items", other.pk, *words).complaints
    assert "called so" not in run("cancel-items", f"id:{order.pk}", *words).complaints


def test_showing_one_tells_what_the_api_tells(shop: Shop, person: User, run: Run, client: Client) -> None:
    row = asked(shop)
    client.force_login(person)
    shown = client.get(f"/api/v1/cancellations/{row.pk}/").json()
    told = run("show", row.pk, "--json").data
    assert told.keys() == shown.keys()
    assert told["offers"] == shown["offers"]
    plain = run("show", row.pk).out
    for words in (row.marketplace_id, "Cotton tote bag", "The buyer asked to cancel", "approve: "):
        assert words in plain


def test_reasons_are_asked_of_the_marketplace(shop: Shop, run: Run) -> None:
    assert REASON in run("reasons", asked(shop).pk).out
    assert run("reasons", asked(shop).pk, "--json").data["reasons"][0]["name"] == REASON


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_many_are_approved_and_what_is_refused_keeps_no_other(shop: Shop, run: Run) -> None:
    rows = [asked(shop), asked(shop, needs_answer=False, state="closed"), asked(shop)]
    said = run("approve", *(row.pk for row in rows), "nowhere-4711")
    assert said.code == 1
    assert f"{rows[1].pk}: This request is settled" in said.complaints
    assert "nowhere-4711: " in said.complaints
    decided = Decision.objects.order_by("pk").values_list("cancellation", flat=True)
    assert list(decided) == [rows[0].pk, rows[2].pk]


def test_ids_come_from_a_pipe_where_nobody_is_asked(shop: Shop, run: Run) -> None:
    rows = [asked(shop) for _ in range(2)]
    said = run("approve", "-", "--json", stdin=io.StringIO("\n".join(row.marketplace_id for row in rows)))
    assert said.code == 0
    assert [one["cancellation"] for one in said.data] == [row.pk for row in rows]


def test_what_is_decided_at_once_cannot_be_undone(shop: Shop, run: Run) -> None:
    run("approve", asked(shop).pk)
    run("approve", asked(shop).pk, "--at-once")
    later, at_once = Decision.objects.order_by("pk")
    assert later.send_after > later.made_at + timedelta(seconds=5)
    assert at_once.send_after < at_once.made_at + timedelta(seconds=2)


def test_at_a_terminal_more_than_one_is_asked_about_with_the_sum(shop: Shop, run: Run) -> None:
    rows = [asked(shop, refund_total="170") for _ in range(2)]
    ids = [row.pk for row in rows]
    said = run("approve", *ids, stdin=Terminal("n\n"))
    assert "Approve 2 requests, £340.00?" in said.complaints
    assert said.code == 1
    assert not Decision.objects.exists()
    run("approve", ids[0], stdin=Terminal(""))
    run("approve", *ids, "--yes", stdin=Terminal(""))
    assert Decision.objects.count() == 2
    run("approve", *(asked(shop).pk for _ in range(2)), stdin=Terminal("y\n"))
    assert Decision.objects.count() == 4


def test_a_rejection_takes_reason_comment_and_images(shop: Shop, run: Run, tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    rows = [asked(shop) for _ in range(2)]
    (tmp_path / "proof.png").write_bytes(picture().read())
    words = ("--reason", REASON, "--comment", "It left.", "--image", tmp_path / "proof.png")
    assert run("reject", *(row.pk for row in rows), *words).code == 0
    for decision in Decision.objects.all():
        assert (decision.reason_text, decision.comment, decision.evidence.count()) == (
            "It has been sent", "It left.", 1,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--reason", "none_such"), "reason: This request cannot be rejected"),
        ((), "reason: Choose a reason"),
        (("--reason", REASON, "--image", "/nowhere.png"), "/nowhere.png: No such file"),
    ],
)
def test_what_is_wrong_with_a_rejection_is_said(shop: Shop, run: Run, words: tuple[str, ...], complaint: str) -> None:
    said = run("reject", asked(shop).pk, *words)
    assert said.code == 1
    assert complaint in said.complaints
    assert not Decision.objects.exists()


def test_shipping_takes_what_the_label_says(shop: Shop, run: Run) -> None:
    american = ShopFactory(region="US")
    Membership.objects.create(user=shop.members.get(), shop=american, role=Role.MANAGER)
    row = asked(american)
    PackageFactory(order=row.order)
    said = run("ship", row.pk, "--tracking", "9400111899223197428490", "--carrier", "1")
    assert said.code == 1
    assert "shipping.tracking_number: The marketplace's carrier takes this order" in said.complaints
    live_options = live.handover_options
    try:
        live.handover_options = lambda *_: None
        assert run("ship", row.pk, "--handover", "DROP_OFF").code == 0
    finally:
        live.handover_options = live_options
    assert Decision.objects.get().shipment["handover_method"] == "DROP_OFF"


def test_items_are_cancelled_by_line_and_quantity(shop: Shop, run: Run) -> None:
    order = OrderFactory(shop=shop, status="AWAITING_SHIPMENT")
    line = LineItemFactory(order=order, quantity=3)
    reason = rules.cancel_reasons(order, timezone.now(), partial=True)[0].name
    said = run("cancel-items", order.marketplace_id, "--line", f"{line.marketplace_id}=2", "--reason", reason)
    assert (said.code, said.complaints) == (0, "")
    assert Decision.objects.get().lines.get().quantity == 2
    said = run("cancel-items", order.pk, "--line", "nothing=1")
    assert "--line nothing" in said.complaints


def test_decisions_are_withdrawn_countersigned_and_declined(shop: Shop, run: Run) -> None:
    row = asked(shop)
    run("approve", row.pk)
    decision = Decision.objects.get()
    assert run("withdraw", decision.pk, "--json").data[0]["state"] == "withdrawn"
    said = run("withdraw", decision.pk)
    assert (said.code, f"{decision.pk}: Too late" in said.complaints) == (1, True)
    MoneyCap.objects.create(role=Role.MANAGER, currency="GBP", amount=1)
    for verb in (("countersign",), ("decline", "--note", "No.")):
        run("approve", row.pk)
        made = Decision.objects.latest("pk")
        assert "somebody else" in run("countersign", made.pk).complaints
        second = Said(verb[0], made.pk, *verb[1:], "--as", UserFactory(is_superuser=True).email)
        assert second.code == 0
        Decision.objects.filter(state="recorded").update(state="withdrawn")


def test_a_stalled_decision_is_asked_about_or_set_aside(shop: Shop, run: Run) -> None:
    run("approve", asked(shop).pk)
    Decision.objects.update(state="stalled", stalled_because="outcome_unknown")
    decision = Decision.objects.get()
    assert run("ask-again", decision.pk, "--json").data[0]["state"] == "sending"
    Decision.objects.update(state="stalled", stalled_because="outcome_unknown")
    assert run("set-aside", decision.pk, "--note", "I called them.").code == 0
    decision.refresh_from_db()
    assert decision.state == Decision.State.SET_ASIDE


def test_waiting_for_a_decision_ends_with_how_it_ended(shop: Shop, run: Run) -> None:
    run("approve", asked(shop).pk)
    decision = Decision.objects.get()
    assert run("decision", decision.pk).code == 0
    assert run("decision", decision.pk, "--wait", "0").code == 1
    Decision.objects.update(state="confirmed")
    said = run("decision", decision.pk, "--wait", "60", "--json")
    assert (said.code, said.data["state"]) == (0, "confirmed")


def test_notes_and_recorded_requests(shop: Shop, run: Run) -> None:
    row = asked(shop)
    assert "Ring them" in run("note", row.pk, "Ring them").out
    assert Note.objects.get().text == "Ring them"
    assert run("note", row.pk, "Again", "--json").data["text"] == "Again"
    assert "lists its requests" in run("record", row.order_marketplace_id).complaints
    supplier = ShopFactory(marketplace="crux_timp", region="US")
    Membership.objects.create(user=shop.members.get(), shop=supplier, role=Role.MANAGER)
    order = OrderFactory(shop=supplier, number="PO-7", status="Unallocated")
    line = LineItemFactory(order=order)
    words = ("--line", line.marketplace_id, "--heard-through", "phone", "--note", "They rang")
    told = run("record", "PO-7", *words, "--json").data
    assert (told["line_item"], told["recorded"]["heard_through"]) == (line.pk, "phone")
    assert run("close", told["id"], "--note", "They rang again").code == 0
    assert not CancellationRequest.objects.get(pk=told["id"]).needs_answer


def test_the_same_permissions_count_as_on_the_screens(shop: Shop, run: Run) -> None:
    Membership.objects.update(permissions=[Permission.REJECT])
    assert "“approve”" in run("approve", asked(shop).pk).complaints


@pytest.mark.django_db(transaction=True)
def test_a_script_runs_it_for_real(product_environment: dict[str, str]) -> None:
    shop = ShopFactory()
    person, row = member(Role.AGENT, shop), asked(shop)
    environment = {**product_environment, "COUNTERMAND_USER": person.email}
    command = [sys.executable, "manage.py", "cancellations"]

    def called(*words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *words], cwd=ROOT, env=environment, capture_output=True, text=True, **more)

    done = called("approve", "-", "--json", input=row.marketplace_id)
    assert (done.returncode, json.loads(done.stdout)[0]["cancellation"]) == (0, row.pk), done.stderr
    assert Entry.objects.get(action="decision.recorded").via == Entry.Via.COMMAND
    again = called("approve", str(row.pk))
    assert (again.returncode, again.stdout) == (1, "")
    assert "has decided already" in again.stderr
    assert called("approve").returncode == 2
    read, write = os.pipe()
    os.close(read)
    unread = [*command, "list"], [*command, "approve", asked(shop).marketplace_id, "nowhere-4711"]
    codes = [subprocess.run(words, cwd=ROOT, env=environment, stdout=write, stderr=subprocess.PIPE) for words in unread]
    assert [(one.returncode, b"Exception" in one.stderr) for one in codes] == [(0, False), (1, False)], codes
