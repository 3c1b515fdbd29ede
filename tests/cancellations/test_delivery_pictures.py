"""Rejections with pictures: each is uploaded before the rejection is sent, and once."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from cancellations import delivery, drafts
from cancellations.checks import Details
from cancellations.decisions import decide
from cancellations.evidence import Picture
from cancellations.models import Attempt, Decision, Verdict
from cancellations.rules import capabilities
from tests.cancellations.test_delivery import PACKED, State, carry_out, effects
from tests.world import World

UPLOAD, REJECT = "upload-product-image", "reject-cancellation"


def picture(name: str, width: int = 300) -> Picture:
    content = io.BytesIO()
    Image.new("RGB", (width, 300), "teal").save(content, "PNG")
    return Picture(name, content.getvalue(), "image/png", width, 300)


@pytest.fixture
def decision(world: World, settings: Any, tmp_path: Path) -> Decision:
    settings.MEDIA_ROOT = tmp_path
    details = Details(reason=PACKED, pictures=[picture("one.png"), picture("two.png", 301)])
    made = decide(world.asked("TH"), Verdict.REJECT, world.agent, details)
    world.now()
    return made


def uploads(world: World) -> int:
    return len([call for call in world.sandbox.get("calls", endpoint=UPLOAD)["calls"] if call["code"] == 0])


def test_they_go_with_the_rejection(world: World, decision: Decision) -> None:
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED, decision.message
    assert decision.cancellation
    told = world.sandbox.get(f"cancellations/{decision.cancellation.marketplace_id}")["rejection"]["images"]
    kept = decision.evidence.values_list("marketplace_image_id", flat=True)
    assert [image["image_id"] for image in told] == list(kept)
    assert [attempt.purpose for attempt in decision.attempts.all()] == ["upload", "upload", "send", "read_back"]


def test_those_that_were_uploaded_ahead_go_with_it_as_they_were_uploaded(
    world: World, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    asked, market = world.asked("TH"), capabilities(world.shop("TH"), timezone.now())
    ahead = [drafts.keep(asked, world.agent, picture(f"{width}.png", width), market)[0] for width in (310, 320)]
    made = decide(asked, Verdict.REJECT, world.agent, Details(reason=PACKED, pictures=[*ahead, picture("new.png")]))
    world.now()
    carry_out(world, made)
    assert made.state == State.CONFIRMED, made.message
    told = world.sandbox.get(f"cancellations/{asked.marketplace_id}")["rejection"]["images"]
    assert [image["width"] for image in told] == [310, 320, 300]


def test_one_that_the_marketplace_refuses_keeps_the_rejection_from_being_sent(world: World, decision: Decision) -> None:
    world.sandbox.fault(UPLOAD, "business_error", code=12038002, count=1)
    carry_out(world, decision)
    assert decision.state == State.REFUSED, decision.message
    assert not decision.attempts.filter(purpose=Attempt.Purpose.SEND).exists()
    assert effects(world, decision) == []


@pytest.mark.parametrize("kind", ["reset_before", "rate_limited"])
def test_one_that_is_there_is_not_uploaded_again(world: World, decision: Decision, kind: str) -> None:
    world.sandbox.fault(REJECT, kind, count=1)
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED, decision.message
    assert uploads(world) == 2
    assert effects(world, decision) == ["cancellation.rejected"]


@pytest.mark.parametrize("kind", ["reset_after", "server_error", "expired_token", "malformed"])
def test_an_upload_that_fails_is_tried_again_before_anything_is_sent(
    world: World, decision: Decision, kind: str
) -> None:
    world.sandbox.fault(UPLOAD, kind, count=1)
    delivery.deliver(decision.pk)
    decision.refresh_from_db()
    if decision.state == State.RECORDED:
        assert not decision.attempts.filter(purpose=Attempt.Purpose.SEND).exists()
        assert decision.sent_at is None
        world.skip_waiting(decision)
        carry_out(world, decision)
    assert decision.state == State.CONFIRMED, decision.message
    assert effects(world, decision) == ["cancellation.rejected"]


def test_a_file_that_is_gone_is_shown_to_a_person_by_its_name(world: World, decision: Decision) -> None:
    Path(decision.evidence.all()[1].image.path).unlink()
    for _ in range(delivery.PATIENCE_WITH_OURSELVES + 1):
        world.skip_waiting(decision)
        with pytest.raises(delivery.ImageGone):
            delivery.deliver(decision.pk)
    decision.refresh_from_db()
    assert (decision.state, decision.stalled_because) == (State.STALLED, Decision.Stalled.BROKEN)
    assert decision.note.startswith("The image two.png is no longer in the server's storage, so nothing was sent.")
    assert uploads(world) == 1
    assert effects(world, decision) == []
