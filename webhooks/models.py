"""Endpoints that integrators named, and what is on its way to each."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shops import posting
from shops.encryption import EncryptedTextField
from shops.models import OutgoingEvent, Shop

if TYPE_CHECKING:
    from accounts.models import User

LONGEST_URL = 1000


def tests_of(endpoint: "Endpoint") -> str:
    """What the tests of an endpoint are about."""
    return f"test:{endpoint.pk}"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """One's own; with an API token for some shops those that are told of nothing beyond them."""
        own = self.filter(owner=user.pk)
        token = getattr(user, "token", None)
        if token is None or not token.is_limited:
            return own
        beyond = Endpoint.shops.through.objects.filter(endpoint=OuterRef("pk")).exclude(
            shop__in=Shop.objects.visible_to(user)
        )
        return own.filter(~Exists(beyond), is_limited=True)

    def without_secrets(self) -> Self:
        """As pages read them: what was never read cannot be shown."""
        return self.defer("secret", "previous_secret")

    def due(self, now: datetime) -> Self:
        """Those that a worker can go on with: nobody is at them, they do not rest, and something is due."""
        free = Q(busy_until=None) | Q(busy_until__lte=now)
        rested = Q(rests_until=None) | Q(rests_until__lte=now)
        waits = Delivery.objects.waiting().filter(endpoint=OuterRef("pk"), due_at__lte=now)
        return self.filter(free, rested, Exists(waits), state__in=Endpoint.TRYING)


class Endpoint(models.Model):
    """An address that is told what happens in its owner's shops. `claim` is the worker that is at it: one at a time."""

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        DEAD = "dead", _("does not answer")
        GONE = "gone", _("wants no more")

    # An endpoint that is given up for dead is tried now and then, so that it comes back by itself.
    TRYING: ClassVar = (State.ACTIVE, State.DEAD)

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("owner"), on_delete=models.CASCADE, related_name="endpoints"
    )
    name = models.CharField(_("name"), max_length=80)
    url = models.CharField(_("address"), max_length=LONGEST_URL)
    types = models.JSONField(_("events"), default=list, blank=True, help_text=_("None is all of them."))
    shops = models.ManyToManyField(Shop, verbose_name=_("shops"), related_name="+", blank=True)
    # Stored, and not told from the shops: where the last of them is gone, it must not be told of all the others.
    is_limited = models.BooleanField(_("of some shops only"), default=False)
    secret = EncryptedTextField(_("secret"))
    previous_secret = EncryptedTextField(_("secret before"), blank=True, default="")
    previous_until = models.DateTimeField(_("secret before signs until"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    # How it fares
    failing_since = models.DateTimeField(_("fails since"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    rests_until = models.DateTimeField(_("is left alone until"), null=True, blank=True)
    claim = models.UUIDField(_("claimed by worker"), null=True, blank=True, editable=False)
    busy_until = models.DateTimeField(_("claimed until"), null=True, blank=True, editable=False)
    is_mail_due = models.BooleanField(_("its owner is to be written to"), default=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("endpoint")
        verbose_name_plural = _("endpoints")
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["id"], name="endpoints_to_mail", condition=Q(is_mail_due=True))]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("webhooks:endpoint", args=[self.pk])

    @property
    def host(self) -> str:
        """Whom it is at: the rest of the address may hold what only its owner knows."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_trying(self) -> bool:
        return self.state in self.TRYING

    def not_before(self, due_at: datetime) -> datetime | None:
        """When something that is due then is tried, with regard to the endpoint's rest; None where that is now."""
        later = max(due_at, self.rests_until or due_at)
        return later if later > timezone.now() else None

    def next_try(self) -> datetime | None:
        """None while a worker is about to, or nothing waits."""
        first = Delivery.objects.in_turn().filter(endpoint=self).order_by("due_at").first() if self.is_trying else None
        return self.not_before(first.due_at) if first else None


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """Those of endpoints that are this person's, but for what is told of shops that they no longer see."""
        shops = Shop.objects.visible_to(user)
        seen = Q(event__shop=None) | Q(event__shop__in=shops)
        return self.filter(seen, endpoint__in=Endpoint.objects.visible_to(user))

    def waiting(self) -> Self:
        return self.filter(state=Delivery.State.WAITING)

    def in_turn(self) -> Self:
        """Those that wait with nothing earlier of the same object before them, the first due first."""
        earlier = Delivery.objects.waiting().filter(
            endpoint=OuterRef("endpoint"), about=OuterRef("about"), event__lt=OuterRef("event")
        )
        return self.waiting().filter(~Exists(earlier)).order_by("due_at", "event")


class Delivery(models.Model):
    """One event on its way to one endpoint. The row is the queue: `due_at` is when it is next tried."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")

    class Problem(models.TextChoices):
        """What becomes of a POST, and one more."""

        STATUS = posting.Problem.STATUS.value, posting.Problem.STATUS.label
        TIMEOUT = posting.Problem.TIMEOUT.value, posting.Problem.TIMEOUT.label
        UNREACHABLE = posting.Problem.UNREACHABLE.value, posting.Problem.UNREACHABLE.label
        TLS = posting.Problem.TLS.value, posting.Problem.TLS.label
        UNRESOLVED = posting.Problem.UNRESOLVED.value, posting.Problem.UNRESOLVED.label
        PRIVATE = posting.Problem.PRIVATE.value, posting.Problem.PRIVATE.label
        NOT_SEEN = "not_seen", _("its owner does not manage the shop any more")

    endpoint = models.ForeignKey(
        Endpoint, verbose_name=_("endpoint"), on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(
        OutgoingEvent, verbose_name=_("event"), on_delete=models.CASCADE, related_name="deliveries"
    )
    about = models.CharField(_("about"), max_length=60)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    due_at = models.DateTimeField(_("next try"), default=timezone.now)
    first_tried_at = models.DateTimeField(_("first try"), null=True, blank=True)
    tried_at = models.DateTimeField(_("last try"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("tries"), default=0)

    # Of the last try
    problem = models.CharField(_("what went wrong"), max_length=12, choices=Problem, blank=True, default="")
    status = models.PositiveIntegerField(_("answered with"), null=True, blank=True)
    excerpt = models.TextField(_("beginning of the answer"), blank=True, default="")
    took_ms = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="one_delivery_per_endpoint_and_event")
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at", "event"], name="deliveries_first_due", condition=Q(state="waiting")
            ),
            models.Index(
                fields=["endpoint", "about", "event"], name="deliveries_in_turn", condition=Q(state="waiting")
            ),
            models.Index(fields=["endpoint", "-id"], name="deliveries_newest_first"),
        ]

    def __str__(self) -> str:
        return self.event.event_id

    def get_absolute_url(self) -> str:
        return reverse("webhooks:delivery", args=[self.pk])

    @property
    def next_try(self) -> datetime | None:
        """Of one that was tried, and so has nothing before it; None while a worker is about to, or nobody will."""
        if self.state != self.State.WAITING or not self.attempts or not self.endpoint.is_trying:
            return None
        return self.endpoint.not_before(self.due_at)
