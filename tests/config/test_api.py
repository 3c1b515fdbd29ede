"""What holds for every address of the API: who is let in, who sees what, how problems look."""

import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone
from PIL import Image
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import ApiToken, Scope, User
from accounts.tokens import make_token
from cancellations.models import Announcement, Attempt, Batch, BatchItem, CancellationRequest, Decision, Evidence
from orders.models import Order
from shops.models import Role, Shop, SyncRun
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

pytestmark = pytest.mark.django_db
SECRETS = ("planted-app-secret", "planted-access", "planted-refresh", "planted-cipher")


@pytest.fixture
def cancellation() -> CancellationRequest:
    """A request with all that can hang on it, in a shop whose secrets are known words."""
    cache.clear()
    shop = ShopFactory(
        connection__app_secret=SECRETS[0],
        connection__access_token=SECRETS[1],
        connection__refresh_token=SECRETS[2],
        cipher=SECRETS[3],
    )
    SyncRun.objects.create(shop=shop, kind="orders", state="succeeded")
    order = OrderFactory(shop=shop)
    LineItemFactory(order=order)
    PackageFactory(order=order)
    cancellation = CancellationFactory(order=order)
    CancellationLineFactory(cancellation=cancellation)
    decision = DecisionFactory(
        cancellation=cancellation, state=Decision.State.REFUSED, made_by=member(Role.AGENT, shop)
    )
    Attempt.objects.create(decision=decision, number=1, purpose="send", outcome="refused", code="25020012")
    Evidence(decision=decision, mime_type="image/png", original_name="x.png").image.save("x.png", picture())
    draft = Evidence(cancellation=cancellation, uploaded_by=decision.made_by, mime_type="image/png")
    draft.image.save("draft.png", picture())
    assert decision.made_by
    batch = Batch.objects.create(verdict="approve", made_by=decision.made_by, started_at=timezone.now())
    BatchItem.objects.create(batch=batch, cancellation=cancellation)
    Announcement.objects.create(
        shop=shop, marketplace_id="a-1", title="Order Cancelled", is_cancellation=True, announced_at=timezone.now()
    )
    Disagreement.objects.create(
        shop=shop, kind="done_anyway", about=f"decision:{decision.pk}", decision=decision, order=order,
        found_at=timezone.now(), ours="refused", theirs="approved", amount=12, currency="GBP",
    )  # fmt: skip
    return cancellation


def addresses(cancellation: CancellationRequest) -> dict[str, tuple[str, ...]]:
    """Every address of the API with the methods it has."""
    decision = cancellation.decisions.get()
    announced = f"/api/v1/announcements/{cancellation.shop.announcements.get().pk}/"
    shop, order = f"/api/v1/shops/{cancellation.shop_id}/", f"/api/v1/orders/{cancellation.order_id}/"
    kept = f"/api/v1/evidence/{decision.evidence.get().pk}/"
    batch = f"/api/v1/batches/{Batch.objects.get().pk}/"
    differs = f"/api/v1/disagreements/{Disagreement.objects.get().pk}/"
    request, decided = f"/api/v1/cancellations/{cancellation.pk}/", f"/api/v1/decisions/{decision.pk}/"
    return {
        "/api/v1/shops/": ("get",),
        shop: ("get",),
        f"{shop}rules/": ("get",),
        f"{shop}sync-runs/": ("get",),
        f"{shop}sync/": ("post",),
        "/api/v1/orders/": ("get",),
        order: ("get",),
        f"{order}cancel-options/": ("get",),
        f"{order}eligibility/": ("get",),
        f"{order}refund-preview/": ("post",),
        f"{order}history/": ("get",),
        "/api/v1/cancellations/": ("get", "post"),
        request: ("get",),
        f"{request}close/": ("post",),
        f"{request}reject-reasons/": ("get",),
        f"{request}shipping-options/": ("get",),
        f"{request}comment-templates/": ("get",),
        f"{request}evidence/": ("get", "post"),
        f"{request}notes/": ("get", "post"),
        f"{request}claim/": ("put", "delete"),
        f"{request}assignee/": ("get", "put"),
        f"{request}history/": ("get",),
        kept: ("get", "delete"),
        f"{kept}image/": ("get",),
        "/api/v1/batches/": ("get", "post"),
        batch: ("get",),
        f"{batch}items/": ("get",),
        f"{batch}take-back/": ("post",),
        f"{batch}try-again/": ("post",),
        "/api/v1/decisions/": ("get", "post"),
        "/api/v1/decisions/bulk/": ("post",),
        decided: ("get",),
        f"{decided}withdraw/": ("post",),
        f"{decided}countersign/": ("post",),
        f"{decided}decline/": ("post",),
        f"{decided}ask-again/": ("post",),
        f"{decided}set-aside/": ("post",),
        "/api/v1/announcements/": ("get",),
        announced: ("get",),
        f"{announced}handle/": ("post",),
        "/api/v1/audit/": ("get",),
        "/api/v1/cancelled-lines/": ("get",),
        "/api/v1/health/": ("get",),
        f"{shop}health/": ("get",),
        f"{shop}truth/": ("get", "post"),
        "/api/v1/disagreements/": ("get",),
        differs: ("get",),
        f"{differs}repair/": ("post",),
        f"{shop}safety-net/": ("get", "put"),
        f"{shop}ladder/": ("get", "put"),
        "/api/v1/tellings/": ("get",),
        "/api/v1/exports/": ("get", "post"),
        f"/api/v1/gate/{cancellation.order_id}/": ("get",),
        f"/api/v1/gate/?order={cancellation.order_id}": ("get",),
        "/api/v1/pull-tasks/": ("get",),
        f"/api/v1/pull-tasks/{cancellation.order_id}/done/": ("post",),
    }


