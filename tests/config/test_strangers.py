"""Every address of the screens, tried by people who have no part in the shop, only read it, or are not signed in."""

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import Scope
from accounts.tokens import make_token
from cancellations.models import (
    Announcement,
    Batch,
    BatchItem,
    CancellationRequest,
    CommentTemplate,
    Decision,
    Evidence,
    SavedView,
    Verdict,
)
from exports.models import Export
from shops.models import ConnectAttempt, OutgoingEvent, Role
from tests.cancellations.views.pages import picture
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    member,
)
from truth.models import Disagreement
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db

# Each shows what its reader may see.
PERSONAL = {
    "cancellations:queue", "cancellations:announcements", "cancellations:batches", "cancellations:views",
    "cancellations:record", "cancellations:audit", "orders:list", "shops:list", "accounts:profile",
    "accounts:tokens", "accounts:new_token", "webhooks:list", "webhooks:new",
    "cancellations:health", "exports:exports", "gate:gate", "gate:to_pull", "truth:list", "safety:notices",
}  # fmt: skip
READ = {
    "cancellations:cancellation", "cancellations:decision", "cancellations:evidence", "cancellations:items_offer",
    "cancellations:thumbnail", "cancellations:next", "cancellations:order_history", "orders:order", "shops:shop",
    "shops:runs", "shops:rules", "shops:pushes", "cancellations:shop_health", "truth:disagreement", "safety:shop",
}  # fmt: skip
WRITE = {
    "shops:renew", "shops:renew_sign_in", "cancellations:disconnect",
    "shops:register_pushes", "shops:remove_pushes",
    "cancellations:approve", "cancellations:reject", "cancellations:ship", "cancellations:undo",
    "cancellations:ask_again", "cancellations:set_aside", "cancellations:cancel_items", "cancellations:afterwards",
    "cancellations:countersign", "cancellations:decline",
    "shops:members", "shops:member", "shops:remove_member",
    "cancellations:record_request", "cancellations:close", "cancellations:handle", "shops:sync",
    "cancellations:claim", "cancellations:take_over", "cancellations:let_go", "cancellations:assign",
    "cancellations:note", "cancellations:add_evidence", "cancellations:templates", "cancellations:template",
    "cancellations:delete_template", "gate:pulled", "truth:repair", "truth:check",
    "safety:net", "safety:switch_off", "safety:ladder", "safety:chat", "safety:test",
}  # fmt: skip
# About no shop that is here yet: tried in tests/shops/test_views_connect.
CONNECTING = {
    "shops:connect", "shops:app", "shops:ask", "shops:sign_in", "shops:consent_back", "shops:attempt",
}  # fmt: skip
# Nobody's but one person's.
OWN = {
    "shops:choose", "shops:again",
    "cancellations:remove_evidence", "cancellations:batch", "cancellations:take_back_batch",
    "cancellations:try_batch_again", "cancellations:view", "cancellations:delete_view",
    "accounts:end_token",
    "webhooks:endpoint", "webhooks:change", "webhooks:remove", "webhooks:delivery",
    "exports:file", "exports:remove",
}  # fmt: skip
ONLY_GET = {"exports:file"}
ONLY_POST = {
    "truth:repair", "truth:check",
    "safety:switch_off", "safety:chat", "safety:test",
    "exports:remove",
    "gate:pulled",
    "shops:renew", "shops:choose", "shops:again",
    "shops:remove_pushes", "shops:register_pushes",
    "shops:member", "shops:remove_member",
    "cancellations:countersign", "cancellations:decline",
    "cancellations:undo", "cancellations:ask_again", "cancellations:set_aside", "cancellations:afterwards",
    "cancellations:close", "cancellations:handle", "shops:sync", "cancellations:claim", "cancellations:take_over",
    "cancellations:let_go", "cancellations:assign", "cancellations:note", "cancellations:add_evidence",
    "cancellations:remove_evidence", "cancellations:take_back_batch", "cancellations:try_batch_again",
    "cancellations:delete_view", "cancellations:delete_template",
}  # fmt: skip


