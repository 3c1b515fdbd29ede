"""What can be cancelled of an order, and what that gives back, on the wire."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from cancellations import checks
from cancellations.serializers.coming_in import ItemRequest, own_items
from config.api.bodies import Strict
from config.api.documented import NoticeSerializer
from config.api.fields import MoneyField
from orders.models import Order


class RefundPreviewRequest(Strict):
    """As `decisions/` takes them with `cancel_items`."""

    items = ItemRequest(many=True)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="One of `cancel-options`, where a reason is taken."
    )

    def chosen(self, order: Order) -> dict[int, int]:
        """{LineItem.pk: quantity}, checked like a decision. Raises ValidationError at our fields."""
        items = own_items({"order": order, "items": self.validated_data["items"]})
        try:
            checks.check_items(order, items, self.validated_data.get("reason", ""))
        except DjangoValidationError as problem:
            raise serializers.ValidationError(problem.message_dict) from None
        return items


class RefundSerializer(serializers.Serializer[Any]):
    total = MoneyField()
    subtotal = MoneyField(help_text="Of the products.")
    shipping_fee = MoneyField()
    tax = MoneyField()
    fees = MoneyField(help_text="What some markets add, such as a delivery fee.")


class StaysSerializer(serializers.Serializer[Any]):
    line_item = serializers.IntegerField(help_text="Our `id` of the line.")
    product_name = serializers.CharField()
    quantity = serializers.IntegerField(help_text="How many of it stay.")


class RefundPreviewSerializer(serializers.Serializer[Any]):
    refund = RefundSerializer(
        allow_null=True, help_text="What the buyer would get back; null where the marketplace does not tell."
    )
    stays = StaysSerializer(many=True, help_text="What is left of the order afterwards; empty: nothing.")


class LineEligibilitySerializer(serializers.Serializer[Any]):
    line_item = serializers.IntegerField(help_text="Our `id` of the line.")
    line_item_marketplace_id = serializers.CharField()
    product_name = serializers.CharField()
    open_quantity = serializers.IntegerField(help_text="How many can still be cancelled, as the order was last read.")
    can_be_cancelled = serializers.BooleanField()
    why_not = serializers.CharField(help_text="Empty exactly where it can be cancelled.")
    code = serializers.CharField(help_text="The marketplace's, where it is the marketplace that says no.")


class EligibilitySerializer(serializers.Serializer[Any]):
    can_be_cancelled = serializers.BooleanField(help_text="Whether anything of the order can be cancelled now.")
    why_not = serializers.CharField(help_text="What stands in the way of all of it; else empty.")
    notice = NoticeSerializer(allow_null=True, help_text="The market's rule to know before.")
    lines = LineEligibilitySerializer(many=True)
