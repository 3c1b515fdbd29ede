"""A POST with a key does nothing twice, whatever is lost, raced or dies in between."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.db.models import Model
from django.test import Client
from django.test.client import encode_multipart
from django.utils import timezone

from accounts import idempotency
from accounts.models import IdempotencyKey, Scope
from accounts.tokens import make_token
from cancellations import live
from cancellations.models import Batch, CancellationRequest, Decision, Note
from cancellations.tasks import forget_client_keys
from exports.models import Export
from marketplaces.records import RejectReason
from shops.models import Membership, Role
from tests.cancellations.test_api import picture
from tests.factories import CancellationFactory, LineItemFactory, OrderFactory, ShopFactory, UserFactory, member
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db
DECISIONS = "/api/v1/decisions/"


@pytest.fixture
def cancellation() -> CancellationRequest:
    cache.clear()
    return CancellationFactory()


@pytest.fixture
def agent(cancellation: CancellationRequest) -> Client:
    client = Client()
    client.force_login(member(Role.AGENT, cancellation.shop))
    return client


@pytest.fixture(autouse=True)
def reasons() -> Iterator[None]:
    with patch.object(live, "reject_reasons", return_value=[RejectReason("already_sent", "It has left")]):
        yield


def approve(cancellation: CancellationRequest) -> dict[str, Any]:
    return {"verdict": "approve", "cancellation": cancellation.pk}


def post(client: Client, body: Any, key: str = "order-4711", address: str = DECISIONS, **headers: str) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(address, text, "application/json", headers={"Idempotency-Key": key, **headers})


def the_lease_runs_out() -> None:
    IdempotencyKey.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


# --- the same request -----------------------------------------------------------------------------------------------


def test_the_same_request_gets_the_first_answer_again(cancellation: CancellationRequest, agent: Client) -> None:
    first = post(agent, approve(cancellation))
    Decision.objects.update(state="refused")  # so that it would be told otherwise now
    again = post(agent, approve(cancellation))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert Decision.objects.count() == 1


def test_without_a_key_a_request_is_a_new_one(cancellation: CancellationRequest, agent: Client) -> None:
    for status in (201, 409):
        answer = agent.post(DECISIONS, json.dumps(approve(cancellation)), "application/json")
        assert answer.status_code == status
    assert not IdempotencyKey.objects.exists()


def test_spaces_and_the_order_of_fields_make_no_other_request(cancellation: CancellationRequest, agent: Client) -> None:
    post(agent, approve(cancellation))
    again = post(agent, f'{{ "cancellation": {cancellation.pk},\n "verdict": "approve"}}')
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_key_means_the_same_with_the_quotes_of_the_draft(cancellation: CancellationRequest, agent: Client) -> None:
    post(agent, approve(cancellation), key='"order-4711"')
    assert post(agent, approve(cancellation), key="order-4711").headers["Idempotency-Replayed"] == "true"


def test_a_no_of_a_verb_is_kept_like_a_yes(cancellation: CancellationRequest, agent: Client) -> None:
    agent.post(DECISIONS, json.dumps(approve(cancellation)), "application/json")
    first = post(agent, approve(cancellation))
    Decision.objects.update(state="refused")
    again = post(agent, approve(cancellation))
    assert (first.status_code, again.status_code) == (409, 409)
    assert again.content == first.content
    assert again.headers["Content-Type"] == "application/problem+json"
    assert Decision.objects.count() == 1


def test_a_form_is_the_same_with_another_boundary_and_another_with_another_picture(
    cancellation: CancellationRequest, agent: Client
) -> None:
    content = picture().read()

    def sent(content: bytes, boundary: str = "one") -> Any:
        image = SimpleUploadedFile("proof.png", content)
        body = {"verdict": "reject", "cancellation": cancellation.pk, "reason": "already_sent", "images": [image]}
        kind = f"multipart/form-data; boundary={boundary}"
        return agent.post(DECISIONS, encode_multipart(boundary, body), kind, headers={"Idempotency-Key": "a"})

    first = sent(content)
    assert first.status_code == 201, first.content
    assert len(first.json()["evidence"]) == 1  # reading it for the hash left it to be read
    assert sent(content, "another").headers["Idempotency-Replayed"] == "true"
    assert sent(picture(size=(130, 130)).read()).json()["type"] == "/problems/idempotency-key-reused"


# --- another request ------------------------------------------------------------------------------------------------


def test_the_same_key_with_another_body_or_address_is_a_409(cancellation: CancellationRequest, agent: Client) -> None:
    made = post(agent, approve(cancellation)).json()
    for answer in (
        post(agent, {"verdict": "reject", "cancellation": cancellation.pk, "reason": "already_sent"}),
        post(agent, approve(cancellation), address=f"{DECISIONS}{made['id']}/withdraw/"),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/idempotency-key-reused"
    assert Decision.objects.get().state == "recorded"


def test_a_key_is_its_owners_alone(cancellation: CancellationRequest, agent: Client) -> None:
    post(agent, approve(cancellation))
    other = Client()
    other.force_login(member(Role.AGENT, cancellation.shop))
    assert post(other, approve(cancellation)).json()["type"] == "/problems/already-decided"


def test_a_token_for_other_shops_is_not_told_what_the_first_was(cancellation: CancellationRequest) -> None:
    person, elsewhere = member(Role.AGENT, cancellation.shop), ShopFactory()
    tokens = [make_token(person, Scope.DECIDE, 1, shops=shops)[1] for shops in (None, [elsewhere], None)]
    first, limited, renewed = (
        post(Client(), approve(cancellation), Authorization=f"Token {token}") for token in tokens
    )
    assert first.status_code == 201
    assert limited.json()["type"] == "/problems/idempotency-key-reused"
    assert renewed.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a\tb", "käse", "\x7f"])
def test_a_key_that_is_none_is_a_400_and_nothing_is_done(
    cancellation: CancellationRequest, agent: Client, key: str
) -> None:
    answer = post(agent, approve(cancellation), key=key)
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"Idempotency-Key"}
    assert not Decision.objects.exists()


# --- answers after which nothing was done ---------------------------------------------------------------------------


def test_a_wrong_body_leaves_the_key_for_the_right_one(cancellation: CancellationRequest, agent: Client) -> None:
    assert post(agent, {"verdict": "aprove"}).status_code == 400
    assert post(agent, approve(cancellation)).status_code == 201


def test_a_key_is_no_way_in(cancellation: CancellationRequest) -> None:
    viewer = Client()
    viewer.force_login(member(Role.VIEWER, cancellation.shop))
    assert post(viewer, approve(cancellation)).status_code == 403
    assert post(Client(), approve(cancellation)).status_code == 401
    assert not IdempotencyKey.objects.exists()


def test_what_broke_may_be_tried_again_at_once(cancellation: CancellationRequest, agent: Client) -> None:
    agent.raise_request_exception = False
    with patch("cancellations.serializers.coming_in.decide", side_effect=RuntimeError("broken")):
        assert post(agent, approve(cancellation)).status_code == 500
    assert post(agent, approve(cancellation)).status_code == 201


# --- whoever dies on the way ----------------------------------------------------------------------------------------


class Died(BaseException):
    """As a process that is killed: nobody catches it, and nothing after it runs."""


def test_a_first_request_that_is_still_under_way_is_a_409_that_says_when(
    cancellation: CancellationRequest, agent: Client
) -> None:
    with patch.object(idempotency, "keep", side_effect=Died), pytest.raises(Died):
        post(agent, approve(cancellation))
    answer = post(agent, approve(cancellation))
    assert answer.json()["type"] == "/problems/idempotency-key-in-use"
    assert int(answer.headers["Retry-After"]) >= 1


def test_after_a_death_between_commit_and_answer_the_decision_is_found(
    cancellation: CancellationRequest, agent: Client
) -> None:
    with patch.object(idempotency, "keep", side_effect=Died), pytest.raises(Died):
        post(agent, approve(cancellation))
    made = Decision.objects.get()
    the_lease_runs_out()
    answer = post(agent, approve(cancellation))
    assert (answer.status_code, answer.json()["id"]) == (201, made.pk)
    assert post(agent, approve(cancellation)).headers["Idempotency-Replayed"] == "true"
    assert Decision.objects.count() == 1


def rows_written(cancellation: CancellationRequest) -> dict[str, tuple[str, Any, type[Model]]]:
    """What only writes rows: (address, body, what it makes one of)."""
    supplier = OrderFactory(shop=ShopFactory(marketplace="crux_timp", region="US"), status="Unallocated")
    LineItemFactory(order=supplier)
    for shop in (supplier.shop, cancellation.shop):
        Membership.objects.update_or_create(user=Membership.objects.get(shop=cancellation.shop).user, shop=shop)
    Membership.objects.update(role=Role.MANAGER)
    return {
        "note": (f"cancellations/{cancellation.pk}/notes/", {"text": "Once."}, Note),
        "export": ("exports/", {"kind": "decisions"}, Export),
        "endpoint": ("endpoints/", {"name": "ERP", "url": "https://erp.example/"}, Endpoint),
        "batch": ("batches/", {"verdict": "approve", "cancellations": [cancellation.pk]}, Batch),
        "recorded": ("cancellations/", {"order": supplier.pk}, CancellationRequest),
    }


@pytest.mark.parametrize("what", ["note", "export", "endpoint", "batch", "recorded"])
@pytest.mark.parametrize("fails", [Died, RuntimeError])
def test_what_only_writes_rows_is_not_done_when_its_answer_is_not_kept(
    cancellation: CancellationRequest, agent: Client, what: str, fails: type[BaseException]
) -> None:
    address, body, model = rows_written(cancellation)[what]
    before = model._default_manager.count()
    with patch.object(idempotency, "keep", side_effect=fails), pytest.raises(fails):
        post(agent, body, address=f"/api/v1/{address}")
    assert model._default_manager.count() == before
    the_lease_runs_out()
    first, again = (post(agent, body, address=f"/api/v1/{address}") for _ in range(2))
    assert first.status_code in (201, 202), first.content
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers.get("Cache-Control") == first.headers.get("Cache-Control")
    assert model._default_manager.count() == before + 1


def test_whoever_is_taken_over_from_writes_nothing(cancellation: CancellationRequest, agent: Client) -> None:
    with patch.object(idempotency, "keep", return_value=False):
        answer = post(agent, {"text": "Once."}, address=f"/api/v1/cancellations/{cancellation.pk}/notes/")
    assert answer.json()["type"] == "/problems/idempotency-key-in-use"
    assert not Note.objects.exists()


def test_it_is_found_though_it_is_settled_by_then(cancellation: CancellationRequest, agent: Client) -> None:
    with patch.object(idempotency, "keep", side_effect=Died), pytest.raises(Died):
        post(agent, approve(cancellation))
    Decision.objects.update(state="refused")
    the_lease_runs_out()
    answer = post(agent, approve(cancellation))
    assert (answer.status_code, answer.json()["state"]) == (201, "refused")


def test_it_is_not_found_by_who_no_longer_sees_the_shop(cancellation: CancellationRequest, agent: Client) -> None:
    with patch.object(idempotency, "keep", side_effect=Died), pytest.raises(Died):
        post(agent, approve(cancellation))
    Membership.objects.all().delete()
    the_lease_runs_out()
    bulk = {"decisions": [approve(cancellation)]}
    assert set(post(agent, approve(cancellation)).json()["errors"]) == {"cancellation"}
    assert post(agent, bulk, "b", f"{DECISIONS}bulk/").json()["failed"] == 1


def test_whoever_lost_the_claim_overwrites_no_answer(cancellation: CancellationRequest, agent: Client) -> None:
    user = UserFactory()
    slow = idempotency.claim(user, "a", "f")
    the_lease_runs_out()
    quick = idempotency.claim(user, "a", "f")
    assert isinstance(slow, IdempotencyKey) and isinstance(quick, IdempotencyKey)
    idempotency.keep(quick, idempotency.Answer(201, {}, b"quick"))
    idempotency.keep(slow, idempotency.Answer(409, {}, b"slow"))
    idempotency.release(slow)
    assert idempotency.claim(user, "a", "f") == idempotency.Answer(201, {}, b"quick")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_expired", [False, True])
def test_five_at_once_make_one_decision(
    cancellation: CancellationRequest, monkeypatch: pytest.MonkeyPatch, is_expired: bool
) -> None:
    """With leases that are over at once all five run, and the database alone keeps the promise."""
    if is_expired:
        monkeypatch.setattr(idempotency, "LEASE", timedelta(0))
    person = member(Role.AGENT, cancellation.shop)
    clients = [Client() for _ in range(5)]
    for client in clients:
        client.force_login(person)
    together = Barrier(5)

    def send(client: Client) -> Any:
        together.wait()
        try:
            return post(client, approve(cancellation))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(send, clients))
    assert Decision.objects.count() == IdempotencyKey.objects.count() == 1
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    others = {answer.json()["type"] for answer in answers if answer.status_code != 201}
    assert set(made) == {Decision.objects.get().pk}
    assert others <= {"/problems/idempotency-key-in-use"}


# --- what is kept, and for how long ---------------------------------------------------------------------------------


def test_an_answer_is_stored_encrypted(cancellation: CancellationRequest, agent: Client) -> None:
    assert post(agent, approve(cancellation)).status_code == 201
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM accounts_idempotencykey")
        assert "recorded" not in cursor.fetchone()[0]


def test_after_two_days_a_key_is_a_new_one(cancellation: CancellationRequest, agent: Client, settings: Any) -> None:
    post(agent, approve(cancellation))
    long_ago = timezone.now() - timedelta(hours=settings.KEEP_IDEMPOTENCY_HOURS - 1)
    IdempotencyKey.objects.update(made_at=long_ago)
    Decision.objects.update(made_at=long_ago, state="refused")
    for hours, status in ((0, "refused"), (2, "recorded")):
        settings.KEEP_IDEMPOTENCY_HOURS -= hours
        idempotency.forget_old_keys()
        forget_client_keys()
        post(agent, approve(cancellation))
        assert Decision.objects.latest("pk").state == status


def test_a_kept_answer_is_read_after_a_change_of_keys(settings: Any) -> None:
    from cryptography.fernet import Fernet

    user, old, new = UserFactory(), settings.FIELD_ENCRYPTION_KEYS, Fernet.generate_key().decode()
    row = idempotency.claim(user, "a", "f")
    assert isinstance(row, IdempotencyKey)
    idempotency.keep(row, idempotency.Answer(201, {}, b"told once"))
    settings.FIELD_ENCRYPTION_KEYS = [new, *old]
    assert idempotency.rotate_secrets() == 1
    settings.FIELD_ENCRYPTION_KEYS = [new]
    answer = idempotency.claim(user, "a", "f")
    assert isinstance(answer, idempotency.Answer) and answer.body == b"told once"
