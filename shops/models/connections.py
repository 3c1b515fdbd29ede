"""Our apps, and the authorizations that sellers gave them."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplaces.records import Credentials
from marketplaces.registry import marketplace
from shops.encryption import EncryptedTextField

WARNED_BEFORE = timedelta(days=30)
TAKEN_BACK = "The seller has taken the authorization back at the marketplace."


class App(models.Model):
    """Our app at a marketplace, for the sellers that it may ask; where sellers have a password, only an address."""

    marketplace = models.SlugField(_("marketplace"))
    audience = models.SlugField(_("for which sellers"), blank=True)
    app_key = models.CharField(_("app key"), max_length=100, blank=True)
    app_secret = EncryptedTextField(_("app secret"), blank=True)
    service_id = models.CharField(
        _("service id"), max_length=100, blank=True, help_text=_("In the authorization link; it is not the app key.")
    )
    consent_url = models.URLField(
        _("address of the consent page"),
        blank=True,
        help_text=_("Leave empty for the marketplace's own; set it for the sandbox."),
    )
    api_url = models.URLField(_("API address"), blank=True, help_text=_("As above, where calls go."))
    auth_url = models.URLField(_("token address"), blank=True, help_text=_("As above, where tokens are renewed."))
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        constraints = [
            models.UniqueConstraint(fields=["marketplace", "audience"], name="one_app_per_marketplace_and_audience")
        ]

    def __str__(self) -> str:
        return f"{self.marketplace} {self.audience}".strip()

    @property
    def is_ready(self) -> bool:
        """Whether a seller can be asked with it."""
        return bool(self.app_key and self.app_secret and self.service_id)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def ending_by(self, moment: datetime) -> Self:
        """Whose authorization ends until then, by what was said with the tokens or announced since."""
        return self.filter(Q(refresh_token_expires_at__lte=moment) | Q(announced_end__lte=moment))


class Connection(models.Model):
    """One seller's authorization for our app at a marketplace. Its secrets never leave this row but to be sent."""

    class State(models.TextChoices):
        CONNECTED = "connected", _("connected")
        RECONNECT = "reconnect", _("has to be authorized again")
        DISCONNECTED = "disconnected", _("disconnected")

    marketplace = models.SlugField(_("marketplace"))
    app = models.ForeignKey(
        App, verbose_name=_("app"), on_delete=models.SET_NULL, null=True, blank=True, related_name="connections"
    )
    seller_name = models.CharField(_("seller"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=100)
    app_secret = EncryptedTextField(_("app secret"))
    access_token = EncryptedTextField(_("access token"), blank=True)
    access_token_expires_at = models.DateTimeField(_("access token ends"), null=True, blank=True)
    refresh_token = EncryptedTextField(_("refresh token"), blank=True)
    refresh_token_expires_at = models.DateTimeField(_("authorization ends"), null=True, blank=True)
    authorized_at = models.DateTimeField(
        _("authorized"), null=True, blank=True, help_text=_("When the seller last consented or signed in.")
    )
    announced_end = models.DateTimeField(
        _("end of the authorization as announced"), null=True, blank=True,
        help_text=_("By the marketplace, where that is sooner than what it said with the tokens."),
    )  # fmt: skip
    renewed_at = models.DateTimeField(_("tokens renewed"), null=True, blank=True)
    renewal_failed_at = models.DateTimeField(_("renewal failed"), null=True, blank=True)
    renewal_problem = models.CharField(
        _("why the renewal failed"), max_length=500, blank=True, default="", db_default=""
    )
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    options = models.JSONField(
        _("options"),
        default=dict,
        db_default={},
        blank=True,
        help_text=_("In what this account differs; only what is set differs."),
    )
    api_url = models.URLField(
        _("API address"), blank=True, help_text=_("Leave empty for the marketplace's own; set it for the sandbox.")
    )
    auth_url = models.URLField(_("token address"), blank=True, help_text=_("As above, where tokens are renewed."))
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.CONNECTED)
    problem = models.CharField(_("what is wrong"), max_length=500, blank=True)
    renewing_until = models.DateTimeField(
        _("being renewed until"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("One worker at a time uses the refresh token."),
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")

    def __str__(self) -> str:
        return f"{self.seller_name} ({self.marketplace})"

    def credentials(self, shop_cipher: str = "", shop_id: str = "") -> Credentials:
        return Credentials(
            app_key=self.app_key,
            app_secret=self.app_secret,
            access_token=self.access_token,
            shop_cipher=shop_cipher,
            shop_id=shop_id,
            api_url=self.api_url,
            auth_url=self.auth_url,
            options=self.options,
        )

    @property
    def authorization_ends_at(self) -> datetime | None:
        """When the seller has to consent again; None where it does not end by itself."""
        return min(filter(None, [self.refresh_token_expires_at, self.announced_end]), default=None)

    def ends_soon(self, now: datetime) -> bool:
        """Whether it is time to ask the seller again."""
        ends = self.authorization_ends_at
        return bool(ends and self.state == self.State.CONNECTED and ends - now < WARNED_BEFORE)

    @property
    def is_taken_back(self) -> bool:
        """Whether the seller ended it at the marketplace."""
        return self.state == self.State.RECONNECT and self.problem == TAKEN_BACK

    @property
    def renewal_due_at(self) -> datetime | None:
        """From when on workers renew the access token."""
        ends = self.access_token_expires_at
        return ends and ends - marketplace(self.marketplace).renew_before

    def needs_renewal(self, now: datetime) -> bool:
        """Whether the access token ends so soon that its marketplace wants it renewed now."""
        return bool(self.renewal_due_at and self.renewal_due_at < now)
