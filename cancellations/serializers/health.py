"""Health as the API shows it: numbers to compare, and the same words that the pages say."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from cancellations.health import Health, Whole
from cancellations.models import Decision
from config.api.fields import UtcTime
from shops.health import Level, words_of
from shops.heartbeat import Silence
from shops.models import SyncKind

LEVELS = [level.value for level in Level]
SHOP: dict[str, Any] = {
    "id": 7, "name": "Kettle & Co", "marketplace": "a_marketplace", "region": "GB",
    "page": "https://countermand.example/api/v1/shops/7/health/", "level": "attention",
    "problems": [
        {"level": "attention", "code": "late", "text": "No data for 12 min."},
        {"level": "attention", "code": "stalled", "text": "1 decision needs you."},
    ],
    "lag_seconds": 743,
    "pulls": [
        {
            "kind": "cancellations", "read_until": "2026-11-21T11:40:02Z", "lag_seconds": 743, "is_running": False,
            "failed_at": "2026-11-21T11:51:00Z",
        }
    ],
    "failed_pulls": 11, "errors": {"36009003": 9, "36009002": 2}, "unknown_words": 0,
    "connection_state": "connected", "access_token_ends": "2026-11-27T09:00:00Z",
    "authorization_ends": "2027-06-01T00:00:00Z", "renewed_at": "2026-11-20T09:00:00Z", "renewal_problem": "",
    "decisions": {"unsigned": 0, "recorded": 2, "sending": 0, "accepted": 1, "stalled": 1}, "disagreements": 1,
    "oldest_due_seconds": 4, "waiting": 12, "overdue": 0, "due_soon": 3, "last_push": "2026-11-21T11:39:58Z",
    "alerts": [
        {"kind": "pushes_missing", "opened_at": "2026-11-21T11:45:00Z", "text": "Pulls found 3 changes …"}
    ],
}  # fmt: skip
WHOLE = {
    "level": "attention",
    "counts": {"broken": 0, "attention": 1, "ok": 0, "off": 0},
    "worker": {"is_alive": True, "silent_since": None},
    "beat": {"is_alive": True, "silent_since": None},
    "shops": [SHOP],
}


class ProblemOfShop(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=LEVELS)
    code = serializers.CharField(help_text="Stable, to compare.")
    text = serializers.CharField(help_text="For people, in your language.")


class PullSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=SyncKind.values)
    read_until = UtcTime(allow_null=True, help_text="Everything that changed before is here; null: never read.")
    lag_seconds = serializers.SerializerMethodField(help_text="Since when changes are missing; null: never read.")
    is_running = serializers.BooleanField(help_text="A pull of this kind is under way.")
    failed_at = UtcTime(allow_null=True, help_text="The last failure, where no pull has succeeded since.")

    def get_lag_seconds(self, pull: Any) -> int | None:
        lag = pull.lag(self.context["now"])
        return None if lag is None else int(lag)


class AlertSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="Stable, to compare.")
    opened_at = UtcTime(help_text="Since when it holds.")
    text = serializers.SerializerMethodField()

    def get_text(self, alert: Any) -> str:
        return words_of(alert)


@extend_schema_serializer(examples=[OpenApiExample("A shop that is behind", SHOP)])
class HealthSerializer(serializers.Serializer[Health]):
    id = serializers.IntegerField(source="shop.pk")
    name = serializers.CharField(source="shop.name")
    marketplace = serializers.CharField(source="shop.marketplace")
    region = serializers.CharField(source="shop.region")
    page = serializers.HyperlinkedRelatedField(
        source="shop", view_name="api:shop-health", read_only=True, help_text="Where this shop alone is told of."
    )  # type: ignore[var-annotated]
    level = serializers.ChoiceField(choices=LEVELS, help_text="The worst of its problems.")
    problems = ProblemOfShop(many=True, help_text="Empty where nothing is wrong.")
    lag_seconds = serializers.SerializerMethodField(help_text="Of the kind that is furthest behind; null: never read.")
    pulls = PullSerializer(many=True, source="standing.pulls", help_text="One of each kind.")
    failed_pulls = serializers.IntegerField(source="standing.failed_runs", help_text="In 24 hours.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.IntegerField(), help_text="The marketplace's codes with how often they came in 24 hours."
    )
    unknown_words = serializers.IntegerField(source="standing.unknown_words", help_text="Met in 24 hours.")
    connection_state = serializers.CharField(
        source="shop.connection.state", help_text="Anything but `connected`: nothing can be sent or read."
    )
    access_token_ends = UtcTime(
        source="shop.connection.access_token_expires_at", allow_null=True, help_text="It is renewed by itself before."
    )
    authorization_ends = UtcTime(
        source="shop.connection.authorization_ends_at",
        allow_null=True,
        help_text="The seller has to authorize again before.",
    )
    renewed_at = UtcTime(
        source="shop.connection.renewed_at", allow_null=True, help_text="When the access token was last renewed."
    )
    renewal_problem = serializers.CharField(
        source="shop.connection.renewal_problem", help_text="Why the last renewal failed; empty where it did not."
    )
    decisions = serializers.SerializerMethodField(help_text="Those that are not settled, by state.")
    disagreements = serializers.IntegerField(help_text="Where the marketplace shows something else than was decided.")
    oldest_due_seconds = serializers.SerializerMethodField(help_text="For how long a decision has needed a worker.")
    waiting = serializers.IntegerField(help_text="Requests that wait for an answer.")
    overdue = serializers.IntegerField(help_text="Those past their deadline.")
    due_soon = serializers.IntegerField(help_text="Those due within an hour.")
    last_push = UtcTime(allow_null=True, help_text="When the marketplace last told of a change by itself; null: never.")
    alerts = AlertSerializer(many=True, source="standing.alerts", help_text="Those that are open.")

    def get_lag_seconds(self, one: Health) -> int | None:
        return None if one.lag is None else int(one.lag)

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_decisions(self, one: Health) -> dict[str, int]:
        return {state.value: one.decisions[state] for state in Decision.LIVE}

    def get_oldest_due_seconds(self, one: Health) -> int:
        return int(one.due_for)


class LifeSerializer(serializers.Serializer[Any]):
    is_alive = serializers.BooleanField()
    silent_since = UtcTime(allow_null=True, help_text="Null where it is alive, or never was.")


@extend_schema_serializer(examples=[OpenApiExample("One shop", WHOLE)])
class WholeSerializer(serializers.Serializer[Whole]):
    level = serializers.ChoiceField(choices=LEVELS)
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Of your shops, by level.")
    worker = serializers.SerializerMethodField(help_text="Whether anybody does the work: sends decisions, reads shops.")
    beat = serializers.SerializerMethodField(help_text="Whether anybody sends the workers round.")
    shops = HealthSerializer(many=True, help_text="Worst first.")

    @extend_schema_field(LifeSerializer)
    def get_worker(self, whole: Whole) -> Any:
        return life(whole.worker)

    @extend_schema_field(LifeSerializer)
    def get_beat(self, whole: Whole) -> Any:
        return life(whole.beat)


def life(silence: Silence | None) -> Any:
    return LifeSerializer({"is_alive": silence is None, "silent_since": silence.since if silence else None}).data
