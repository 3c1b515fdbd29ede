"""Shops, and which of them a person may see and do something in."""

from datetime import datetime
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, Q, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplaces.records import Credentials
from shops.encryption import EncryptedTextField
from shops.models.connections import Connection
from shops.models.members import Membership, Permission, Role
from shops.models.reach import at_hand

if TYPE_CHECKING:
    from accounts.models import User

# How far the scope of an API token goes, whoever made it.
TOKEN_ROLES = {"read": Role.VIEWER, "decide": Role.AGENT, "admin": Role.MANAGER}


def may_with_token(user: "User", wanted: Role | Permission) -> bool:
    """Whether what the person came with allows this at all: everything on a page, its scope with an API token."""
    if user.token is None:
        return True
    if isinstance(wanted, Role):
        return wanted in Role.at_most(TOKEN_ROLES[user.token.scope])
    return wanted in Permission.of_role(TOKEN_ROLES[user.token.scope])


class ShopQuerySet(models.QuerySet["Shop"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.where_role(user, Role.VIEWER)

    def where_role(self, user: "User | AnonymousUser", role: Role, *, to_read: bool = False) -> Self:
        """Shops in which this person has this role or a greater one; a superuser has every role everywhere.

        Who came with an API token has no more than the token gives: its scope ends roles, its shops end the rest. What
        is only read (`to_read`) any scope gives.
        """
        reach = self.within_token(user)
        if user.is_anonymous or not (to_read or may_with_token(user, role)):
            return self.none()
        if user.is_superuser:
            return reach
        if known := at_hand(user):
            return reach.among(known.with_role(role))
        return reach.of_members(Membership.objects.filter(user=user).with_role(role))

    def where_may(self, user: "User | AnonymousUser", permission: Permission) -> Self:
        """Shops in which this person may do this: at least an agent, whose membership allows it."""
        working = self.where_role(user, Role.AGENT)
        if user.is_anonymous or not may_with_token(user, permission):
            return self.none()
        if user.is_superuser:
            return working
        if known := at_hand(user):
            return working.among(known.allowing(permission))
        return working.of_members(Membership.objects.filter(user=user).with_role(Role.AGENT).allowing(permission))

    def among(self, pks: list[int]) -> Self:
        """As one array: a page names them in each of its queries, and one by one they would be many parameters."""
        return self.filter(pk__any=pks) if pks else self.none()

    def with_role_of(self, user: "User") -> Self:
        """Each with this person's greatest role in it as `own_role`; a viewer's where there is none."""
        has = {role: Shop.objects.where_role(user, role).values("pk") for role in reversed(Role)}
        ranks = [When(pk__in=shops, then=Value(role)) for role, shops in has.items()]
        return self.annotate(own_role=Case(*ranks, default=Value(Role.VIEWER), output_field=models.CharField()))

    def of_members(self, memberships: "models.QuerySet[Membership]") -> Self:
        """Shops that these memberships open, by themselves or through a group."""
        return self.filter(
            Q(pk__in=memberships.filter(shop__isnull=False).values("shop"))
            | Q(pk__in=Shop.groups.through.objects.filter(shopgroup__memberships__in=memberships).values("shop"))
        )

    def within_token(self, user: "User | AnonymousUser") -> Self:
        """What an API token that is limited to some shops leaves of these; nothing for whoever is not let in."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.token is None or not user.token.is_limited:
            return self
        return self.filter(pk__in=user.token.shops.values("pk"))

    def without_secrets(self) -> Self:
        """For lists: to open what is encrypted takes longer than to read the rest of a shop and its connection."""
        secrets = ("app_secret", "access_token", "refresh_token")
        return self.defer("cipher", *(f"connection__{name}" for name in secrets))

    def active(self) -> Self:
        return self.filter(is_active=True)

    def one_of_each_connection(self) -> Self:
        """An active shop of every connection that works: enough to ask for all the shops behind it."""
        working = self.active().filter(connection__state=Connection.State.CONNECTED)
        return working.select_related("connection").order_by("connection", "pk").distinct("connection")

    def due_for_pull(self, now: datetime) -> Self:
        rested = Q(rests_until=None) | Q(rests_until__lte=now)
        return self.active().filter(rested, next_pull_at__lte=now, connection__state=Connection.State.CONNECTED)


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
    rests_until = models.DateTimeField(_("not pulled before"), null=True, blank=True, editable=False)
    wants_full_pull = models.BooleanField(
        _("pull everything next time"), default=False, help_text=_("Reads the whole history again, not only changes.")
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="shops.Membership", related_name="shops")

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

    def get_absolute_url(self) -> str:
        return reverse("shops:shop", args=[self.pk])

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def credentials(self) -> Credentials:
        return self.connection.credentials(self.cipher, self.marketplace_id)
