# ruff: noqa: F811 - a fixture that is imported is asked for by its name
"""Every address and every field of the API, with what nobody should send: never a 500, and each no is a problem."""

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cancellations.models import CancellationRequest
from shops.models import Role
from tests.config.nasty import BODIES, DEEP, HEADERS, VALUES, encoded
from tests.config.test_api import addresses, cancellation  # noqa: F401
from tests.factories import member

pytestmark = pytest.mark.django_db
JSON = "application/json"
# As JSON is written, so that it can be what Python would not write.
WRITTEN = (
    "null", "true", "0", "-1", "1.5", "1e999", "-1e999", "NaN", "Infinity", "9" * 25, "9" * 5000,
    '""', '" "', '"\\u0000"',
    '"\\ud800"', '"a\\ud800b"', '"x\\u202ey"', "[]", "{}", "[[]]", "[null]", '{"a": {"b": [{}]}}', '["a", 1, null]',
    '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59-23:59"', '"2026-02-30"', '"٣"', '"../../x"',
    '"' + "x" * 70_000 + '"',
    '{"id": 1, "quantity": -1}', '[{"line_item": 9e99, "quantity": 1e5}]', '[{"line_item": "a", "quantity": null}]',
    DEEP, '"a", "a": 1, "b": "', '"\\x"',
)  # fmt: skip
LIST_PARAMETERS = ("page_size", "cursor", "ordering", "format")


class Asking:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.broken: list[str] = []

    def ask(self, method: str, address: str, body: bytes = b"", kind: str = JSON, **headers: str) -> None:
        # What asks a marketplace does so outside of transactions; here nobody answers it, which is a 503.
        undone = contextlib.nullcontext() if method in ("GET", "HEAD") else transaction.atomic()
        with undone:
            answer: Any = self.client.generic(method, address, body, content_type=kind, **headers)  # type: ignore[arg-type]
            if method not in ("GET", "HEAD"):
                transaction.set_rollback(True)
        told = f"{answer.status_code} {method} {address[:200]} {body[:200]!r} {kind} {headers}"
        is_problem = answer.get("Content-Type") == "application/problem+json"
        is_bad = answer.status_code >= 400 and not is_problem and method != "HEAD"
        is_untrue = is_problem and answer.content and json.loads(answer.content)["status"] != answer.status_code
        if answer.status_code == 500 or is_bad or is_untrue:
            self.broken.append(told)


@pytest.fixture
def asking(cancellation: CancellationRequest) -> Iterator[Asking]:
    client = Client(raise_request_exception=False)
    client.force_login(member(Role.MANAGER, cancellation.shop, is_superuser=True))
    logging.disable(logging.CRITICAL)  # of thousands of requests it takes longer than to answer them
    yield Asking(client)
    logging.disable(logging.NOTSET)


def documented() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def fields_of(schema: Any, operation: Any) -> dict[str, Any]:
    """The properties of what is to be sent."""
    content = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    name = content.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["components"]["schemas"].get(name, content).get("properties", {})
    return found


def posts(cancellation: CancellationRequest) -> Iterator[tuple[str, list[str]]]:
    """(address, fields): each that something is sent to."""
    schema = documented()
    told = [
        (path.count("/"), path.rstrip("/").rpartition("/")[2], list(fields_of(schema, item["post"])))
        for path, item in schema["paths"].items()
        if "post" in item
    ]
    for address, methods in addresses(cancellation).items():
        if "post" in methods:
            end = address.rstrip("/").rpartition("/")[2]
            yield address, next(fields for depth, last, fields in told if (depth, last) == (address.count("/"), end))


def example(cancellation: CancellationRequest) -> dict[str, str]:
    """What would be right, as JSON writes it."""
    return {
        "verdict": '"reject"', "cancellation": str(cancellation.pk), "reason": '"x"', "comment": '"x"',
        "order": str(cancellation.order_id), "note": '"x"', "full": "false",
    }  # fmt: skip


def test_every_field_of_every_body(asking: Asking, cancellation: CancellationRequest) -> None:
    right, fields = example(cancellation), 0
    for address, names in posts(cancellation):
        for name in names:
            for value in WRITTEN[fields % 5 :: 5]:
                body = {key: text for key, text in right.items() if key in names} | {name: value}
                written = ", ".join(f'"{key}": {text}' for key, text in body.items())
                asking.ask("POST", address, f"{{{written}}}".encode())
                fields += 1
    assert asking.broken == []
    assert fields > 100


def test_bodies_that_are_no_object(asking: Asking, cancellation: CancellationRequest) -> None:
    for turn, (address, _names) in enumerate(posts(cancellation)):
        for value in WRITTEN[turn % 4 :: 4]:
            asking.ask("POST", address, value.encode())
        for kind, body in BODIES[turn % 3 :: 3]:
            asking.ask("POST", address, body, kind)
    assert asking.broken == []


def test_every_parameter_of_every_list(asking: Asking, cancellation: CancellationRequest) -> None:
    parameters = {
        parameter["name"]
        for item in documented()["paths"].values()
        for parameter in item.get("get", {}).get("parameters", ())
        if parameter["in"] == "query"
    }
    lists = [address for address, methods in addresses(cancellation).items() if "get" in methods]
    for turn, address in enumerate(lists):
        for step, name in enumerate(sorted(parameters.union(LIST_PARAMETERS))):
            value = encoded(VALUES[(turn * 5 + step) % len(VALUES)][:4000])
            asking.ask("GET", f"{address}?{name}={value}")
    assert asking.broken == []


def test_odd_headers_methods_and_ids(asking: Asking, cancellation: CancellationRequest) -> None:
    for turn, address in enumerate(addresses(cancellation)):
        for method in ("HEAD", "PUT", "NONSENSE", "OPTIONS"):
            asking.ask(method, address, b"{}")
        for headers in HEADERS[turn % 4 :: 4]:
            asking.ask("GET", address, b"", JSON, **headers)
        for value in VALUES[turn % 20 :: 20]:
            asking.ask("GET", f"{address}{encoded(value[:500])}/")
            asking.ask("POST", f"{address}{encoded(value[:500])}/", b"{}")
    assert asking.broken == []


@settings(
    max_examples=30, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_whatever_else_comes_to_mind(asking: Asking, cancellation: CancellationRequest, data: st.DataObject) -> None:
    address, names = data.draw(st.sampled_from(sorted(posts(cancellation))))
    leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
    anything = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    )
    body = data.draw(st.dictionaries(st.sampled_from([*names, "x"]), anything, max_size=5))
    asking.ask("POST", address, json.dumps(body).encode())
    assert asking.broken == []
