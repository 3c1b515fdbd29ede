"""Pushes that are signed as they should be and hold what nobody should send: thanked for, and nothing comes of them."""

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cancellations import webhook
from cancellations.models import CancellationRequest, Event, PushedNotification
from orders.models import Order
from shops.models import Connection, Shop
from tests.cancellations.test_pushes import (  # noqa: F401 - fixtures
    ADDRESS,
    nobody_has_forged_yet,
    push,
    shop,
    signed,
)
from tests.config.nasty import VALUES

ODD = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, -1, 0, 2**63])
    | st.lists(st.integers(), max_size=3) | st.dictionaries(st.text(), st.text(), max_size=3)
)  # fmt: skip
FIELDS = ("type", "tts_notification_id", "timestamp", "data")
INSIDE = ("order_id", "cancel_id", "cancel_status", "order_status", "expiration_time")


def comes(shop: Shop, body: bytes) -> int:  # noqa: F811
    """The status that the marketplace sees; what is stored is taken back."""
    with transaction.atomic():
        answer = Client(raise_request_exception=False).generic(
            "POST", ADDRESS, body, content_type="application/json", headers=signed(shop, body)
        )
        assert PushedNotification.objects.count() <= 1
        assert not (CancellationRequest.objects.exists() or Order.objects.exists() or Event.objects.exists())
        assert Connection.objects.get().state == Connection.State.CONNECTED
        transaction.set_rollback(True)
    return int(answer.status_code)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(field=st.sampled_from([*FIELDS, *INSIDE]), value=ODD, kind=st.sampled_from([1, 4, 6, 7, 11, 99]))
def test_whatever_a_field_holds(shop: Shop, field: str, value: Any, kind: int) -> None:  # noqa: F811
    told: dict[str, Any] = json.loads(push(shop, type=kind))
    (told if field in FIELDS else told["data"])[field] = value
    assert comes(shop, json.dumps(told).encode("utf-8", "replace")) == 200


def test_whatever_a_field_is_written_as(shop: Shop) -> None:  # noqa: F811
    whole = push(shop)
    for value in VALUES:
        body = whole.replace(b'"577087614418520388"', b'"' + value[:50_000] + b'"')
        assert comes(shop, body) in (200, 401)  # where it is no JSON, nobody knows whose secret would sign it


@pytest.mark.parametrize("depth", [100, 900, 5000])
def test_however_deep_it_is(shop: Shop, depth: int) -> None:  # noqa: F811
    body = push(shop)[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
    assert comes(shop, body) in (200, 401)


def test_however_large_it_is(shop: Shop) -> None:  # noqa: F811
    assert comes(shop, push(shop, x="x" * webhook.MAX_BYTES)) == 413
    assert comes(shop, push(shop)[:-1] + b" " * (webhook.MAX_BYTES - 1000) + b"}") == 200


def test_what_names_something_twice_is_not_believed(shop: Shop) -> None:  # noqa: F811
    body = push(shop)[:-1] + b', "type": 6}'
    assert comes(shop, body) in (200, 401)
    assert not PushedNotification.objects.exists()
