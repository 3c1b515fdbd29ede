"""A person on the way to connecting a seller, and what was said before an authorization ended."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplaces.records import ShopRecord, Tokens
from shops.encryption import EncryptedTextField
from shops.models.connections import App, Connection


class ConnectAttemptQuerySet(models.QuerySet["ConnectAttempt"]):
    def due(self, now: datetime) -> Self:
        """Those that a worker has to go on with."""
        free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
        return self.filter(free, state=ConnectAttempt.State.WORKING)

    def settle(self, **told: Any) -> int:
        """End them, and their secrets with them."""
        return self.update(code=None, password=None, authorization=None, claimed_until=None, **told)


class ConnectAttempt(models.Model):
    """One way from “connect” to a connection. Its secrets live no longer than it takes to store or to refuse them."""

    class State(models.TextChoices):
        CONSENT = "consent", _("waits for the seller's consent")
        WORKING = "working", _("under way")
        HELD = "held", _("waits for another try")
        CHOOSING = "choosing", _("waits for shops to be chosen")
        DONE = "done", _("connected")
        FAILED = "failed", _("failed")

    class Failure(models.TextChoices):
        DENIED = "denied", _("the seller said no")
        LATE = "late", _("it took too long")
        CODE = "code", _("the code has ended or was used")
        REGION = "region", _("a seller for another app")
        SCOPE = "scope", _("rights are missing")
        ELSEWHERE = "elsewhere", _("others look after this seller")
        ANOTHER_SELLER = "another_seller", _("another seller")
        KEY = "key", _("key, secret or password are wrong")
        NO_SHOPS = "no_shops", _("the seller has no shops")
        UNREACHABLE = "unreachable", _("the marketplace cannot be reached")
        UNKNOWN = "unknown", _("nobody knows how it ended")
        REFUSED = "refused", _("the marketplace refuses")
        NOBODY_CHOSE = "nobody_chose", _("nobody chose the shops")

    UNSETTLED = (State.CONSENT, State.WORKING, State.HELD, State.CHOOSING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.CASCADE, related_name="+")
    session_hash = models.CharField(_("session"), max_length=64, editable=False)
    nonce_hash = models.CharField(_("state"), max_length=64, blank=True, editable=False)
    marketplace = models.SlugField(_("marketplace"))
    app = models.ForeignKey(App, verbose_name=_("app"), on_delete=models.CASCADE, null=True, related_name="+")
    connection = models.ForeignKey(
        Connection, verbose_name=_("connection"), on_delete=models.CASCADE, null=True, related_name="+"
    )
    is_renewal = models.BooleanField(_("renews an authorization"), default=False)
    user_name = models.CharField(_("user name"), max_length=100, blank=True)
    password = EncryptedTextField(_("password"), null=True)
    options = models.JSONField(_("options"), null=True)
    code = EncryptedTextField(_("code"), null=True)
    authorization = EncryptedTextField(_("authorization"), null=True)  # tokens and shops, as JSON
    state = models.CharField(_("state"), max_length=10, choices=State)
    failure = models.CharField(_("what went wrong"), max_length=20, choices=Failure, blank=True)
    detail = models.JSONField(_("more about it"), default=dict)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    consented_at = models.DateTimeField(_("consented"), null=True)
    exchanging_at = models.DateTimeField(_("code sent"), null=True)
    tokens_at = models.DateTimeField(_("tokens there"), null=True)
    shops_at = models.DateTimeField(_("shops there"), null=True)
    tested_at = models.DateTimeField(_("tested"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)
    claimed_until = models.DateTimeField(_("claimed until"), null=True, editable=False)

    objects = ConnectAttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt to connect")
        verbose_name_plural = _("attempts to connect")
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["consent", "working", "held", "choosing"])
                | Q(code__isnull=True, password__isnull=True, authorization__isnull=True),
                name="a_settled_attempt_keeps_no_secret",
            ),
            models.UniqueConstraint(fields=["nonce_hash"], name="one_attempt_per_state", condition=~Q(nonce_hash="")),
        ]
        indexes = [
            models.Index(
                fields=["started_at"],
                name="attempt_unsettled",
                condition=Q(state__in=["consent", "working", "held", "choosing"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.marketplace} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def tokens(self) -> Tokens:
        told = json.loads(self.authorization or "")["tokens"]
        for name in ("access_token_expires_at", "refresh_token_expires_at"):
            told[name] = datetime.fromisoformat(told[name]) if told[name] else None
        return Tokens(**told | {"shops": self.found})

    @property
    def found(self) -> Sequence[ShopRecord]:
        """The shops that the tokens open; empty while nobody has asked."""
        if not self.authorization:
            return ()
        return [ShopRecord(**told) for told in json.loads(self.authorization)["shops"]]

    @staticmethod
    def packed(tokens: Tokens, shops: Sequence[ShopRecord]) -> str:
        told = {"tokens": asdict(tokens) | {"shops": ()}, "shops": [asdict(shop) for shop in shops]}
        return json.dumps(told, default=datetime.isoformat)


class AuthorizationNotice(models.Model):
    """That an authorization ends, said once at each step before the day."""

    STEPS = (30, 14, 7, 1)

    connection = models.ForeignKey(
        Connection, verbose_name=_("connection"), on_delete=models.CASCADE, related_name="notices"
    )
    ends_at = models.DateTimeField(_("authorization ends"))
    days = models.PositiveSmallIntegerField(_("days before"))
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    mailed_at = models.DateTimeField(_("mailed"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice of an end")
        verbose_name_plural = _("notices of ends")
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "ends_at", "days"], name="one_notice_per_end_and_step")
        ]

    def __str__(self) -> str:
        return f"{self.connection}: {self.days}"
