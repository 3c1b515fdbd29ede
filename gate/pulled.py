"""A parcel was taken out of what leaves, is not there, or was put back: written down once, with a photo where somebody
took one.
"""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import log
from cancellations import drafts, happening
from cancellations.evidence import Picture, read_picture
from cancellations.models import Event, Evidence
from gate import facts
from gate.models import PullTask
from gate.reasons import Reason, Verdict
from gate.verdict import Answer, verdict
from orders.models import Order
from shops.markets import capabilities
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from accounts.models import User


MOST_PHOTOS = 20  # of one request


class NotToBePutBack(Exception):
    """Nothing is out that may be in it again: `answer` says how it stands."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(_("There is nothing to put back. %(why)s") % {"why": answer.words})
        self.answer = answer


class NotToBePulled(Exception):
    """It may leave, or stays where it is: `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(_("This is not to be pulled any more. %(why)s") % {"why": answer.words})
        self.answer = answer


def answer_for(order: Order, package_id: str) -> Answer:
    now = timezone.now()
    (known,) = facts.read(Order.objects.filter(pk=order.pk), now)
    return verdict(known, now, package_id)


def pull(
    order: Order, package_id: str, user: "User", photo: "UploadedFile[Any] | None" = None, *, is_there: bool = True
) -> tuple[PullTask, bool]:
    """(the task, whether it is new): that somebody pulled it, or found that it is not there.

    Raises PermissionDenied for who is no agent of the shop, ValidationError at `photo` or `package`, and NotToBePulled.
    """
    must_be_agent(user, order.shop)
    must_have_package(order, package_id)
    picture = picture_of(order, package_id, photo) if photo else None
    state = PullTask.State.DONE if is_there else PullTask.State.DROPPED
    with transaction.atomic():
        lock(order)
        answer = answer_for(order, package_id)
        if answer.verdict != Verdict.PULL:
            raise NotToBePulled(answer)
        if answer.pulled and (known := said_before(answer, state, picture)):
            return known, False
        task = PullTask(
            order=order, package_id=package_id, cancellation=answer.cancellation, reason=answer.reason,
            out=answer.out, state=state, done_by=user, photo=kept(answer, user, picture),
        )  # fmt: skip
        task.save()
        tell(task, answer)
    return task, True


def put_back(order: Order, package_id: str, user: "User") -> tuple[PullTask, bool]:
    """(the task, whether it is new): that what was taken out, and may leave again, is in its parcel again.

    Raises PermissionDenied for who is no agent of the shop, ValidationError at `package`, and NotToBePutBack.
    """
    must_be_agent(user, order.shop)
    must_have_package(order, package_id)
    with transaction.atomic():
        lock(order)
        answer = answer_for(order, package_id)
        newest = PullTask.objects.of_parcel(order, package_id).first()
        if answer.reason != Reason.PUT_BACK:
            if newest and newest.state == PullTask.State.PUT_BACK:
                return newest, False
            raise NotToBePutBack(answer)
        task = PullTask(
            order=order, package_id=package_id, reason=answer.reason, out=answer.out,
            cancellation=answer.pulled.cancellation if answer.pulled else None, state=PullTask.State.PUT_BACK,
            done_by=user,
        )  # fmt: skip
        task.save()
        tell(task, answer)
    return task, True


def lock(order: Order) -> None:
    """Of two who press at once one sees the other. No key: rows that point at the order can be written meanwhile."""
    Order.objects.select_for_update(of=("self",), no_key=True).get(pk=order.pk)


def must_have_package(order: Order, package_id: str) -> None:
    if not package_id or order.lines.filter(package_id=package_id).exists():
        return
    if not order.packages.filter(marketplace_id=package_id).exists():
        raise ValidationError({"package": _("The order has no such package.")})


def said_before(answer: Answer, state: PullTask.State, picture: Picture | None) -> PullTask | None:
    """What says just this about the parcel as it stands; with a photo, one with the same."""
    if picture is None:
        return answer.pulled if answer.pulled and answer.pulled.state == state else None
    tasks = PullTask.objects.of_parcel(answer.order, answer.package_id)
    return tasks.filter(state=state, cancellation=answer.cancellation, photo__sha256=picture.sha256).first()


def takes_photo(answer: Answer) -> bool:
    """A photo is evidence about a request, so that there must be one, in a market that takes images."""
    return answer.cancellation is not None and capabilities(answer.order.shop, timezone.now()).takes_images


def picture_of(order: Order, package_id: str, photo: "UploadedFile[Any]") -> Picture:
    if not takes_photo(answer_for(order, package_id)):
        raise ValidationError({"photo": _("There is no request here that a photo could go with.")})
    try:
        return read_picture(photo, capabilities(order.shop, timezone.now()))
    except ValidationError as problem:
        raise ValidationError({"photo": problem.messages}) from None


def kept(answer: Answer, user: "User", picture: Picture | None) -> Evidence | None:
    if picture is None or answer.cancellation is None:
        return None
    if Evidence.objects.filter(cancellation=answer.cancellation, is_from_bench=True).count() >= MOST_PHOTOS:
        raise ValidationError({"photo": _("There are enough photos of this parcel.")})
    return drafts.keep_photo(answer.cancellation, user, picture)


def tell(task: PullTask, answer: Answer) -> None:
    name, detail = NAMES[PullTask.State(task.state)], {
        "package_id": task.package_id,
        "lines": [f"{one.out} × {one.line}" for one in answer.lines if one.out and answer.takes_a_part_out],
        "photo": task.photo_id,
    }  # fmt: skip
    event = Event(
        shop_id=task.order.shop_id, order=task.order, cancellation=task.cancellation, actor=task.done_by, name=name,
        detail=detail,
    )  # fmt: skip
    happening.note([event])
    log.write(name, about=task.cancellation or task.order, actor=task.done_by, after=detail)


NAMES = {
    PullTask.State.DONE: "parcel.pulled",
    PullTask.State.DROPPED: "parcel.not_there",
    PullTask.State.PUT_BACK: "parcel.put_back",
}
