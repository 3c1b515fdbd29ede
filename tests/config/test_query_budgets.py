"""How many queries each screen and each list of the API takes: so many, and no more with many rows than with few."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Scope, User
from accounts.tokens import make_token
from cancellations.models import (
    Announcement,
    Attempt,
    Batch,
    BatchItem,
    CancellationRequest,
    Claim,
    CommentTemplate,
    Decision,
    Note,
    SavedView,
    Verdict,
)
from exports.models import Export
from orders.models import Order
from safety.models import Channel, Telling
from shops.models import Membership, OutgoingEvent, Role, SyncRun
from tests.conftest import somebody_works
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    UserFactory,
    member,
)
from truth.models import Disagreement
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db
FEW, MANY = 2, 7

# Three of each are about who asks: the session, the person, their memberships. One of each screen is the bell's.
# A queue that goes on behind its first page is counted by a query more.
SCREENS = {
    "/": 24,
    "/?state=all": 24,
    "/?q=tote": 26,
    "/?left=soon": 20,
    "/?decision=undecided": 24,
    "/announcements/": 6,
    "/views/": 6,
    "/cancellations/record/": 5,
    "/cancellations/<request>/": 20,
    "/cancellations/<request>/approve/": 19,
    "/cancellations/<request>/reject/": 21,
    "/orders/<order>/cancel-items/": 9,
    "/exports/new/requests/": 7,
    "/audit/": 9,
    "/endpoints/new/": 5,
    "/decisions/<decision>/": 9,
    "/batches/": 6,
    "/batches/<batch>/": 11,
    "/health/": 15,
    "/shops/<shop>/health/": 21,
    "/shops/<shop>/comment-templates/": 7,
    "/shops/": 8,
    "/shops/<shop>/": 25,
    "/shops/<shop>/rules/": 5,
    "/shops/<shop>/runs/": 6,
    "/shops/<shop>/pushes/": 6,
    "/shops/<shop>/members/": 7,
    "/orders/": 8,
    "/orders/?q=tote": 8,
    "/orders/<order>/": 11,
    "/orders/<order>/history/": 12,
    "/gate/": 5,
    "/gate/to-pull/": 4,
    "/exports/": 8,
    "/endpoints/": 6,
    "/endpoints/<endpoint>/": 7,
    "/truth/": 10,
    "/truth/<disagreement>/": 7,
    "/safety/<shop>/": 21,
    "/safety/notices/": 6,
    "/accounts/profile/": 5,
    "/accounts/tokens/": 6,
}
LISTS = {
    "/api/v1/shops/": 4,
    "/api/v1/shops/<shop>/": 4,
    "/api/v1/shops/<shop>/rules/": 4,
    "/api/v1/shops/<shop>/sync-runs/": 5,
    "/api/v1/orders/": 5,
    "/api/v1/orders/<order>/": 7,
    "/api/v1/orders/<order>/history/": 10,
    "/api/v1/cancellations/": 6,
    "/api/v1/cancellations/?ordering=time_left": 6,
    "/api/v1/cancellations/<request>/": 8,
    "/api/v1/cancellations/<request>/history/": 9,
    "/api/v1/cancellations/<request>/notes/": 5,
    "/api/v1/cancellations/<request>/evidence/": 5,
    "/api/v1/decisions/": 4,
    "/api/v1/decisions/<decision>/": 7,
    "/api/v1/announcements/": 4,
    "/api/v1/batches/": 5,
    "/api/v1/batches/<batch>/": 5,
    "/api/v1/batches/<batch>/items/": 5,
    "/api/v1/audit/": 4,
    "/api/v1/cancelled-lines/": 4,
    "/api/v1/endpoints/": 4,
    "/api/v1/deliveries/": 4,
    "/api/v1/disagreements/": 6,
    "/api/v1/disagreements/<disagreement>/": 6,
    "/api/v1/exports/": 3,
    "/api/v1/tellings/": 4,
    "/api/v1/health/": 14,
    "/api/v1/shops/<shop>/health/": 15,
    "/api/v1/shops/<shop>/truth/": 6,
    "/api/v1/pull-tasks/": 4,
    "/api/v1/gate/<order>/": 9,
}


@pytest.fixture
def manager() -> User:
    somebody_works()
    return member(Role.MANAGER, first_name="Mina")


def grow(manager: User, number: int) -> None:
    """So many shops more, each with all that can stand on a page, some of it over, decided, or somebody else's."""
    now = timezone.now()
    for _ in range(number):
        shop, colleague = ShopFactory(), UserFactory()
        for person in (manager, colleague):
            Membership.objects.create(user=person, shop=shop, role=Role.MANAGER)
        SyncRun.objects.create(shop=shop, kind="orders", state="succeeded")
        requests = []
        for hours in (-1, 3):
            order = OrderFactory(shop=shop)
            LineItemFactory(order=order)
            LineItemFactory(order=order)
            PackageFactory(order=order)
            row = CancellationFactory(order=order, deadline=now + timedelta(hours=hours), assigned_to=colleague)
            CancellationLineFactory(cancellation=row)
            Claim.objects.create(cancellation=row, user=colleague, until=now + timedelta(minutes=2))
            Note.objects.create(cancellation=row, author=colleague, text="Packed.")
            requests.append(row)
        over, open_still = requests
        decision = DecisionFactory(cancellation=open_still, state="stalled", stalled_because="disagreement")
        DecisionFactory(cancellation=over, state="refused")
        Attempt.objects.create(decision=decision, number=1, purpose="send")
        Announcement.objects.create(
            shop=shop, marketplace_id="a-1", title="Order Cancelled", is_cancellation=True, announced_at=now
        )
        batch = Batch.objects.create(verdict=Verdict.APPROVE, made_by=manager, started_at=now)
        BatchItem.objects.create(batch=batch, cancellation=open_still)
        SavedView.objects.create(owner=colleague, name=f"Mugs {shop.pk}", query="q=mug", is_shared=True)
        Export.objects.create(made_by=manager, kind="requests", format="csv", shops=[shop.pk])
        CommentTemplate.objects.create(shop=shop, name="Packed", text="It is packed.")
        endpoint = Endpoint.objects.create(
            owner=manager, name="ERP", url=f"https://erp.example/{shop.pk}", secret="whsec_x"
        )
        event = OutgoingEvent.objects.create(
            event_id=f"evt_{shop.pk}", shop=shop, type="shop.connected", about=f"shop:{shop.pk}"
        )
        Delivery.objects.create(endpoint=endpoint, event=event, about=event.about)
        Disagreement.objects.create(
            shop=shop, kind="stuck", about=f"decision:{decision.pk}", decision=decision, found_at=now
        )
        Telling.objects.create(
            shop=shop, cancellation=open_still, deadline=open_still.deadline, step="net", why=Telling.Why.NET,
            person=manager, channel=Channel.IN_APP, state=Telling.State.SENT,
        )  # fmt: skip
        make_token(manager, Scope.READ, 1)


