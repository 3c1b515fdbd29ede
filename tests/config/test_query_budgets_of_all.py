"""Every address and method, of the screens and of the API: so many queries, with many rows as with few.

The request here is decided already, so what answers it is refused, and is counted up to there: forms that can be filled
in stand in test_query_budgets, what a decision takes in tests/cancellations/test_api_recording.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cancellations.models import Announcement, Attempt, CancellationRequest, CommentTemplate, Decision, Note
from exports.models import Export
from shops.models import OutgoingEvent, Role, SyncRun
from tests.config.test_api import OWN as OWN_OF_THE_API
from tests.config.test_api import ask, cancellation  # noqa: F401 - a row with everything on it
from tests.config.test_matrix import everything, needed, signed_in, status, undone
from tests.config.test_query_budgets import grow
from tests.config.test_strangers import ONLY_GET, ONLY_POST, OWN, PERSONAL, READ, WRITE, addresses  # noqa: F401
from tests.conftest import somebody_works
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    member,
)
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db
MORE = 4

Asking = Callable[[Client], Any]
# Two to six of each are about who asks.
SCREENS = {
    "get accounts:end_token": 5, "post accounts:end_token": 9, "get accounts:new_token": 5,
    "get accounts:profile": 5, "get accounts:tokens": 6, "post cancellations:add_evidence": 7,
    "post cancellations:afterwards": 7, "get cancellations:announcements": 6, "get cancellations:approve": 7,
    "post cancellations:approve": 7, "post cancellations:ask_again": 13, "post cancellations:assign": 12,
    "get cancellations:audit": 9, "get cancellations:batch": 11, "post cancellations:batch": 3,
    "get cancellations:batches": 6, "get cancellations:cancel_items": 9, "post cancellations:cancel_items": 9,
    "get cancellations:cancellation": 20, "post cancellations:claim": 17, "post cancellations:close": 7,
    "post cancellations:countersign": 10, "get cancellations:decision": 10, "post cancellations:decline": 11,
    "post cancellations:delete_template": 8, "post cancellations:delete_view": 6,
    "get cancellations:disconnect": 10, "post cancellations:disconnect": 17, "get cancellations:evidence": 4,
    "post cancellations:handle": 10, "get cancellations:health": 15, "get cancellations:items_offer": 7,
    "post cancellations:let_go": 8, "get cancellations:next": 10, "post cancellations:note": 11,
    "get cancellations:order_history": 12, "get cancellations:queue": 24, "get cancellations:record": 5,
    "get cancellations:record_request": 6, "post cancellations:record_request": 6, "get cancellations:reject": 7,
    "post cancellations:reject": 7, "post cancellations:remove_evidence": 12, "post cancellations:set_aside": 13,
    "get cancellations:ship": 7, "post cancellations:ship": 7, "get cancellations:shop_health": 21,
    "post cancellations:take_back_batch": 8, "post cancellations:take_over": 19, "get cancellations:template": 6,
    "post cancellations:template": 6, "get cancellations:templates": 7, "post cancellations:templates": 8,
    "get cancellations:thumbnail": 4, "post cancellations:try_batch_again": 4, "post cancellations:undo": 12,
    "get cancellations:view": 6, "post cancellations:view": 5, "get cancellations:views": 6,
    "get exports:exports": 8, "get exports:file": 6, "post exports:remove": 8, "get gate:gate": 5,
    "post gate:pulled": 14, "get gate:to_pull": 4, "get orders:list": 8, "get orders:order": 11,
    "post safety:chat": 21, "get safety:ladder": 7, "post safety:ladder": 7, "get safety:net": 10,
    "post safety:net": 10, "get safety:notices": 6, "get safety:shop": 21, "post safety:switch_off": 8,
    "post safety:test": 5, "post shops:again": 6, "post shops:choose": 7, "get shops:list": 8,
    "post shops:member": 7, "get shops:members": 7, "post shops:members": 7, "get shops:pushes": 6,
    "post shops:register_pushes": 4, "post shops:remove_member": 10, "post shops:remove_pushes": 8,
    "post shops:renew": 7, "get shops:renew_sign_in": 6, "post shops:renew_sign_in": 5, "get shops:rules": 5,
    "get shops:runs": 6, "get shops:shop": 25, "post shops:sync": 8, "post truth:check": 12,
    "get truth:disagreement": 7, "get truth:list": 10, "post truth:repair": 7, "get webhooks:change": 7,
    "post webhooks:change": 6, "get webhooks:delivery": 5, "post webhooks:delivery": 10, "get webhooks:endpoint": 7,
    "post webhooks:endpoint": 3, "get webhooks:list": 6, "get webhooks:new": 5, "get webhooks:remove": 5,
    "post webhooks:remove": 10,
}  # fmt: skip
# Where the marketplace has to be asked, until then.
CALLS = {
    "get /api/v1/announcements/": 4, "get /api/v1/announcements/{id}/": 4,
    "post /api/v1/announcements/{id}/handle/": 11, "get /api/v1/audit/": 4, "get /api/v1/cancellations/": 6,
    "post /api/v1/cancellations/": 4, "get /api/v1/cancellations/{id}/": 8,
    "get /api/v1/cancellations/{id}/assignee/": 7, "put /api/v1/cancellations/{id}/assignee/": 12,
    "delete /api/v1/cancellations/{id}/claim/": 7, "put /api/v1/cancellations/{id}/claim/": 14,
    "post /api/v1/cancellations/{id}/close/": 10, "get /api/v1/cancellations/{id}/comment-templates/": 7,
    "get /api/v1/cancellations/{id}/evidence/": 5, "post /api/v1/cancellations/{id}/evidence/": 4,
    "get /api/v1/cancellations/{id}/history/": 9, "get /api/v1/cancellations/{id}/notes/": 5,
    "post /api/v1/cancellations/{id}/notes/": 11, "get /api/v1/cancellations/{id}/reject-reasons/": 8,
    "get /api/v1/cancellations/{id}/shipping-options/": 6, "get /api/v1/cancelled-lines/": 4,
    "get /api/v1/decisions/": 4, "post /api/v1/decisions/": 25, "get /api/v1/decisions/{id}/": 7,
    "post /api/v1/decisions/{id}/ask-again/": 12, "post /api/v1/decisions/{id}/countersign/": 12,
    "post /api/v1/decisions/{id}/decline/": 13, "post /api/v1/decisions/{id}/set-aside/": 12,
    "post /api/v1/decisions/{id}/withdraw/": 14, "get /api/v1/deliveries/": 4, "get /api/v1/deliveries/{id}/": 4,
    "post /api/v1/deliveries/{id}/replay/": 11, "get /api/v1/disagreements/": 6,
    "get /api/v1/disagreements/{id}/": 6, "post /api/v1/disagreements/{id}/repair/": 9, "get /api/v1/endpoints/": 4,
    "post /api/v1/endpoints/": 3, "delete /api/v1/endpoints/{id}/": 11, "get /api/v1/endpoints/{id}/": 4,
    "patch /api/v1/endpoints/{id}/": 13, "post /api/v1/endpoints/{id}/pause/": 11,
    "post /api/v1/endpoints/{id}/replay-failed/": 11, "post /api/v1/endpoints/{id}/resume/": 13,
    "post /api/v1/endpoints/{id}/rotate/": 10, "post /api/v1/endpoints/{id}/test/": 11,
    "get /api/v1/evidence/{id}/image/": 4, "get /api/v1/exports/": 3, "post /api/v1/exports/": 12,
    "delete /api/v1/exports/{id}/": 8, "get /api/v1/exports/{id}/": 3, "get /api/v1/exports/{id}/file/": 5,
    "get /api/v1/gate/?order={id}": 9, "get /api/v1/gate/{id}/": 9, "get /api/v1/health/": 14,
    "get /api/v1/orders/": 5, "get /api/v1/orders/{id}/": 7, "get /api/v1/orders/{id}/cancel-options/": 5,
    "get /api/v1/orders/{id}/eligibility/": 6, "get /api/v1/orders/{id}/history/": 10,
    "post /api/v1/orders/{id}/refund-preview/": 5, "get /api/v1/pull-tasks/": 4,
    "post /api/v1/pull-tasks/{id}/done/": 14, "get /api/v1/shops/": 4, "get /api/v1/shops/{id}/": 4,
    "get /api/v1/shops/{id}/health/": 15, "get /api/v1/shops/{id}/ladder/": 16,
    "put /api/v1/shops/{id}/ladder/": 20, "get /api/v1/shops/{id}/rules/": 4,
    "get /api/v1/shops/{id}/safety-net/": 8, "put /api/v1/shops/{id}/safety-net/": 16,
    "get /api/v1/shops/{id}/sync-runs/": 5, "post /api/v1/shops/{id}/sync/": 7, "get /api/v1/shops/{id}/truth/": 6,
    "post /api/v1/shops/{id}/truth/": 11, "get /api/v1/tellings/": 4,
}  # fmt: skip


def thicken(row: CancellationRequest, person: User, number: int) -> None:
    """So much more of everything: in the shop of this request, on its order, on itself, and in other shops."""
    now, shop = timezone.now(), row.shop
    decision = row.decisions.order_by("pk")[0]
    for _ in range(number):
        LineItemFactory(order=row.order)
        PackageFactory(order=row.order)
        CancellationLineFactory(cancellation=row)
        Note.objects.create(cancellation=row, author=member(Role.AGENT, shop), text="Packed.")
        Attempt.objects.create(decision=decision, number=100 + decision.attempts.count(), purpose="ask")
        CommentTemplate.objects.create(shop=shop, name=f"Packed {shop.comment_templates.count()}", text="It is packed.")
        SyncRun.objects.create(shop=shop, kind="orders", state="succeeded")
        Announcement.objects.create(
            shop=shop, marketplace_id=f"more-{shop.announcements.count()}", title="Order Cancelled",
            is_cancellation=True, announced_at=now,
        )  # fmt: skip
        other = CancellationFactory(order=OrderFactory(shop=shop), deadline=now + timedelta(hours=1))
        LineItemFactory(order=other.order)
        CancellationLineFactory(cancellation=other)
        DecisionFactory(cancellation=other, state=Decision.State.STALLED, stalled_because="outcome_unknown")
    grow(person, number)
    Export.objects.filter(pk__gt=Export.objects.order_by("pk")[0].pk).update(state=Export.State.FAILED)  # else enough


def cost(client: Client, method: str, do: Asking) -> int:
    cache.clear()
    somebody_works()
    with undone(method):
        status(do(client))  # what is done once an hour, or once in a process, is done
    with undone(method), CaptureQueriesContext(connection) as queries:
        found = status(do(client))
    assert found < 500 or found == 503, found  # which is the marketplace's, and it is not here
    return len(queries)


def costs(person: User, row: CancellationRequest, what: dict[tuple[str, str], Asking]) -> dict[str, int]:
    """Of each, whatever the rows."""
    client = signed_in(person)
    thicken(row, person, 1)
    few = {f"{method} {name}": cost(client, method, do) for (method, name), do in what.items()}
    thicken(row, person, MORE)
    many = {f"{method} {name}": cost(client, method, do) for (method, name), do in what.items()}
    assert many == few
    return few


def of_screen(method: str, address: str) -> Asking:
    data = {"note": "I looked."} if method == "post" else None
    return lambda client: getattr(client, method)(address, data)


def of_api(method: str, address: str, body: dict[str, Any] | None = None) -> Asking:
    return lambda client: ask(client, method, address, body)


def own_rows(person: User, row: CancellationRequest) -> dict[str, int]:
    """Of what the API keeps for one person, the pk of one."""
    endpoint = Endpoint.objects.create(owner=person, name="ERP", url="https://erp.example/", secret="whsec_x")
    event = OutgoingEvent.objects.create(event_id="evt_1", shop=row.shop, type="shop.connected", about="shop:1")
    delivery = Delivery.objects.create(endpoint=endpoint, event=event, about=event.about)
    export = Export.objects.create(made_by=person, kind="requests", format="csv", shops=[row.shop_id])
    return {"endpoints": endpoint.pk, "deliveries": delivery.pk, "exports": export.pk}


OWN_METHODS = {
    "/api/v1/endpoints/": ("get", "post"), "/api/v1/endpoints/{id}/": ("get", "patch", "delete"),
    "/api/v1/deliveries/": ("get",), "/api/v1/deliveries/{id}/": ("get",), "/api/v1/exports/{id}/": ("get", "delete"),
    "/api/v1/exports/{id}/file/": ("get",),
}  # fmt: skip


def test_every_screen_and_button_costs_its_budget_whatever_the_rows(addresses: dict[str, str]) -> None:  # noqa: F811
    what = {}
    for name in PERSONAL | READ | WRITE | OWN:
        address = addresses.get(name) or reverse(name)
        if name not in ONLY_POST:
            what["get", name] = of_screen("get", address)
        if name in WRITE | OWN and name not in ONLY_GET:
            what["post", name] = of_screen("post", address)
    asked = costs(Export.objects.get().made_by, CancellationRequest.objects.get(), what)
    assert asked == SCREENS


def test_every_call_of_the_api_costs_its_budget_whatever_the_rows(cancellation: CancellationRequest) -> None:  # noqa: F811
    person = member(Role.MANAGER, cancellation.shop)
    what = {}
    for address, method in everything(cancellation):
        _need, body = needed(address, method, cancellation)
        what[method, re.sub(r"(?<=[/=])\d+", "{id}", address)] = of_api(method, address, body)
    own = own_rows(person, cancellation)
    for path in OWN_OF_THE_API:
        address = path.replace("{id}", str(own[path.split("/")[3]]))
        for method in OWN_METHODS.get(path, ("post",)):
            what[method, path] = of_api(method, address)
    asked = costs(person, cancellation, what)
    assert asked == CALLS
