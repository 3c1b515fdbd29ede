"""Images uploaded ahead of a decision: whose they are, what becomes of them, and that no file outlives its row."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from accounts.models import User
from cancellations import drafts, tasks
from cancellations.checks import Details
from cancellations.decisions import decide
from cancellations.evidence import Picture, read_picture
from cancellations.models import CancellationRequest, Decision, Evidence, Verdict
from cancellations.rules import capabilities
from config.celery import app
from shops.models import Role
from tests.factories import CancellationFactory, DecisionFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def asked() -> CancellationRequest:
    return CancellationFactory()


@pytest.fixture
def agent(asked: CancellationRequest) -> User:
    return member(Role.AGENT, asked.shop)


def picture(width: int = 200, name: str = "proof.png") -> Picture:
    out = io.BytesIO()
    Image.new("RGB", (width, 200), "teal").save(out, "PNG")
    market = capabilities(CancellationFactory.build().shop, timezone.now())
    return read_picture(SimpleUploadedFile(name, out.getvalue()), market)


def kept(asked: CancellationRequest, user: User, given: Picture | None = None) -> Evidence:
    return drafts.keep(asked, user, given or picture(), capabilities(asked.shop, timezone.now()))[0]


def files(media: Path) -> int:
    return len([path for path in media.rglob("*") if path.is_file()])


class TestKeeping:
    def test_it_is_kept_with_its_hash_and_what_it_was(self, asked: CancellationRequest, agent: User) -> None:
        draft = kept(asked, agent)
        draft.refresh_from_db()
        assert draft.sha256 == picture().sha256
        assert (draft.size, draft.width, draft.height) == (len(picture().content), 200, 200)
        assert (draft.original_format, draft.original_width, draft.original_height) == ("PNG", 200, 200)
        assert not draft.was_converted
        assert not draft.was_shrunk
        with draft.image.open("rb") as file:
            assert file.read() == picture().content

    def test_the_same_picture_is_kept_once(self, asked: CancellationRequest, agent: User, media: Path) -> None:
        market = capabilities(asked.shop, timezone.now())
        first, is_new = drafts.keep(asked, agent, picture(), market)
        again, is_new_again = drafts.keep(asked, agent, picture(name="another name.png"), market)
        assert (first, is_new, is_new_again) == (again, True, False)
        assert files(media) == 1

    def test_another_person_and_another_request_have_their_own(self, asked: CancellationRequest, agent: User) -> None:
        others = {kept(asked, agent), kept(asked, member(Role.AGENT, asked.shop)), kept(CancellationFactory(), agent)}
        assert len(others) == 3

    def test_one_more_than_the_market_takes_is_refused(
        self, asked: CancellationRequest, agent: User, media: Path
    ) -> None:
        for width in range(200, 209):
            kept(asked, agent, picture(width))
        with pytest.raises(ValidationError, match="At most 9 images"):
            kept(asked, agent, picture(300))
        assert kept(asked, agent, picture(200))  # which is there
        assert files(media) == 9

    def test_a_file_whose_row_cannot_be_written_goes_again(
        self, asked: CancellationRequest, agent: User, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise IntegrityError

        monkeypatch.setattr(Evidence, "save", broken)
        with pytest.raises(IntegrityError):
            kept(asked, agent)
        assert files(media) == 0


class TestWhoSeesThem:
    def test_a_draft_is_seen_by_who_uploaded_it_and_by_nobody_else(
        self, asked: CancellationRequest, agent: User
    ) -> None:
        draft = kept(asked, agent)
        assert draft in Evidence.objects.visible_to(agent)
        assert draft not in Evidence.objects.visible_to(member(Role.MANAGER, asked.shop))

    def test_nor_by_its_owner_once_they_have_left_the_shop(self, asked: CancellationRequest, agent: User) -> None:
        draft = kept(asked, agent)
        agent.memberships.all().delete()
        assert draft not in Evidence.objects.visible_to(agent)

    def test_with_the_decision_all_who_see_the_shop_see_it(self, asked: CancellationRequest, agent: User) -> None:
        draft = kept(asked, agent)
        decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=[draft]))
        assert draft in Evidence.objects.visible_to(member(Role.VIEWER, asked.shop))
        assert draft not in Evidence.objects.visible_to(member(Role.MANAGER))


class TestDeciding:
    def test_drafts_become_the_decisions(self, asked: CancellationRequest, agent: User, media: Path) -> None:
        ahead = [kept(asked, agent, picture(width)) for width in (210, 220)]
        decision = decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=[*ahead, picture(230)]))
        assert [image.width for image in decision.evidence.all()] == [210, 220, 230]
        assert not Evidence.objects.drafts(asked, agent).exists()
        assert files(media) == 3

    def test_the_same_picture_goes_once(self, asked: CancellationRequest, agent: User) -> None:
        given: list[Picture | Evidence] = [kept(asked, agent), picture(name="again.png"), picture(210), picture(210)]
        decision = decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=given))
        assert [image.width for image in decision.evidence.all()] == [200, 210]

    def test_a_draft_that_is_gone_stops_the_whole_rejection(self, asked: CancellationRequest, agent: User) -> None:
        here, gone = kept(asked, agent, picture(210)), kept(asked, agent)
        drafts.forget([gone])
        with pytest.raises(ValidationError, match="no longer there"):
            decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=[here, gone]))
        assert not Decision.objects.exists()
        assert list(Evidence.objects.drafts(asked, agent)) == [here]

    def test_nobody_sends_what_somebody_else_has_uploaded(self, asked: CancellationRequest, agent: User) -> None:
        foreign = kept(asked, member(Role.AGENT, asked.shop))
        with pytest.raises(ValidationError, match="no longer there"):
            decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=[foreign]))

    def test_nor_what_was_uploaded_for_another_request(self, asked: CancellationRequest, agent: User) -> None:
        other = kept(CancellationFactory(order__shop=asked.shop), agent)
        with pytest.raises(ValidationError, match="no longer there"):
            decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=[other]))


class TestForgetting:
    def age(self, draft: Evidence, by: timedelta) -> None:
        Evidence.objects.filter(pk=draft.pk).update(created_at=timezone.now() - by)

    def test_those_of_yesterday_go_with_their_files(
        self, asked: CancellationRequest, agent: User, media: Path, django_capture_on_commit_callbacks: Any
    ) -> None:
        old, new = kept(asked, agent), kept(asked, agent, picture(210))
        self.age(old, drafts.KEPT_FOR + timedelta(minutes=1))
        self.age(new, drafts.KEPT_FOR - timedelta(minutes=1))
        with django_capture_on_commit_callbacks(execute=True):
            tasks.forget_old_drafts()
        assert list(Evidence.objects.all()) == [new]
        assert files(media) == 1

    def test_what_was_decided_stays_however_old_it_is(
        self, asked: CancellationRequest, agent: User, media: Path
    ) -> None:
        draft = kept(asked, agent)
        decide(asked, Verdict.REJECT, agent, Details(reason="packed", pictures=[draft]))
        self.age(draft, timedelta(days=400))
        assert drafts.forget_old(timezone.now()) == 0
        assert drafts.forget([draft]) == 0
        assert files(media) == 1

    def test_a_file_that_is_gone_already_hinders_nothing(
        self, asked: CancellationRequest, agent: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        draft = kept(asked, agent)
        Path(draft.image.path).unlink()
        with django_capture_on_commit_callbacks(execute=True):
            assert drafts.forget([draft]) == 1

    def test_beat_asks_for_it(self) -> None:
        assert "cancellations.tasks.forget_old_drafts" in {one["task"] for one in app.conf.beat_schedule.values()}


class TestThePromiseOfTheTable:
    @pytest.mark.parametrize("has", ["nothing", "person", "request", "everything"])
    def test_an_image_is_a_draft_of_somebody_or_a_decisions(
        self, asked: CancellationRequest, agent: User, has: str
    ) -> None:
        columns: dict[str, dict[str, Any]] = {
            "nothing": {},
            "person": {"uploaded_by": agent},
            "request": {"cancellation": asked},
            "everything": {"uploaded_by": agent, "cancellation": asked, "decision": DecisionFactory()},
        }
        row = drafts.new_evidence(picture())
        for name, value in columns[has].items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError, match="evidence_is_a_draft_or_of_a_decision"), transaction.atomic():
            row.save()

    def test_a_decision_has_no_picture_twice(self, agent: User) -> None:
        rows = [drafts.new_evidence(picture()) for _ in range(2)]
        rows[0].decision = rows[1].decision = DecisionFactory()
        rows[0].save()
        with pytest.raises(IntegrityError, match="one_of_each_picture_per_decision"), transaction.atomic():
            rows[1].save()
