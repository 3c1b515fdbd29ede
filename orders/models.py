"""Orders as the marketplace last told them. `orders.sync` alone writes them, `orders.forgetting` blanks them."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from marketplaces.records import Money
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User


def amount(verbose_name: Any, *, null: bool = False) -> "models.DecimalField[Any, Any]":
    """An amount in the row's own `currency`. Rupiah need fifteen digits; no currency has more than four decimals."""
    return models.DecimalField(
        verbose_name, max_digits=19, decimal_places=4, null=null, default=None if null else Decimal(0)
    )


def is_long_number(text: str) -> bool:
    """Whether this is an id or an article number: looked up by an index, and not read for in every product's name."""
    return len(text) >= LONG_NUMBER and text.isascii() and text.isdigit()


LONG_NUMBER = 8
OVER = Q(is_cancelled=True) | Q(delivered_at__isnull=False) | Q(is_shipped=True, is_cancel_requested=False)


class OrderQuerySet(models.QuerySet["Order"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def search(self, text: str) -> Self:
        """Orders whose id, number, tracking number, product or SKU begins with or holds this text."""
        if is_long_number(text):
            # One by one, because each has an index that it would lose inside an OR.
            return self.filter(
                pk__in=Order.objects.filter(marketplace_id__startswith=text)
                .values("pk")
                .union(
                    Order.objects.filter(number__startswith=text).exclude(number="").values("pk"),
                    Order.objects.filter(tracking_number=text).values("pk"),
                    LineItem.objects.filter(sku_id=text).values("order"),
                    LineItem.objects.filter(seller_sku__startswith=text).values("order"),
                )
            )
        lines = LineItem.objects.filter(
            Q(product_name__icontains=text) | Q(seller_sku__istartswith=text) | Q(sku_id=text)
        ).values("order")
        return self.filter(
            Q(marketplace_id__startswith=text) | Q(number__icontains=text) | Q(tracking_number=text) | Q(pk__in=lines)
        )

    def over(self) -> Self:
        """Those of which nothing more is to come, for all we know: cancelled, delivered, or on their way unasked."""
        return self.filter(OVER)

    def with_lines(self) -> Self:
        return self.select_related("shop", "shop__connection").prefetch_related("lines")


class Order(models.Model):
    # Without an index of its own: others begin with it, here as elsewhere where it says so.
    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    marketplace_id = models.CharField(_("order id"))
    number = models.CharField(
        _("order number"), blank=True, db_default="", help_text=_("What people call it, where not by its id.")
    )
    status = models.CharField(_("status"))
    currency = models.CharField(_("currency"), max_length=3)
    total = amount(_("total"))
    subtotal = amount(_("products"))
    shipping_fee = amount(_("shipping"))
    tax = amount(_("tax"), null=True)
    fees = amount(_("fees"), null=True)
    created_at = models.DateTimeField(_("ordered"))
    updated_at = models.DateTimeField(_("changed at the marketplace"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    ship_by = models.DateTimeField(_("ship by"), null=True, blank=True)
    hand_over_by = models.DateTimeField(_("hand over by"), null=True, blank=True)
    collected_at = models.DateTimeField(_("handed over"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    is_cancel_requested = models.BooleanField(_("buyer asks to cancel"), default=False)
    cancel_requested_at = models.DateTimeField(_("cancellation asked for"), null=True, blank=True)
    is_on_hold = models.BooleanField(_("on hold"), default=False)
    is_shipped = models.BooleanField(_("shipped"), default=False)
    is_cancelled = models.BooleanField(_("cancelled"), default=False)
    is_cash_on_delivery = models.BooleanField(_("cash on delivery"), default=False)
    cancelled_by = models.CharField(_("cancelled by"), blank=True)
    cancel_reason = models.CharField(_("cancel reason"), blank=True)
    fulfillment_type = models.CharField(_("fulfilled by"), blank=True)
    shipping_type = models.CharField(_("shipped by"), blank=True)
    delivery_option_id = models.CharField(_("delivery option id"), blank=True)
    delivery_option_name = models.CharField(_("delivery"), blank=True)
    shipping_provider = models.CharField(_("carrier"), blank=True)
    tracking_number = models.CharField(_("tracking number"), blank=True)
    warehouse_id = models.CharField(_("warehouse id"), blank=True)
    payment_method = models.CharField(_("payment"), blank=True)
    buyer_id = models.CharField(_("buyer id"), blank=True)
    buyer_name = models.CharField(_("ordered by"), blank=True, db_default="")
    buyer_message = models.TextField(_("message from the buyer"), blank=True)
    recipient_name = models.CharField(_("recipient"), blank=True)
    recipient_region = models.CharField(_("market of the recipient"), blank=True)
    recipient_address = models.TextField(_("address"), blank=True)
    extra = models.JSONField(_("fields we do not know"), default=dict, blank=True)
    fingerprint = models.CharField(
        _("fingerprint"),
        blank=True,
        db_default="",
        editable=False,
        help_text=_("Of what was read, where the marketplace tells no time of change."),
    )
    purged_at = models.DateTimeField(
        _("buyer's data erased"), null=True, blank=True, help_text=_("A later pull does not bring it back.")
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["shop", "marketplace_id"], name="one_order_per_shop_and_marketplace_id")
        ]
        indexes = [
            models.Index(F("shop"), F("created_at").desc(), F("id").desc(), name="orders_of_a_shop_newest_first"),
            models.Index(F("created_at").desc(), F("id").desc(), name="orders_newest_first"),
            models.Index(fields=["marketplace_id"], name="order_id_starts_with", opclasses=["varchar_pattern_ops"]),
            models.Index(
                fields=["number"],
                name="order_number_starts_with",
                opclasses=["varchar_pattern_ops"],
                condition=~Q(number=""),
            ),
            models.Index(
                F("created_at").desc(),
                F("id").desc(),
                name="orders_asked_to_cancel",
                condition=Q(is_cancel_requested=True),
            ),
            models.Index(fields=["tracking_number"], name="order_by_tracking", condition=~Q(tracking_number="")),
            # By a time that never changes, so that changing an order need not touch the index.
            models.Index(
                fields=["created_at", "id"], name="orders_with_buyers_data", condition=Q(purged_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def get_absolute_url(self) -> str:
        return reverse("orders:order", args=[self.pk])

    @property
    def label(self) -> str:
        """What people call it."""
        return self.number or self.marketplace_id

    def parcels(self) -> "list[tuple[Package, list[LineItem]]]":
        """Its packages, oldest first, each with the lines in it; needs both prefetched or costs two queries."""
        lines = list(self.lines.all())
        return [
            (package, [line for line in lines if line.package_id == package.marketplace_id])
            for package in sorted(self.packages.all(), key=lambda package: package.pk)
        ]

    @property
    def is_shipped_by_seller(self) -> bool:
        return self.fulfillment_type in ("", "seller")

    @property
    def is_sent_by_seller(self) -> bool:
        """Sent with a carrier of the seller's own, so that shipping needs a tracking number."""
        return self.shipping_type == "seller"

    def money(self, amount: Decimal) -> Money:
        return Money(amount, self.currency)


class LineItem(models.Model):
    """One unit or several: some marketplaces make a line item of each, others give it a quantity."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    marketplace_id = models.CharField(_("line item id"))
    status = models.CharField(_("status"))
    product_id = models.CharField(_("product id"), blank=True)
    product_name = models.CharField(_("product"))
    sku_id = models.CharField(_("SKU id"), blank=True)
    sku_name = models.CharField(_("variant"), blank=True)
    seller_sku = models.CharField(_("SKU"), blank=True)
    image_url = models.CharField(_("picture"), blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    currency = models.CharField(_("currency"), max_length=3)
    price = amount(_("price"))
    original_price = amount(_("list price"))
    package_id = models.CharField(_("package"), blank=True)
    package_status = models.CharField(_("package status"), blank=True)
    tracking_number = models.CharField(_("tracking number"), blank=True)
    cancelled_by = models.CharField(_("cancelled by"), blank=True)
    cancel_reason = models.CharField(_("cancel reason"), blank=True)
    is_shipped = models.BooleanField(_("shipped"), default=False)
    is_cancelled = models.BooleanField(_("cancelled"), default=False)
    cancelled_quantity = models.PositiveIntegerField(_("of it cancelled"), default=0, db_default=0)
    shipped_quantity = models.PositiveIntegerField(_("of it shipped"), default=0, db_default=0)
    is_gift = models.BooleanField(_("gift"), default=False)
    extra = models.JSONField(_("fields we do not know"), default=dict, blank=True)

    class Meta:
        verbose_name = _("line item")
        verbose_name_plural = _("line items")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["order", "marketplace_id"], name="one_line_per_order_and_marketplace_id")
        ]
        indexes = [
            models.Index(fields=["sku_id"], name="line_items_of_a_sku"),
            models.Index(fields=["seller_sku"], name="line_seller_sku_starts_with", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["tracking_number"], name="line_by_tracking", condition=~Q(tracking_number="")),
            models.Index(fields=["package_id"], name="line_by_package", condition=~Q(package_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.product_name} {self.sku_name}".strip()

    @property
    def cancelled_in_all(self) -> int:
        """How many of it are cancelled."""
        return max(self.cancelled_quantity, self.quantity - self.shipped_quantity if self.is_cancelled else 0)

    @property
    def open_quantity(self) -> int:
        """How many can still be cancelled: not cancelled yet, and not left the seller."""
        if self.is_cancelled or self.is_shipped:
            return 0
        return max(0, self.quantity - self.cancelled_quantity - self.shipped_quantity)


class CancelledLineQuerySet(models.QuerySet["CancelledLine"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))


class CancelledLine(models.Model):
    """So many units of a line came to be cancelled. `orders.cancelled` alone adds rows; none is ever changed.

    One row for each step up in how many are cancelled, so that reading an order twice tells of nothing twice; two where
    a part of the step had left the seller.
    """

    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="cancelled_lines")
    line_item = models.ForeignKey(
        LineItem, verbose_name=_("line item"), on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.UUIDField(_("id of what is told"), unique=True, db_default=RandomUUID(), editable=False)
    quantity = models.PositiveIntegerField(_("newly cancelled"))
    cancelled_in_all = models.PositiveIntegerField(_("cancelled in all"))
    currency = models.CharField(_("currency"), max_length=3)
    amount = amount(_("what these units cost"))
    was_shipped = models.BooleanField(_("had left the seller"))
    was_paid = models.BooleanField(_("was paid"))
    is_told = models.BooleanField(
        _("told"), help_text=_("Not so where it was cancelled before its shop was connected here.")
    )
    cancelled_at = models.DateTimeField(_("cancelled"), help_text=_("As the order tells it, else when it was read."))
    noted_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    objects = CancelledLineQuerySet.as_manager()

    class Meta:
        verbose_name = _("cancelled line")
        verbose_name_plural = _("cancelled lines")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["line_item", "cancelled_in_all"], name="one_row_per_step_of_a_line"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="cancelled_lines_have_a_quantity"),
        ]
        indexes = [
            models.Index(fields=["shop", "id"], name="cancelled_lines_of_a_shop"),
            models.Index(fields=["noted_at"], name="cancelled_lines_since"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.line_item_id}"


class Package(models.Model):
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, related_name="packages", db_index=False
    )
    marketplace_id = models.CharField(_("package id"))
    status = models.CharField(_("status"), blank=True)
    tracking_number = models.CharField(_("tracking number"), blank=True)
    shipping_provider = models.CharField(_("carrier"), blank=True)

    class Meta:
        verbose_name = _("package")
        verbose_name_plural = _("packages")
        constraints = [
            models.UniqueConstraint(fields=["order", "marketplace_id"], name="one_package_per_order_and_marketplace_id")
        ]
        indexes = [
            models.Index(fields=["marketplace_id"], name="package_by_id"),
            models.Index(fields=["tracking_number"], name="package_by_tracking", condition=~Q(tracking_number="")),
        ]

    def __str__(self) -> str:
        return self.marketplace_id
