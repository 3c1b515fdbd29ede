"""What people and other systems tell of requests that a marketplace does not show."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework import serializers

from cancellations.models import Announcement, CancellationRequest
from cancellations.recording import AlreadyRecorded, Heard, handle, must_be_recorded_by_hand, record
from config.api.bodies import Strict
from config.api.fields import UtcTime
from orders.models import LineItem, Order
from shops.models import Shop
from shops.roles import must_be_agent

Channel = CancellationRequest.Channel
# How the order can be named, and the column that holds it.
NAMES = {"order": "pk", "order_number": "number", "order_marketplace_id": "marketplace_id"}


class RecordRequest(Strict):
    """Which order, or which line of it, somebody asks to cancel, and how we know."""

    shop = serializers.PrimaryKeyRelatedField(
        queryset=Shop.objects.none(), pk_field=serializers.IntegerField(), required=False,
        help_text="With `order_number` or `order_marketplace_id`.",
    )  # fmt: skip
    order = serializers.PrimaryKeyRelatedField(
        queryset=Order.objects.none(), pk_field=serializers.IntegerField(), required=False,
        help_text="Our `id` of the order. Send this, `order_number` or `order_marketplace_id`.",
    )  # fmt: skip
    order_number = serializers.CharField(required=False, max_length=200, help_text="What people call the order.")
    order_marketplace_id = serializers.CharField(
        required=False, max_length=200, help_text="The marketplace's own id of the order."
    )
    line_item = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Our `id` of one line; without it, all of the order."
    )
    asked_at = UtcTime(required=False, allow_null=True, help_text="Without it: now.")
    # An order that tells of it by itself is announced, not heard of.
    heard_through = serializers.ChoiceField(
        choices=[choice for choice in Channel.choices if choice[0] != Channel.ORDER],
        default=Channel.SYSTEM,
        help_text="How somebody told of it.",
    )
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=2000, help_text="What colleagues should know of it."
    )
    announcement = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Our `id` of the announcement that this came of."
    )

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if request := self.context.get("request"):
            fields["shop"].queryset = Shop.objects.visible_to(request.user).defer("cipher")
            fields["order"].queryset = Order.objects.visible_to(request.user).select_related("shop")
        return fields

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        shop = shop_of(told)
        must_be_agent(self.context["request"].user, shop)
        must_be_recorded_by_hand(shop)
        order = told["order"] if "order" in told else order_of(shop, told)
        return {
            **told, "order": order, "line_item": line_of(order, told.get("line_item")),
            "announcement": announcement_of(shop, told.get("announcement")),
        }  # fmt: skip

    def record(self) -> CancellationRequest:
        """Record the request. Raises what `recording.record` raises, problems at the fields of this body."""
        told, user = self.validated_data, self.context["request"].user
        heard = Heard(told["heard_through"], told.get("asked_at"), told.get("note", ""))
        announcement = told["announcement"]
        try:
            with transaction.atomic():
                made = record(told["order"], told["line_item"], user, heard)
                if announcement:
                    handle(announcement, user, made)
        except AlreadyRecorded as earlier:
            if announcement:  # which was about that one, then
                handle(announcement, user, earlier.cancellation)
            raise
        except DjangoValidationError as problem:
            words = problem.message_dict
            raise serializers.ValidationError(
                {self.name_of_order if name == "order" else name: words[name] for name in words}
            ) from None
        return made

    @property
    def name_of_order(self) -> str:
        """The field that the order was named with."""
        return next(name for name in NAMES if name in self.initial_data)


def shop_of(told: dict[str, Any]) -> Shop:
    """The shop of the order that is named: exactly once, and with its shop unless it is by our own id."""
    named = [name for name in NAMES if name in told]
    if len(named) != 1:
        why = _("Name the order once: by `order`, `order_number` or `order_marketplace_id`.")
        raise serializers.ValidationError({name: [why] for name in named or ["order"]})
    shop: Shop | None = told.get("shop")
    if named == ["order"]:
        if shop and shop != told["order"].shop:
            raise serializers.ValidationError({"shop": [_("The order is of another shop.")]})
        return told["order"].shop  # type: ignore[no-any-return]
    if shop is None:
        raise serializers.ValidationError({"shop": [_("Say whose order this is: other shops may have one like it.")]})
    return shop


def order_of(shop: Shop, told: dict[str, Any]) -> Order:
    name = next(name for name in NAMES if name in told)
    found = list(shop.orders.filter(**{NAMES[name]: told[name]}).select_related("shop")[:10])
    if not found:
        why = _(
            "This shop has no such order here. Orders are read every %(seconds)d seconds: send this again then if it "
            "is new; else check it, or have the whole shop pulled (`sync/` with `full`)."
        )
        raise serializers.ValidationError({name: [why % {"seconds": settings.PULL_EVERY_SECONDS}]})
    if len(found) > 1:
        ids = ", ".join(str(order.pk) for order in found)
        raise serializers.ValidationError(
            {name: [_("Several orders are called this: send `order`, one of %(ids)s.") % {"ids": ids}]}
        )
    return found[0]


def line_of(order: Order, pk: int | None) -> LineItem | None:
    if pk is None:
        return None
    line = order.lines.filter(pk=pk).first()
    if line is None:
        raise serializers.ValidationError({"line_item": [_("This order has no such line item.")]})
    return line


def announcement_of(shop: Shop, pk: int | None) -> Announcement | None:
    if pk is None:
        return None
    announcement = Announcement.objects.filter(shop=shop, pk=pk).first()
    if announcement is None:
        raise serializers.ValidationError({"announcement": [_("This shop has no such announcement.")]})
    return announcement


class HandleRequest(Strict):
    cancellation = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="Our `id` of the request that came of it."
    )

    def came_of(self, announcement: Announcement) -> CancellationRequest | None:
        """The request that was named; raises ValidationError where it is none of the announcement's shop."""
        pk = self.validated_data.get("cancellation")
        if pk is None:
            return None
        cancellation = CancellationRequest.objects.filter(shop=announcement.shop_id, pk=pk).first()
        if cancellation is None:
            raise serializers.ValidationError({"cancellation": [_("This shop has no such request.")]})
        return cancellation
