"""What can be exported: whose rows, narrowed by what, and how each is written.

In JSON a row is what the API shows. In CSV a column is called by the way to it: `refund_total_amount` is the member
`amount` of the API's `refund_total`, `attempts` how many there are, `attempts_code` the codes of all of them, one after
the other with “; ” between: the third is of the third attempt, and one without a code is empty.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from cancellations import trail
from cancellations.api.audit import EntrySerializer
from cancellations.models import CancellationRequest, Decision
from cancellations.serializers.going_out import (
    CancellationDetailSerializer,
    CancellationSerializer,
    DecisionDetailSerializer,
)
from config.api.off_the_web import OffTheWeb
from exports.filters import DecisionsFilter, RequestsFilter
from exports.models import ExportKind
from shops.models import Permission, Shop, ShopQuerySet

if TYPE_CHECKING:
    from accounts.models import User

BETWEEN = "; "
COUNT, EACH = "#", "*"  # steps of a way into a list: how many there are, and one after the other


class RequestRowSerializer(CancellationDetailSerializer):
    """As in the API's list, with the parts of the refund and the lines."""

    class Meta(CancellationSerializer.Meta):
        fields = [
            *CancellationSerializer.Meta.fields, "refund_subtotal", "refund_shipping_fee", "refund_tax", "refund_fees",
            "lines",
        ]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """`rows` gives what a person may take away, `with_related` what a chunk of them needs in few queries."""

    filter_class: Any
    shops: Callable[["User"], ShopQuerySet]
    rows: Callable[["User", Sequence[int] | None], "QuerySet[Any]"]
    with_related: Callable[["QuerySet[Any]"], "QuerySet[Any]"]
    serializer: type[BaseSerializer[Any]]
    columns: Sequence[str]
    also: Callable[[Any], Mapping[str, Any]] = lambda row: {}  # for people, in CSV alone

    def narrowed(self, rows: "QuerySet[Any]", filters: Mapping[str, str], user: "User") -> Any:
        """The filter set, which says what is wrong with the filters, or has the rows."""
        asked = QueryDict(mutable=True)
        asked.update(filters)
        return self.filter_class(asked, queryset=rows, request=OffTheWeb(user))

    @property
    def heads(self) -> list[str]:
        return [head(way) for way in self.columns]


def exportable(user: "User") -> ShopQuerySet:
    return Shop.objects.where_may(user, Permission.EXPORT)


def audited(user: "User") -> ShopQuerySet:
    return exportable(user).filter(pk__in=trail.managed_by(user))


def requests_of(user: "User", shops: Sequence[int] | None) -> "QuerySet[CancellationRequest]":
    return CancellationRequest.objects.filter(shop__in=exportable(user).filter(pk__in=shops or ()))


def decisions_of(user: "User", shops: Sequence[int] | None) -> "QuerySet[Decision]":
    return Decision.objects.filter(shop__in=exportable(user).filter(pk__in=shops or ()))


def entries_of(user: "User", shops: Sequence[int] | None) -> "QuerySet[Any]":
    rows = trail.exportable_by(user)
    return rows if shops is None else rows.filter(shop_id__in=shops)


MONEY = ("amount", "currency")
KINDS: Mapping[str, Kind] = {
    ExportKind.REQUESTS: Kind(
        filter_class=RequestsFilter,
        shops=exportable,
        rows=requests_of,
        with_related=lambda rows: rows.select_related("shop", "recorded_by")
        .defer("shop__cipher")
        .prefetch_related("lines")
        .with_decisions_in_brief(),  # type: ignore[attr-defined]
        serializer=RequestRowSerializer,
        columns=(
            "id", "shop", "shop_name", "order", "order_number", "order_marketplace_id", "line_item", "marketplace_id",
            "state", "status", "kind", "needs_answer", "initiator", "reason", "reason_text", "deadline",
            *(f"{name}.{part}" for name in ("refund_total", "refund_subtotal", "refund_shipping_fee", "refund_tax",
                                            "refund_fees") for part in MONEY),
            "created_at", "updated_at", "first_seen_at", "recorded.at", "recorded.by.name", "recorded.heard_through",
            "recorded.note", "decision.id", "decision.verdict", "decision.state", "lines.#", "lines.*.seller_sku",
            "lines.*.product_name",
        ),
        also=lambda row: {"shop_name": str(row.shop)},
    ),
    ExportKind.DECISIONS: Kind(
        filter_class=DecisionsFilter,
        shops=exportable,
        rows=decisions_of,
        with_related=lambda rows: rows.select_related(
            "shop", "order", "cancellation", "made_by", "countersigned_by"
        )
        .defer("shop__cipher")
        .prefetch_related("attempts", "lines__line_item", "evidence"),
        serializer=DecisionDetailSerializer,
        columns=(
            "id", "url", "shop", "shop_name", "cancellation", "cancellation_marketplace_id", "order", "order_number",
            "verdict", "state", "stalled_because", "reason", "reason_text", "comment", "shipping", "made_by.id",
            "made_by.name", "made_at", *(f"gives_back.{part}" for part in MONEY), "countersigned_by.id",
            "countersigned_by.name", "countersigned_at", "send_after", "sent_at", "accepted_at", "settled_at",
            "marketplace.code", "marketplace.message", "marketplace.request_id", "note", "idempotency_key",
            "attempts.#", "attempts.*.purpose", "attempts.*.outcome", "attempts.*.code", "attempts.*.request_id",
            "lines.#", "lines.*.line_item_marketplace_id", "lines.*.quantity", "evidence.#",
        ),
        also=lambda row: {
            "shop_name": str(row.shop),
            "order_number": row.order_label,
            "cancellation_marketplace_id": str(row.cancellation or ""),
        },
    ),
    ExportKind.AUDIT: Kind(
        filter_class=trail.TrailFilter,
        shops=audited,
        rows=entries_of,
        with_related=lambda rows: rows,
        serializer=EntrySerializer,
        columns=EntrySerializer.Meta.fields,
    ),
}  # fmt: skip


def as_json(kind: Kind, rows: Sequence[Any], request: OffTheWeb) -> Iterator[str]:
    write = JSONRenderer().render
    return (write(row).decode() + "\n" for row in shown(kind, rows, request))


def in_columns(kind: Kind, rows: Sequence[Any], request: OffTheWeb) -> Iterator[list[Any]]:
    for row, data in zip(rows, shown(kind, rows, request), strict=True):
        known = {**data, **kind.also(row)}
        yield [written(reach(known, way.split("."))) for way in kind.columns]


def shown(kind: Kind, rows: Sequence[Any], request: OffTheWeb) -> Any:
    return kind.serializer(rows, many=True, context={"request": request}).data


def head(way: str) -> str:
    return "_".join(step for step in way.split(".") if step not in (COUNT, EACH))


def reach(value: Any, steps: Sequence[str]) -> Any:
    """What is at the end of the way; nothing where the way ends early."""
    if not steps or value is None:
        return value
    step, *rest = steps
    if step == COUNT:
        return len(value)
    if step == EACH:
        return BETWEEN.join("" if (found := reach(one, rest)) is None else str(found) for one in value)
    return reach(value.get(step), rest)


def written(value: Any) -> Any:
    """As a cell holds it."""
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else value
