"""The page of the packing bench, without JavaScript: one sign, never green for what is not known."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from cancellations.models import CancellationRequest, Evidence
from gate.models import PullTask
from orders.models import Order
from shops.models import Role
from tests.cancellations.views.pages import HTMX, picture, words_of
from tests.factories import ShopFactory, UserFactory, member
from tests.gate.test_verdict import CANCELLED, PACKED, asked, order

pytestmark = pytest.mark.django_db
PAGE = reverse("gate:gate")


@pytest.fixture
def packed() -> Order:
    return order({**PACKED, "tracking_number": "JD014600003"})


@pytest.fixture
def bench(packed: Order, client: Client) -> Client:
    client.force_login(member(Role.AGENT, packed.shop))
    return client


def scan(client: Client, code: str, **more: str) -> str:
    return words_of(client.get(PAGE, {"code": code, **more}))


def pulled(order: Order) -> str:
    return reverse("gate:pulled", args=[order.pk])


def test_nothing_scanned_shows_no_sign(bench: Client) -> None:
    page = words_of(bench.get(PAGE))
    assert 'data-verdict="ship"' not in page
    assert "gate-code" in page


def test_a_parcel_that_may_leave_is_green_and_says_so_in_a_word_and_with_a_sign(packed: Order, bench: Client) -> None:
    page = scan(bench, "JD014600003")
    assert 'class="gate-panel gate-ship"' in page
    assert "Ship" in page
    assert packed.label in page
    assert "Pulled" not in page


def test_one_that_must_not_is_red_with_the_reason_the_request_and_the_deadline(packed: Order, bench: Client) -> None:
    request = asked(packed)
    page = scan(bench, "JD014600003")
    assert 'class="gate-panel gate-pull"' in page
    assert "it is packed already" in page
    assert request.get_absolute_url() in page
    assert "data-countdown" in page


def test_what_comes_out_is_listed(packed: Order, bench: Client) -> None:
    packed.lines.update(quantity=3, cancelled_quantity=2)
    page = scan(bench, packed.marketplace_id)
    assert "Out: 2 ×" in page
    assert "(1 may leave)" in page


@pytest.mark.parametrize("code", ["nowhere", "0", "%", "\x1d", "<b>", "9" * 500])
def test_an_unknown_code_is_amber_and_never_ship(bench: Client, code: str) -> None:
    page = scan(bench, code)
    assert 'data-verdict="ship"' not in page
    assert code.strip() in "\x1d" or "Not known here" in page


def test_our_own_ids_are_on_no_label_and_not_looked_for(packed: Order, bench: Client) -> None:
    assert "Not known here" in scan(bench, str(packed.pk))


def test_another_shops_parcel_is_not_known(packed: Order, client: Client) -> None:
    client.force_login(member(Role.MANAGER, ShopFactory()))
    assert "Not known here" in scan(client, "JD014600003")


def test_a_number_of_two_shops_is_asked_about(packed: Order, client: Client) -> None:
    first, second = order(PACKED, number="PO-7"), order(PACKED, number="PO-7")
    client.force_login(UserFactory(is_superuser=True))
    page = scan(client, "PO-7")
    assert "Which one?" in page
    assert first.marketplace_id in page
    assert second.marketplace_id in page
    assert "Which one?" in page[page.index('id="gate-recent"') :]
    assert "Not known" not in page[page.index('id="gate-recent"') :]
    assert 'gate-panel gate-ship"' in scan(client, first.marketplace_id, shop=str(first.shop_id))


def test_old_data_are_not_answered_from_the_marketplace_is_asked_and_if_it_is_silent_the_parcel_stays(
    transactional_db: None, client: Client
) -> None:
    about = order(PACKED, read=timedelta(hours=1))
    client.force_login(member(Role.AGENT, about.shop))
    page = scan(client, about.marketplace_id)
    assert 'class="gate-panel gate-hold"' in page
    assert "No data since" in page
    assert "The marketplace could not be asked." in page


def test_the_last_scans_of_a_session_are_listed_newest_first_each_as_it_was(packed: Order, bench: Client) -> None:
    scan(bench, "JD014600003")
    scan(bench, "nowhere")
    page = scan(bench, "nowhere")
    recent = page[page.index('id="gate-recent"') :]
    assert recent.index("Not known") < recent.index("Ship")
    assert recent.count(">nowhere<") == 1


def test_a_scan_without_a_page_load_gets_the_answer_and_the_list_alone(packed: Order, bench: Client) -> None:
    answer = bench.get(PAGE, {"code": "JD014600003"}, headers=HTMX)
    assert "<html" not in words_of(answer)
    assert 'id="gate-answer"' in words_of(answer)
    assert 'id="gate-recent"' in words_of(answer)
    assert "no-store" in answer["Cache-Control"]


def test_labelled_parcels_that_must_not_leave_are_listed_before_anybody_scans_them(
    packed: Order, bench: Client
) -> None:
    assert "No labelled parcel is to be pulled." in words_of(bench.get(PAGE))
    asked(packed)
    for address in (PAGE, reverse("gate:to_pull")):
        assert packed.label in words_of(bench.get(address))


class TestPulling:
    def test_pulled_with_a_photo_it_stands_on_the_page_the_request_and_in_its_history(
        self, packed: Order, bench: Client
    ) -> None:
        request = asked(packed)
        answer = bench.post(pulled(packed), {"code": "JD014600003", "photo": picture()}, follow=True)
        assert "Pulled by" in words_of(answer)
        assert "JD014600003" in answer.redirect_chain[0][0]
        photo = Evidence.objects.get()
        page = words_of(bench.get(request.get_absolute_url()))
        assert "The parcel was taken out of what leaves" in page
        assert "Photos from the packing bench" in page
        assert reverse("cancellations:thumbnail", args=[photo.pk]) in page

    def test_a_colleague_sees_the_photo_and_is_offered_it_for_the_rejection(
        self, packed: Order, bench: Client, client: Client
    ) -> None:
        request = asked(packed)
        bench.post(pulled(packed), {"photo": picture()})
        photo = Evidence.objects.get()
        colleague = member(Role.AGENT, packed.shop)
        client.force_login(colleague)
        shown = client.get(reverse("cancellations:evidence", args=[photo.pk]))
        assert (shown.status_code, bool(b"".join(shown))) == (200, True)
        assert [*Evidence.objects.offered(request, colleague)] == [photo]
        assert client.post(reverse("cancellations:remove_evidence", args=[photo.pk])).status_code == 404

    def test_it_is_not_here_is_written_down_too(self, packed: Order, bench: Client) -> None:
        asked(packed)
        answer = bench.post(pulled(packed), {"is_there": "no"}, follow=True)
        assert "Looked for and not found by" in words_of(answer)
        assert PullTask.objects.get().state == PullTask.State.DROPPED

    def test_what_was_pulled_in_vain_is_listed_until_it_was_put_back(self, packed: Order, bench: Client) -> None:
        asked(packed)
        bench.post(pulled(packed))
        CancellationRequest.objects.update(state="closed", needs_answer=False)
        page = scan(bench, packed.marketplace_id)
        assert 'name="put_back"' in page
        assert "Pulled by" in page
        assert "put it back first" in words_of(bench.get(reverse("gate:to_pull")))
        page = words_of(bench.post(pulled(packed), {"put_back": "yes"}, follow=True))
        assert 'gate-panel gate-ship"' in page
        assert packed.label not in words_of(bench.get(reverse("gate:to_pull")))

    def test_a_request_that_was_withdrawn_meanwhile_lets_the_parcel_go(self, packed: Order, bench: Client) -> None:
        asked(packed)
        CancellationRequest.objects.update(state="closed", needs_answer=False)
        page = words_of(bench.post(pulled(packed), follow=True))
        assert "This is not to be pulled any more." in page
        assert 'gate-panel gate-ship"' in page
        assert not PullTask.objects.exists()

    def test_what_is_no_picture_is_said_at_its_field_and_nothing_is_written_down(
        self, packed: Order, bench: Client
    ) -> None:
        asked(packed)
        broken = picture()
        broken.file.truncate(40)  # type: ignore[union-attr]
        answer = bench.post(pulled(packed), {"code": packed.marketplace_id, "photo": broken})
        assert answer.status_code == 422
        assert "gate-photo-errors" in words_of(answer)
        assert not PullTask.objects.exists()

    def test_a_viewer_is_not_offered_the_button(self, packed: Order, client: Client) -> None:
        asked(packed)
        client.force_login(member(Role.VIEWER, packed.shop))
        assert pulled(packed) not in scan(client, packed.marketplace_id)

    def test_without_a_request_no_photo_is_asked_for(self, packed: Order, bench: Client) -> None:
        packed.lines.update(**CANCELLED)
        page = scan(bench, packed.marketplace_id)
        assert pulled(packed) in page
        assert 'type="file"' not in page
