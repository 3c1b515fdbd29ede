"""A seller's authorization for our app."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplaces.records import Credentials
from marketplaces.registry import marketplace
from shops.encryption import EncryptedTextField


class Connection(models.Model):
    """One seller's authorization for our app at a marketplace. Its secrets never leave this row but to be sent."""

    class State(models.TextChoices):
        CONNECTED = "connected", _("connected")
        RECONNECT = "reconnect", _("has to be authorized again")
        DISCONNECTED = "disconnected", _("disconnected")

    marketplace = models.SlugField(_("marketplace"))
    seller_name = models.CharField(_("seller"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=100)
    app_secret = EncryptedTextField(_("app secret"))
    access_token = EncryptedTextField(_("access token"), blank=True)
    access_token_expires_at = models.DateTimeField(_("access token ends"), null=True, blank=True)
    refresh_token = EncryptedTextField(_("refresh token"), blank=True)
    refresh_token_expires_at = models.DateTimeField(_("authorization ends"), null=True, blank=True)
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

    def needs_renewal(self, now: datetime) -> bool:
        """Whether the access token ends so soon that its marketplace wants it renewed now."""
        ends = self.access_token_expires_at
        return bool(ends and ends - now < marketplace(self.marketplace).renew_before)
