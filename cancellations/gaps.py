"""Where pushes and pulls do not agree: an alert is opened, and closes by itself once they do. Pulls go on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery import shared_task
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.utils import timezone

from cancellations.models import CancellationRequest, PushedNotification
from shops.models import Alert, Connection, PushRegistration, Shop, SyncCursor, SyncKind

logger = structlog.get_logger(__name__)
LOOKED_BACK = timedelta(hours=1)
# A push may be late, and a pull has to be made; only what is older than this is missed.
LATE = timedelta(minutes=10)
ENOUGH = 2
TOPIC = "cancellation"


@shared_task
def compare_pushes_and_pulls() -> None:
    now = timezone.now()
    shops = Shop.objects.active().filter(connection__state=Connection.State.CONNECTED).order_by()
    settle(Alert.Kind.PUSHES_MISSING, requests_without_a_push(shops, now), still=no_push_since(shops))
    settle(Alert.Kind.PULLS_MISSING, pushes_without_a_pull(shops, now), still=set())


def settle(kind: Alert.Kind, found: Mapping[int, int], still: set[int]) -> None:
    """Open an alert for each shop found, once; close those that were not found, but for the alerts in `still`."""
    now = timezone.now()
    over = Alert.objects.open().filter(kind=kind).exclude(shop__in=found).exclude(pk__in=still)
    for shop_id in over.values_list("shop", flat=True):
        logger.info("alert.closed", shop=shop_id, kind=kind)
    over.update(closed_at=now)
    known = set(Alert.objects.open().filter(kind=kind).values_list("shop", flat=True))
    for shop_id, count in found.items():
        if shop_id in known:
            Alert.objects.open().filter(shop=shop_id, kind=kind).update(detail={"count": count})
        else:
            logger.warning("alert.opened", shop=shop_id, kind=kind, count=count)
    Alert.objects.bulk_create(
        [Alert(shop_id=pk, kind=kind, detail={"count": count}) for pk, count in found.items() if pk not in known],
        ignore_conflicts=True,
    )


def listening(shops: Any) -> Any:
    """Registrations of shops whose requests are pushed to us, as far as the marketplace says."""
    rows = PushRegistration.objects.filter(shop__in=shops, topic=TOPIC, is_wanted=True, since__isnull=False)
    return rows.exclude(address="")


def requests_without_a_push(shops: Any, now: datetime) -> dict[int, int]:
    """How many requests of the last hour a pull found of which no push told, where no push at all has come since."""
    registered = dict(listening(shops).values_list("shop", "since"))
    pushes = PushedNotification.objects.filter(shop=OuterRef("shop"), received_at__gte=OuterRef("created_at"))
    missed = (
        CancellationRequest.objects.filter(
            shop__in=registered, created_at__gte=now - LOOKED_BACK - LATE, created_at__lt=now - LATE
        )
        .exclude(Exists(pushes))
        .values("shop")
        .annotate(count=Count("pk"), newest=Max("created_at"))
        .order_by()
    )
    return {row["shop"]: row["count"] for row in missed if is_enough(row, registered[row["shop"]])}


def is_enough(row: Mapping[str, Any], since: datetime) -> bool:
    return bool(row["count"] >= ENOUGH and row["newest"] > since)


def no_push_since(shops: Any) -> set[int]:
    """Open alerts after which no push has come: that nothing was missed of late does not mean that they come again."""
    pushes = PushedNotification.objects.filter(shop=OuterRef("shop"), received_at__gt=OuterRef("opened_at"))
    silent = Alert.objects.open().filter(kind=Alert.Kind.PUSHES_MISSING, shop__in=listening(shops).values("shop"))
    return set(silent.exclude(Exists(pushes)).values_list("pk", flat=True))


def pushes_without_a_pull(shops: Any, now: datetime) -> dict[int, int]:
    """How many pushes of the last hour still wait for a pull that succeeds."""
    read_until = SyncCursor.objects.filter(shop=OuterRef("shop"), kind=SyncKind.CANCELLATIONS).values("synced_until")
    late = (
        PushedNotification.objects.filter(
            shop__in=shops,
            received_at__gte=now - LOOKED_BACK - LATE,
            received_at__lt=now - LATE,
            outcome=PushedNotification.Outcome.PULLED,
        )
        .annotate(read_until=Subquery(read_until))
        .filter(Q(read_until=None) | Q(received_at__gt=F("read_until")))
    )
    return dict(late.order_by().values_list("shop").annotate(Count("pk")))
