"""The verdicts' forms, as a browser without and with htmx sees them."""

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from cancellations import live
from cancellations.models import Decision, Verdict
from marketplaces.errors import TemporaryFailure
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, asked, picture, text_of, url
from tests.factories import DecisionFactory, ShopFactory, at, member

pytestmark = pytest.mark.django_db


def test_approving_works_without_scripts(client: Client, shop: Shop, agent: User) -> None:
    row = asked(shop)
    assert "Approve the cancellation" in text_of(client.get(url("approve", row.pk)))
    answer = client.post(url("approve", row.pk))
    decision = Decision.objects.get()
    assert (decision.verdict, decision.made_by, decision.cancellation) == (Verdict.APPROVE, agent, row)
    assert answer["Location"] == f"{row.get_absolute_url()}#answer"
    page = text_of(client.get(answer["Location"]))
    assert "Undo" in page
    assert 'id="verdicts"' not in page


def test_approving_with_htmx_answers_with_the_decision_that_follows_itself(client: Client, shop: Shop) -> None:
    row = asked(shop)
    answer = client.post(url("approve", row.pk), headers=HTMX)
    fragment = text_of(answer)
    assert fragment.lstrip().startswith('<section id="decision"')
    assert "every 1500ms" in fragment
    assert answer["HX-Trigger"] == "moved"


def test_a_second_click_shows_what_the_first_one_did(client: Client, shop: Shop) -> None:
    row = asked(shop)
    first = text_of(client.post(url("approve", row.pk), headers=HTMX))
    second = text_of(client.post(url("approve", row.pk), headers=HTMX))
    assert Decision.objects.count() == 1
    assert "Approve: recorded" in first
    assert "Approve: recorded" in second
    assert "has decided already" not in second


def test_a_colleague_who_was_faster_is_named(client: Client, shop: Shop) -> None:
    row = asked(shop)
    colleague = member(Role.AGENT, shop, first_name="Grace")
    DecisionFactory(cancellation=row, made_by=colleague)
    fragment = text_of(client.post(url("reject", row.pk), {"reason": "packed"}, headers=HTMX))
    assert "Grace has decided already" in fragment
    assert Decision.objects.count() == 1
    answer = client.post(url("reject", row.pk), {"reason": "packed"}, follow=True)
    assert "Grace has decided already" in text_of(answer)


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_whoever_decided_hears_nothing_of_it_on_the_form_that_is_still_open(
    client: Client, shop: Shop, agent: User, name: str
) -> None:
    row = asked(shop)
    DecisionFactory(cancellation=row, made_by=agent)
    page = client.get(url(name, row.pk), follow=True)
    assert "decided already" not in text_of(page)
    assert "Approve: recorded" in text_of(page)


def test_another_answer_of_the_same_person_is_not_sent_and_says_so(client: Client, shop: Shop, agent: User) -> None:
    row = asked(shop)
    DecisionFactory(cancellation=row, made_by=agent)
    assert "You have decided already." in text_of(client.post(url("reject", row.pk), headers=HTMX))
    assert Decision.objects.count() == 1


def test_a_message_is_on_screen_where_one_lands(client: Client, shop: Shop, american: Shop) -> None:
    refused = asked(american)
    answer = client.get(url("reject", refused.pk))
    assert answer["Location"] == refused.get_absolute_url()
    assert "Nothing was sent." in text_of(client.get(answer["Location"]))
    faster = asked(shop)
    DecisionFactory(cancellation=faster, made_by=member(Role.AGENT, shop))
    assert client.post(url("approve", faster.pk))["Location"] == faster.get_absolute_url()


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_the_page_of_a_form_is_the_requests_own_with_the_form_in_it(client: Client, shop: Shop, name: str) -> None:
    row = asked(shop)
    page = text_of(client.get(url(name, row.pk)))
    for part in ("standing", "on-it", "answer", "order", "colleagues", "history"):
        assert page.count(f'id="{part}"') == 1
    assert 'id="verdicts"' not in page


def test_what_says_how_it_stands_is_fetched_again_when_something_moves(client: Client, shop: Shop) -> None:
    row = asked(shop)
    for address in (row.get_absolute_url(), url("approve", row.pk)):
        standing = text_of(client.get(address)).partition('<div class="two-columns"')[2].partition(">")[0]
        assert f'hx-get="{row.get_absolute_url()}"' in standing
        assert 'hx-trigger="moved from:body"' in standing
        assert 'hx-select-oob="#on-it,#order,#history"' in standing


@pytest.mark.parametrize("htmx", [False, True])
def test_a_form_about_a_request_settled_meanwhile_sends_nothing(client: Client, shop: Shop, htmx: bool) -> None:
    row = asked(shop, needs_answer=False, state="closed")
    answer = client.post(url("approve", row.pk), headers=HTMX if htmx else None, follow=True)
    assert "Nothing was sent." in text_of(answer)
    assert "closed" in text_of(answer)
    assert not Decision.objects.exists()


