"""What forms ask the marketplace while somebody waits."""

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisConnectionError

from cancellations import live
from marketplaces.records import LineEligibility, RejectReason
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from shops.models import Drift
from tests.world import World


def test_a_reason_to_reject_that_the_rulebook_does_not_list_is_noted_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [RejectReason("seller_reject_apply_for_a_new_reason", "Something new")]
    monkeypatch.setattr(TikTokAdapter, "reject_reasons", lambda *_: told)
    Drift.objects.all().delete()
    asked = world.asked("TH")
    for _ in range(2):  # the second answer is the kept one
        assert live.reject_reasons(asked) == told
    noted = Drift.objects.get()
    assert (noted.word, noted.count) == ("reject_reason: seller_reject_apply_for_a_new_reason", 1)


def test_a_line_that_would_not_be_cancelled_is_asked_about_until_it_would(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [LineEligibility(["1"], "sku", eligible=is_yes, code="25001003") for is_yes in (False, True, False)]
    monkeypatch.setattr(TikTokAdapter, "cancel_eligibility", lambda *_: [answers.pop(0)])
    order = world.orders("TH")[0]
    assert live.ineligible(order) == {"1": "25001003"}
    assert live.ineligible(order) == {}
    assert live.ineligible(order) == {}  # a yes is kept
    assert len(answers) == 1


def test_without_a_cache_the_marketplace_is_asked_each_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RedisConnectionError("connection refused")

    asked = world.asked("TH")
    monkeypatch.setattr(cache, "get", breaks)
    monkeypatch.setattr(cache, "set", breaks)
    assert live.reject_reasons(asked) == live.reject_reasons(asked) != []
