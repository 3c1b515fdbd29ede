"""Images of a rejection, uploaded one by one: what each is answered with, and the form that sends them."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import User
from cancellations import live
from cancellations.models import Decision, Evidence
from marketplaces.records import RejectReason
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, asked, ordered, picture, text_of, url, words_of, written_down
from tests.factories import DecisionFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def upload(client: Client, row: Any, image: Any = None) -> Any:
    return client.post(url("add_evidence", row.pk), {"image": image or picture()})


class TestUploading:
    def test_a_good_one_is_answered_with_its_line_of_the_list(self, client: Client, shop: Shop, agent: User) -> None:
        row = asked(shop)
        answer = upload(client, row)
        draft = Evidence.objects.get()
        assert answer.status_code == 201
        assert (draft.cancellation, draft.uploaded_by, draft.decision) == (row, agent, None)
        line = words_of(answer)
        assert f'id="evidence-{draft.pk}"' in line
        assert "proof.png" in line
        assert "PNG, " in line
        assert "200 × 200" in line
        assert url("thumbnail", draft.pk) in line

    def test_what_was_done_to_it_is_said(self, client: Client, shop: Shop) -> None:
        out = io.BytesIO()
        Image.new("RGB", (22_000, 300), "teal").save(out, "GIF")
        line = words_of(upload(client, asked(shop), SimpleUploadedFile("wide.gif", out.getvalue())))
        assert "made smaller: it had 22000 × 300 pixels" in line
        assert "it was a GIF" in line

    def test_the_same_one_again_is_said_to_be_there(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        upload(client, row)
        again = upload(client, row, picture(name="copy.png"))
        assert again.status_code == 201
        assert "It was there already, and is sent once." in words_of(again)
        assert Evidence.objects.count() == 1

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty"),
            (b"<svg onload=alert(1)>", "is not an image"),
            (b"\0\0\0\x18ftypheic" + bytes(40), "Most Compatible"),
            (b"0" * 30_000_001, "at most 30 MB"),
        ],
        ids=["empty", "svg", "heic", "large"],
    )
    def test_what_is_wrong_is_said_in_words_and_nothing_is_kept(
        self, client: Client, shop: Shop, content: bytes, words: str, media: Path
    ) -> None:
        answer = upload(client, asked(shop), SimpleUploadedFile("<b>x</b>.png", content))
        assert answer.status_code == 422
        assert answer["Content-Type"].startswith("text/plain")
        assert words in text_of(answer)
        assert not Evidence.objects.exists()
        assert not list(media.rglob("*.*"))

    def test_a_name_is_shown_and_not_believed(self, client: Client, shop: Shop) -> None:
        answer = upload(client, asked(shop), picture(name="<img src=x onerror=alert(1)>.png"))
        assert "<img src=x" not in text_of(answer)
        assert "&lt;img src=x" in text_of(answer)

    def test_a_call_without_an_image_is_told_so(self, client: Client, shop: Shop) -> None:
        answer = client.post(url("add_evidence", asked(shop).pk), {"image": "text"})
        assert (answer.status_code, text_of(answer)) == (422, "No image came.")

    def test_the_tenth_is_one_too_many(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        for width in range(9):
            assert upload(client, row, picture((200 + width, 200))).status_code == 201
        answer = upload(client, row, picture((300, 200)))
        assert (answer.status_code, text_of(answer)) == (422, "At most 9 images: remove another one first.")

    def test_a_request_that_is_decided_takes_no_more(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        DecisionFactory(cancellation=row)
        answer = upload(client, row)
        assert answer.status_code == 409
        assert "has decided already" in text_of(answer)

    def test_a_marketplace_without_images_takes_none(self, client: Client, supplier: Shop, agent: User) -> None:
        row = written_down(ordered(supplier, "NG-1"), agent)
        answer = upload(client, row)
        assert answer.status_code == 422
        assert "takes no images" in text_of(answer)
        assert "data-evidence" not in text_of(client.get(url("reject", row.pk)))


class TestLooking:
    def test_the_image_and_its_thumbnail_are_nothing_but_images(self, client: Client, shop: Shop) -> None:
        upload(client, asked(shop), picture((900, 600)))
        draft = Evidence.objects.get()
        full, small = client.get(url("evidence", draft.pk)), client.get(url("thumbnail", draft.pk))
        assert (full["Content-Type"], small["Content-Type"]) == ("image/png", "image/jpeg")
        for answer in (full, small):
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Cache-Control"].startswith("private")
        assert b"".join(full).startswith(b"\x89PNG")
        assert Image.open(io.BytesIO(small.content)).size == (320, 213)

    def test_one_whose_file_is_gone_is_not_there(self, client: Client, shop: Shop) -> None:
        upload(client, asked(shop))
        draft = Evidence.objects.get()
        Path(draft.image.path).unlink()
        assert client.get(url("evidence", draft.pk)).status_code == 404
        assert client.get(url("thumbnail", draft.pk)).status_code == 404

    @pytest.mark.parametrize("name", ["evidence", "thumbnail", "remove_evidence"])
    def test_a_draft_is_not_there_for_colleagues(self, client: Client, shop: Shop, name: str) -> None:
        upload(client, asked(shop))
        draft = Evidence.objects.get()
        client.force_login(member(Role.MANAGER, shop))
        call = client.post if name == "remove_evidence" else client.get
        assert call(url(name, draft.pk)).status_code == 404
        assert Evidence.objects.exists()


class TestRemoving:
    def test_ones_own_draft_goes(self, client: Client, shop: Shop) -> None:
        upload(client, asked(shop))
        address = url("remove_evidence", Evidence.objects.get().pk)
        assert client.post(address).status_code == 204
        assert not Evidence.objects.exists()
        assert client.post(address).status_code == 404

    def test_what_was_decided_stays(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        client.post(url("reject", row.pk), {"reason": "packed", "images": picture()})
        assert client.post(url("remove_evidence", Evidence.objects.get().pk)).status_code == 404
        assert Evidence.objects.exists()


class TestTheForm:
    def test_what_was_uploaded_is_still_there_when_it_is_opened_again(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        upload(client, row)
        draft = Evidence.objects.get()
        form = words_of(client.get(url("reject", row.pk)))
        assert f'name="drafts" value="{draft.pk}" checked' in form
        client.force_login(member(Role.AGENT, shop))
        assert "proof.png" not in text_of(client.get(url("reject", row.pk)))

    @pytest.mark.parametrize("htmx", [False, True])
    def test_it_sends_what_is_chosen_of_them_and_what_is_picked_besides(
        self, client: Client, shop: Shop, htmx: bool
    ) -> None:
        row = asked(shop)
        for width in (210, 220):
            upload(client, row, picture((width, 200)))
        chosen = Evidence.objects.get(width=220)
        sent = {"reason": "packed", "drafts": [chosen.pk], "images": picture((230, 200))}
        client.post(url("reject", row.pk), sent, headers=HTMX if htmx else None)
        assert [image.width for image in Decision.objects.get().evidence.all()] == [220, 230]
        assert [draft.width for draft in Evidence.objects.filter(decision=None)] == [210]

    def test_a_mistake_elsewhere_loses_none_and_keeps_the_choice(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        for width in (210, 220):
            upload(client, row, picture((width, 200)))
        off, on = Evidence.objects.order_by("width")
        page = words_of(client.post(url("reject", row.pk), {"drafts": [on.pk]}))
        assert f'value="{on.pk}" checked' in page
        assert f'value="{off.pk}" >' in page

    @pytest.mark.parametrize("pk", ["0", "x", "9" * 40, "-1", "\0"])
    def test_one_that_is_not_there_stops_the_rejection(self, client: Client, shop: Shop, pk: str) -> None:
        answer = client.post(url("reject", asked(shop).pk), {"reason": "packed", "drafts": [pk]})
        assert answer.status_code == 422
        assert not Decision.objects.exists()

    def test_somebody_elses_stops_it_too(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        upload(client, row)
        client.force_login(member(Role.AGENT, shop))
        answer = client.post(url("reject", row.pk), {"reason": "packed", "drafts": [Evidence.objects.get().pk]})
        assert "An image is no longer there: add it again." in text_of(answer)
        assert not Decision.objects.exists()

    def test_uploaded_and_picked_ones_count_together(self, client: Client, shop: Shop) -> None:
        row = asked(shop)
        upload(client, row)
        many = {"drafts": [Evidence.objects.get().pk], "images": [picture((201 + n, 200)) for n in range(9)]}
        assert "At most 9 images; these are 10." in text_of(client.post(url("reject", row.pk), {"reason": "x", **many}))

    @pytest.mark.parametrize("htmx", [False, True])
    def test_the_same_picture_twice_is_sent_once_and_said(self, client: Client, shop: Shop, htmx: bool) -> None:
        row = asked(shop)
        sent = {"reason": "packed", "images": [picture(), picture(name="copy.png")]}
        answer = client.post(url("reject", row.pk), sent, headers=HTMX if htmx else None, follow=True)
        assert "The same picture is sent once, though it was there twice: copy.png." in words_of(answer)
        assert Decision.objects.get().evidence.count() == 1

    def test_101_files_at_once_are_refused_without_an_error_of_ours(self, client: Client, shop: Shop) -> None:
        many = [SimpleUploadedFile(f"{n}.png", b"x") for n in range(101)]
        assert client.post(url("reject", asked(shop).pk), {"reason": "packed", "images": many}).status_code == 400

    def test_a_reason_says_what_the_marketplace_wants_to_see_for_it(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reasons = [
            RejectReason("seller_reject_apply_product_has_been_packed", "Product has been packed"),
            RejectReason("another", "Something new"),
        ]
        monkeypatch.setattr(live, "reject_reasons", lambda cancellation: reasons)
        thai = ShopFactory(region="TH", time_zone="Asia/Bangkok")
        client.force_login(member(Role.AGENT, thai))
        page = words_of(client.get(url("reject", asked(thai).pk)))
        assert "What to show for “Product has been packed”" in page
        assert "Photos of the package" in page
        assert (
            "The marketplace&#x27;s page of April 19, 2024" in page
            or "The marketplace's page of April 19, 2024" in page
        )
        assert "publishes no list" in page.partition("Something new”")[2]