def cost(client: Client, path: str) -> int:
    client.get(path)  # what is done once an hour, or once in a process, is done
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return len(queries)


def addresses() -> dict[str, str]:
    """Of what has a page of its own, the oldest."""
    shop = Order.objects.order_by("pk")[0].shop
    return {
        "<order>": str(shop.orders.order_by("pk")[0].pk), "<shop>": str(shop.pk),
        "<request>": str(CancellationRequest.objects.order_by("pk")[0].pk),
        "<decision>": str(Decision.objects.order_by("pk")[0].pk),
        "<batch>": str(Batch.objects.order_by("pk")[0].pk),
        "<endpoint>": str(Endpoint.objects.order_by("pk")[0].pk),
        "<disagreement>": str(Disagreement.objects.order_by("pk")[0].pk),
    }  # fmt: skip


def filled(path: str) -> str:
    for name, pk in addresses().items():
        path = path.replace(name, pk)
    return path


@pytest.mark.parametrize("kind", ["screens", "lists"])
def test_each_costs_its_budget_however_many_rows_there_are(client: Client, manager: User, kind: str) -> None:
    budgets = {"screens": SCREENS, "lists": LISTS}[kind]
    client.force_login(manager)
    grow(manager, FEW)
    few = {path: cost(client, filled(path)) for path in budgets}
    grow(manager, MANY - FEW)
    many = {path: cost(client, filled(path)) for path in budgets}
    assert many == few
    assert many == budgets
