"""The API of the truth check."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Scope
from accounts.tokens import make_token
from shops.models import Role, Shop
from tests.factories import ShopFactory, member
from tests.truth.test_views import differs
from truth.models import Check

pytestmark = pytest.mark.django_db


def bearing(role: Role, shop: Shop) -> Client:
    _row, text = make_token(member(role, shop), Scope.ADMIN, 1)
    return Client(headers={"Authorization": f"Token {text}"})


def post(client: Client, address: str, body: Any) -> Any:
    return client.post(address, body, content_type="application/json")


def test_the_list_tells_both_sides_and_what_may_be_done() -> None:
    shop = ShopFactory()
    row = differs(shop)
    differs(shop, settled_at=row.found_at, how="by_itself")
    (told,) = bearing(Role.AGENT, shop).get("/api/v1/disagreements/").json()["results"]
    assert told["at_stake"] == {"amount": "26.98", "currency": "GBP"}
    assert (told["kind"], told["ours"], told["repairs"]) == ("not_shown", "Decided for 26.98 GBP.", ["read_again"])
    assert told["order_label"] == str(row.order)
    every = bearing(Role.AGENT, shop).get("/api/v1/disagreements/?state=all").json()["results"]
    assert [one["how"] for one in every] == ["by_itself", ""]
    assert bearing(Role.VIEWER, shop).get(told["url"]).json()["repairs"] == []


def test_a_repair_is_asked_for_and_what_is_wrong_with_it_told() -> None:
    shop = ShopFactory()
    address = f"/api/v1/disagreements/{differs(shop).pk}/repair/"
    manager = bearing(Role.MANAGER, shop)
    assert post(manager, address, {"repair": "read_again"}).json()["repair"] == "read_again"
    assert post(manager, address, {"repair": "leave"}).json()["errors"].keys() == {"note"}
    assert post(manager, address, {"repair": "pray"}).json()["errors"].keys() == {"repair"}
    assert post(manager, address, {"repair": "ask_again"}).json()["type"] == "/problems/not-allowed"
    assert post(bearing(Role.AGENT, shop), address, {"repair": "leave", "note": "x"}).status_code == 403
    assert post(manager, address, {"repair": "leave", "note": "Looked."}).json()["how"] == "left"


def test_a_shop_is_compared_now_and_says_how_far_it_is() -> None:
    shop = ShopFactory()
    manager = bearing(Role.MANAGER, shop)
    address = f"/api/v1/shops/{shop.pk}/truth/"
    told = manager.get(address).json()
    assert (told["checked_at"], told["is_running"], told["compared"]["decisions"]) == (None, False, 0)
    assert post(manager, address, {}).status_code == 202
    Check.objects.update(step="decisions")
    assert manager.get(address).json()["is_running"]


def test_metrics_count_what_is_open_by_kind(settings: Any) -> None:
    settings.METRICS_TOKEN = "prometheus"
    shop = ShopFactory()
    differs(shop)
    differs(shop)
    page = Client().get("/metrics", headers={"Authorization": "Bearer prometheus"}).content.decode()
    labels = f'kind="not_shown",marketplace="tiktok_shop",region="GB",shop="{shop.pk}"'
    assert f"countermand_truth_disagreements{{{labels}}} 2.0" in page
