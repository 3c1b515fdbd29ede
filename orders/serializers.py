"""Orders as the API shows them."""

from typing import Any

from rest_framework import serializers

from config.api.bodies import Rows
from config.api.fields import MoneyField
from orders.models import LineItem, Order, Package


class LineItemSerializer(Rows):
    price = MoneyField(help_text="What the buyer pays for one, after discounts.")
    original_price = MoneyField()
    open_quantity = serializers.IntegerField(help_text="How many can still be cancelled.")

    class Meta:
        model = LineItem
        fields = [
            "id", "marketplace_id", "status", "product_id", "product_name", "sku_id", "sku_name", "seller_sku",
            "image_url", "quantity", "cancelled_quantity", "shipped_quantity", "open_quantity", "price",
            "original_price", "package_id", "package_status", "tracking_number", "is_gift", "is_shipped",
            "is_cancelled", "cancelled_by", "cancel_reason", "extra",
        ]  # fmt: skip


class PackageSerializer(Rows):
    lines = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Our `id`s of the lines in it; some marketplaces tell them only once it has left.",
    )

    class Meta:
        model = Package
        fields = ["id", "marketplace_id", "status", "tracking_number", "shipping_provider", "lines"]

    def to_representation(self, parcel: tuple[Package, list[LineItem]]) -> dict[str, Any]:
        """Of a package with the lines in it, as `Order.parcels` gives them."""
        package, inside = parcel
        package.lines = [line.pk for line in inside]  # type: ignore[attr-defined]
        return super().to_representation(package)


class OrderSerializer(Rows):
    total = MoneyField()

    class Meta:
        model = Order
        fields = [
            "id", "shop", "marketplace_id", "number", "status", "total", "created_at", "updated_at", "ship_by",
            "is_cancel_requested", "is_on_hold", "is_shipped", "is_cancelled", "fulfillment_type",
        ]  # fmt: skip


class OrderDetailSerializer(OrderSerializer):
    subtotal = MoneyField()
    shipping_fee = MoneyField()
    tax = MoneyField(help_text="Null where the marketplace does not tell it.")
    fees = MoneyField(help_text="Null where the marketplace does not tell them.")
    lines = LineItemSerializer(many=True)
    packages = PackageSerializer(many=True, source="parcels")
    cancellations = serializers.HyperlinkedRelatedField(  # type: ignore[var-annotated]
        view_name="api:cancellation-detail", many=True, read_only=True
    )
    cancel_options = serializers.HyperlinkedIdentityField(
        view_name="api:order-cancel-options",
        help_text="Whether you may cancel items of this order on your own initiative, and with which reasons.",
    )

    eligibility = serializers.HyperlinkedIdentityField(
        view_name="api:order-eligibility", help_text="Which lines can be cancelled now, asked of the marketplace."
    )
    history = serializers.HyperlinkedIdentityField(
        view_name="api:order-history", help_text="What happened to it and to all requests about it."
    )

    class Meta(OrderSerializer.Meta):
        fields = [
            *OrderSerializer.Meta.fields, "subtotal", "shipping_fee", "tax", "fees", "paid_at", "shipped_at",
            "hand_over_by", "collected_at", "delivered_at", "cancelled_at", "cancel_requested_at",
            "is_cash_on_delivery", "cancelled_by", "cancel_reason", "shipping_type", "delivery_option_id",
            "delivery_option_name", "shipping_provider", "tracking_number", "warehouse_id", "payment_method",
            "buyer_id", "buyer_name", "buyer_message", "recipient_name", "recipient_region", "recipient_address",
            "purged_at", "extra", "lines", "packages", "cancellations", "cancel_options", "eligibility",
            "history",
        ]  # fmt: skip