def picture() -> "ContentFile[bytes]":
    out = io.BytesIO()
    Image.new("RGB", (120, 120), "teal").save(out, "PNG")
    return ContentFile(out.getvalue(), "x.png")


METHODS = ("get", "post", "put", "patch", "delete")
# Of what is one person's own, with the number of their methods: tried in tests/{webhooks,exports}/test_api.
OWN = {
    "/api/v1/endpoints/": 2, "/api/v1/endpoints/{id}/": 3, "/api/v1/endpoints/{id}/rotate/": 1,
    "/api/v1/endpoints/{id}/pause/": 1, "/api/v1/endpoints/{id}/resume/": 1, "/api/v1/endpoints/{id}/test/": 1,
    "/api/v1/endpoints/{id}/replay-failed/": 1, "/api/v1/deliveries/": 1, "/api/v1/deliveries/{id}/": 1,
    "/api/v1/deliveries/{id}/replay/": 1, "/api/v1/exports/{id}/": 2, "/api/v1/exports/{id}/file/": 1,
}  # fmt: skip


def ask(client: Client, method: str, address: str, body: Any = None) -> Any:
    call: Callable[..., Any] = getattr(client, method)
    if method == "get":
        return call(address)
    return call(address, data=json.dumps(body or {}), content_type="application/json")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_this_list_of_addresses_is_the_whole_api(cancellation: CancellationRequest) -> None:
    from drf_spectacular.generators import SchemaGenerator

    documented = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    known = addresses(cancellation)
    assert len(documented) == len(known) + len(OWN)
    methods = {path: len(set(item) & set(METHODS)) for path, item in documented.items()}
    assert {path: methods[path] for path in OWN} == OWN
    assert sum(methods.values()) == sum(map(len, known.values())) + sum(OWN.values())


def test_nobody_is_let_in_without_a_session_or_a_token(cancellation: CancellationRequest, client: Client) -> None:
    for address in addresses(cancellation):
        for method in METHODS:
            answer = ask(client, method, address)
            assert answer.status_code == 401, f"{method} {address}"
            assert answer.headers["WWW-Authenticate"] == "Token"
            assert answer.headers["Content-Type"] == "application/problem+json"


def test_strangers_get_404_on_everything_of_another_shop_whatever_the_method(cancellation: CancellationRequest) -> None:
    stranger = signed_in(member(Role.MANAGER, ShopFactory()))
    for address, methods in addresses(cancellation).items():
        for method in METHODS:
            answer = ask(stranger, method, address, {"note": "I wonder"})
            if not any(part.isdigit() for part in re.split("[/=]", address)):
                expected = {"get": 200}.get(method, 400) if method in methods else 405
                assert answer.status_code == expected, address
            else:
                assert answer.status_code == (404 if method in methods else 405), f"{method} {address}"
                assert cancellation.marketplace_id not in answer.content.decode()


