"""The whole admin: every model, every page, no secret, nothing to edit that has another writer."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, IdempotencyKey, Scope, User
from accounts.tokens import make_token
from audit import log
from cancellations.models import (
    Announcement,
    Attempt,
    Batch,
    BatchItem,
    CancellationRequest,
    Claim,
    CommentTemplate,
    Decision,
    DecisionLine,
    Event,
    Note,
    PushedNotification,
    SavedView,
)
from config.admin import BoundedPaginator
from exports.models import Export
from gate.models import PullTask
from orders.models import CancelledLine, LineItem, Order
from safety.models import Catch, ChatAddress, Rung, SafetyNet, Telling
from shops import drift
from shops.models import (
    App,
    AuthorizationNotice,
    ConnectAttempt,
    Connection,
    Membership,
    MoneyCap,
    OutgoingEvent,
    Role,
    Shop,
    ShopGroup,
    SyncCursor,
    SyncRun,
)
from tests.config.test_api import SECRETS, cancellation  # noqa: F401 - the same row with everything on it
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    UserFactory,
    at,
    member,
)
from truth.models import Check, Disagreement
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db
OURS = ("accounts", "audit", "shops", "orders", "cancellations", "exports", "gate", "truth", "webhooks", "safety")
WRITTEN_ELSEWHERE = [
    "orders.order", "orders.lineitem", "orders.package", "cancellations.cancellationrequest",
    "cancellations.cancellationline", "cancellations.decision", "cancellations.decisionline", "cancellations.attempt",
    "cancellations.evidence", "cancellations.event", "cancellations.pushednotification", "cancellations.announcement",
    "cancellations.batch", "cancellations.batchitem", "shops.syncrun", "shops.synccursor", "shops.drift",
    "shops.pushregistration", "shops.alert", "shops.outgoingevent", "orders.cancelledline", "gate.pulltask",
    "truth.check", "truth.disagreement",
    "audit.entry", "admin.logentry", "shops.connectattempt", "shops.authorizationnotice", "accounts.idempotencykey",
    "exports.export", "webhooks.endpoint", "webhooks.delivery", "safety.safetynet", "safety.catch", "safety.rung",
    "safety.chataddress", "safety.telling",
]  # fmt: skip


@pytest.fixture
def everything(cancellation: CancellationRequest) -> CancellationRequest:  # noqa: F811
    """At least one row of every model."""
    decision = cancellation.decisions.get()
    line = LineItem.objects.get()
    DecisionLine.objects.create(decision=decision, line_item=line)
    Event.objects.create(shop=cancellation.shop, cancellation=cancellation, decision=decision, name="decision.recorded")
    PushedNotification.objects.create(
        shop=cancellation.shop, notification_id="n1", topic="order", sent_at=at("2026-11-20 12:00")
    )
    SyncCursor.objects.create(shop=cancellation.shop, kind="orders", page_token="next")
    drift.note(cancellation.shop_id, {"order.status: NEW"})
    cancellation.shop.push_registrations.create(topic="order", address="https://countermand.example/")
    cancellation.shop.alerts.create(kind="pushes_missing", detail={"count": 3})
    CommentTemplate.objects.create(shop=cancellation.shop, name="Packed", text="It is packed.")
    BatchItem.objects.create(
        batch=Batch.objects.create(verdict="approve", made_by=UserFactory()), cancellation=cancellation
    )
    SavedView.objects.create(owner=UserFactory(), name="Mugs", query="q=mug")
    app = App.objects.create(marketplace="tiktok_shop", audience="us", app_key="app-key", app_secret=SECRETS[0])
    ConnectAttempt.objects.create(
        user=UserFactory(), marketplace="tiktok_shop", app=app, state="working", code=SECRETS[1], options={}
    )
    AuthorizationNotice.objects.create(connection=Connection.objects.all()[0], ends_at=at("2026-12-20 12:00"), days=30)
    event = OutgoingEvent.objects.create(event_id="evt_1", shop=cancellation.shop, type="order", about="order:1")
    endpoint = Endpoint.objects.create(
        owner=UserFactory(), name="ERP", url=f"https://erp.example/{SECRETS[0]}", secret=SECRETS[1]
    )
    Delivery.objects.create(endpoint=endpoint, event=event, about=event.about)
    CancelledLine.objects.create(
        shop=cancellation.shop, order=line.order, line_item=line, quantity=1, cancelled_in_all=1, currency="GBP",
        was_shipped=False, was_paid=True, is_told=True, cancelled_at=at("2026-11-20 12:00"),
    )  # fmt: skip
    group = ShopGroup.objects.create(name="Mugs and more")
    Membership.objects.create(user=UserFactory(), group=group, role=Role.AGENT, permissions=["approve"])
    MoneyCap.objects.create(role=Role.AGENT, currency="USD", amount=100)
    Export.objects.create(made_by=UserFactory(), kind="audit", format="csv", shops=[cancellation.shop_id])
    PullTask.objects.create(
        order=line.order, cancellation=cancellation, reason="cancelled", done_by=UserFactory(), out={"1": 1}
    )
    Check.objects.create(shop=cancellation.shop)
    log.write("cancellation.assigned", about=cancellation, actor=decision.made_by)
    shop, person = cancellation.shop, UserFactory()
    SafetyNet.objects.create(shop=shop, set_by=person)
    Catch.objects.create(
        cancellation=cancellation, deadline=at("2026-11-20 12:00"), decision=decision, minutes=30, set_by=person
    )
    Rung.objects.create(shop=shop, minutes=30, who="agents", channel="email")
    ChatAddress.objects.create(shop=shop, url=f"https://chat.example/{SECRETS[0]}", set_by=person)
    Telling.objects.create(shop=shop, step="test:1", why="test", channel="email", person=person)
    IdempotencyKey.objects.create(user=UserFactory(), key="order-4711", leased_until=at("2026-11-20 12:00"))
    return cancellation


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True, password="a word nobody else has"))
    return client


def pages() -> Iterator[str]:
    """Every page of the admin that a GET can reach."""
    yield reverse("admin:index")
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse("admin:app_list", args=[model._meta.app_label])
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_changelist") + "?q=a"
        yield reverse(f"{name}_add")
        if model is ApiToken:
            for user, key in ApiToken._default_manager.values_list("user", "token_key"):
                yield reverse("admin:accounts_apitoken_end", args=[user, key[:8]])
            continue
        for pk in model._default_manager.values_list("pk", flat=True)[:3]:
            for kind in ("change", "history", "delete"):
                yield reverse(f"{name}_{kind}", args=[pk])
        if model is User:
            for person in User.objects.all():
                yield reverse("admin:auth_user_password_change", args=[person.pk])
        if model_admin.search_fields:
            yield (
                reverse("admin:autocomplete")
                + f"?app_label={model._meta.app_label}&model_name={model._meta.model_name}"
            )


def test_every_model_of_ours_is_registered() -> None:
    missing = {
        model._meta.label
        for model in apps.get_models()
        if model._meta.app_label in (*OURS, "knox") and not admin.site.is_registered(model)
    }
    assert not missing


def test_every_page_opens_and_none_holds_a_secret(everything: CancellationRequest, root: Client) -> None:
    row, token = make_token(UserFactory(), Scope.ADMIN, 1)
    hashes = list(User.objects.values_list("password", flat=True))
    forbidden = [*SECRETS, token, row.digest, row.token_key, *hashes, *(one.rpartition("$")[2] for one in hashes)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_secret FROM shops_connection")
        stored = [raw for (raw,) in cursor.fetchall()]
    seen = 0
    for page in pages():
        answer = root.get(page, follow=True)
        assert answer.status_code in (200, 403), page
        words = answer.content.decode()
        assert not [secret for secret in (*forbidden, *stored) if secret in words], page
        seen += answer.status_code == 200
    assert seen > 60


def test_secrets_are_told_as_stored_or_empty_and_never_read(everything: CancellationRequest, root: Client) -> None:
    Connection.objects.update(refresh_token="")
    page = root.get(reverse("admin:shops_connection_change", args=[everything.shop.connection_id])).content.decode()
    assert re.findall(r'<div class="readonly">(stored|empty)</div>', page) == ["stored", "stored", "empty"]
    # A key that no longer opens what is stored ends pages that read it, and these do not.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shops_connection SET app_secret = 'gAAAA-not-ours'")
        cursor.execute("UPDATE shops_shop SET cipher = 'gAAAA-not-ours'")
    for page in pages():
        if "/shops/" in page or "/orders/" in page:
            assert root.get(page).status_code in (200, 302, 403), page


def test_a_secret_is_replaced_without_being_shown_or_logged(everything: CancellationRequest, root: Client) -> None:
    shop_connection = everything.shop.connection
    Connection.objects.update(state="reconnect", problem="expired")
    address = reverse("admin:shops_connection_change", args=[shop_connection.pk])
    form = {
        "app_key": "app-key", "api_url": "", "auth_url": "", "new_app_secret": "mended-app-secret",
        "new_access_token": "", "new_refresh_token": "mended-token", **management_form("shops"),
    }  # fmt: skip
    answer = root.post(address, form)
    assert answer.status_code == 302, answer.context["errors"]
    shop_connection.refresh_from_db()
    assert shop_connection.app_secret == "mended-app-secret"
    assert shop_connection.access_token == SECRETS[1]
    assert shop_connection.refresh_token == "mended-token"
    assert (shop_connection.state, shop_connection.problem) == ("connected", "")
    log = LogEntry.objects.get()
    for words in (log.change_message, log.object_repr, str(log), root.get(address).content.decode()):
        assert "mended" not in words
    wrong = root.post(address, {**form, "app_key": ""})
    assert wrong.status_code == 200
    assert "mended" not in wrong.content.decode()


def test_saving_a_shop_writes_nothing_but_what_was_changed(everything: CancellationRequest, root: Client) -> None:
    shop = everything.shop
    Shop.objects.update(next_pull_at=at("2030-01-01"), wants_full_pull=True)
    form = {
        "is_active": "on", "allows_reject": "on", "time_zone": "Europe/London", "new_cipher": "",
        **management_form("memberships", Membership.objects.filter(shop=shop)),
    }  # fmt: skip
    answer = root.post(reverse("admin:shops_shop_change", args=[shop.pk]), form)
    assert answer.status_code == 302, answer.context["errors"]
    shop.refresh_from_db()
    assert shop.allows_reject is True
    assert shop.cipher == SECRETS[3]
    assert shop.next_pull_at == at("2030-01-01")


def management_form(prefix: str, rows: Any = ()) -> dict[str, Any]:
    fields = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": len(rows)}
    for number, row in enumerate(rows):
        fields |= {
            f"{prefix}-{number}-id": row.pk,
            f"{prefix}-{number}-shop": row.shop_id,
            f"{prefix}-{number}-user": row.user_id,
            f"{prefix}-{number}-role": row.role,
        }
    return fields


@pytest.mark.parametrize("label", WRITTEN_ELSEWHERE)
def test_what_has_another_writer_is_read_only_even_for_a_superuser(
    everything: CancellationRequest, root: Client, label: str
) -> None:
    model = apps.get_model(label)
    if label == "admin.logentry":
        LogEntry.objects.create(user=User.objects.get(is_superuser=True), action_flag=1, object_repr="x")
    name = f"admin:{label.replace('.', '_')}"
    row = model._default_manager.first()
    before = list(model._default_manager.values())
    assert root.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
    for address in (
        reverse(f"{name}_add"),
        reverse(f"{name}_change", args=[row.pk]),
        reverse(f"{name}_delete", args=[row.pk]),
    ):
        assert root.post(address, {"post": "yes", "state": "confirmed", "verdict": "reject"}).status_code == 403
    root.post(reverse(f"{name}_changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert list(model._default_manager.values()) == before


def test_shops_connections_and_people_are_not_deleted_here(everything: CancellationRequest, root: Client) -> None:
    for name, pk in (
        ("shops_shop", everything.shop_id),
        ("shops_connection", everything.shop.connection_id),
        ("accounts_user", User.objects.all()[0].pk),
    ):
        assert root.post(reverse(f"admin:{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403


# --- support staff who are no superusers ----------------------------------------------------------------------------


@pytest.fixture
def support(everything: CancellationRequest) -> Client:
    """Staff with every permission Django knows, and a member of a shop of their own alone."""
    person = member(Role.MANAGER, ShopFactory(name="Own shop"), is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(person)
    return client


def test_support_sees_rows_of_its_own_shops_alone(everything: CancellationRequest, support: Client) -> None:
    shops = support.get(reverse("admin:shops_shop_changelist")).content.decode()
    assert "Own shop" in shops
    assert everything.shop.name not in shops
    for label in WRITTEN_ELSEWHERE[:-13]:  # the logs, and what opens doors, are for superusers
        name = f"admin:{label.replace('.', '_')}"
        row = apps.get_model(label)._default_manager.first()
        listed = support.get(reverse(f"{name}_changelist"))
        assert listed.context["cl"].result_count == 0, label
        assert everything.shop.name not in listed.content.decode(), label
        assert support.get(reverse(f"{name}_change", args=[row.pk])).status_code == 302, label


@pytest.mark.parametrize(
    "name",
    [
        "accounts_user",
        "accounts_apitoken",
        "accounts_idempotencykey",
        "shops_membership",
        "shops_connection",
        "audit_entry",
        "admin_logentry",
        "exports_export",
    ],
)
def test_what_opens_doors_is_for_superusers(support: Client, name: str) -> None:
    for page in ("changelist", "add"):
        assert support.get(reverse(f"admin:{name}_{page}")).status_code == 403


def test_support_is_not_offered_to_replace_secrets_nor_to_make_members(support: Client) -> None:
    own = Shop.objects.get(name="Own shop")
    page = support.get(reverse("admin:shops_shop_change", args=[own.pk])).content.decode()
    assert "allows_reject" in page
    assert "new_cipher" not in page
    assert "memberships-0" not in page
    support.post(
        reverse("admin:shops_shop_change", args=[own.pk]),
        {"is_active": "on", "time_zone": "UTC", "new_cipher": "mine-now", **management_form("memberships")},
    )
    own.refresh_from_db()
    assert own.time_zone == "UTC"
    assert own.cipher != "mine-now"


def test_a_viewer_of_a_shop_does_not_change_it_in_the_admin(everything: CancellationRequest) -> None:
    person = member(Role.VIEWER, everything.shop, is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(person)
    address = reverse("admin:shops_shop_change", args=[everything.shop_id])
    assert client.get(address).status_code == 200
    assert client.post(address, {"is_active": ""}).status_code == 403
    client.post(
        reverse("admin:shops_shop_changelist"), {"action": "pull_now", "_selected_action": [everything.shop_id]}
    )


def test_nobody_enters_the_admin_without_being_staff(client: Client) -> None:
    client.force_login(UserFactory())
    assert client.get(reverse("admin:index"), follow=True).status_code == 403
    assert client.get(reverse("admin:login")).status_code == 403
    signed_out = Client().get(reverse("admin:index"), follow=True)
    assert signed_out.resolver_match.view_name == "account_login"


def test_staff_who_had_to_sign_in_first_come_to_the_admin(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True))
    assert client.get(reverse("admin:login") + "?next=/admin/", follow=True).request["PATH_INFO"] == "/admin/"


# --- what can be done -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "full"), [("pull_now", False), ("pull_everything", True)])
def test_shops_are_pulled_by_an_action(root: Client, action: str, full: bool) -> None:
    shops = [ShopFactory(next_pull_at=at("2030-01-01")) for _ in range(2)]
    answer = root.post(
        reverse("admin:shops_shop_changelist"),
        {"action": action, "_selected_action": [shop.pk for shop in shops]},
        follow=True,
    )
    assert "2 shops are pulled within seconds." in answer.content.decode()
    assert not Shop.objects.filter(next_pull_at=at("2030-01-01")).exists()
    assert set(Shop.objects.values_list("wants_full_pull", flat=True)) == {full}


def test_decisions_are_taken_back_and_asked_about_by_the_verbs_of_staff(root: Client) -> None:
    recorded, sent = DecisionFactory(), DecisionFactory(state="sending")
    stalled = DecisionFactory(state="stalled", stalled_because="outcome_unknown")
    everyone = [recorded.pk, sent.pk, stalled.pk]
    address = reverse("admin:cancellations_decision_changelist")
    page = root.post(address, {"action": "withdraw", "_selected_action": everyone}, follow=True).content.decode()
    assert "Too late to take it back" in page
    root.post(address, {"action": "ask_again", "_selected_action": everyone})
    assert {one.pk: one.state for one in Decision.objects.all()} == {
        recorded.pk: "withdrawn", sent.pk: "sending", stalled.pk: "sending",
    }  # fmt: skip
    assert set(Event.objects.values_list("name", flat=True)) == {"decision.withdrawn", "decision.asked_again"}


def test_the_us_notice_stands_beside_the_switch_that_goes_against_it(root: Client) -> None:
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
    page = root.get(reverse("admin:shops_shop_change", args=[shop.pk])).content.decode()
    rules = page[page.index("notice-of-market") : page.index("wants_full_pull")]
    assert "us-only-order-cancellation-workflow-updates" in rules
    assert "March 31, 2024" in rules
    assert "allows_reject" in rules


# --- API tokens -----------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_works(root: Client, client: Client) -> None:
    person = member(Role.VIEWER, ShopFactory())
    made = root.post(
        reverse("admin:accounts_apitoken_add"), {"user": person.pk, "days": 30, "name": "ERP", "scope": "read"}
    )
    [token] = re.findall(r"<code>([0-9a-f]{64})</code>", made.content.decode())
    assert "no-store" in made.headers["Cache-Control"]
    assert client.get("/api/v1/shops/", headers={"Authorization": f"Token {token}"}).status_code == 200
    row = ApiToken.objects.get()
    listed = root.get(reverse("admin:accounts_apitoken_changelist")).content.decode()
    assert token[:8] in listed
    for secret in (token, token[:15], row.digest):
        assert secret not in listed
        assert secret not in "".join(LogEntry.objects.values_list("object_repr", flat=True))
        assert secret not in root.get(reverse("admin:index")).content.decode()
    assert LogEntry.objects.get().object_repr == f"{token[:8]}… ({person.email})"


def test_a_token_is_ended_after_a_question(root: Client, client: Client) -> None:
    row, token = make_token(UserFactory(), Scope.ADMIN, 1)
    address = reverse("admin:accounts_apitoken_end", args=[row.user_id, row.token_key[:8]])
    assert root.get(address).status_code == 200
    assert ApiToken.objects.exists()
    assert root.post(address).status_code == 302
    assert client.get("/api/v1/shops/", headers={"Authorization": f"Token {token}"}).status_code == 401
    assert root.post(address).status_code == 404


@pytest.mark.parametrize("days", ["", "0", "-1", "many", "4000"])
def test_a_token_has_an_end(root: Client, days: str) -> None:
    assert (
        root.post(
            reverse("admin:accounts_apitoken_add"),
            {"user": UserFactory().pk, "name": "ERP", "scope": "read", "days": days},
        ).status_code
        == 200
    )
    assert not ApiToken.objects.exists()


# --- a million rows -------------------------------------------------------------------------------------------------


def test_lists_cost_the_same_queries_for_one_row_as_for_many(root: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(12):
        order = OrderFactory(shop=ShopFactory())
        line = LineItemFactory(order=order)
        PackageFactory(order=order)
        cancellation = CancellationFactory(order=order)  # noqa: F811
        CancellationLineFactory(cancellation=cancellation)
        decision = DecisionFactory(cancellation=cancellation)
        assert decision.made_by
        DecisionLine.objects.create(decision=decision, line_item=line)
        Attempt.objects.create(decision=decision, number=1, purpose="send")
        Event.objects.create(shop=order.shop, order=order, decision=decision, name="x", actor=decision.made_by)
        CancellationRequest.objects.filter(pk=cancellation.pk).update(recorded_by=decision.made_by)
        Announcement.objects.create(
            shop=order.shop, order=order, cancellation=cancellation, handled_by=decision.made_by, title="x",
            marketplace_id="a-1", announced_at=at("2026-11-20 12:00"),
        )  # fmt: skip
        Claim.objects.create(cancellation=cancellation, user=decision.made_by, until=at("2026-11-20 12:00"))
        Note.objects.create(cancellation=cancellation, author=decision.made_by, text="x")
        SavedView.objects.create(owner=decision.made_by, name="Mugs", query="q=mug")
        CommentTemplate.objects.create(shop=order.shop, name="Packed", text="It is packed.")
        first = Batch.objects.create(verdict="approve", made_by=decision.made_by)
        batch = Batch.objects.create(verdict="approve", made_by=decision.made_by, retry_of=first)
        BatchItem.objects.create(batch=batch, cancellation=cancellation, decision=decision, state="decided")
        app = App.objects.create(marketplace="tiktok_shop", audience=f"sellers-{number}")
        ConnectAttempt.objects.create(user=decision.made_by, marketplace="tiktok_shop", app=app, state="working")
        ends_at = at("2026-12-20 12:00")
        AuthorizationNotice.objects.create(connection=order.shop.connection, ends_at=ends_at, days=30)
        SyncRun.objects.create(shop=order.shop, kind="orders")
        SyncCursor.objects.create(shop=order.shop, kind="orders")
        drift.note(order.shop_id, {"order.status: NEW"})
        order.shop.push_registrations.create(topic="order")
        order.shop.alerts.create(kind="pushes_missing", detail={"count": 3})
        told = OutgoingEvent.objects.create(event_id=f"evt_{number}", shop=order.shop, type="order", about="order:1")
        endpoint = Endpoint.objects.create(owner=decision.made_by, name="ERP", url="https://e.example", secret="x")
        Delivery.objects.create(endpoint=endpoint, event=told, about=told.about)
        CancelledLine.objects.create(
            shop=order.shop, order=order, line_item=line, quantity=1, cancelled_in_all=1, currency="GBP",
            was_shipped=False, was_paid=True, is_told=True, cancelled_at=at("2026-11-20 12:00"),
        )  # fmt: skip
        PullTask.objects.create(order=order, cancellation=decision.cancellation, done_by=decision.made_by)
        Check.objects.create(shop=order.shop)
        Disagreement.objects.create(shop=order.shop, kind="stuck", about=f"decision:{decision.pk}", decision=decision)
        member(Role.AGENT, order.shop)
        make_token(decision.made_by, Scope.READ, 1, made_by=decision.made_by, shops=[order.shop])
        IdempotencyKey.objects.create(user=decision.made_by, key="order-4711", leased_until=ends_at)
        ShopGroup.objects.create(name=f"Group {order.pk}")
        MoneyCap.objects.create(role=Role.AGENT, currency=f"X{number:02}", amount=1)
        Export.objects.create(made_by=decision.made_by, kind="audit", format="csv")
        SafetyNet.objects.create(shop=order.shop, set_by=decision.made_by)
        Catch.objects.create(
            cancellation=cancellation, deadline=ends_at, decision=decision, minutes=30, set_by=decision.made_by
        )
        Rung.objects.create(shop=order.shop, minutes=30, who="person", person=decision.made_by, channel="email")
        ChatAddress.objects.create(shop=order.shop, url="https://chat.example/", set_by=decision.made_by)
        Telling.objects.create(
            shop=order.shop, step="net", why="net", channel="email", person=decision.made_by,
            cancellation=cancellation, deadline=ends_at,
        )  # fmt: skip
        log.write("order.read", about=order, actor=decision.made_by)
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label in OURS:
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            with django_assert_max_num_queries(7):
                answer = root.get(address)
            assert answer.context["cl"].result_count or model._meta.model_name in ("evidence", "pushednotification")
            assert model_admin is not None


def test_large_tables_are_searched_by_their_indexes_alone() -> None:
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label in ("orders", "cancellations"):
            searched = [field for field in model_admin.search_fields if model is not Decision]
            assert all(field.endswith(("__startswith", "__exact")) for field in searched), model
            assert model_admin.show_full_result_count is False
            assert model_admin.paginator is BoundedPaginator


def test_an_order_is_found_by_the_beginning_of_its_id_and_a_decision_by_that_of_its_request(root: Client) -> None:
    decision = DecisionFactory()
    DecisionFactory()
    assert decision.order
    assert decision.cancellation
    for name, text in (
        ("orders_order", decision.order.marketplace_id),
        ("cancellations_decision", decision.cancellation.marketplace_id),
        ("cancellations_decision", decision.order.marketplace_id),
        ("cancellations_cancellationrequest", decision.order.marketplace_id),
    ):
        page = root.get(reverse(f"admin:{name}_changelist"), {"q": text})
        assert page.context["cl"].result_count == 1, name


def test_orders_and_requests_are_found_by_the_number_that_people_call_them_by(root: Client) -> None:
    order = OrderFactory(number="NG-104417", tracking_number="1Z999")
    CancellationFactory(order=order, order_number=order.number)
    CancellationFactory(order=OrderFactory(number="NG-204417"), order_number="NG-204417")
    for name, text in (
        ("orders_order", "NG-1044"),
        ("orders_order", " 1Z999 "),
        ("cancellations_cancellationrequest", "NG-1044"),
    ):
        page = root.get(reverse(f"admin:{name}_changelist"), {"q": text})
        assert page.context["cl"].result_count == 1, name


def test_a_null_character_in_an_address_is_a_400_on_every_page(everything: CancellationRequest, root: Client) -> None:
    seen = set()
    for page in pages():
        for query in ("q=%00", "shop=a%00b", "%00=1"):
            seen.add(root.get(page + ("&" if "?" in page else "?") + query).status_code)
    assert seen == {400}


def test_one_from_somebody_who_is_not_signed_in_leads_to_the_sign_in(client: Client) -> None:
    assert client.get(reverse("admin:orders_order_changelist") + "?q=%00").status_code == 302


def test_a_list_is_narrowed_to_a_shop(root: Client) -> None:
    one, _other = OrderFactory(), OrderFactory()
    address = reverse("admin:orders_order_changelist")
    assert root.get(address, {"shop": one.shop_id}).context["cl"].result_count == 1
    assert root.get(address, {"shop": "nonsense"}, follow=True).status_code == 200


def test_counting_ends_where_nobody_pages_any_more(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedPaginator, "MOST", 3)
    for _ in range(5):
        OrderFactory()
    assert BoundedPaginator(Order.objects.order_by("-created_at"), 2).count == 3
