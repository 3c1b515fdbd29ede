from django.contrib import admin

from config.admin import FoundByNumber, ReadOnly, ReadOnlyInline
from orders.models import CancelledLine, LineItem, Order, Package
from shops.admin import VisibleShops


class LineItemInline(ReadOnlyInline):
    model = LineItem
    fields = (
        "product_name", "sku_name", "seller_sku", "quantity", "cancelled_quantity", "shipped_quantity", "open_quantity",
        "price", "currency", "status", "package_id",
    )  # fmt: skip
    readonly_fields = fields
    show_change_link = True


class PackageInline(ReadOnlyInline):
    model = Package
    fields = ("marketplace_id", "status", "tracking_number", "shipping_provider")
    readonly_fields = fields


@admin.register(Order)
class OrderAdmin(FoundByNumber, ReadOnly):
    list_display = (
        "marketplace_id", "number", "shop", "status", "total", "currency", "created_at", "ship_by",
        "is_cancel_requested",
    )  # fmt: skip
    list_select_related = ("shop",)
    list_filter = (VisibleShops, "is_cancel_requested", "is_on_hold")
    search_fields = ("marketplace_id__startswith", "number__startswith", "tracking_number__exact")
    ordering = ("-created_at", "-pk")
    inlines = (LineItemInline, PackageInline)


@admin.register(LineItem)
class LineItemAdmin(ReadOnly):
    shop_path = "order__shop"
    list_display = (
        "marketplace_id", "order", "product_name", "sku_name", "seller_sku", "quantity", "cancelled_quantity",
        "shipped_quantity", "status",
    )  # fmt: skip
    list_select_related = ("order",)
    search_fields = ("seller_sku__startswith", "sku_id__exact")
    ordering = ("-pk",)


@admin.register(Package)
class PackageAdmin(ReadOnly):
    shop_path = "order__shop"
    list_display = ("marketplace_id", "order", "status", "tracking_number", "shipping_provider")
    list_select_related = ("order",)
    search_fields = ("marketplace_id__exact",)
    ordering = ("-pk",)


@admin.register(CancelledLine)
class CancelledLineAdmin(ReadOnly):
    list_display = (
        "order", "line_item", "shop", "quantity", "cancelled_in_all", "amount", "currency", "was_shipped", "was_paid",
        "is_told", "cancelled_at",
    )  # fmt: skip
    list_select_related = ("order", "line_item", "shop")
    list_filter = (VisibleShops, "is_told")
    ordering = ("-pk",)