def test_a_foreign_address_and_one_that_leads_nowhere_are_answered_alike(cancellation: CancellationRequest) -> None:
    stranger = signed_in(member(Role.MANAGER, ShopFactory()))
    pks = {
        "shops": cancellation.shop_id,
        "orders": cancellation.order_id,
        "cancellations": cancellation.pk,
        "decisions": cancellation.decisions.get().pk,
        "announcements": cancellation.shop.announcements.get().pk,
        "batches": Batch.objects.get().pk,
        "evidence": cancellation.decisions.get().evidence.get().pk,
    }
    for kind, pk in pks.items():
        foreign = stranger.get(f"/api/v1/{kind}/{pk}/")
        nowhere = stranger.get(f"/api/v1/{kind}/999999999999999999999999/")
        assert foreign.status_code == nowhere.status_code == 404
        assert foreign.json() == nowhere.json()


def test_strangers_find_nothing_in_any_list(cancellation: CancellationRequest) -> None:
    stranger = signed_in(member(Role.MANAGER, ShopFactory(name="Own")))
    for kind in ("orders", "cancellations", "decisions", "announcements"):
        assert stranger.get(f"/api/v1/{kind}/").json()["results"] == []
        assert stranger.get(f"/api/v1/{kind}/?shop={cancellation.shop_id}").status_code == 400
    assert [shop["name"] for shop in stranger.get("/api/v1/shops/").json()["results"]] == ["Own"]


def test_viewers_read_everything_and_change_nothing(cancellation: CancellationRequest) -> None:
    viewer = signed_in(member(Role.VIEWER, cancellation.shop))
    decision = cancellation.decisions.get()
    bodies = {
        "/api/v1/cancellations/": {"order": cancellation.order_id},
        f"/api/v1/cancellations/{cancellation.pk}/close/": {"note": "Looked into it."},
        "/api/v1/decisions/": {"verdict": "approve", "cancellation": cancellation.pk},
        "/api/v1/decisions/bulk/": {"decisions": [{"verdict": "approve", "cancellation": cancellation.pk}]},
        f"/api/v1/decisions/{decision.pk}/set-aside/": {"note": "Looked into it."},
        "/api/v1/batches/": {"verdict": "approve", "cancellations": [cancellation.pk]},
    }
    colleagues_own = (f"/api/v1/batches/{Batch.objects.get().pk}/", "/api/v1/evidence/")
    for address, methods in addresses(cancellation).items():
        for method in {*methods} - {"get"}:
            answer = ask(viewer, method, address, bodies.get(address))
            told = answer.json()
            if address.endswith("/bulk/"):  # which answers for each row
                assert (answer.status_code, told["recorded"]) == (200, 0)
                told = told["results"][0]["problem"]
            assert told["status"] == (404 if address.startswith(colleagues_own) else 403), address
        asks_marketplace = address.endswith(("reject-reasons/", "shipping-options/", "eligibility/"))
        if "get" in methods and not asks_marketplace and not address.startswith(colleagues_own[0]):
            assert ask(viewer, "get", address).status_code == 200, address
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "sync", "decide", "set_aside"),
    [(Role.VIEWER, 403, 403, 403), (Role.AGENT, 403, 201, 403), (Role.MANAGER, 202, 201, 200)],
)
def test_each_role_may_do_what_it_says(
    cancellation: CancellationRequest, role: Role, sync: int, decide: int, set_aside: int
) -> None:
    client = signed_in(member(role, cancellation.shop))
    assert ask(client, "post", f"/api/v1/shops/{cancellation.shop_id}/sync/").status_code == sync
    stalled = DecisionFactory(
        cancellation__order=OrderFactory(shop=cancellation.shop), state="stalled", stalled_because="outcome_unknown"
    )
    address = f"/api/v1/decisions/{stalled.pk}/set-aside/"
    assert ask(client, "post", address, {"note": "Seen at the marketplace."}).status_code == set_aside
    body = {"verdict": "approve", "cancellation": cancellation.pk}
    assert ask(client, "post", "/api/v1/decisions/", body).status_code == decide


def test_no_answer_holds_a_secret(cancellation: CancellationRequest) -> None:
    manager = signed_in(member(Role.MANAGER, cancellation.shop))
    for address, methods in addresses(cancellation).items():
        for method in methods:
            words = ask(manager, method, address, {"note": "x"}).content.decode(errors="replace")  # one is an image
            assert not [secret for secret in SECRETS if secret in words], address


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_opens_what_its_owner_sees(cancellation: CancellationRequest, client: Client) -> None:
    _row, token = make_token(member(Role.VIEWER, cancellation.shop), Scope.READ, 1)
    answer = client.get("/api/v1/cancellations/", headers={"Authorization": f"Token {token}"})
    assert [row["id"] for row in answer.json()["results"]] == [cancellation.pk]


