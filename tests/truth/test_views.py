"""The list: what differs, what is at stake, what may be done; and how much was compared where nothing differs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations.models.words import Words
from shops.models import Role, Shop
from tests.factories import DecisionFactory, ShopFactory, member
from truth.models import Check, Disagreement

pytestmark = pytest.mark.django_db
LIST = "/truth/"


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


def differs(shop: Shop, **columns: Any) -> Disagreement:
    decision = DecisionFactory(cancellation__order__shop=shop)
    told: dict[str, Any] = {
        "kind": "not_shown", "amount": Decimal("26.98"), "currency": "GBP", "found_at": timezone.now(),
        "ours": Words("Decided for %(amount)s.", amount="26.98 GBP"), "theirs": Words("Others were told nothing."),
    }  # fmt: skip
    told |= {"about": f"decision:{decision.pk}", "decision": decision, "cancellation": decision.cancellation}
    return Disagreement.objects.create(shop=shop, **{**told, "order": decision.order, **columns})


def signed_in(role: Role, *shops: Shop) -> Client:
    client = Client()
    client.force_login(member(role, *shops))
    return client


def test_the_list_shows_both_sides_with_the_money_of_all(client: Client) -> None:
    shop = ShopFactory()
    rows = [differs(shop), differs(shop, amount=Decimal(3)), differs(shop, currency="EUR", kind="refund")]
    differs(shop, found_at=None)  # only suspected
    differs(shop, order=rows[0].order, kind="event_missing", about="cancellation:1")  # the same money once more
    page = signed_in(Role.AGENT, shop).get(LIST).content.decode()
    assert "£29.98" in page and "€26.98" in page
    assert page.count("Decided for 26.98 GBP.") == 4
    assert all(str(row.order) in page for row in rows)


def test_it_is_narrowed_by_shop_kind_and_state() -> None:
    one, other = ShopFactory(name="One"), ShopFactory(name="Other")
    differs(one)
    differs(one, kind="refund")
    over = differs(other, settled_at=timezone.now(), how="by_itself")
    client = signed_in(Role.VIEWER, one, other)

    def shown(query: str) -> list[str]:
        return [row.kind for row, _offers in client.get(f"{LIST}?{query}").context["rows"]]

    assert shown("") == ["refund", "not_shown"]
    assert shown(f"shop={one.pk}&kind=refund") == ["refund"]
    assert shown("state=over") == [over.kind]
    assert len(shown("state=all")) == 3
    assert shown("kind=nonsense") == shown("shop=999999") == shown("state=nonsense") == []


def test_where_everything_agrees_it_says_when_and_how_much_was_compared() -> None:
    shop = ShopFactory()
    client = signed_in(Role.MANAGER, shop)
    assert "Nothing was compared yet" in client.get(LIST).content.decode()
    compared = {"decisions": 1204, "requests": 1310, "lines": 2877, "events": 1}
    Check.objects.create(shop=shop, checked_at=timezone.now() - timedelta(hours=1), compared=compared)
    page = " ".join(client.get(LIST).content.decode().split())
    assert "Everything agrees" in page
    assert "1,204 decisions compared with TikTok Shop, 1,310 requests, 2,877 lines, 1 event" in page
    assert "Compare now" in page
    assert "Compare now" not in signed_in(Role.AGENT, shop).get(LIST).content.decode()


def test_a_button_does_what_it_says_and_a_note_is_asked_for() -> None:
    shop = ShopFactory()
    row = differs(shop)
    manager = signed_in(Role.MANAGER, shop)
    address = reverse("truth:repair", args=[row.pk])
    assert manager.post(address, {"repair": "read_again"}).status_code == 302
    row.refresh_from_db()
    assert row.repair == "read_again" and row.is_open
    refused = manager.post(address, {"repair": "leave", "note": " "})
    assert refused.status_code == 422 and "Say what you found" in refused.content.decode()
    assert manager.post(address, {"repair": "leave", "note": "Looked."}).status_code == 302
    assert "Looked." in manager.get(row.get_absolute_url()).content.decode()
    assert "over already" in manager.post(address, {"repair": "read_again"}, follow=True).content.decode()


def test_managers_have_a_shop_compared_from_here() -> None:
    shop = ShopFactory()
    answer = signed_in(Role.MANAGER, shop).post(reverse("truth:check", args=[shop.pk]), follow=True)
    assert "is compared now" in answer.content.decode()
    assert Check.objects.get().full_at <= timezone.now()


def test_the_list_costs_as_many_queries_with_many_rows(django_assert_max_num_queries: Any) -> None:
    shops = [ShopFactory() for _ in range(3)]
    for shop in shops:
        Check.objects.create(shop=shop, checked_at=timezone.now())
        for _ in range(5):
            differs(shop)
    client = signed_in(Role.MANAGER, *shops)
    client.get(LIST)
    with django_assert_max_num_queries(16):
        client.get(LIST)


def test_health_and_shop_say_so_and_lead_here() -> None:
    shop = ShopFactory()
    differs(shop)
    client = signed_in(Role.VIEWER, shop)
    for address in (reverse("cancellations:health"), reverse("cancellations:shop_health", args=[shop.pk])):
        page = client.get(address).content.decode()
        assert "The truth check found 1 disagreement." in page
        assert LIST in page
    assert f"{LIST}?shop={shop.pk}" in client.get(reverse("shops:shop", args=[shop.pk])).content.decode()


def test_each_reads_it_in_their_own_language() -> None:
    """The German stands in the catalogue; what is kept is message and values."""
    row = differs(ShopFactory())
    kept = Disagreement.objects.values_list("ours", flat=True).get(pk=row.pk)
    assert isinstance(kept, Words) and kept.message == "Decided for %(amount)s."


def test_what_is_still_there_after_a_repair_says_so_and_is_not_waited_for() -> None:
    shop = ShopFactory()
    asked = timezone.now()
    row = differs(shop, repair="read_again", repair_asked_at=asked, last_seen_at=asked - timedelta(minutes=5))
    client = signed_in(Role.AGENT, shop)
    page = client.get(row.get_absolute_url()).content.decode()
    assert "is looked at again" in page and "every 5s" in page
    Disagreement.objects.update(last_seen_at=asked + timedelta(seconds=5))
    page = client.get(row.get_absolute_url()).content.decode()
    assert "looked at again, still there" in page and "every 5s" not in page
    assert "every 5s" not in client.get(LIST).content.decode()


def test_what_is_settled_is_at_stake_no_more() -> None:
    shop = ShopFactory()
    differs(shop, settled_at=timezone.now(), how="repaired")
    assert "At stake" not in signed_in(Role.AGENT, shop).get(f"{LIST}?state=over").content.decode()


def test_a_note_that_cannot_be_stored_is_told_of_and_nothing_is_done() -> None:
    shop = ShopFactory()
    row = differs(shop)
    answer = signed_in(Role.MANAGER, shop).post(f"{LIST}{row.pk}/repair/", {"repair": "leave", "note": "a\0b"})
    assert answer.status_code == 422
    assert "Null characters are not allowed." in answer.content.decode()
    row.refresh_from_db()
    assert row.is_open
