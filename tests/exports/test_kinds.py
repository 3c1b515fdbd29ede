"""What stands in the files: the API's rows, all of one's own shops and none of any other, safe for spreadsheets."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit import log
from cancellations.models import Attempt
from exports import writing
from exports.filters import of_queue
from shops.models import Membership, Permission, Role, Shop
from tests.exports.files import content, exported, objects, table
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    OrderFactory,
    ShopFactory,
    UserFactory,
    member,
)

pytestmark = pytest.mark.django_db


def asked(shop: Shop, **columns: Any) -> Any:
    return CancellationFactory(order=OrderFactory(shop=shop), **columns)


def test_a_line_of_json_is_the_row_as_the_api_shows_it(client: Client, shop: Shop, manager: User) -> None:
    row = asked(shop)
    CancellationLineFactory(cancellation=row)
    DecisionFactory(cancellation=row, made_by=manager)
    client.force_login(manager)
    base = "http://testserver/"
    told = objects(exported(manager, "requests", file_format="jsonl", base_url=base))
    shown = client.get(f"/api/v1/cancellations/{row.pk}/").json()
    assert told == [{name: shown[name] for name in told[0]}]
    assert told[0]["lines"]
    decided = objects(exported(manager, "decisions", file_format="jsonl", base_url=base))
    assert decided == [client.get(f"/api/v1/decisions/{row.decisions.get().pk}/").json()]


def test_audit_entries_are_those_of_the_api(client: Client, shop: Shop, manager: User) -> None:
    for number in range(3):
        log.write("sync.asked_for", about=shop, after={"number": number})
    client.force_login(manager)
    shown = client.get("/api/v1/audit/").json()["results"]
    told = objects(exported(manager, "audit", file_format="jsonl"))
    assert told[:3] == shown[::-1]


def test_a_table_has_amounts_and_currencies_apart_and_times_in_utc(shop: Shop, manager: User) -> None:
    row = asked(shop, refund_total=Decimal("26.9800"))
    CancellationLineFactory.create_batch(2, cancellation=row)
    found = table(exported(manager, "requests"))[0]
    assert (found["refund_total_amount"], found["refund_total_currency"]) == ("26.98", "GBP")
    assert found["created_at"] == row.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert (found["shop_name"], found["order_number"], found["lines"]) == ("Mugs (GB)", row.order_number, "2")
    assert found["lines_seller_sku"] == "TOTE-BLK; TOTE-BLK"
    assert found["needs_answer"] == "true"


def test_a_decision_is_one_row_with_all_that_came_of_it(shop: Shop, manager: User) -> None:
    decision = DecisionFactory(
        cancellation=asked(shop), made_by=manager, gives_back=Decimal(20), currency="GBP", code="25", state="refused",
        countersigned_by=UserFactory(first_name="Sam"), settled_at=timezone.now(),
    )  # fmt: skip
    for number, code in enumerate(["", "36009003", "25"], 1):
        Attempt.objects.create(decision=decision, number=number, purpose="send", outcome="refused", code=code)
    found = table(exported(manager, "decisions"))[0]
    assert (found["attempts"], found["attempts_code"]) == ("3", "; 36009003; 25")
    assert (found["gives_back_amount"], found["gives_back_currency"]) == ("20.00", "GBP")
    assert (found["made_by_name"], found["countersigned_by_name"]) == (str(manager), "Sam")
    assert (found["marketplace_code"], found["state"]) == ("25", "refused")
    assert found["order_number"] == decision.order_label


def test_no_cell_begins_a_formula(shop: Shop, manager: User) -> None:
    CancellationLineFactory(cancellation=asked(shop, reason_text="=HYPERLINK(1)"), product_name="@SUM(A1)")
    found = table(exported(manager, "requests"))[0]
    assert (found["reason_text"], found["lines_product_name"]) == ("'=HYPERLINK(1)", "'@SUM(A1)")


def test_of_no_rows_a_table_has_its_head_alone(shop: Shop, manager: User) -> None:
    told = content(exported(manager, "requests"))
    assert told.startswith("\ufeffid,shop,shop_name,order,")
    assert told.count("\r\n") == 1
    assert content(exported(manager, "requests", file_format="jsonl")) == ""


def test_a_compressed_file_is_the_same(shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SECONDS_AT_ONCE", 0.0001)
    monkeypatch.setattr(writing, "CHUNK", 1)
    for _ in range(3):
        asked(shop)
    export = exported(manager, "requests", is_compressed=True)
    assert len(export.parts) == 3
    assert content(export) == content(exported(manager, "requests"))


# --- whose ------------------------------------------------------------------------------------------------------------


def test_rows_of_other_shops_are_not_in_it(shop: Shop, manager: User) -> None:
    mine = asked(shop)
    seen = ShopFactory()
    Membership.objects.create(user=manager, shop=seen, role=Role.MANAGER, permissions=[Permission.APPROVE])
    for other in (seen, ShopFactory()):
        DecisionFactory(cancellation=asked(other))
        log.write("shop.changed", about=other)
    assert [row["id"] for row in table(exported(manager, "requests"))] == [str(mine.pk)]
    assert table(exported(manager, "decisions")) == []
    assert {row["shop_id"] for row in table(exported(manager, "audit"))} <= {str(shop.pk)}


def test_without_the_permission_nothing_is_started(shop: Shop) -> None:
    for kind in ("requests", "decisions", "audit"):
        with pytest.raises(PermissionDenied, match="export"):
            exported(member(Role.AGENT, shop), kind)


def test_a_superuser_takes_away_what_belongs_to_no_shop_as_well(shop: Shop) -> None:
    root = UserFactory(is_superuser=True)
    log.write("user.added", about=root)
    assert "user.added" in {row["action"] for row in table(exported(root, "audit"))}


# --- filters ----------------------------------------------------------------------------------------------------------


def test_the_filters_narrow_it(shop: Shop, manager: User) -> None:
    now = timezone.now()
    old = asked(shop, needs_answer=False, state="closed", created_at=now - timedelta(days=3))
    new = asked(shop)
    day = timezone.localdate()
    for filters, expected in [
        ({}, [old, new]),
        ({"needs_answer": "true"}, [new]),
        ({"state": "closed"}, [old]),
        ({"since": f"{day - timedelta(days=1):%Y-%m-%d}"}, [new]),
        ({"until": f"{day - timedelta(days=2):%Y-%m-%d}"}, [old]),
        ({"q": old.marketplace_id}, [old]),
        ({"shop": str(shop.pk)}, [old, new]),
    ]:
        export = exported(manager, "requests", filters)
        assert [row["id"] for row in table(export)] == [str(one.pk) for one in expected], filters
        assert export.rows_expected == export.rows_done == len(expected)


def test_decisions_are_narrowed_by_verdict_state_and_days(shop: Shop, manager: User) -> None:
    kept = DecisionFactory(cancellation=asked(shop), verdict="reject", state="confirmed")
    DecisionFactory(cancellation=asked(shop), verdict="reject", state="refused")
    DecisionFactory(cancellation=asked(shop), state="confirmed")
    told = {"verdict": "reject", "state": "confirmed", "since": f"{timezone.localdate() - timedelta(days=1):%Y-%m-%d}"}
    assert [row["id"] for row in table(exported(manager, "decisions", told))] == [str(kept.pk)]


@pytest.mark.parametrize("filters", [{"state": "limbo"}, {"colour": "red"}, {"since": "yesterday"}, {"shop": "999999"}])
def test_a_filter_that_is_wrong_is_said_at_its_name(shop: Shop, manager: User, filters: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as wrong:
        exported(manager, "requests", filters)
    assert list(wrong.value.message_dict) == list(filters)


def test_a_foreign_shop_is_no_choice(manager: User) -> None:
    with pytest.raises(ValidationError):
        exported(manager, "requests", {"shop": str(ShopFactory().pk)})


def test_a_filter_that_asks_for_what_is_gone_widens_nothing(shop: Shop, manager: User) -> None:
    asked(shop)
    export = exported(manager, "requests")
    type(export).objects.update(
        state="waiting", parts=[], after=0, up_to=None, filters={"whose": "4711"}, finished_at=None, ends_at=None
    )
    assert not writing.write(export.pk)
    export.refresh_from_db()
    assert (export.state, export.parts) == ("failed", [])
    assert "filter" in export.why


def test_the_queues_filters_mean_the_same_rows_here() -> None:
    assert of_queue({}) == {"needs_answer": "true"}
    assert of_queue({"state": "all", "q": "mug"}) == {"q": "mug"}
    assert of_queue({"state": "closed"}) == {"state": "closed"}
    assert of_queue({"q": "577087614418000001 577087614418000002"}) == {"q": "577087614418000001 577087614418000002"}


def test_a_kind_costs_the_same_queries_for_many_rows_as_for_one(
    shop: Shop, manager: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        row = asked(shop)
        CancellationLineFactory(cancellation=row)
        decision = DecisionFactory(cancellation=row, made_by=UserFactory(), countersigned_by=UserFactory())
        Attempt.objects.create(decision=decision, number=1, purpose="send")
    for kind in ("requests", "decisions"):
        with django_assert_max_num_queries(30):
            assert exported(manager, kind).rows_done == 12
