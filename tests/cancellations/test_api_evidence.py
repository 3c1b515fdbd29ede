"""Images over the API: uploaded ahead, looked at, taken along by a decision, removed."""

import io
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import User
from audit.models import Entry
from cancellations import live
from cancellations.models import CancellationRequest, Decision, Evidence
from marketplaces.records import RejectReason
from shops.models import Role
from tests.factories import CancellationFactory, DecisionFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Any:
    settings.MEDIA_ROOT = tmp_path
    cache.clear()
    with patch.object(live, "reject_reasons", return_value=[RejectReason("already_sent", "It has left already")]):
        yield tmp_path


@pytest.fixture
def asked() -> CancellationRequest:
    return CancellationFactory()


@pytest.fixture
def agent(asked: CancellationRequest) -> User:
    return member(Role.AGENT, asked.shop)


@pytest.fixture
def staff(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


def picture(colour: str = "teal", name: str = "proof.png") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (200, 200), colour).save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue())


def upload(client: Client, asked: CancellationRequest, **files: Any) -> Any:
    return client.post(f"/api/v1/cancellations/{asked.pk}/evidence/", files or {"image": picture()})


def test_an_upload_is_a_draft_with_an_address_and_a_file(
    asked: CancellationRequest, staff: Client, agent: User
) -> None:
    answer = upload(staff, asked)
    told = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, told["url"])
    assert (told["cancellation"], told["decision"], told["original_name"]) == (asked.pk, None, "proof.png")
    file = staff.get(told["image"], headers={"Accept": "image/png"})
    assert (file.status_code, file.headers["Content-Type"]) == (200, "image/png")
    assert len(file.content) == told["size"]
    listed = staff.get(f"/api/v1/cancellations/{asked.pk}/evidence/").json()["results"]
    assert [row["id"] for row in listed] == [told["id"]]


def test_the_same_picture_again_is_the_same_draft(asked: CancellationRequest, staff: Client) -> None:
    first, again = upload(staff, asked), upload(staff, asked, image=picture(name="copy.png"))
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_what_is_no_image_is_told_at_its_field(asked: CancellationRequest, staff: Client) -> None:
    for files in ({"image": SimpleUploadedFile("x.png", b"no")}, {"image": picture(), "more": picture()}):
        answer = upload(staff, asked, **files)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid")
    assert upload(staff, asked, image="text").json()["errors"].keys() == {"image"}
    assert not Evidence.objects.exists()


def test_where_no_rejection_takes_images_none_is_kept(client: Client) -> None:
    us = CancellationFactory(order=OrderFactory(shop=ShopFactory(region="US", time_zone="America/Los_Angeles")))
    client.force_login(member(Role.AGENT, us.shop))
    assert upload(client, us).status_code == 422
    supplier = ShopFactory(marketplace="crux_timp", connection__marketplace="crux_timp", region="")
    asked = CancellationFactory(order=OrderFactory(shop=supplier))
    client.force_login(member(Role.AGENT, supplier))
    assert upload(client, asked).json()["errors"].keys() == {"image"}


def test_a_request_that_is_decided_takes_no_more(asked: CancellationRequest, staff: Client) -> None:
    made = DecisionFactory(cancellation=asked)
    answer = upload(staff, asked)
    assert (answer.status_code, answer.json()["decision"].rstrip("/").endswith(str(made.pk))) == (409, True)


def test_a_draft_is_its_uploaders_alone(asked: CancellationRequest, staff: Client) -> None:
    told = upload(staff, asked).json()
    colleague = Client()
    colleague.force_login(member(Role.MANAGER, asked.shop))
    for answer in (colleague.get(told["url"]), colleague.get(told["image"]), colleague.delete(told["url"])):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert colleague.get(f"/api/v1/cancellations/{asked.pk}/evidence/").json()["results"] == []


def test_a_draft_is_removed_with_its_file_and_what_a_decision_has_stays(
    asked: CancellationRequest, staff: Client, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    told = upload(staff, asked).json()
    with django_capture_on_commit_callbacks(execute=True):
        assert staff.delete(told["url"]).status_code == 204
    assert not [path for path in media.rglob("*") if path.is_file()]
    assert Entry.objects.filter(action="evidence.removed").count() == 1
    assert staff.delete(told["url"]).status_code == 404
    kept = upload(staff, asked).json()
    Evidence.objects.update(decision=DecisionFactory(cancellation=asked), cancellation=None, uploaded_by=None)
    assert staff.delete(kept["url"]).status_code == 404
    assert staff.get(kept["url"]).json()["decision"]


def test_an_image_that_was_erased_is_not_there(asked: CancellationRequest, staff: Client) -> None:
    told = upload(staff, asked).json()
    Evidence.objects.update(image="")
    assert staff.get(told["url"]).json()["image"] is None
    answer = staff.get(told["image"], headers={"Accept": "image/*"})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_rejection_takes_the_drafts_that_it_names(asked: CancellationRequest, staff: Client) -> None:
    ids = [upload(staff, asked, image=picture(colour)).json()["id"] for colour in ("teal", "navy")]
    body = {"verdict": "reject", "cancellation": asked.pk, "reason": "already_sent", "evidence": ids[:1]}
    answer = staff.post("/api/v1/decisions/", json.dumps(body), "application/json")
    assert answer.status_code == 201, answer.content
    assert [image["id"] for image in answer.json()["evidence"]] == ids[:1]
    assert Evidence.objects.filter(decision=None).count() == 1


def test_an_image_that_is_no_draft_of_ones_own_is_told_at_its_place(asked: CancellationRequest, staff: Client) -> None:
    own = upload(staff, asked).json()["id"]
    body = {"verdict": "reject", "cancellation": asked.pk, "reason": "already_sent", "evidence": [own, own + 1]}
    answer = staff.post("/api/v1/decisions/", json.dumps(body), "application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["evidence[1]"])
    assert not Decision.objects.exists()
