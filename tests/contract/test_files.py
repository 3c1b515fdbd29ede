"""What integrators are given in docs/: that it is what the code does, that it is valid, and that it says enough."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve
from drf_spectacular.validation import validate_schema

from config import contract
from config.api.collection import operations
from config.api.problems import NowhereView
from tests.factories import UserFactory

# Fields whose name says it all.
EXPLAIN_THEMSELVES = set(
    """
    actor_id allowed asked at available by can_be_cancelled can_be_shipped can_drop_off can_pickup cancellations
    data deadline detail end evidence format has_photo id is_alive items line_item_marketplace_id lines market_name
    marketplace marketplace_name name needs_answer note notes number order_marketplace_id order_number package
    packages pickup_slots product_name reasons region reject_reasons result results seller_sku shipping_fee
    shipping_options shop sku_id sku_name start state status tax templates text title total type url verdict words
    """.split()
)


@pytest.fixture(scope="module")
def schema() -> Any:
    return contract.schema()


def test_the_files_are_what_the_code_makes() -> None:
    """`./run openapi` writes them."""
    for path, text in contract.files().items():
        assert (settings.BASE_DIR / path).read_text() == text, f"{path}: ./run openapi"


def test_the_description_is_valid_openapi_3_1(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_operation_is_named_once_and_has_a_place_and_words(schema: Any) -> None:
    found = list(operations(schema))
    names = [told["operationId"] for _path, _method, told in found]
    assert len(set(names)) == len(names)
    for path, method, told in found:
        assert told["summary"] and not told["summary"].endswith("."), f"{method} {path}"
        assert told["tags"], f"{method} {path}"


def test_every_field_is_explained(schema: Any) -> None:
    silent = [
        f"{name}.{field}"
        for name, told in schema["components"]["schemas"].items()
        for field, inner in told.get("properties", {}).items()
        if not inner.get("description") and "$ref" not in inner and field not in EXPLAIN_THEMSELVES
    ]
    assert silent == []


def bodies(schema: Any) -> Iterator[tuple[str, Any]]:
    for path, method, told in operations(schema):
        sent = told.get("requestBody", {}).get("content", {})
        answers = [answer.get("content", {}) for answer in told["responses"].values()]
        for content in (sent, *answers):
            yield from ((f"{method} {path}", body) for kind, body in content.items() if kind.endswith(("json", "data")))


def test_every_body_has_examples_and_they_fit_it(schema: Any) -> None:
    for where, body in bodies(schema):
        assert body["examples"], where
        rules = jsonschema_rs.Draft202012Validator({**body["schema"], "components": schema["components"]})
        for example in body["examples"].values():
            assert not [problem.message for problem in rules.iter_errors(example["value"])], where


@pytest.mark.django_db
def test_it_is_served_in_english_whatever_the_reader_speaks(client: Client, schema: Any) -> None:
    client.force_login(UserFactory())
    served = client.get("/api/v1/schema/?format=json", headers={"Accept-Language": "de"}).json()
    assert served["components"]["schemas"]["Order"] == schema["components"]["schemas"]["Order"]


# --- the collection -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def collection() -> Any:
    return json.loads((settings.BASE_DIR / "docs/countermand.postman_collection.json").read_text())


def test_the_collection_is_one_of_version_2_1(collection: Any) -> None:
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert {one["key"] for one in collection["variable"]} == {"base_url", "token"}
    for folder in collection["item"]:
        assert folder["name"] and folder["item"]
        for item in folder["item"]:
            assert set(item) == {"name", "request", "response"}
            assert set(item["request"]) <= {"method", "header", "description", "url", "body"}
            url = item["request"]["url"]
            assert url["raw"] == "{{base_url}}/" + "/".join(url["path"])
            assert item["request"].get("body", {"mode": "raw"})["mode"] in ("raw", "formdata")


def test_each_of_its_requests_leads_to_a_view_and_none_is_missing(collection: Any, schema: Any) -> None:
    asked = [item["request"] for folder in collection["item"] for item in folder["item"]]
    assert len(asked) == len(list(operations(schema)))
    for request in asked:
        path = "/".join("1" if part.startswith(":") else part for part in request["url"]["path"])
        found = resolve(f"/{path}").func
        assert getattr(found, "cls", None) is not NowhereView and found.__name__ != "NowhereView", path
        assert {part[1:] for part in request["url"]["path"] if part.startswith(":")} == {
            one["key"] for one in request["url"]["variable"]
        }


def test_its_bodies_are_the_examples(collection: Any) -> None:
    (decide,) = [
        item["request"]
        for folder in collection["item"]
        if folder["name"] == "decisions"
        for item in folder["item"]
        if item["name"] == "Decide"
    ]
    assert json.loads(decide["body"]["raw"]) == {"verdict": "approve", "cancellation": 4711}