@pytest.fixture
def addresses() -> dict[str, str]:
    """Every address, of rows that belong to one shop."""
    order = OrderFactory()
    LineItemFactory(order=order)
    cancellation = CancellationFactory(order=order)
    CancellationLineFactory(cancellation=cancellation)
    decision = DecisionFactory(
        cancellation=cancellation,
        verdict=Verdict.REJECT,
        state=Decision.State.STALLED,
        stalled_because="outcome_unknown",
    )
    image = Evidence(decision=decision, mime_type="image/png", original_name="proof.png")
    image.image.save("proof.png", ContentFile(picture().read(), "proof.png"), save=True)
    uploader = member(Role.MANAGER, order.shop)
    draft = Evidence(cancellation=cancellation, uploaded_by=uploader, sha256="1")
    draft.image.save("draft.png", ContentFile(picture().read(), "proof.png"), save=True)
    announcement = Announcement.objects.create(
        shop=order.shop, order=order, marketplace_id="1", title="Asked for", is_cancellation=True,
        announced_at=timezone.now(),
    )  # fmt: skip
    attempt = ConnectAttempt.objects.create(user=uploader, marketplace="crux_timp", state="held", options={})
    batch = Batch.objects.create(verdict=Verdict.APPROVE, made_by=uploader, started_at=timezone.now())
    BatchItem.objects.create(batch=batch, cancellation=cancellation)
    view = SavedView.objects.create(owner=uploader, name="Mugs", query="q=mug")
    export = Export.objects.create(made_by=uploader, kind="requests", format="csv", shops=[order.shop.pk])
    kept = CommentTemplate.objects.create(shop=order.shop, name="Packed", text="It is packed.")
    endpoint = Endpoint.objects.create(owner=uploader, name="ERP", url="https://erp.example/", secret="whsec_x")
    event = OutgoingEvent.objects.create(event_id="evt_1", shop=order.shop, type="shop.connected", about="shop:1")
    delivery = Delivery.objects.create(endpoint=endpoint, event=event, about=event.about)
    disagreement = Disagreement.objects.create(
        shop=order.shop, kind="stuck", about="decision:1", decision=decision, found_at=timezone.now()
    )
    pks = {
        **dict.fromkeys(["endpoint", "change", "remove"], endpoint.pk),
        "delivery": delivery.pk,
        **dict.fromkeys(["cancellation", "next", "approve", "reject", "ship", "close"], cancellation.pk),
        **dict.fromkeys(["claim", "take_over", "let_go", "assign", "note"], cancellation.pk),
        **dict.fromkeys(["decision", "undo", "ask_again", "set_aside", "countersign", "decline"], decision.pk),
        **dict.fromkeys(["cancel_items", "afterwards", "items_offer", "order", "record_request"], order.pk),
        **dict.fromkeys(["order_history", "pulled"], order.pk),
        "templates": order.shop.pk,
        **dict.fromkeys(["template", "delete_template"], kept.pk),
        **dict.fromkeys(["pushes", "register_pushes", "remove_pushes"], order.shop.pk),
        **dict.fromkeys(["shop", "runs", "rules", "sync", "shop_health"], order.shop.pk),
        **dict.fromkeys(["evidence", "thumbnail"], image.pk),
        "add_evidence": cancellation.pk,
        "remove_evidence": draft.pk,
        "handle": announcement.pk,
        **dict.fromkeys(["batch", "take_back_batch", "try_batch_again"], batch.pk),
        **dict.fromkeys(["view", "delete_view"], view.pk),
        "members": order.shop.pk,
        **dict.fromkeys(["member", "remove_member"], uploader.memberships.get().pk),
        "end_token": make_token(uploader, Scope.READ, 1)[0].begins_with,
        **dict.fromkeys(["renew", "renew_sign_in", "disconnect"], order.shop.pk),
        **dict.fromkeys(["choose", "again"], attempt.pk),
        **dict.fromkeys(["exports:file", "exports:remove"], export.pk),
        **dict.fromkeys(["disagreement", "repair"], disagreement.pk),
        "check": order.shop.pk,
        **dict.fromkeys(["net", "switch_off", "ladder", "chat", "test"], order.shop.pk),
    }
    pks = {name: pks.get(name) or pks[name.partition(":")[2]] for name in READ | WRITE | OWN}
    return {name: reverse(name, args=[pk]) for name, pk in pks.items()}


