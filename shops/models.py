"""Connections, shops, and who may do what in which shop."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplaces.records import Credentials
from marketplaces.registry import marketplace
from shops.encryption import EncryptedTextField

if TYPE_CHECKING:
    from accounts.models import User


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


class Role(models.TextChoices):
    """What a member of a shop may do; each role may do all that the ones before it may."""

    VIEWER = "viewer", _("viewer: reads")
    AGENT = "agent", _("agent: decides")
    MANAGER = "manager", _("manager: decides and looks after the shop")

    @classmethod
    def at_least(cls, role: "Role") -> "Iterable[Role]":
        ranks = list(cls)
        return ranks[ranks.index(role) :]


class ShopQuerySet(models.QuerySet["Shop"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.where_role(user, Role.VIEWER)

    def where_role(self, user: "User | AnonymousUser", role: Role) -> Self:
        """Shops in which this person has this role or a greater one; a superuser has every role everywhere."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=Membership.objects.filter(user=user, role__in=Role.at_least(role)).values("shop"))

    def active(self) -> Self:
        return self.filter(is_active=True)

    def one_of_each_connection(self) -> Self:
        """An active shop of every connection that works: enough to ask for all the shops behind it."""
        working = self.active().filter(connection__state=Connection.State.CONNECTED)
        return working.select_related("connection").order_by("connection", "pk").distinct("connection")

    def due_for_pull(self, now: datetime) -> Self:
        return self.active().filter(next_pull_at__lte=now, connection__state=Connection.State.CONNECTED)


class Shop(models.Model):
    """One storefront at a marketplace in one region."""

    connection = models.ForeignKey(
        Connection, verbose_name=_("connection"), on_delete=models.PROTECT, related_name="shops"
    )
    marketplace = models.SlugField(_("marketplace"))
    marketplace_id = models.CharField(_("id at the marketplace"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    code = models.CharField(_("shop code"), max_length=64, blank=True)
    region = models.CharField(_("market"), max_length=8, help_text=_("ISO 3166 code of the market: US, GB, DE, …"))
    seller_type = models.CharField(_("seller type"), max_length=32, blank=True)
    cipher = EncryptedTextField(_("shop cipher"), blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Inactive shops are not synced."))
    allows_reject = models.BooleanField(
        _("allow reject where the market has ended it"),
        default=False,
        help_text=_(
            "In the US, shipping a package rejects the buyer's request, and apps were to leave the Reject Cancellation "
            "endpoint by March 31, 2024. Tick this only if the marketplace told you that rejecting still works for "
            "this shop."
        ),
    )
    next_pull_at = models.DateTimeField(_("next pull"), default=timezone.now)
    wants_full_pull = models.BooleanField(
        _("pull everything next time"), default=False, help_text=_("Reads the whole history again, not only changes.")
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="shops")

    objects = ShopQuerySet.as_manager()

    class Meta:
        verbose_name = _("shop")
        verbose_name_plural = _("shops")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["marketplace", "marketplace_id"], name="one_shop_per_marketplace_id")
        ]
        indexes = [models.Index(fields=["next_pull_at"], name="shop_due_for_pull", condition=Q(is_active=True))]

    def __str__(self) -> str:
        return f"{self.name} ({self.region})"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def credentials(self) -> Credentials:
        return self.connection.credentials(self.cipher, self.marketplace_id)


class Membership(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="memberships"
    )
    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.VIEWER)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["user", "shop"], name="one_membership_per_user_and_shop")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class SyncKind(models.TextChoices):
    SHOPS = "shops", _("shops")
    ORDERS = "orders", _("orders")
    CANCELLATIONS = "cancellations", _("cancellation requests")
    ANNOUNCEMENTS = "announcements", _("announcements")


class SyncCursor(models.Model):
    """How far one kind has been read for one shop, and where inside the open window the next page starts.

    Everything updated before `synced_until` is stored. While a window is open, `window_until` and `page_token` say
    where to go on after a crash.
    """

    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="cursors")
    kind = models.CharField(_("kind"), max_length=20, choices=SyncKind)
    synced_until = models.DateTimeField(_("everything is here until"), null=True, blank=True)
    window_since = models.DateTimeField(_("from"), null=True, blank=True)
    window_until = models.DateTimeField(_("to"), null=True, blank=True)
    page_token = models.TextField(_("page"), blank=True)

    class Meta:
        verbose_name = _("place in a pull")
        verbose_name_plural = _("places in pulls")
        constraints = [models.UniqueConstraint(fields=["shop", "kind"], name="one_cursor_per_shop_and_kind")]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.kind}"


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def running(self) -> Self:
        return self.filter(state=SyncRun.State.RUNNING)

    def uneventful(self) -> Self:
        """Runs that went well and wrote nothing, as most do."""
        return self.filter(state=SyncRun.State.SUCCEEDED, written=0, set_aside=[], drift=[])

    def latest_of_each_shop(self) -> Self:
        # Asked of each shop, which is one look into an index; DISTINCT ON would read every run there ever was.
        newest = SyncRun.objects.filter(shop=OuterRef("pk")).order_by("-started_at").values("pk")[:1]
        return self.filter(pk__in=Shop.objects.values_list(Subquery(newest)))


class SyncRun(models.Model):
    """One pull of one kind for one shop: what it saw, what it wrote, what it had to leave, how it ended."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="sync_runs", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=SyncKind)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RUNNING)
    is_full = models.BooleanField(_("full"), default=False)
    window_since = models.DateTimeField(_("from"), null=True, blank=True)
    window_until = models.DateTimeField(_("to"), null=True, blank=True)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    expected = models.PositiveIntegerField(_("expected"), null=True, blank=True)
    seen = models.PositiveIntegerField(_("seen"), default=0)
    written = models.PositiveIntegerField(_("written"), default=0)
    set_aside = models.JSONField(_("set aside"), default=list, blank=True)
    drift = models.JSONField(_("unknown words and fields"), default=list, blank=True)
    error = models.TextField(_("error"), blank=True)
    error_code = models.CharField(_("code"), max_length=40, blank=True)
    request_id = models.CharField(_("request id at the marketplace"), max_length=100, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    heard_at = models.DateTimeField(_("last sign of life"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        ordering = ["-started_at"]
        indexes = [models.Index(F("shop"), F("started_at").desc(), name="sync_runs_of_a_shop")]
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "kind"], condition=Q(state="running"), name="one_running_sync_per_shop_and_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.kind} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def percent(self) -> int | None:
        """How much of what the marketplace said there is has been seen; None before it said."""
        if self.state == self.State.SUCCEEDED:
            return 100
        return min(99, 100 * self.seen // self.expected) if self.expected else None


class Drift(models.Model):
    """A word, field or reason that a marketplace sent and that we do not know; it stays when the run is forgotten."""

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="drift", db_index=False
    )
    word = models.CharField(_("what was sent"), max_length=300, help_text=_("Such as “order.status: NEW_WORD”."))
    count = models.PositiveIntegerField(_("times"), default=1, help_text=_("In how many pulls."))
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("unknown word")
        verbose_name_plural = _("unknown words")
        constraints = [models.UniqueConstraint(fields=["shop", "word"], name="one_row_per_shop_and_unknown_word")]

    def __str__(self) -> str:
        return self.word
