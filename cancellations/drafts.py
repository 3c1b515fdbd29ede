"""Evidence that is uploaded ahead: of one person about one request, until a decision takes it or a day has gone by."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from cancellations.evidence import Picture
from cancellations.models import CancellationRequest, Decision, Evidence
from marketplaces.base import Capabilities

if TYPE_CHECKING:
    from accounts.models import User

KEPT_FOR = timedelta(days=1)


def new_evidence(picture: Picture) -> Evidence:
    """A row that belongs to nothing yet."""
    return Evidence(
        mime_type=picture.mime_type, original_name=picture.name[:200], size=len(picture.content),
        sha256=picture.sha256, original_format=picture.original_format,
        original_width=picture.original_width, original_height=picture.original_height,
    )  # fmt: skip


def keep(
    cancellation: CancellationRequest, user: "User", picture: Picture, market: Capabilities
) -> tuple[Evidence, bool]:
    """(the draft, whether it is new): the same picture is kept once. Raises ValidationError when there are enough."""
    with transaction.atomic():
        # Of two that come at once, one sees the other.
        CancellationRequest.objects.select_for_update(of=("self",)).get(pk=cancellation.pk)
        own = Evidence.objects.drafts(cancellation, user)
        if known := own.filter(sha256=picture.sha256).first():
            return known, False
        if own.count() >= market.max_images:
            raise ValidationError(
                _("At most %(limit)d images: remove another one first."), params={"limit": market.max_images}
            )
        draft = new_evidence(picture)
        draft.cancellation, draft.uploaded_by = cancellation, user
        store(draft, picture)
        told = {"name": draft.original_name, "sha256": draft.sha256}
        log.write("evidence.uploaded", about=cancellation, actor=user, after=told)
    return draft, True


def keep_photo(cancellation: CancellationRequest, user: "User", picture: Picture) -> Evidence:
    """A photo from the packing bench, for whoever answers the request; call it in a transaction."""
    own = Evidence.objects.from_bench(cancellation).filter(uploaded_by=user, sha256=picture.sha256)
    if known := own.first():
        return known
    photo = new_evidence(picture)
    photo.cancellation, photo.uploaded_by, photo.is_from_bench = cancellation, user, True
    store(photo, picture)
    return photo


def store(evidence: Evidence, picture: Picture) -> None:
    """Write the file, then the row; a file whose row could not be written goes again."""
    evidence.image.save(picture.stored_name(), picture.file(), save=False)
    try:
        with transaction.atomic():
            evidence.save()
    except Exception:
        default_storage.delete(str(evidence.image.name))
        raise


def attach(decision: Decision, drafts: Iterable[Evidence]) -> None:
    """Make drafts of who decided and photos from the bench, about this request, the decision's. Raises ValidationError
    when one is gone.
    """
    wanted = {draft.pk for draft in drafts}
    if not wanted:
        return
    assert decision.cancellation and decision.made_by
    offered = Evidence.objects.offered(decision.cancellation, decision.made_by).filter(pk__in=wanted)
    if offered.update(decision=decision, cancellation=None, uploaded_by=None) != len(wanted):
        raise ValidationError({"images": _("An image is no longer there: add it again. Nothing was sent.")})


def forget(drafts: Iterable[Evidence]) -> int:
    """Delete drafts with their files, those aside that a decision is taking at this moment; returns how many."""
    with transaction.atomic():
        rows = Evidence.objects.filter(decision=None, pk__in=[draft.pk for draft in drafts])
        locked = list(rows.select_for_update(skip_locked=True))
        Evidence.objects.filter(pk__in=[draft.pk for draft in locked]).delete()
        for draft in locked:
            # Once it is certain that the row is gone. A file that is left behind then belongs to nobody.
            transaction.on_commit(partial(default_storage.delete, str(draft.image.name)))
    return len(locked)


def remove(draft: Evidence, user: "User") -> bool:
    """Delete a draft of one's own; False where it is gone, or a decision is taking it at this moment."""
    with transaction.atomic():
        if not forget([draft]):
            return False
        told = {"name": draft.original_name, "sha256": draft.sha256}
        log.write("evidence.removed", about=draft.cancellation, actor=user, before=told)
    return True


def forget_old(now: datetime) -> int:
    old = Evidence.objects.filter(decision=None, is_from_bench=False, created_at__lt=now - KEPT_FOR)
    return forget(old[:1000])
