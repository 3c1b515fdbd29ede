"""A parcel was taken out of what leaves, or is not there: written down once, with a photo where somebody took one."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import log
from cancellations import drafts
from cancellations.evidence import Picture, read_picture
from cancellations.models import Event, Evidence
from gate import facts
from gate.models import PullTask
from gate.reasons import Verdict
from gate.verdict import Answer, verdict
from orders.models import Order
from shops.markets import capabilities
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from accounts.models import User


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

    Raises PermissionDenied for who is no agent of the shop, ValidationError at `photo`, and NotToBePulled.
    """
    must_be_agent(user, order.shop)
    picture = picture_of(order, package_id, photo) if photo else None
    state = PullTask.State.DONE if is_there else PullTask.State.DROPPED
    with transaction.atomic():
        Order.objects.select_for_update(of=("self",)).get(pk=order.pk)  # of two who press at once one sees the other
        answer = answer_for(order, package_id)
        if answer.verdict != Verdict.PULL:
            raise NotToBePulled(answer)
        if answer.pulled and answer.pulled.state == state and picture is None:
            return answer.pulled, False
        task = PullTask(
            order=order, package_id=package_id, cancellation=answer.cancellation, reason=answer.reason,
            out=answer.out, state=state, done_by=user, photo=kept(answer, user, picture),
        )  # fmt: skip
        task.save()
        tell(task, answer)
    return task, True


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
    return drafts.keep_photo(answer.cancellation, user, picture) if picture and answer.cancellation else None


def tell(task: PullTask, answer: Answer) -> None:
    detail = {
        "package_id": task.package_id,
        "lines": [f"{one.out} × {one.line}" for one in answer.lines if one.out and answer.takes_a_part_out],
        "photo": task.photo_id,
    }
    is_done = task.state == PullTask.State.DONE
    Event.objects.create(
        shop_id=task.order.shop_id, order=task.order, cancellation=task.cancellation, actor=task.done_by,
        name="parcel.pulled" if is_done else "parcel.not_there", detail=detail,
    )  # fmt: skip
    about = task.cancellation or task.order
    if is_done:
        log.write("parcel.pulled", about=about, actor=task.done_by, after=detail)
    else:
        log.write("parcel.not_there", about=about, actor=task.done_by, after=detail)
