"""What happens before a deadline when nobody acts: the net of a shop, the rungs of its ladder, and who was told."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.models.words import WordsField
from shops.encryption import EncryptedTextField
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User

# A decision has to be sent, and read back, while the request still waits; earlier than four days is no last moment.
FEWEST_MINUTES, MOST_MINUTES = 5, 5760
MINUTES = [MinValueValidator(FEWEST_MINUTES), MaxValueValidator(MOST_MINUTES)]
LONGEST_URL = 1000


class SafetyNet(models.Model):
    """What is done about a shop's requests so many minutes before silence decides, in the name of who set it.

    No row, or one that is switched off, does nothing.
    """

    class Action(models.TextChoices):
        TELL = "tell", _("only tell people")
        APPROVE = "approve", _("approve")
        REJECT = "reject", _("reject")
        SHIP_TO_REJECT = "ship_to_reject", _("ship to reject where a package is ready")

    shop = models.OneToOneField(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="safety_net")
    is_on = models.BooleanField(_("on"), default=False)
    action = models.CharField(_("what is done"), max_length=20, choices=Action, default=Action.TELL)
    minutes = models.PositiveIntegerField(_("minutes before the deadline"), default=30, validators=MINUTES)
    reason = models.CharField(_("reason code"), max_length=200, blank=True)
    reason_text = models.CharField(_("reason"), max_length=500, blank=True)
    comment = models.TextField(_("comment"), blank=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("set by"), on_delete=models.PROTECT, related_name="+"
    )
    set_at = models.DateTimeField(_("set"), default=timezone.now)

    class Meta:
        verbose_name = _("safety net")
        verbose_name_plural = _("safety nets")
        ordering = ["shop"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__gte=FEWEST_MINUTES, minutes__lte=MOST_MINUTES), name="net_acts_in_time"
            ),
            models.CheckConstraint(condition=~Q(action="reject") | ~Q(reason=""), name="net_rejects_with_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.shop_id}: {self.get_action_display()}"

    @property
    def verdict(self) -> Verdict | None:
        """What it decides; None where it only tells people."""
        return None if self.action == self.Action.TELL else Verdict(self.action)

    def acts_at(self, deadline: datetime) -> datetime:
        return deadline - timedelta(minutes=self.minutes)


class Catch(models.Model):
    """That the net decided a request for a deadline: written with the decision, in one transaction, once."""

    cancellation = models.ForeignKey(
        CancellationRequest, verbose_name=_("cancellation request"), on_delete=models.PROTECT, related_name="catches",
        db_index=False,
    )  # fmt: skip
    deadline = models.DateTimeField(_("deadline"))
    decision = models.OneToOneField(
        Decision, verbose_name=_("decision"), on_delete=models.PROTECT, related_name="catch"
    )
    minutes = models.PositiveIntegerField(_("minutes before the deadline"))
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("set by"), on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(_("made"), default=timezone.now)

    class Meta:
        verbose_name = _("decision of a safety net")
        verbose_name_plural = _("decisions of safety nets")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["cancellation", "deadline"], name="one_catch_per_request_and_deadline")
        ]

    def __str__(self) -> str:
        return f"{self.cancellation}: {self.decision_id}"


class Channel(models.TextChoices):
    IN_APP = "in_app", _("a notice here")
    EMAIL = "email", _("e-mail")
    CHAT = "chat", _("a chat channel")


class RungQuerySet(models.QuerySet["Rung"]):
    def of(self, shop: Shop | None) -> Self:
        """A shop's own; those for all shops where there is no shop."""
        return self.filter(shop=shop)


