"""What beat has done for the shops."""

from datetime import timedelta

import pytest
from django.utils import timezone

from shops.models import SyncKind, SyncRun
from shops.tasks import KEEP_UNEVENTFUL_RUNS, forget_uneventful_runs
from tests.factories import ShopFactory

State = SyncRun.State


@pytest.mark.django_db
def test_old_runs_that_say_nothing_are_forgotten_and_all_others_kept() -> None:
    shop = ShopFactory()
    old = timezone.now() - KEEP_UNEVENTFUL_RUNS - timedelta(minutes=1)
    told = [
        SyncRun(shop=shop, kind=SyncKind.ORDERS, started_at=old, state=State.SUCCEEDED, written=1),
        SyncRun(shop=shop, kind=SyncKind.ORDERS, started_at=old, state=State.SUCCEEDED, set_aside=[{"id": "1"}]),
        SyncRun(shop=shop, kind=SyncKind.ORDERS, started_at=old, state=State.SUCCEEDED, drift=["order.new_field"]),
        SyncRun(shop=shop, kind=SyncKind.ORDERS, started_at=old, state=State.FAILED, error="no answer"),
        SyncRun(shop=shop, kind=SyncKind.ORDERS, started_at=old, state=State.RUNNING),
        SyncRun(shop=shop, kind=SyncKind.ORDERS, state=State.SUCCEEDED),
    ]
    SyncRun.objects.bulk_create(
        [*told, SyncRun(shop=shop, kind=SyncKind.ORDERS, started_at=old, state=State.SUCCEEDED)]
    )
    forget_uneventful_runs()
    assert set(SyncRun.objects.all()) == set(told)
