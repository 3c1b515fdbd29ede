"""Signatures that the reference library takes, and none other."""

import base64

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from webhooks import signing


def test_a_secret_is_as_long_as_the_specification_wants_and_never_the_same() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert 24 <= len(base64.b64decode(one.removeprefix("whsec_"))) <= 64


def test_the_reference_library_agrees_to_the_letter() -> None:
    secret, now = signing.new_secret(), timezone.now()
    made = signing.headers("evt_1", now, b'{"a":"\xc3\xbc"}', [secret])
    assert made["webhook-signature"] == Webhook(secret).sign("evt_1", now, '{"a":"ü"}')


def test_it_verifies_with_either_secret_and_with_no_third() -> None:
    old, new, other = (signing.new_secret() for _ in range(3))
    made = signing.headers("evt_1", timezone.now(), b"{}", [new, old])
    for secret in (old, new):
        assert Webhook(secret).verify(b"{}", made) == {}
    for secret, body in ((other, b"{}"), (new, b"{ }")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, made)
