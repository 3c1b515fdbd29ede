"""Who may do what in a shop."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Self

from babel import Locale
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

CURRENCIES = frozenset(Locale("en").currencies)


class Role(models.TextChoices):
    """What a member of a shop may do; each role may do all that the ones before it may."""

    VIEWER = "viewer", _("viewer: reads")
    AGENT = "agent", _("agent: decides")
    MANAGER = "manager", _("manager: decides and looks after the shop")

    @classmethod
    def at_least(cls, role: "Role") -> "Iterable[Role]":
        ranks = list(cls)
        return ranks[ranks.index(role) :]

    @classmethod
    def at_most(cls, role: "Role") -> "Iterable[Role]":
        ranks = list(cls)
        return ranks[: ranks.index(role) + 1]


class Permission(models.TextChoices):
    """What a membership can allow by itself. The first four are the verdicts."""

    APPROVE = "approve", _("approve")
    REJECT = "reject", _("reject")
    SHIP_TO_REJECT = "ship_to_reject", _("ship to reject")
    CANCEL_ITEMS = "cancel_items", _("cancel items")
    EXPORT = "export", _("export")
    CONNECT = "connect", _("connect and disconnect")
    RULES = "rules", _("change the shop's rules")

    @classmethod
    def of_role(cls, role: Role) -> "list[Permission]":
        """What a role brings where a membership says nothing else."""
        verdicts = [cls.APPROVE, cls.REJECT, cls.SHIP_TO_REJECT, cls.CANCEL_ITEMS]
        return {Role.VIEWER: [], Role.AGENT: verdicts, Role.MANAGER: list(cls)}[role]


class ShopGroup(models.Model):
    """Shops that people look after together, such as those of one brand: one membership opens them all."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    shops = models.ManyToManyField("shops.Shop", verbose_name=_("shops"), related_name="groups", blank=True)

    class Meta:
        verbose_name = _("group of shops")
        verbose_name_plural = _("groups of shops")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MembershipQuerySet(models.QuerySet["Membership"]):
    def with_role(self, role: Role) -> Self:
        return self.filter(role__in=Role.at_least(role))

    def allowing(self, permission: Permission) -> Self:
        """Whose own list has this permission, or who have no list and a role that brings it."""
        roles = [role for role in Role if permission in Permission.of_role(role)]
        return self.filter(Q(permissions__contains=[permission]) | Q(permissions__isnull=True, role__in=roles))


class Membership(models.Model):
    """One person's part in one shop, or in every shop of a group. Of several, the one that allows most counts."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="memberships"
    )
    shop = models.ForeignKey(
        "shops.Shop", verbose_name=_("shop"), on_delete=models.CASCADE, null=True, blank=True,
        related_name="memberships",
    )  # fmt: skip
    group = models.ForeignKey(
        ShopGroup, verbose_name=_("group of shops"), on_delete=models.CASCADE, null=True, blank=True,
        related_name="memberships",
    )  # fmt: skip
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.VIEWER)
    permissions = ArrayField(
        models.CharField(max_length=20, choices=Permission),
        verbose_name=_("may do"),
        null=True,
        blank=True,
        help_text=_("Without a list it is what the role brings. Viewers read, whatever stands here."),
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "shop"], name="one_membership_per_user_and_shop"),
            models.UniqueConstraint(fields=["user", "group"], name="one_membership_per_user_and_group"),
            models.CheckConstraint(
                condition=Q(shop__isnull=False, group__isnull=True) | Q(shop__isnull=True, group__isnull=False),
                name="membership_in_a_shop_or_in_a_group",
                violation_error_message=_("Choose a shop or a group of shops, one of the two."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"

    @property
    def allowed(self) -> list[Permission]:
        """What it allows, by its own list or by its role."""
        if self.role == Role.VIEWER:
            return []
        of_role = Permission.of_role(Role(self.role))
        return of_role if self.permissions is None else [one for one in Permission if one in self.permissions]


def validate_currency(code: str) -> None:
    if code not in CURRENCIES:
        words = _("“%(code)s” is no currency; write its three capitals, such as USD.")
        raise ValidationError(words, params={"code": code})


class MoneyCap(models.Model):
    """Up to which amount one person of a role gives money back alone; above it a second one countersigns."""

    role = models.CharField(_("role"), max_length=10, choices=Role)
    currency = models.CharField(
        _("currency"), max_length=3, validators=[validate_currency],
        help_text=_(
            "ISO 4217, such as USD. Once a role has a cap, any amount in a currency without one needs a second person."
        ),
    )  # fmt: skip
    amount = models.DecimalField(
        _("alone up to"), max_digits=19, decimal_places=4, validators=[MinValueValidator(Decimal(0))]
    )

    class Meta:
        verbose_name = _("money cap")
        verbose_name_plural = _("money caps")
        ordering = ["role", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["role", "currency"], name="one_cap_per_role_and_currency"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="cap_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.amount:f} {self.currency}"
