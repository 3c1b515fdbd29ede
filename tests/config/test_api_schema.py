import io
import json
import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from config.api.problems import PROBLEM_JSON, TITLES
from marketplaces.registry import MARKETPLACES
from tests.factories import UserFactory


@pytest.fixture(scope="module")
def schema() -> Any:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return yaml.safe_load(out.getvalue())


def operations(schema: Any) -> list[tuple[str, str, Any]]:
    methods = {"get", "post", "put", "patch", "delete"}
    return [(path, m, told) for path, item in schema["paths"].items() for m, told in item.items() if m in methods]


def test_the_schema_is_valid_and_nothing_in_it_had_to_be_guessed(schema: Any) -> None:
    assert schema["info"]["title"] == "Countermand API"
    assert len(operations(schema)) >= 22


def test_every_operation_says_what_it_does_and_documents_its_problems(schema: Any) -> None:
    for path, method, told in operations(schema):
        where = f"{method} {path}"
        assert told["summary"], where
        wrong = {int(code): answer for code, answer in told["responses"].items() if code >= "400"}
        assert 401 in wrong, where
        assert ("{" not in path) or 404 in wrong, where
        assert method == "get" or "decisions/{id}" not in path or {403, 409} <= wrong.keys(), where
        for answer in wrong.values():
            assert answer["content"][PROBLEM_JSON]["schema"]["$ref"] == "#/components/schemas/Problem", where
            assert answer["content"][PROBLEM_JSON]["examples"], where


def test_posting_a_decision_documents_each_no(schema: Any) -> None:
    responses = schema["paths"]["/api/v1/decisions/"]["post"]["responses"]
    assert set(responses) >= {"201", "400", "401", "403", "409", "413", "415", "422"}
    assert "503" in schema["paths"]["/api/v1/cancellations/{id}/reject-reasons/"]["get"]["responses"]


def test_examples_of_problems_carry_types_and_statuses_that_exist(schema: Any) -> None:
    seen = set()
    for _path, _method, told in operations(schema):
        for code, answer in told["responses"].items():
            for example in answer.get("content", {}).get(PROBLEM_JSON, {}).get("examples", {}).values():
                kind = example["value"]["type"].removeprefix("/problems/")
                seen.add(kind)
                assert TITLES[kind] == (int(code), example["value"]["title"])
    assert seen >= {
        "already-decided",
        "already-recorded",
        "not-allowed",
        "too-late",
        "marketplace-unavailable",
        "malformed",
    }


def test_the_guide_names_every_type_and_no_other() -> None:
    guide = (settings.BASE_DIR / "docs/api.md").read_text()
    named = set(re.findall(r"\| (\d{3}) \| `/problems/([a-z-]+)`", guide))
    assert named == {(str(code), kind) for kind, (code, _title) in TITLES.items()}


def test_the_guide_sends_no_field_and_names_no_address_that_is_not_there(schema: Any) -> None:
    guide = (settings.BASE_DIR / "docs/api.md").read_text()
    sent = [json.loads(body) for body in re.findall(r"-d '(\{.*\})'", guide)]
    bodies = schema["components"]["schemas"]
    assert len(sent) == 4
    of_which = {"verdict": "DecisionRequest", "order_number": "RecordRequest", "kind": "ExportRequest"}
    for body in [one for told in sent for one in told.get("decisions", [told])]:
        name = next(of_which[field] for field in of_which if field in body)
        assert set(body) <= set(bodies[name]["properties"]), body
    paths = {re.sub(r"\{\w+\}", "{id}", path) for path in schema["paths"]}
    for address in re.findall(r"(?:GET|POST) ([a-z{][a-z/{}-]+/)", guide):
        assert f"/api/v1/{re.sub(r'{[a-z]+}', '{id}', address)}" in paths, address


@pytest.mark.parametrize(
    "where",
    [
        ("paths", "/api/v1/decisions/", "post", "description"),
        ("components", "schemas", "DecisionRequest", "properties", "verdict", "description"),
        ("components", "schemas", "CancellationDetail", "properties", "offers", "description"),
        ("components", "schemas", "Offer", "properties", "notice", "description"),
        ("paths", "/api/v1/shops/{id}/rules/", "get", "description"),
    ],
)
def test_integrators_read_of_the_us_rule_wherever_they_would_trip_over_it(schema: Any, where: tuple[str, ...]) -> None:
    found = schema
    for key in where:
        found = found[key]
    assert "March 31, 2024" in found
    assert "ship_to_reject" in found


def test_every_operation_documents_the_manners(schema: Any) -> None:
    for path, method, told in operations(schema):
        where = f"{method} {path}"
        headers = {one["name"] for one in told.get("parameters", []) if one["in"] == "header"}
        responses = told["responses"]
        assert "RateLimit" in responses["429"]["headers"], where
        if method == "post":
            assert "Idempotency-Key" in headers, where
            assert {"400", "409"} <= set(responses), where
        if method == "get":
            assert "If-None-Match" in headers, where
            assert {"304", "400"} <= set(responses), where
            assert "ETag" in responses["200"]["headers"], where


def test_recording_a_request_documents_each_no(schema: Any) -> None:
    responses = schema["paths"]["/api/v1/cancellations/"]["post"]["responses"]
    assert set(responses) >= {"201", "400", "401", "403", "409", "415", "422"}


def test_nothing_in_it_names_a_marketplace(schema: Any) -> None:
    told = yaml.safe_dump(schema).lower()
    assert not [name for platform in MARKETPLACES.values() if (name := platform.name.lower()) in told]
    assert "tiktok" not in told


def test_both_ways_to_sign_in_are_documented(schema: Any) -> None:
    assert set(schema["components"]["securitySchemes"]) == {"token", "cookieAuth"}


@pytest.mark.django_db
def test_the_documentation_is_for_those_who_have_signed_in(client: Client) -> None:
    assert client.get("/api/v1/docs/").status_code == client.get("/api/v1/redoc/").status_code == 302
    assert client.get("/api/v1/schema/").status_code == 401
    client.force_login(UserFactory())
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    assert client.get("/api/v1/schema/").status_code == 200


@pytest.mark.django_db
def test_only_the_documentation_may_write_styles_into_its_elements(client: Client) -> None:
    client.force_login(UserFactory())
    for address in ("/api/v1/docs/", "/api/v1/redoc/"):
        docs = client.get(address)
        assert "style-src 'self' 'unsafe-inline'" in docs.headers["Content-Security-Policy"]
        assert "script-src 'self';" in docs.headers["Content-Security-Policy"] + ";"
        assert b"http" not in docs.content.replace(b"http://testserver", b"")
    assert "unsafe-inline" not in client.get("/api/v1/shops/").headers["Content-Security-Policy"]
