"""Who uses the back office, and the API tokens they made. Which shops they may see is `shops.Membership`."""

import zoneinfo
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken, AuthTokenManager


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is no time zone; write it like Europe/Berlin."), params={"name": name})


class UserManager(DjangoUserManager["User"]):
    """Users are known by their e-mail address alone."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """All in lower case, as it is looked up when people sign in: with capitals nobody would ever get in."""
        return super().normalize_email(email).lower()

    def _create(self, email: str, password: str | None, **fields: Any) -> "User":
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":  # type: ignore[override]
        return self._create(email, password, **fields)

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        return self._create(email, password, **{**fields, "is_staff": True, "is_superuser": True})


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox is not typed
    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_("Times are shown in this zone beside the shop's own, such as Europe/Berlin."),
    )
    language = models.CharField(
        _("language"), max_length=10, blank=True, default="", db_default="", choices=settings.LANGUAGES,
        help_text=_("Without a choice it is the one that the browser asks for."),
    )  # fmt: skip

    # The API token that this person came with, where they came with one: nothing that it does not give is theirs then.
    token: Any = None

    objects = UserManager()  # type: ignore[misc]

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="email_is_in_lower_case"),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class Scope(models.TextChoices):
    """How far an API token goes. It never goes further than whoever it acts for."""

    READ = "read", _("read: looks at everything, changes nothing")
    DECIDE = "decide", _("decide: answers requests too")
    ADMIN = "admin", _("admin: everything that you may do")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def alive(self) -> "ApiTokenQuerySet":
        return self.filter(expiry__gt=timezone.now())


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """Acts for its user over the API. Only a hash of it is stored; `tokens.make_token` is the way to have one."""

    # So many letters tell people which token is meant, and nobody the rest.
    SHOWN: ClassVar[int] = 8

    # knox's own columns, with names that people can read.
    digest = models.CharField(_("hash"), max_length=128, primary_key=True)
    token_key = models.CharField(_("begins with"), max_length=25, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("acts for"), on_delete=models.CASCADE, related_name="api_tokens"
    )
    created = models.DateTimeField(_("made on"), auto_now_add=True)

    name = models.CharField(_("what it is for"), max_length=80, blank=True, default="")
    scope = models.CharField(_("may"), max_length=10, choices=Scope)
    # Stored, and not told from the shops: a token whose last shop was deleted must not open all the others.
    is_limited = models.BooleanField(_("for some shops only"), default=False)
    shops = models.ManyToManyField("shops.Shop", verbose_name=_("shops"), related_name="+", blank=True)
    expiry = models.DateTimeField(_("ends"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    last_used_from = models.GenericIPAddressField(_("last used from"), null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("made by"), on_delete=models.SET_NULL, null=True, blank=True,
        related_name="+",
    )  # fmt: skip

    objects = AuthTokenManager.from_queryset(ApiTokenQuerySet)()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.begins_with}… {self.name}".strip()

    @property
    def begins_with(self) -> str:
        return str(self.token_key)[: self.SHOWN]

    @property
    def is_over(self) -> bool:
        ends: datetime = self.expiry
        return ends <= timezone.now()


class IdempotencyKey(models.Model):
    """A name that somebody's system gave one request over the API, so that sending it again does nothing twice.

    Until the request is answered it is leased: when whoever answers it dies, the next to send it runs it again.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("of"), on_delete=models.CASCADE, related_name="idempotency_keys",
        db_index=False,
    )  # fmt: skip
    key = models.CharField(_("key"), max_length=255)
    fingerprint = models.CharField(_("hash of the request"), max_length=64)
    made_at = models.DateTimeField(_("first sent"), default=timezone.now, db_index=True)
    leased_until = models.DateTimeField(_("answered by then, or free"))
    status = models.PositiveSmallIntegerField(_("status of the answer"), null=True, blank=True)
    headers = models.JSONField(_("headers of the answer"), default=dict, blank=True)
    # Encrypted: an answer can hold what is shown once, and what tells of a buyer.
    body = models.TextField(_("answer"), blank=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        ordering = ["-made_at"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_request_per_key")]

    def __str__(self) -> str:
        return self.key