APPS = {"accounts", "cancellations", "exports", "gate", "orders", "shops", "truth", "webhooks", "safety"}


def names_of(resolver: URLResolver, app: str = "") -> set[str]:
    names = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver) and pattern.app_name in APPS:
            names |= names_of(pattern, str(pattern.app_name))
        elif isinstance(pattern, URLPattern) and app and pattern.name:
            names.add(f"{app}:{pattern.name}")
    return names


def test_every_address_of_the_screens_is_in_this_matrix() -> None:
    assert names_of(get_resolver()) == PERSONAL | READ | WRITE | OWN | CONNECTING | {
        "cancellations:webhook",  # which is tried with pushes
        "exports:new",  # of no row: tried in tests/exports
        "safety:all_shops",
        "safety:chat_of_all",
        "safety:read_notices",  # likewise: tried in tests/safety
    }


@pytest.mark.parametrize("name", sorted(READ | WRITE | OWN))
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_finds_nothing(client: Client, addresses: dict[str, str], name: str, method: str) -> None:
    client.force_login(member(Role.MANAGER, ShopFactory()))
    answer = getattr(client, method)(addresses[name])
    wrong_method = (name in ONLY_POST and method == "get") or (name in READ | ONLY_GET and method == "post")
    assert answer.status_code == (405 if wrong_method else 404)


@pytest.mark.parametrize("name", sorted(READ))
def test_a_viewer_reads(client: Client, addresses: dict[str, str], name: str) -> None:
    person = member(Role.VIEWER)
    person.memberships.create(shop=Decision.objects.get().shop, role=Role.VIEWER)
    client.force_login(person)
    answer = client.get(addresses[name], follow=True)
    answer.close()  # an image comes as an open file
    assert answer.status_code == 200


@pytest.mark.parametrize("name", sorted(WRITE))
def test_a_viewer_changes_nothing_and_is_told_why(client: Client, addresses: dict[str, str], name: str) -> None:
    decision = Decision.objects.get()
    person = member(Role.VIEWER, decision.shop)
    client.force_login(person)
    answer = client.post(addresses[name], {"note": "I looked."})
    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()
    decision.refresh_from_db()
    assert (Decision.objects.count(), decision.state) == (1, Decision.State.STALLED)
    assert CancellationRequest.objects.get().needs_answer
    assert Announcement.objects.waiting().exists()


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_managers_colleague_finds_nothing_of_what_is_the_managers_own(
    client: Client, addresses: dict[str, str], name: str
) -> None:
    client.force_login(member(Role.MANAGER, Decision.objects.get().shop))
    method = client.get if name in ONLY_GET else client.post
    assert method(addresses[name]).status_code == 404
    assert Export.objects.get().is_unfinished
    assert Evidence.objects.filter(decision=None).exists()
    assert BatchItem.objects.get().state == BatchItem.State.WAITING


@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_every_list_is_empty_for_somebody_without_shops(client: Client, addresses: dict[str, str], name: str) -> None:
    client.force_login(member(Role.VIEWER))
    answer = client.get(reverse(name))
    assert answer.status_code == 200
    assert Decision.objects.get().order_label not in answer.content.decode()
    assert Announcement.objects.get().title not in answer.content.decode()


@pytest.mark.parametrize("name", sorted(PERSONAL | READ | WRITE | OWN))
def test_nobody_gets_in_without_signing_in(client: Client, addresses: dict[str, str], name: str) -> None:
    address = addresses.get(name) or reverse(name)
    for answer in (client.get(address), client.post(address)):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_login"))


def test_a_page_that_is_no_address_is_not_come_back_to(client: Client, addresses: dict[str, str]) -> None:
    answer = client.get(
        addresses["cancellations:decision"], headers={"HX-Request": "true", "HX-Current-URL": "http://["}
    )
    assert answer["HX-Redirect"] == f"{reverse('account_login')}?next=%2F"


def test_somebody_signed_out_signs_in_on_a_whole_page(client: Client, addresses: dict[str, str]) -> None:
    answer = client.get(
        addresses["cancellations:decision"],
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/cancellations/1/"},
    )
    assert answer["HX-Redirect"] == f"{reverse('account_login')}?next=%2Fcancellations%2F1%2F"
