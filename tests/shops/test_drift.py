"""What is new to us is counted once in a pull, stays when the pull is forgotten, and is listed in the admin."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from marketplaces.errors import TemporaryFailure
from marketplaces.records import CancellationRecord, CancellationState, Page, RejectReason
from shops import drift, pulling
from shops.models import Drift, Role, Shop, SyncKind, SyncRun
from shops.pulling import Kind, pull
from tests.factories import ShopFactory, UserFactory, at, member

pytestmark = pytest.mark.django_db
KNOWN = "ecom_order_to_ship_canceled_reason_better_price_uk"
ASKED = CancellationRecord(
    "1", "2", CancellationState.WAITING, "PENDING", "BUYER_CANCEL", needs_answer=True, initiator="buyer", reason=KNOWN,
    reason_text="Better price available", created_at=at("2026-11-20 12:00"), updated_at=at("2026-11-20 12:00"),
    deadline=None, refund=None,
)  # fmt: skip


def asked(*reasons: str) -> list[CancellationRecord]:
    return [replace(ASKED, reason=reason) for reason in reasons]


def pulled(shop: Shop, *pages: Page[Any] | Exception) -> SyncRun:
    left = list(pages)

    def fetch(*_: Any) -> Page[Any]:
        page = left.pop(0)
        if isinstance(page, Exception):
            raise page
        return replace(page, next_cursor="on" if left else "")

    def store(shop: Shop, records: Sequence[Any]) -> int:
        return len(records)

    run = pull(shop, Kind(SyncKind.CANCELLATIONS, fetch, store))
    assert run
    return run


def counted(shop: Shop) -> dict[str, int]:
    return dict(Drift.objects.filter(shop=shop).values_list("word", "count"))


def test_a_word_counts_once_in_a_pull_however_many_pages_and_records_have_it() -> None:
    shop = ShopFactory()
    new: Page[Any] = Page([], drift=["order.mood", "order.status: NEW"])
    pulled(shop, new, Page([], drift=["order.mood"]), new)
    assert counted(shop) == {"order.mood": 1, "order.status: NEW": 1}
    first = Drift.objects.get(word="order.mood")
    pulled(shop, Page([], drift=["order.mood"]))
    assert counted(shop) == {"order.mood": 2, "order.status: NEW": 1}
    again = Drift.objects.get(word="order.mood")
    assert again.first_seen_at == first.first_seen_at < again.last_seen_at


def test_each_shop_has_its_own_count() -> None:
    one, other = ShopFactory(), ShopFactory(region="US")
    for shop in (one, other, other):
        pulled(shop, Page([], drift=["order.mood"]))
    assert (counted(one), counted(other)) == ({"order.mood": 1}, {"order.mood": 2})


def test_it_survives_the_pull_that_met_it() -> None:
    shop = ShopFactory()
    pulled(shop, Page([], drift=["order.mood"]), TemporaryFailure("busy"))
    SyncRun.objects.all().delete()
    assert counted(shop) == {"order.mood": 1}


def test_a_reason_that_the_rulebook_does_not_know_is_drift() -> None:
    shop = ShopFactory(region="GB")
    american = "ecom_order_to_ship_canceled_reason_better_price"
    run = pulled(shop, Page(asked("invented/reason (1)", american, KNOWN, "", "seller_cancel_reason_out_of_stock_uk")))
    said = [f"cancellation.cancel_reason: {american}", "cancellation.cancel_reason: invented/reason (1)"]
    assert run.drift == said
    assert counted(shop) == dict.fromkeys(said, 1)


@pytest.mark.parametrize("where", [{"region": "ZZ"}, {"region": "US", "marketplace": "crux_timp"}])
def test_where_the_rulebook_knows_no_reasons_none_is_new(where: dict[str, str]) -> None:
    shop = ShopFactory(**where)
    pulled(shop, Page(asked("invented")))
    assert counted(shop) == {}
    assert drift.unknown_reject_reasons(shop, [RejectReason("invented", "Because")]) == []


def test_reasons_to_reject_that_no_page_lists_are_new() -> None:
    offered = [RejectReason("seller_reject_apply_product_has_been_packed", "Packed"), RejectReason("b", "B")]
    assert drift.unknown_reject_reasons(ShopFactory(region="GB"), [*offered, RejectReason("a", "A")]) == [
        "reject_reason: a", "reject_reason: b",
    ]  # fmt: skip


def test_a_thousand_new_words_cost_no_more_queries_than_one(
    django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = ShopFactory()
    for words in ({"order.mood"}, {f"order.field_{number}" for number in range(1000)}):
        with django_assert_num_queries(2):
            drift.note(shop.pk, words)
    with django_assert_num_queries(0):
        drift.note(shop.pk, set())
    monkeypatch.setattr(pulling, "KEPT_SET_ASIDE", 3)
    pulled(ShopFactory(), Page([], drift=[f"order.other_{number}" for number in range(9)]))
    assert Drift.objects.filter(word__startswith="order.other").count() == 3


def test_a_word_without_end_is_cut_and_stops_no_pull() -> None:
    shop = ShopFactory()
    run = pulled(shop, Page(asked("x" * 5000), drift=["order." + "y" * 5000]))
    assert run.state == SyncRun.State.SUCCEEDED
    assert {len(word) for word in counted(shop)} == {pulling.LONGEST_WORD}


def test_the_admin_lists_what_is_new_of_shops_that_a_person_sees(client: Client) -> None:
    own, other = ShopFactory(region="DE"), ShopFactory()
    for shop, word in ((own, "order.mine"), (other, "order.theirs")):
        drift.note(shop.pk, {word})
    support = member(Role.VIEWER, own, is_staff=True)
    support.user_permissions.set(Permission.objects.filter(codename="view_drift"))
    address = reverse("admin:shops_drift_changelist")
    for person, seen in ((support, {"order.mine"}), (UserFactory(is_staff=True, is_superuser=True), None)):
        client.force_login(person)
        rows = {row.word for row in client.get(address).context["cl"].result_list}
        assert rows == (seen or {"order.mine", "order.theirs"})
    page = client.get(address + "?shop__region=DE").content.decode()
    assert "order.mine" in page
    assert "order.theirs" not in page