def test_rejecting_takes_reason_comment_and_images(
    client: Client, shop: Shop, settings: object, tmp_path: object
) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    row = asked(shop)
    form = text_of(client.get(url("reject", row.pk)))
    assert "Product has been packed" in form
    answer = client.post(
        url("reject", row.pk),
        {"reason": "packed", "comment": "Packed at nine.", "images": [picture(), picture((200, 300))]},
    )
    decision = Decision.objects.get()
    assert answer.status_code == 302
    assert (decision.reason, decision.reason_text) == ("packed", "Product has been packed")
    assert decision.comment == "Packed at nine."
    proof = decision.evidence.all()
    assert [(image.width, image.height) for image in proof] == [(200, 200), (200, 300)]
    shown = client.get(url("evidence", proof[0].pk))
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert b"".join(shown).startswith(b"\x89PNG")
    client.force_login(member(Role.MANAGER, ShopFactory()))
    assert client.get(url("evidence", proof[0].pk)).status_code == 404


FAKE = SimpleUploadedFile("fake.png", b"<svg onload=alert(1)>", "image/png")
TINY = picture((40, 40), "tiny.png")
MANY = [picture() for _ in range(10)]


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({}, "reason", "Choose a reason"),
        ({"reason": "another"}, "reason", "does not take this reason"),
        ({"reason": "packed", "comment": "x" * 501}, "comment", "At most 500 characters; this has 501."),
        ({"reason": "packed", "comment": "a\x00b"}, "comment", "Null characters"),
        ({"reason": "packed", "images": FAKE}, "images", "fake.png is not an image"),
        ({"reason": "packed", "images": TINY}, "images", "tiny.png is 40 × 40 pixels"),
        ({"reason": "packed", "images": MANY}, "images", "At most 9 images; these are 10."),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_what_is_wrong_with_a_rejection_is_said_at_its_field(
    client: Client, shop: Shop, sent: dict[str, object], field: str, words: str, htmx: bool
) -> None:
    row = asked(shop)
    for upload in (FAKE, TINY, *MANY):
        upload.seek(0)
    answer = client.post(url("reject", row.pk), sent, headers=HTMX if htmx else None)
    assert answer.status_code == 422
    assert any(words in error for error in answer.context["form"].errors[field])
    assert words in text_of(answer)
    assert not Decision.objects.exists()


def test_an_image_that_is_too_large_is_refused_at_its_field(client: Client, shop: Shop) -> None:
    row = asked(shop)
    large = SimpleUploadedFile("large.png", b"\x89PNG" + b"0" * 30_000_001, "image/png")
    answer = client.post(url("reject", row.pk), {"reason": "packed", "comment": "Typed.", "images": large})
    assert "at most 30 MB" in text_of(answer)
    assert "Typed." in text_of(answer)
    assert not Decision.objects.exists()


def test_a_marketplace_that_does_not_answer_gets_a_word_and_a_retry_instead_of_a_form(
    client: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise TemporaryFailure("Read timed out.", code="36009003", request_id="20240101abc")

    monkeypatch.setattr(live, "reject_reasons", silent)
    row = asked(shop)
    for headers in ({}, HTMX):
        page = text_of(client.get(url("reject", row.pk), headers=headers))
        assert "The marketplace does not answer" in page
        assert "20240101abc" in page
        assert "Try again" in page
        assert 'name="comment"' not in page
    answer = client.post(url("reject", row.pk), {"reason": "packed", "comment": "Half an hour of typing."})
    assert answer.status_code == 422
    assert "Half an hour of typing." in text_of(answer)
    assert not Decision.objects.exists()


def test_where_reject_is_over_its_form_is_refused_with_the_rule(client: Client, american: Shop) -> None:
    row = asked(american)
    fragment = text_of(client.post(url("reject", row.pk), {"reason": "packed"}, headers=HTMX))
    assert "Nothing was sent." in fragment
    assert "March 31, 2024" in fragment
    assert "us-only-order-cancellation-workflow-updates" in fragment
    assert not Decision.objects.exists()


def test_before_that_day_reject_is_offered_with_the_days_left(client: Client, american: Shop) -> None:
    with time_machine.travel(at("2024-03-28 20:00"), tick=False):
        row = asked(american, deadline=at("2024-03-29 20:00"))
        client.force_login(member(Role.AGENT, american))
        page = text_of(client.get(row.get_absolute_url()))
        assert "3 more days" in page
        assert client.post(url("reject", row.pk), {"reason": "packed"}).status_code == 302