def test_a_token_needs_no_csrf_cookie_and_a_session_does(cancellation: CancellationRequest) -> None:
    agent = member(Role.AGENT, cancellation.shop)
    _row, token = make_token(agent, Scope.DECIDE, 1)
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(agent)
    body = {"verdict": "approve", "cancellation": cancellation.pk}
    assert ask(careful, "post", "/api/v1/decisions/", body).status_code == 403
    answer = Client(enforce_csrf_checks=True).post(
        "/api/v1/decisions/", body, "application/json", headers={"Authorization": f"Token {token}"}
    )
    assert answer.status_code == 201


def test_a_token_is_stored_as_a_hash_alone() -> None:
    row, token = make_token(UserFactory(), Scope.READ, 1)
    assert token not in "".join(map(str, ApiToken.objects.filter(pk=row.pk).values_list()[0]))


@pytest.mark.parametrize("header", ["Token", "Token nonsense", "Token a b", "Token café", "Token ÿ\xad", "Token \x00"])
def test_a_token_that_is_none_is_a_401(client: Client, header: str) -> None:
    assert client.get("/api/v1/shops/", headers={"Authorization": header}).status_code == 401


def test_tokens_that_ended_and_owners_who_left_are_not_let_in(client: Client) -> None:
    row, token = make_token(UserFactory(), Scope.READ, 1)
    header = {"Authorization": f"Token {token}"}
    assert client.get("/api/v1/shops/", headers=header).status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/api/v1/shops/", headers=header).status_code == 401
    User.objects.update(is_active=True)
    ApiToken.objects.filter(pk=row.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    assert client.get("/api/v1/shops/", headers=header).status_code == 401


# --- problems -------------------------------------------------------------------------------------------------------


@pytest.fixture
def staff() -> Client:
    return signed_in(UserFactory(is_superuser=True))


def test_a_number_too_long_to_be_read_leads_nowhere(staff: Client) -> None:
    for address in ("shops/{}/sync-runs/", "shops/{}/", "orders/{}/", "orders/{}/cancel-options/", "decisions/{}/"):
        for number in ("9" * 30, "9" * 5000):
            assert staff.get(f"/api/v1/{address.format(number)}").status_code == 404


def test_an_address_that_leads_nowhere_is_a_problem_and_no_page(staff: Client) -> None:
    for address in ("/api/", "/api/v2/shops/", "/api/v1/shop/", "/api/v1/orders/abc/", "/api/v1/orders/1/lines/"):
        answer = staff.get(address)
        assert answer.status_code == 404, address
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json() == {
            "type": "/problems/not-found",
            "title": "Nothing is here for you",
            "status": 404,
            "detail": "There is nothing at this address that you may see.",
        }


def test_a_method_that_is_not_there_is_a_problem(staff: Client) -> None:
    answer = staff.delete("/api/v1/decisions/")
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")


@pytest.mark.parametrize("body", ['{"verdict": "approve"', "{'verdict'}", "\xff", "[" * 100_000, '{"a": NaN}', ""])
def test_malformed_json_is_a_400_that_says_where(staff: Client, body: str) -> None:
    answer = staff.post("/api/v1/decisions/", body.encode("latin-1"), "application/json")
    assert answer.status_code == 400
    assert answer.json()["type"] in ("/problems/malformed", "/problems/invalid")


@pytest.mark.parametrize("body", ["[]", "1", '"approve"', "null", "[[]]"])
def test_json_that_is_no_object_is_a_400(staff: Client, body: str) -> None:
    answer = staff.post("/api/v1/decisions/", body, "application/json")
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid")


def test_other_content_types_are_a_415(staff: Client) -> None:
    answer = staff.post("/api/v1/decisions/", "verdict: approve", "application/yaml")
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


def test_a_body_beyond_all_measure_is_refused_before_it_is_read(staff: Client) -> None:
    answer = staff.post("/api/v1/decisions/", b'{"comment": "' + b"x" * 6_000_000 + b'"}', "application/json")
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_a_format_we_do_not_have_is_a_406_problem(staff: Client) -> None:
    answer = staff.get("/api/v1/shops/", headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")


@pytest.mark.parametrize(
    "body",
    [
        '{"verdict": "\\ud800", "cancellation": 1}',
        '{"verdict": "ship_to_reject", "cancellation": 1, "shipping": {"handover_method": "\\udfff"}}',
        '{"verdict": "approve", "\\ud800": 1}',
    ],
)
def test_text_that_no_encoding_can_hold_is_told_back_all_the_same(
    cancellation: CancellationRequest, staff: Client, body: str
) -> None:
    answer = staff.post("/api/v1/decisions/", body.replace(": 1}", f": {cancellation.pk}}}"), "application/json")
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid")


@pytest.mark.parametrize("field", ["cancellation", "order"])
@pytest.mark.parametrize("number", ["1e999", "1.5", "true", '"٣x"', "9" * 40, "-1", '"' + "9" * 5000 + '"', "[]", "{}"])
def test_an_id_that_is_none_is_told_at_its_field(staff: Client, field: str, number: str) -> None:
    verdict = "approve" if field == "cancellation" else "cancel_items"
    answer = staff.post("/api/v1/decisions/", f'{{"verdict": "{verdict}", "{field}": {number}}}', "application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_a_fault_of_ours_is_a_problem_too_and_tells_nothing_of_our_insides(
    staff: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("planted-inside")

    monkeypatch.setattr("orders.api.OrderViewSet.get_queryset", breaks)
    staff.raise_request_exception = False
    answer = staff.get("/api/v1/orders/")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/broken")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "planted-inside" not in answer.content.decode()
    assert "planted-inside" in caplog.text


def test_a_fault_of_ours_on_a_screen_is_a_page(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("planted-inside")

    monkeypatch.setattr("orders.views.key_page", breaks)
    staff.raise_request_exception = False
    answer = staff.get("/orders/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
    assert "planted-inside" not in answer.content.decode()


@pytest.mark.parametrize("broken", [OperationalError, InterfaceError, psycopg.OperationalError, RedisConnectionError])
def test_a_database_or_cache_that_does_not_answer_is_said_to_be_back_soon(
    staff: Client, monkeypatch: pytest.MonkeyPatch, broken: type[Exception]
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise broken("server closed the connection unexpectedly, planted-inside")

    staff.raise_request_exception = False
    monkeypatch.setattr("orders.api.OrderViewSet.get_queryset", breaks)
    answer = staff.get("/api/v1/orders/")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert answer.headers["Retry-After"] == "5"
    monkeypatch.setattr("orders.views.key_page", breaks)
    page = staff.get("/orders/")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "A part of our server does not answer just now" in page.content.decode()
    assert "planted-inside" not in page.content.decode() + answer.content.decode()


def test_a_host_that_is_not_ours_gets_a_problem_from_the_api_and_a_page_elsewhere(staff: Client) -> None:
    answer = staff.get("/api/v1/orders/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed")
    page = staff.get("/orders/", headers={"Host": "evil.example"})
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "evil.example" not in page.content.decode() + answer.content.decode()


# --- pages ----------------------------------------------------------------------------------------------------------


def all_pages(client: Client, address: str, between: Callable[[], Any] = lambda: None) -> list[int]:
    ids: list[int] = []
    next_address: str | None = address
    while next_address:
        page = client.get(next_address).json()
        ids += [row["id"] for row in page["results"]]
        next_address = page["next"]
        between()
        assert len(ids) == len(set(ids)), "a row came twice"
    return ids


def test_pages_stay_right_while_rows_arrive(staff: Client) -> None:
    shop, now = ShopFactory(), timezone.now()
    expected = [OrderFactory(shop=shop, created_at=now - timedelta(minutes=n // 3)).pk for n in range(10)]
    expected = list(Order.objects.order_by("-created_at", "-pk").values_list("pk", flat=True))
    arrivals = all_pages(staff, "/api/v1/orders/?page_size=3", lambda: OrderFactory(shop=shop, created_at=now))
    assert arrivals == expected


def test_the_queue_by_time_left_puts_requests_without_a_deadline_last_and_loses_none(staff: Client) -> None:
    shop, now = ShopFactory(), timezone.now()
    for hours in (5, None, 1, 3, None, 3, 3, None, 2):
        CancellationFactory(
            order=OrderFactory(shop=shop), created_at=now, deadline=hours and now + timedelta(hours=hours)
        )
    expected = list(CancellationRequest.objects.by_time_left().values_list("pk", flat=True))
    for size in (1, 2, 4, 50):
        assert all_pages(staff, f"/api/v1/cancellations/?ordering=time_left&page_size={size}") == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=nonsense", "cursor"),
        ("cursor=W2ZhbHNlLCAxXQ", "cursor"),
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=٣", "page_size"),
        ("ordering=deadline", "ordering"),
        ("shop=999999", "shop"),
        ("state=gone", "state"),
    ],
)
def test_a_wrong_parameter_is_told_by_its_name(staff: Client, query: str, field: str) -> None:
    answer = staff.get(f"/api/v1/cancellations/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_a_cursor_of_another_order_is_not_taken_for_one_of_this(staff: Client) -> None:
    for _ in range(3):
        CancellationFactory()
    page = staff.get("/api/v1/cancellations/?page_size=1&ordering=time_left").json()
    cursor = page["next"].partition("cursor=")[2].partition("&")[0]
    assert staff.get(f"/api/v1/cancellations/?page_size=1&cursor={cursor}").status_code == 400


def test_times_are_utc_whatever_zone_the_reader_likes(cancellation: CancellationRequest) -> None:
    client = signed_in(member(Role.VIEWER, cancellation.shop, time_zone="Asia/Tokyo"))
    told = client.get(f"/api/v1/cancellations/{cancellation.pk}/").json()
    assert told["deadline"] == cancellation.deadline.isoformat().replace("+00:00", "Z")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("26.98", "GBP", "26.98"), ("150000", "IDR", "150000"), ("1200", "JPY", "1200"), ("0.5", "USD", "0.50"),
     ("0.1234", "USD", "0.1234"), ("12.5", "JPY", "12.5"), ("99999999999.99", "VND", "99999999999.99")],
)  # fmt: skip
def test_money_is_text_as_the_currency_is_written(staff: Client, amount: str, currency: str, text: str) -> None:
    order = OrderFactory(total=amount, currency=currency)
    told = staff.get(f"/api/v1/orders/{order.pk}/").json()
    assert told["total"] == {"amount": text, "currency": currency}


def test_lists_cost_the_same_queries_for_one_row_as_for_twenty(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        shop = ShopFactory()
        SyncRun.objects.create(shop=shop, kind="orders", state="succeeded")
        order = OrderFactory(shop=shop)
        LineItemFactory(order=order)
        clerk = UserFactory()
        DecisionFactory(cancellation=CancellationFactory(order=order, recorded_at=timezone.now(), recorded_by=clerk))
        Announcement.objects.create(
            shop=shop, marketplace_id="a-1", title="x", announced_at=timezone.now(), handled_by=clerk,
            handled_at=timezone.now(),
        )  # fmt: skip
    budgets = {"shops": 4, "orders": 5, "cancellations": 6, "decisions": 4, "announcements": 3}
    for kind, budget in budgets.items():
        with django_assert_max_num_queries(budget):
            assert len(staff.get(f"/api/v1/{kind}/").json()["results"]) == 20


def test_details_cost_a_fixed_number_of_queries(
    cancellation: CancellationRequest, django_assert_max_num_queries: Any
) -> None:
    order, first = cancellation.order, cancellation.decisions.get()
    for number in range(10):
        LineItemFactory(order=order)
        PackageFactory(order=order)
        CancellationLineFactory(cancellation=cancellation)
        decision = DecisionFactory(cancellation=cancellation, state="refused", verdict="approve")
        decision.made_by = member(Role.AGENT, cancellation.shop)
        decision.save()
        Attempt.objects.create(decision=first, number=number + 2, purpose="send")
    client = signed_in(UserFactory(is_superuser=True))
    budgets = {
        f"shops/{cancellation.shop_id}": 4,
        f"orders/{cancellation.order_id}": 6,
        f"cancellations/{cancellation.pk}": 8,
        f"decisions/{first.pk}": 6,
    }
    for path, budget in budgets.items():
        with django_assert_max_num_queries(budget):
            assert client.get(f"/api/v1/{path}/").status_code == 200


def test_a_shops_secrets_are_not_even_read_for_a_list_of_shops(
    cancellation: CancellationRequest, django_assert_num_queries: Any
) -> None:
    Shop.objects.filter(pk=cancellation.shop_id).update(cipher="x")
    client = signed_in(member(Role.VIEWER, cancellation.shop))
    with django_assert_num_queries(4) as queries:
        client.get("/api/v1/shops/")
    assert not [query for query in queries.captured_queries if "app_secret" in query["sql"]]