class Rung(models.Model):
    """One step of a ladder: who is told, when and how. Without a shop it holds in all that have none of their own."""

    class Who(models.TextChoices):
        ASSIGNEE = "assignee", _("who it is assigned to, or who has it open")
        AGENTS = "agents", _("everybody who answers requests of the shop")
        MANAGERS = "managers", _("the shop's managers")
        PERSON = "person", _("one person")

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, null=True, blank=True, related_name="rungs"
    )
    minutes = models.PositiveIntegerField(_("minutes before the deadline"), validators=MINUTES)
    who = models.CharField(_("who is told"), max_length=10, choices=Who)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, null=True, blank=True,
        related_name="+",
    )  # fmt: skip
    channel = models.CharField(_("how"), max_length=10, choices=Channel)

    objects = RungQuerySet.as_manager()

    class Meta:
        verbose_name = _("rung of a ladder")
        verbose_name_plural = _("rungs of ladders")
        ordering = ["-minutes", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "minutes", "who", "person", "channel"], nulls_distinct=False, name="each_rung_once"
            ),
            models.CheckConstraint(
                condition=Q(who="person", person__isnull=False) | (~Q(who="person") & Q(person__isnull=True)),
                name="rung_names_a_person_where_it_is_one",
            ),
            models.CheckConstraint(
                condition=Q(minutes__gte=FEWEST_MINUTES, minutes__lte=MOST_MINUTES), name="rung_is_in_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.minutes} min: {self.who_in_words}"

    @property
    def who_in_words(self) -> str:
        return str(self.person) if self.person_id else str(self.get_who_display())


class ChatAddress(models.Model):
    """Where notices of a shop go as Slack takes them; without a shop it is that of all shops without one of their own.

    The address opens the channel to whoever knows it, so that it is never shown again.
    """

    shop = models.OneToOneField(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, null=True, blank=True, related_name="chat_address"
    )
    url = EncryptedTextField(_("address"))
    failing_since = models.DateTimeField(_("fails since"), null=True, blank=True)
    problem = models.CharField(_("what went wrong"), max_length=20, blank=True)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("set by"), on_delete=models.PROTECT, related_name="+"
    )
    set_at = models.DateTimeField(_("set"), default=timezone.now)

    class Meta:
        verbose_name = _("address of a chat channel")
        verbose_name_plural = _("addresses of chat channels")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["shop"], nulls_distinct=False, name="one_chat_address_per_shop")]

    def __str__(self) -> str:
        return str(self.shop or _("all shops"))

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


class TellingQuerySet(models.QuerySet["Telling"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def waiting(self) -> Self:
        return self.filter(state=Telling.State.WAITING)

    def due(self, now: datetime) -> Self:
        return self.waiting().filter(due_at__lte=now)

    def notices_of(self, user: "User | AnonymousUser") -> Self:
        """What one person was told here, of shops that they still see."""
        return self.visible_to(user).filter(person=user.pk, channel=Channel.IN_APP, state=Telling.State.SENT)

    def unread(self) -> Self:
        return self.filter(read_at=None)


class Telling(models.Model):
    """One person, or one channel, is told of one request once for each step. The row is the queue.

    Claiming moves `due_at` ahead by a lease, so that the claim of a worker that died runs out by itself.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits")
        SENT = "sent", _("told")
        FAILED = "failed", _("could not be told")
        DROPPED = "dropped", _("not needed any more")

    class Why(models.TextChoices):
        RUNG = "rung", _("Nobody has answered yet.")
        NET = "net", _("The safety net tells you.")
        NET_CANNOT = "net_cannot", _("The safety net cannot act so far.")
        LINK = "link", _("It may not be answered from here in time.")
        TEST = "test", _("This is a test.")

    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="+")
    cancellation = models.ForeignKey(
        CancellationRequest, verbose_name=_("cancellation request"), on_delete=models.CASCADE, null=True, blank=True,
        related_name="tellings", db_index=False,
    )  # fmt: skip
    deadline = models.DateTimeField(_("deadline"), null=True, blank=True)
    step = models.CharField(_("step"), max_length=40)  # rung:7, net, link, test:…
    why = models.CharField(_("why"), max_length=12, choices=Why)
    detail = WordsField(_("more about it"), blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, null=True, blank=True,
        related_name="tellings",
    )  # fmt: skip
    channel = models.CharField(_("how"), max_length=10, choices=Channel)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    due_at = models.DateTimeField(_("needs a worker"), default=timezone.now)
    claim = models.UUIDField(_("claimed by worker"), null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(_("tries"), default=0)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    # Where it tells that a net cannot act: when that last tried.
    tried_at = models.DateTimeField(_("last try"), null=True, blank=True)
    problem = models.CharField(_("what went wrong"), max_length=200, blank=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    objects = TellingQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cancellation", "deadline", "step", "channel", "person"], nulls_distinct=False,
                name="each_is_told_once_per_step",
            ),
            models.CheckConstraint(
                condition=Q(why="test") ^ Q(cancellation__isnull=False, deadline__isnull=False),
                name="only_a_test_is_about_nothing",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["due_at"], name="tellings_due", condition=Q(state="waiting")),
            models.Index(
                fields=["person"], name="notices_unread",
                condition=Q(channel="in_app", state="sent", read_at__isnull=True),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.person or self.get_channel_display()}: {self.cancellation or self.step}"

    # What a channel that fails falls to. A notice here cannot fail.
    NEXT: ClassVar = {Channel.CHAT: Channel.EMAIL, Channel.EMAIL: Channel.IN_APP}
