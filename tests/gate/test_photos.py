"""Photos from the packing bench: offered to whoever answers, kept longer than a draft, erased like all evidence."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from cancellations import drafts
from cancellations.evidence import read_picture
from cancellations.forgetting import purge_pictures
from cancellations.models import CancellationRequest, Evidence
from cancellations.models import Verdict as Decided
from gate.models import PullTask
from gate.pulled import pull
from shops.markets import capabilities
from shops.models import Role
from tests.cancellations.views.pages import picture
from tests.factories import DecisionFactory, member
from tests.gate.test_verdict import PACKED, asked, order

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo() -> Evidence:
    about = order(PACKED)
    asked(about)
    task, _is_new = pull(about, "", member(Role.AGENT, about.shop), picture())
    assert task.photo
    return task.photo


def test_it_goes_with_the_rejection_of_a_colleague(photo: Evidence) -> None:
    assert photo.cancellation
    decision = DecisionFactory(cancellation=photo.cancellation, verdict=Decided.REJECT)
    drafts.attach(decision, [photo])
    assert [*decision.evidence.all()] == [photo]
    assert PullTask.objects.get().photo == photo


def test_it_is_no_draft_of_who_took_it_and_not_counted_among_theirs(photo: Evidence) -> None:
    assert photo.cancellation
    assert photo.uploaded_by
    assert not Evidence.objects.drafts(photo.cancellation, photo.uploaded_by).exists()
    assert [*Evidence.objects.offered(photo.cancellation, photo.uploaded_by)] == [photo]


def test_the_same_picture_can_be_a_draft_as_well(photo: Evidence) -> None:
    assert photo.cancellation
    assert photo.uploaded_by
    market = capabilities(photo.cancellation.shop, timezone.now())
    drafts.keep(photo.cancellation, photo.uploaded_by, read_picture(picture(), market), market)
    assert Evidence.objects.count() == 2


def test_taken_twice_it_is_kept_once(photo: Evidence) -> None:
    assert photo.cancellation
    assert photo.uploaded_by
    market = capabilities(photo.cancellation.shop, timezone.now())
    with transaction.atomic():
        again = drafts.keep_photo(photo.cancellation, photo.uploaded_by, read_picture(picture(), market))
    assert again == photo


def test_it_outlives_the_day_that_drafts_have(photo: Evidence) -> None:
    drafts.forget_old(timezone.now() + timedelta(days=30))
    assert Evidence.objects.get() == photo


def test_its_file_is_erased_by_schedule_once_the_request_is_over(photo: Evidence) -> None:
    later = timezone.now() + timedelta(days=1)
    assert purge_pictures(later) == 0
    CancellationRequest.objects.update(needs_answer=False, state="closed")
    assert purge_pictures(later) == 1
    photo.refresh_from_db()
    assert not photo.image
    assert photo.cancellation
    assert photo.uploaded_by
    assert not Evidence.objects.offered(photo.cancellation, photo.uploaded_by).exists()
