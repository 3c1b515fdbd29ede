"""Endpoints and deliveries on the wire, and what comes in about them."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.bodies import Rows, Strict
from config.api.fields import UtcTime
from shops.models import Role, Shop, ShopQuerySet
from webhooks.endpoints import Wish
from webhooks.events import TYPES
from webhooks.models import LONGEST_URL, Delivery, Endpoint


class EndpointSerializer(Rows):
    url = serializers.CharField(help_text="Where each event is sent with POST.")
    types = serializers.ListField(
        child=serializers.CharField(), help_text="The events that it is told of; empty is all, later ones too."
    )
    shops = serializers.SerializerMethodField(
        help_text="Our ids of the shops that it is told of; null is all that its owner manages, now and later."
    )
    state = serializers.ChoiceField(
        Endpoint.State.choices,
        help_text="`dead` has taken nothing for a day and is tried once an hour; `gone` has answered 410.",
    )
    failing_since = UtcTime(allow_null=True, help_text="Null while its last answer was a yes.")
    previous_until = UtcTime(
        allow_null=True, help_text="Until then the secret before signs as well; null where there was none."
    )

    class Meta:
        model = Endpoint
        fields = ["id", "name", "url", "types", "shops", "state", "failing_since", "previous_until", "created_at"]

    @extend_schema_field({"type": ["array", "null"], "items": {"type": "integer"}})
    def get_shops(self, endpoint: Endpoint) -> list[int] | None:
        return sorted(shop.pk for shop in endpoint.shops.all()) if endpoint.is_limited else None


class EndpointWithSecret(EndpointSerializer):
    secret = serializers.CharField(help_text="Told now and never again: keep it.")

    class Meta(EndpointSerializer.Meta):
        fields = [*EndpointSerializer.Meta.fields, "secret"]


class EndpointRequest(Strict):
    """What an endpoint shall be."""

    name = serializers.CharField(max_length=80)
    url = serializers.CharField(
        max_length=LONGEST_URL, help_text="https, without a name and a password, and not in a private network."
    )
    types = serializers.ListField(
        child=serializers.ChoiceField(list(TYPES)), required=False, max_length=100, help_text="Empty is all of them."
    )
    shops = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, allow_null=True,
        allow_empty=False, max_length=1000, help_text="Our ids; null is all that you manage.",
    )  # fmt: skip

    def wish(self, endpoint: Endpoint | None = None) -> Wish:
        """With what is not said left as it is."""
        was = {name: getattr(endpoint, name) for name in ("name", "url", "types")} if endpoint else {"types": []}
        told = {**was, **self.validated_data}
        shops = self.chosen() if "shops" in told else self.shops_of(endpoint)
        return Wish(told["name"], told["url"], told["types"], shops)

    def chosen(self) -> list[Shop] | None:
        ids = self.validated_data["shops"]
        if ids is None:
            return None
        found = list(self.managed().filter(pk__in=ids).only("pk"))
        if len(found) < len(set(ids)):
            raise serializers.ValidationError({"shops": [_("You do not manage one of these shops.")]})
        return found

    def shops_of(self, endpoint: Endpoint | None) -> list[Shop] | None:
        """Of those that were chosen before, the ones that whoever asks still manages."""
        if endpoint is None or not endpoint.is_limited:
            return None
        return list(self.managed().filter(pk__in=endpoint.shops.all()))

    def managed(self) -> ShopQuerySet:
        return Shop.objects.where_role(self.context["request"].user, Role.MANAGER)


class DeliverySerializer(Rows):
    event = serializers.CharField(source="event.event_id", help_text="The `webhook-id` that it is sent with.")
    type = serializers.CharField(source="event.type", help_text="What happened, such as `cancellation.settled`.")
    about = serializers.CharField(help_text="What is told of it arrives in order, such as `cancellation:17`.")
    data = serializers.JSONField(  # type: ignore[assignment]
        source="event.data", help_text="As it is sent: the section `webhooks` has an example of each."
    )
    problem = serializers.ChoiceField(
        [("", ""), *Delivery.Problem.choices], help_text="Of the last try; empty where there is none."
    )
    excerpt = serializers.CharField(help_text="The beginning of the last answer, 1 kB at most.")
    status = serializers.IntegerField(allow_null=True, help_text="The last answer's status.")
    due_at = UtcTime(help_text="When it is tried next, while it waits.")

    class Meta:
        model = Delivery
        fields = [
            "id", "endpoint", "event", "type", "about", "data", "state", "attempts", "made_at", "tried_at", "due_at",
            "settled_at", "problem", "status", "excerpt",
        ]  # fmt: skip


class ReplayRequest(Strict):
    since = UtcTime(required=False, allow_null=True, help_text="Only of what happened since then.")


class ReplayAnswer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField(help_text="How many go out again.")
