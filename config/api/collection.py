"""The API as a Postman collection (v2.1), which Bruno imports as well: made of the OpenAPI description."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("get", "post", "put", "patch", "delete")
JSON, FORM = "application/json", "multipart/form-data"
FILE = "(the file)"  # what an example holds in place of one


def collection(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A folder for each tag, a request for each operation, and `base_url` and `token` to fill in."""
    folders: dict[str, list[dict[str, Any]]] = {}
    for path, method, told in operations(schema):
        folders.setdefault(told["tags"][0], []).append(request(path, method, told))
    return {
        "info": {
            "name": schema["info"]["title"],
            "description": "Set `base_url` to your server and `token` to an API token of yours.",
            "schema": SCHEMA,
        },
        "auth": {
            "type": "apikey",
            "apikey": [
                {"key": "key", "value": "Authorization", "type": "string"},
                {"key": "value", "value": "Token {{token}}", "type": "string"},
                {"key": "in", "value": "header", "type": "string"},
            ],
        },
        "variable": [
            {"key": "base_url", "value": "https://countermand.example", "type": "string"},
            {"key": "token", "value": "", "type": "string"},
        ],
        "item": [{"name": name, "item": items} for name, items in sorted(folders.items())],
    }


def operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for path, item in schema["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS if method in item)


def request(path: str, method: str, told: Mapping[str, Any]) -> dict[str, Any]:
    named = {place: [one for one in told.get("parameters", ()) if one["in"] == place] for place in ("path", "query")}
    query = [
        {"key": one["name"], "value": "", "description": one.get("description", ""), "disabled": True}
        for one in named["query"]
    ]
    asked: dict[str, Any] = {
        "method": method.upper(),
        "header": [],
        "description": told.get("description", ""),
        "url": {
            "raw": "{{base_url}}" + re.sub(r"\{(\w+)\}", r":\1", path),
            "host": ["{{base_url}}"],
            "path": [re.sub(r"\{(\w+)\}", r":\1", part) for part in path.lstrip("/").split("/")],
            "query": query,
            "variable": [
                {"key": one["name"], "value": "", "description": one.get("description", "")} for one in named["path"]
            ],
        },
    }
    if sent := told.get("requestBody", {}).get("content", {}):
        asked["body"] = json_body(sent[JSON]) if JSON in sent else form_body(sent[FORM])
        if JSON in sent:
            asked["header"].append({"key": "Content-Type", "value": JSON})
    return {"name": told["summary"], "request": asked, "response": []}


def json_body(told: Mapping[str, Any]) -> dict[str, Any]:
    """The first example, to be changed."""
    example = next(iter(told["examples"].values()))["value"]
    return {
        "mode": "raw",
        "raw": json.dumps(example, indent=2, ensure_ascii=False),
        "options": {"raw": {"language": "json"}},
    }


def form_body(told: Mapping[str, Any]) -> dict[str, Any]:
    """Its fields; those that hold files are chosen there."""
    example = next(iter(told["examples"].values()))["value"]
    fields = [
        {"key": name, "type": "file", "src": []}
        if value == FILE
        else {"key": name, "type": "text", "value": str(value)}
        for name, value in example.items()
    ]
    return {"mode": "formdata", "formdata": fields}
