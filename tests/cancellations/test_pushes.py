"""A push makes a pull happen sooner, once; whatever else comes to the address changes nothing."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from cancellations import pushes, webhook
from cancellations.models import CancellationRequest, Event, PushedNotification
from marketplaces.tiktok_shop import webhooks
from marketplaces.tiktok_shop.signing import is_webhook_signature, webhook_signature
from shops import nudging
from shops.models import Connection, Shop
from shops.pulling import claim_due_shops
from tests.factories import ConnectionFactory, ShopFactory

ADDRESS = "/webhooks/tiktok_shop/"
IN_AN_HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def nobody_has_forged_yet() -> None:
    cache.clear()


@pytest.fixture
def shop(db: None) -> Shop:
    """A shop whose next pull is an hour away."""
    made: Shop = ShopFactory(next_pull_at=timezone.now() + IN_AN_HOUR)
    return made


def push(shop: Shop, **changes: Any) -> bytes:
    data = {
        "order_id": "577087614418520388",
        "cancellations_role": "BUYER",
        "cancel_id": "4035318504086604100",
        "cancel_status": "CANCELLATION_REQUEST_PENDING",
        "create_time": 1_700_000_000,
    }
    told = {
        "type": 11,
        "tts_notification_id": "7327112393057371910",
        "shop_id": shop.marketplace_id,
        "timestamp": 1_700_000_001,
        "data": data,
    }
    return json.dumps(told | changes).encode()


def signed(shop: Shop, body: bytes) -> dict[str, str]:
    return {"Authorization": webhook_signature(shop.connection.app_key, shop.connection.app_secret, body)}


def arrives(shop: Shop, body: bytes | None = None) -> bool:
    """It comes, signed as it should be, and a worker looks at what is stored."""
    body = push(shop) if body is None else body
    is_genuine = pushes.receive("tiktok_shop", body, signed(shop, body))
    pushes.process_pushes(shop.pk)
    return is_genuine


def is_due(shop: Shop) -> bool:
    return Shop.objects.due_for_pull(timezone.now()).filter(pk=shop.pk).exists()


class TestGenuineOnes:
    def test_it_is_stored_and_nothing_else_is_done_while_the_marketplace_waits(self, shop: Shop) -> None:
        with CaptureQueriesContext(connection) as queries:
            assert pushes.receive("tiktok_shop", push(shop), signed(shop, push(shop)))
        assert [query["sql"].split()[0] for query in queries] == ["SELECT", "INSERT"]
        stored = PushedNotification.objects.get()
        assert (stored.shop, stored.topic, stored.notification_id) == (shop, "cancellation", "7327112393057371910")
        assert (stored.order_id, stored.cancellation_id) == ("577087614418520388", "4035318504086604100")
        assert stored.sent_at.timestamp() == 1_700_000_001
        assert (stored.processed_at, stored.outcome) == (None, "")
        assert not is_due(shop)

    def test_a_worker_has_the_shop_pulled_at_the_next_look(self, shop: Shop) -> None:
        other = ShopFactory(connection=shop.connection, next_pull_at=timezone.now() + IN_AN_HOUR)
        assert arrives(shop)
        stored = PushedNotification.objects.get()
        assert stored.processed_at
        assert stored.outcome == PushedNotification.Outcome.PULLED
        assert is_due(shop) and not is_due(other)

    def test_what_no_message_told_of_the_sweep_finds(self, shop: Shop) -> None:
        pushes.receive("tiktok_shop", push(shop), signed(shop, push(shop)))
        pushes.sweep_pushes()
        assert not PushedNotification.objects.waiting().exists()
        assert is_due(shop)

    def test_it_changes_nothing_else_whatever_it_says(self, shop: Shop) -> None:
        assert arrives(shop)
        assert not CancellationRequest.objects.exists()
        assert not Event.objects.exists()

    def test_the_same_one_again_is_thanked_for_and_asks_for_nothing(self, shop: Shop) -> None:
        arrives(shop)
        assert claim_due_shops(timezone.now()) == [shop]
        assert arrives(shop)
        assert PushedNotification.objects.count() == 1
        assert not is_due(shop)

    def test_another_one_asks_again(self, shop: Shop) -> None:
        for number in ("1", "2"):
            assert arrives(shop, push(shop, tts_notification_id=number))
            assert claim_due_shops(timezone.now()) == [shop]
        assert PushedNotification.objects.count() == 2

    def test_a_thousand_make_one_message_one_look_and_one_pull(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
    ) -> None:
        messages: list[int] = []
        monkeypatch.setattr(pushes.process_pushes, "apply_async", lambda args, **options: messages.append(args[0]))
        monkeypatch.setattr(nudging, "ON_ITS_WAY_SECONDS", 600)  # a slow machine takes longer than five for all
        for number in range(1000):
            body = push(shop, tts_notification_id=str(number))
            assert pushes.receive("tiktok_shop", body, signed(shop, body))
        assert messages == [shop.pk]
        with django_assert_max_num_queries(10):
            pushes.process_pushes(shop.pk)
        assert not PushedNotification.objects.waiting().exists()
        assert claim_due_shops(timezone.now()) == [shop]
        assert claim_due_shops(timezone.now()) == []

    def test_more_of_them_do_not_put_off_a_pull_that_is_due(self, shop: Shop) -> None:
        arrives(shop, push(shop, tts_notification_id="1"))
        due_since = Shop.objects.get(pk=shop.pk).next_pull_at
        arrives(shop, push(shop, tts_notification_id="2"))
        assert Shop.objects.get(pk=shop.pk).next_pull_at == due_since

    def test_in_whatever_order_they_come_the_end_is_the_same(self, shop: Shop) -> None:
        for number in ("3", "1", "2"):
            pushes.receive(
                "tiktok_shop",
                body := push(shop, tts_notification_id=number, timestamp=1_700_000_000 + int(number)),
                signed(shop, body),
            )
        pushes.process_pushes(shop.pk)
        assert set(PushedNotification.objects.values_list("outcome", flat=True)) == {"pulled"}
        assert claim_due_shops(timezone.now()) == [shop]

    def test_without_a_broker_it_is_stored_all_the_same(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody_there(*_: Any, **__: Any) -> None:
            raise OperationalError

        monkeypatch.setattr(pushes.process_pushes, "apply_async", nobody_there)
        assert pushes.receive("tiktok_shop", push(shop), signed(shop, push(shop)))
        assert PushedNotification.objects.waiting().exists()

    @pytest.mark.parametrize("header", ["authorization", "AUTHORIZATION", "Authorization"])
    def test_the_header_may_be_spelled_any_way(self, shop: Shop, header: str) -> None:
        (signature,) = signed(shop, push(shop)).values()
        assert pushes.receive("tiktok_shop", push(shop), {header: signature})

    def test_a_topic_that_we_have_no_word_for_is_kept_by_its_number_and_listed_as_new(self, shop: Shop) -> None:
        assert arrives(shop, push(shop, type=99, data={}))
        assert PushedNotification.objects.get().topic == "99"
        assert is_due(shop)
        assert list(shop.drift.values_list("word", flat=True)) == ["push: 99"]

    def test_a_topic_that_is_about_nothing_we_read_asks_for_nothing(self, shop: Shop) -> None:
        assert arrives(shop, push(shop, type=14, data={}))
        assert PushedNotification.objects.get().outcome == PushedNotification.Outcome.NOTHING
        assert not is_due(shop)
        assert not shop.drift.exists()

    def test_one_that_came_very_late_still_asks_for_a_pull(self, shop: Shop) -> None:
        assert arrives(shop, push(shop, timestamp=1))
        assert is_due(shop)

    @pytest.mark.parametrize(
        "changes",
        [{"type": "eleven"}, {"type": None}, {"timestamp": "soon"}, {"data": []}, {"data": {"order_id": 5}}],
        ids=str,
    )
    def test_a_signed_one_that_is_not_understood_is_thanked_for_and_left(
        self, shop: Shop, changes: dict[str, object]
    ) -> None:
        assert arrives(shop, push(shop, **changes))
        assert not PushedNotification.objects.exists()

    @pytest.mark.parametrize("planted", ["\0", "a\0b", "\ud800"])
    def test_text_that_no_database_keeps_does_not_stop_it(self, shop: Shop, planted: str) -> None:
        assert arrives(shop, push(shop, tts_notification_id=planted, data={"order_id": planted, "cancel_id": planted}))
        assert PushedNotification.objects.get().order_id == planted.replace("\0", "\ufffd").replace("\ud800", "?")
        assert is_due(shop)

    def test_an_id_that_fits_into_no_index_is_not_understood(self, shop: Shop) -> None:
        assert arrives(shop, push(shop, tts_notification_id="".join(chr(0x4E00 + number) for number in range(5000))))
        assert not PushedNotification.objects.exists()

    def test_it_does_not_touch_a_shop_that_has_to_be_connected_again(self, shop: Shop) -> None:
        Connection.objects.update(state=Connection.State.RECONNECT)
        assert arrives(shop)
        assert not is_due(shop)

    def test_those_of_long_ago_are_forgotten_once_they_were_acted_on(self, shop: Shop) -> None:
        arrives(shop)
        pushes.forget_old_pushes()
        assert PushedNotification.objects.exists()
        kept_for = timedelta(days=settings.KEEP_PUSHES_DAYS)
        PushedNotification.objects.update(processed_at=timezone.now() - kept_for - IN_AN_HOUR)
        pushes.forget_old_pushes()
        assert not PushedNotification.objects.exists()


class TestAuthorizations:
    """What a push says of the authorization itself. It may come late, twice, and after what was sent later."""

    @pytest.fixture(autouse=True)
    def authorized_an_hour_ago(self, shop: Shop) -> None:
        Connection.objects.update(authorized_at=timezone.now() - IN_AN_HOUR)

    def told(self, shop: Shop, kind: int, minutes_ago: float, number: str = "1", **data: Any) -> None:
        sent = int(time.time() - minutes_ago * 60)
        body = push(shop, type=kind, tts_notification_id=number, timestamp=sent, data=data)
        assert pushes.receive("tiktok_shop", body, signed(shop, body))

    def connection_of(self, shop: Shop) -> Connection:
        pushes.process_pushes(shop.pk)
        return Connection.objects.get(pk=shop.connection_id)

    def test_one_that_was_taken_back_has_to_be_given_again(self, shop: Shop) -> None:
        self.told(shop, 6, 1)
        found = self.connection_of(shop)
        assert found.state == Connection.State.RECONNECT
        assert PushedNotification.objects.get().outcome == PushedNotification.Outcome.DEAUTHORIZED
        assert not is_due(shop)

    def test_taken_back_before_it_was_given_again_says_nothing(self, shop: Shop) -> None:
        self.told(shop, 6, 120)
        assert self.connection_of(shop).state == Connection.State.CONNECTED

    def test_the_same_one_again_after_connecting_again_says_nothing(self, shop: Shop) -> None:
        self.told(shop, 6, 1)
        self.connection_of(shop)
        Connection.objects.update(state=Connection.State.CONNECTED, authorized_at=timezone.now())
        self.told(shop, 6, 1)
        PushedNotification.objects.all().delete()
        self.told(shop, 6, 1)
        assert self.connection_of(shop).state == Connection.State.CONNECTED

    def test_when_it_ends_is_noted(self, shop: Shop) -> None:
        ends = int(time.time()) + 30 * 86400
        self.told(shop, 7, 1, expiration_time=str(ends))
        found = self.connection_of(shop)
        assert found.announced_end is not None and found.announced_end.timestamp() == ends
        assert found.state == Connection.State.CONNECTED

    def test_of_several_ends_the_one_told_last_counts_whatever_came_first(self, shop: Shop) -> None:
        told = [(3, 10), (1, 20), (2, 15)]
        for minutes_ago, days in told:
            ends = int(time.time()) + days * 86400
            self.told(shop, 7, minutes_ago, number=str(minutes_ago), expiration_time=str(ends))
        found = self.connection_of(shop).announced_end
        assert found and round((found - timezone.now()).total_seconds() / 86400) == 20

    def test_an_end_without_a_time_changes_nothing(self, shop: Shop) -> None:
        self.told(shop, 7, 1)
        assert self.connection_of(shop).announced_end is None


class TestOthers:
    def refused(self, shop: Shop, body: bytes, headers: dict[str, str]) -> None:
        assert not pushes.receive("tiktok_shop", body, headers)
        assert not PushedNotification.objects.exists()
        assert not is_due(shop)

    @pytest.mark.parametrize("signature", ["", "0" * 64, "Bearer x", "é", "\udcff"])
    def test_a_forged_one_is_not_believed(self, shop: Shop, signature: str) -> None:
        self.refused(shop, push(shop), {"Authorization": signature})

    def test_one_without_a_signature_is_not_believed(self, shop: Shop) -> None:
        self.refused(shop, push(shop), {})

    def test_one_that_was_changed_on_the_way_is_not_believed(self, shop: Shop) -> None:
        self.refused(shop, push(shop) + b" ", signed(shop, push(shop)))

    def test_another_sellers_secret_does_not_open_this_shop(self, shop: Shop) -> None:
        other = ShopFactory(connection=ConnectionFactory(app_secret="another-secret"))
        self.refused(shop, push(shop), signed(other, push(shop)))

    def test_another_apps_key_does_not_either(self, shop: Shop) -> None:
        signature = webhook_signature("another-app", shop.connection.app_secret, push(shop))
        self.refused(shop, push(shop), {"Authorization": signature})

    def test_a_shop_that_is_not_ours_is_nobodys(self, shop: Shop) -> None:
        body = push(shop, shop_id="7000000000000000001")
        self.refused(shop, body, signed(shop, body))

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"{}", b'{"shop_id": 1}', b'{"shop_id": null}',
            b'{"shop_id": ["1"]}', b"[" * 100_000, b'{"shop_id": "a\\u0000b"}', b'{"shop_id": "\\ud800"}',
        ],
        ids=range(13),
    )  # fmt: skip
    def test_what_is_no_push_at_all_is_refused_and_breaks_nothing(self, shop: Shop, body: bytes) -> None:
        self.refused(shop, body, signed(shop, body))

    def test_a_shop_that_was_disconnected_has_no_secret_that_anybody_could_sign_with(self, shop: Shop) -> None:
        Connection.objects.update(app_secret="")
        signature = webhook_signature(shop.connection.app_key, "", push(shop))
        self.refused(shop, push(shop), {"Authorization": signature})

    @pytest.mark.parametrize("planted", ["nobody", ""])
    def test_for_a_shop_that_is_not_ours_nothing_signs(self, shop: Shop, planted: str) -> None:
        body = push(shop, shop_id="7000000000000000001")
        self.refused(shop, body, {"Authorization": webhook_signature("nobody", planted, body)})

    def test_a_shop_that_is_not_ours_is_measured_like_one_of_ours(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        measured: list[bytes] = []

        def measure(signature: str, app_key: str, app_secret: str, body: bytes) -> bool:
            measured.append(body)
            return is_webhook_signature(signature, app_key, app_secret, body)

        monkeypatch.setattr(webhooks, "is_webhook_signature", measure)
        bodies = [push(shop), push(shop, shop_id="1"), b"{"]
        for body in bodies:
            assert not pushes.receive("tiktok_shop", body, {"Authorization": "0" * 64})
        assert measured == bodies

    def test_a_marketplace_that_is_not_there_is_a_key_error(self, shop: Shop) -> None:
        with pytest.raises(KeyError):
            pushes.receive("flea_market", push(shop), signed(shop, push(shop)))


class TestTheAddress:
    def post(self, body: bytes, headers: dict[str, str], address: str = ADDRESS) -> Any:
        return Client(enforce_csrf_checks=True).post(address, body, content_type="application/json", headers=headers)

    def test_a_genuine_push_is_answered_with_200_and_nothing(self, shop: Shop) -> None:
        answer = self.post(push(shop), signed(shop, push(shop)))
        assert (answer.status_code, answer.content) == (200, b"")
        assert PushedNotification.objects.waiting().exists()

    def test_so_is_the_same_one_again(self, shop: Shop) -> None:
        for _ in range(2):
            assert self.post(push(shop), signed(shop, push(shop))).status_code == 200

    def test_any_other_is_answered_with_401_and_nothing(self, shop: Shop) -> None:
        for body, headers in [
            (push(shop), {"Authorization": "0" * 64}),
            (push(shop), {}),
            (push(shop, shop_id="1"), signed(shop, push(shop, shop_id="1"))),
            (b"<html>", {}),
        ]:
            answer = self.post(body, headers)
            assert (answer.status_code, answer.content) == (401, b"")
        assert not is_due(shop)

    def test_a_marketplace_that_is_not_there_has_no_address(self, shop: Shop) -> None:
        assert self.post(push(shop), signed(shop, push(shop)), "/webhooks/flea_market/").status_code == 404

    def test_looking_at_it_is_not_what_it_is_for(self, shop: Shop) -> None:
        assert Client().get(ADDRESS).status_code == 405

    @pytest.mark.parametrize("length", [None, "soon", "-1", "9" * 30])
    def test_what_is_far_too_large_is_not_read(self, shop: Shop, length: str | None) -> None:
        body = push(shop, extra="x" * webhook.MAX_BYTES)
        headers = {"Content-Length": length} if length else {}
        assert self.post(body, signed(shop, body) | headers).status_code == 413
        assert not PushedNotification.objects.exists()

    def test_whoever_goes_on_forging_is_told_to_stop(self, shop: Shop) -> None:
        told = [self.post(push(shop), {"Authorization": "0" * 64}).status_code for _ in range(webhook.MAX_FORGED + 5)]
        assert told == [401] * webhook.MAX_FORGED + [429] * 5
        assert self.post(push(shop), signed(shop, push(shop))).status_code == 200

    def test_without_a_cache_it_is_refused_all_the_same(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody_there(*_: Any) -> None:
            raise RedisConnectionError

        monkeypatch.setattr(cache, "add", nobody_there)
        assert self.post(push(shop), {"Authorization": "0" * 64}).status_code == 401
        assert self.post(push(shop), signed(shop, push(shop))).status_code == 200
