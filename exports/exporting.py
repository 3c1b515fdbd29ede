"""What people do with exports: start one, end it, fetch its file. Page and API call these and no other."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from audit import log
from cancellations import trail
from exports import tasks
from exports.kinds import KINDS
from exports.models import Export, ExportFormat, ExportKind, new_folder
from exports.permission import may_export, may_take_away
from shops.models import Permission
from shops.roles import why_not_allowed

if TYPE_CHECKING:
    from accounts.models import User

MOST_UNFINISHED = 5
PIECE = 64 * 1024  # bytes


class ManyUnderWay(ValidationError):
    """This person waits for `MOST_UNFINISHED` exports already."""


class Gone(Exception):
    """There is no file (yet, or any more); the text says why."""


def must_be_allowed_to_export(user: "User", kind: str) -> None:
    """Raises PermissionDenied for whoever may take rows of this kind away from no shop."""
    if not may_export(user, kind):
        raise PermissionDenied(why_not_allowed(Permission.EXPORT))


def start(
    user: "User", kind: str, filters: Mapping[str, str], *, file_format: str = ExportFormat.CSV,
    is_compressed: bool = False, base_url: str = "",
) -> Export:  # fmt: skip
    """Have a worker write a file of all that fits the filters, of the shops in which this person may export.

    Raises PermissionDenied, ValidationError by the filter's name, and ManyUnderWay.
    """
    must_be_allowed_to_export(user, kind)
    chosen = checked(user, kind, filters)
    if Export.objects.filter(made_by=user).unfinished().count() >= MOST_UNFINISHED:
        words = ngettext(
            "%(count)d export of yours is under way. Wait for it, or cancel it.",
            "%(count)d exports of yours are under way. Wait for one of them, or cancel it.",
            MOST_UNFINISHED,
        )
        raise ManyUnderWay(words % {"count": MOST_UNFINISHED})
    with transaction.atomic():
        export = Export.objects.create(
            made_by=user, kind=kind, format=file_format, is_compressed=is_compressed, filters=chosen,
            shops=shops_of(user, kind, chosen), language=get_language() or "", base_url=base_url[:200],
        )  # fmt: skip
        told = {"kind": kind, "format": file_format, **chosen}
        log.write("export.started", about=export, actor=user, shop_id=only_shop(export), after=told)
        transaction.on_commit(lambda: tasks.nudge(export.pk))
    return export


def checked(user: "User", kind: str, filters: Mapping[str, str]) -> dict[str, str]:
    """The filters that are set. Raises ValidationError by name for one that is not known or asks for what is not."""
    told = KINDS[kind]
    chosen = told.narrowed(told.rows(user, None).none(), filters, user)
    if unknown := [name for name in filters if name not in chosen.filters]:
        raise ValidationError({name: _("There is no such filter.") for name in unknown})
    if not chosen.is_valid():
        raise ValidationError({name: [str(one) for one in errors] for name, errors in chosen.form.errors.items()})
    return {name: value for name, value in filters.items() if value}


def shops_of(user: "User", kind: str, filters: Mapping[str, str]) -> list[int] | None:
    """Those that rows can be of; None is everything, of no shop as well."""
    if kind == ExportKind.AUDIT and "shop" not in filters and trail.reads_everything(user):
        return None
    shops = KINDS[kind].shops(user)
    if "shop" in filters:
        shops = shops.filter(pk=filters["shop"])
    return sorted(shops.values_list("pk", flat=True))


def only_shop(export: Export) -> int | None:
    return export.shops[0] if export.shops and len(export.shops) == 1 else None


def remove(export: Export) -> None:
    """Cancel what is not finished; of what is ready, delete the file. The row stays and says so."""
    now = timezone.now()
    with transaction.atomic():
        own = Export.objects.filter(pk=export.pk)
        own.unfinished().update(state=Export.State.CANCELLED, finished_at=now, claim=None, parts=[], bytes=0)
        own.filter(state=Export.State.DONE).update(state=Export.State.EXPIRED, ends_at=now, parts=[])
        transaction.on_commit(lambda: delete([export.path]))
    export.refresh_from_db()


def fetch(export: Export, user: "User") -> Iterator[bytes]:
    """The file, piece by piece. Raises PermissionDenied for who may not export (all of) it any more, and Gone."""
    if not may_take_away(export, user):
        raise PermissionDenied(_("You may not export from all of these shops any more."))
    if not export.is_ready(timezone.now()):
        raise Gone(export.why or _("This file is not there: %(state)s.") % {"state": export.get_state_display()})
    paths = export.part_paths()
    if not all(path.exists() for path in paths):
        raise Gone(_("This file has been deleted from the server. Export it again."))
    told = {"kind": export.kind, "format": export.format, "rows": export.rows_done}
    log.write("export.fetched", about=export, actor=user, shop_id=only_shop(export), after=told)
    return pieces(export)


def pieces(export: Export) -> Iterator[bytes]:
    for path in export.part_paths():
        with path.open("rb") as part:
            while piece := part.read(PIECE):
                yield piece


def forget_files() -> Counter[str]:
    """A buyer is forgotten, and no file may tell of them: what is ready goes, what is being written begins anew."""
    with transaction.atomic():
        kept = Export.objects.filter(state=Export.State.DONE)
        begun = Export.objects.unfinished()
        folders = [export.path for export in (kept | begun).only("folder")]
        for export in begun.only("pk"):
            begun.filter(pk=export.pk).update(
                parts=[], after=0, up_to=None, rows_done=0, bytes=0, claim=None, state=Export.State.WAITING,
                due_at=timezone.now(), folder=new_folder(),  # for a worker may be at it before the old one is deleted
            )  # fmt: skip
        gone = kept.update(state=Export.State.EXPIRED, ends_at=timezone.now(), parts=[])
        transaction.on_commit(lambda: delete(folders))
    return Counter(exports=gone)


def delete(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
