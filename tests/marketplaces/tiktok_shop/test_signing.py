"""Signatures against the vectors that several implementations agree on, and against what must hold for any request."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.tiktok_shop.signing import is_webhook_signature, request_signature, webhook_signature

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "tiktok_shop_signatures.json").read_text("utf-8"))
REQUESTS = {vector["name"]: vector for vector in VECTORS["vectors"]}
PUSHES = {vector["name"]: vector for vector in VECTORS["webhook_vectors"]}


def sign(vector: dict[str, Any]) -> str:
    return request_signature(
        vector["app_secret"],
        vector["path"],
        vector["query"],
        content_type=vector["content_type"],
        body=vector["body"].encode(),
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_vector_is_signed_as_expected(name: str) -> None:
    vector = REQUESTS[name]
    assert len(vector["body"].encode()) == vector["body_utf8_bytes"]
    assert sign(vector) == vector["expected_sign"]


@pytest.mark.parametrize("wrong", VECTORS["negative_vectors"], ids=lambda wrong: wrong["name"])
def test_no_known_mistake_is_ours(wrong: dict[str, Any]) -> None:
    assert sign(REQUESTS[wrong["vector"]]) != wrong["wrong_sign"]


@pytest.mark.parametrize("name", PUSHES)
def test_every_push_vector_is_accepted(name: str) -> None:
    vector = PUSHES[name]
    body = vector["raw_body"].encode()
    assert webhook_signature(vector["app_key"], vector["app_secret"], body) == vector["expected_signature"]
    assert is_webhook_signature(vector["expected_signature"], vector["app_key"], vector["app_secret"], body)


@pytest.mark.parametrize("wrong", VECTORS["webhook_negative_vectors"], ids=lambda wrong: wrong["mistake"])
def test_every_wrong_push_vector_is_refused(wrong: dict[str, Any]) -> None:
    vector = PUSHES[wrong["vector"]]
    body = vector["raw_body"].encode()
    assert not is_webhook_signature(wrong["wrong_signature"], vector["app_key"], vector["app_secret"], body)


@pytest.mark.parametrize("signature", ["", "é", "\udcff", "0" * 64, "0" * 63])
def test_a_signature_of_any_shape_is_refused_without_an_error(signature: str) -> None:
    assert not is_webhook_signature(signature, "key", "secret", b"{}")


texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=10).filter(lambda name: name not in {"sign", "access_token"})
queries = st.dictionaries(names, texts, max_size=6)


@given(queries, st.randoms())
def test_the_order_of_the_query_does_not_count(query: dict[str, str], random: Any) -> None:
    shuffled = list(query.items())
    random.shuffle(shuffled)
    assert request_signature("s", "/p", query) == request_signature("s", "/p", dict(shuffled))


@given(queries, texts, texts)
def test_sign_and_access_token_do_not_count(query: dict[str, str], one: str, other: str) -> None:
    assert request_signature("s", "/p", query | {"sign": one, "access_token": other}) == request_signature(
        "s", "/p", query
    )


@given(queries, st.binary(max_size=60), st.text(max_size=10))
def test_the_signature_is_the_hmac_of_the_documented_string(query: dict[str, str], body: bytes, secret: str) -> None:
    pairs = "".join(f"{name}{query[name]}" for name in sorted(query))
    text = secret.encode() + b"/p" + pairs.encode() + body + secret.encode()
    expected = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    assert request_signature(secret, "/p", query, body=body) == expected


@given(st.binary(min_size=1, max_size=60), st.data())
def test_every_bit_of_a_json_body_counts(body: bytes, data: st.DataObject) -> None:
    changed = bytearray(body)
    position = data.draw(st.integers(0, len(body) - 1))
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    assert request_signature("s", "/p", {}, body=body) != request_signature("s", "/p", {}, body=bytes(changed))


@given(st.binary(max_size=60), st.sampled_from(["multipart/form-data", "Multipart/Form-Data ; boundary=x"]))
def test_the_body_of_an_upload_does_not_count(body: bytes, content_type: str) -> None:
    assert request_signature("s", "/p", {}, content_type=content_type, body=body) == request_signature(
        "s", "/p", {}, content_type=content_type
    )


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=5))
def test_a_push_with_other_bytes_is_refused(body: bytes, more: bytes) -> None:
    signature = webhook_signature("key", "secret", body)
    assert is_webhook_signature(signature, "key", "secret", body)
    assert not is_webhook_signature(signature, "key", "secret", body + more)
    assert not is_webhook_signature(signature.upper() + " ", "key", "secret", body)
