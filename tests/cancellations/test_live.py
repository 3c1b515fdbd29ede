"""What forms ask the marketplace while somebody waits."""

import pytest

from cancellations import live
from marketplaces.records import RejectReason
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
