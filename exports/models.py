"""Files of rows that somebody asked for, and how far a worker is with each."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models.words import WordsField

if TYPE_CHECKING:
    from accounts.models import User


class ExportKind(models.TextChoices):
    REQUESTS = "requests", _("cancellation requests")
    DECISIONS = "decisions", _("decisions")
    AUDIT = "audit", _("audit log")


class ExportFormat(models.TextChoices):
    CSV = "csv", _("CSV, for spreadsheets")
    JSON_LINES = "jsonl", _("JSON lines, as the API writes them")


def new_folder() -> str:
    """A name that nobody guesses."""
    return secrets.token_urlsafe(24)


class ExportQuerySet(models.QuerySet["Export"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """One's own, and nobody else's; by a token for some shops, those that have rows of these alone."""
        own = self.filter(made_by=user.pk)
        if not user.is_authenticated or user.token is None or not user.token.is_limited:
            return own
        return own.filter(shops__contained_by=list(user.token.shops.values_list("pk", flat=True)))

    def unfinished(self) -> Self:
        return self.filter(state__in=Export.UNFINISHED)

    def due(self, now: datetime) -> Self:
        return self.unfinished().filter(due_at__lte=now)

    def held(self, now: datetime) -> Self:
        """Those that a worker has in its hands."""
        return self.unfinished().filter(claim__isnull=False, due_at__gt=now)

    def ended(self, now: datetime) -> Self:
        """Those whose file has had its time."""
        return self.filter(state=Export.State.DONE, ends_at__lte=now)


class Export(models.Model):
    """The row is the queue: `due_at` is when a worker is next needed, and claiming moves it ahead by the lease.

    A worker writes a part of the file, notes it in `parts` together with the last row in it, and hands on to the next.
    What stands in no row belongs to no file, so a worker that dies leaves nothing half done behind.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits its turn")
        RUNNING = "running", _("being written")
        DONE = "done", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("file is gone")

    UNFINISHED: ClassVar = (State.WAITING, State.RUNNING)

    # What was asked for, and by whom
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="exports", verbose_name=_("by"), db_index=False
    )
    made_at = models.DateTimeField(_("asked for"), default=timezone.now)
    kind = models.CharField(_("of"), max_length=12, choices=ExportKind)
    format = models.CharField(_("format"), max_length=8, choices=ExportFormat)
    is_compressed = models.BooleanField(_("compressed"), default=False)
    filters = models.JSONField(_("filters"), default=dict, blank=True)
    shops = ArrayField(
        models.BigIntegerField(), verbose_name=_("of shops"), null=True, blank=True,
        help_text=_("Numbers of those that rows can be of; none at all: everything, which takes a superuser."),
    )  # fmt: skip
    language = models.CharField(_("language"), max_length=10, blank=True)
    base_url = models.CharField(_("addresses begin with"), max_length=200, blank=True)

    # How far it is
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    rows_expected = models.PositiveBigIntegerField(_("rows expected"), null=True, blank=True)
    rows_done = models.PositiveBigIntegerField(_("rows written"), default=0)
    after = models.BigIntegerField(_("after row"), default=0)
    up_to = models.BigIntegerField(_("up to row"), null=True, blank=True)
    parts = models.JSONField(_("parts of the file"), default=list, blank=True)
    due_at = models.DateTimeField(_("needs a worker"), default=timezone.now)
    claim = models.UUIDField(_("claimed by worker"), null=True, blank=True, editable=False)
    tries = models.PositiveIntegerField(_("tries at this part"), default=0)

    # What came of it
    folder = models.CharField(_("folder"), max_length=40, default=new_folder, unique=True, editable=False)
    bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    ends_at = models.DateTimeField(_("file goes"), null=True, blank=True)
    why = WordsField(_("why not"), blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export file")
        verbose_name_plural = _("export files")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | Q(finished_at__isnull=False, ends_at__isnull=False),
                name="files_that_are_ready_have_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["made_by", "-id"], name="exports_of_a_person"),
            models.Index(fields=["due_at"], name="exports_due", condition=Q(state__in=("waiting", "running"))),
            models.Index(fields=["ends_at"], name="exports_ready", condition=Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in self.UNFINISHED

    def is_ready(self, now: datetime) -> bool:
        return self.state == self.State.DONE and self.ends_at is not None and self.ends_at > now

    @property
    def file_name(self) -> str:
        """What the browser saves it as."""
        ending = f"{self.format}.gz" if self.is_compressed else self.format
        return f"countermand-{self.kind}-{self.made_at:%Y-%m-%d}-{self.pk}.{ending}"

    @property
    def path(self) -> Path:
        """The folder of its parts. Nothing but our own views ever reads it."""
        return folder_of_all() / self.folder

    def part_paths(self) -> list[Path]:
        return [self.path / part["name"] for part in self.parts]


def folder_of_all() -> Path:
    return Path(settings.MEDIA_ROOT) / "exports"
