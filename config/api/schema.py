"""How the manners of the API stand in its OpenAPI description, so that no view has to repeat them."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from config.api.documented import example
from config.api.problems import PROBLEM_JSON, TITLES

PROBLEMS = {
    **dict.fromkeys(("get", "put", "patch", "delete"), ("invalid", "too-many-requests")),
    "post": ("invalid", "idempotency-key-reused", "idempotency-key-in-use", "too-many-requests"),
}
KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER,
    description=(
        "1 to 255 printable ASCII characters of your own, a UUID for one. The same request with the same key is "
        "carried out once: sent again within 48 hours it gets the first answer, with `Idempotency-Replayed: true`. "
        "Another request with it is a 409. After an answer of 400, 401, 403, 404, 429 or 5xx the key is free again."
    ),
)  # fmt: skip
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER,
    description="The `ETag` of an answer that you have kept: a 304 without a body, if it is still right.",
)  # fmt: skip
FIELDS = OpenApiParameter(
    "fields", str,
    description=(
        "The fields that you want, with commas between: `id,state,made_by.name`. Without it all of them are sent."
    ),
)  # fmt: skip
WAIT = OpenApiParameter(
    "Prefer", str, OpenApiParameter.HEADER,
    description=(
        "`wait=N` (RFC 7240): answer when the decision no longer moves by itself, or after N seconds, of which there "
        "are 10 at most. Where `Preference-Applied` is missing, the answer was given at once."
    ),
)  # fmt: skip

APPLIED = OpenApiParameter(
    "Preference-Applied", str, OpenApiParameter.HEADER, response=[200, 201],
    description="`wait=N` where the answer was held; then the decision is settled, or N seconds have passed.",
)  # fmt: skip
WAITS = [WAIT, APPLIED]


class Described(AutoSchema):
    """Every operation with the parameters that it has by being one of ours."""

    def get_override_parameters(self) -> list[Any]:
        own = [KEY] if self.method == "POST" else [IF_NONE_MATCH] if self.method == "GET" else []
        if self.method == "GET" and getattr(self.view, "action", None) in ("list", "retrieve"):
            own.append(FIELDS)
        return [*super().get_override_parameters(), *own]

    def get_description(self) -> str:  # type: ignore[override]
        """Only what `extend_schema` says: docstrings are for those who read the code."""
        return ""


def header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


HEADERS = {
    "RateLimit-Policy": header('The limits that hold: `"all";q=600;w=60` is 600 calls in 60 seconds.'),
    "RateLimit": header('What is left of each: `"all";r=42;t=17` is 42 calls, and all of them again in 17 seconds.'),
    "X-RateLimit-Limit": header("Of the limit that ends first: how many calls.", "integer"),
    "X-RateLimit-Remaining": header("How many of them are left.", "integer"),
    "X-RateLimit-Reset": header("When all of them are there again, in seconds since 1970.", "integer"),
    "ETag": header("A name of this very answer, for `If-None-Match`."),
    "Idempotency-Replayed": header("`true` where this is the first answer to your key, given again."),
    "Retry-After": header("Seconds to wait.", "integer"),
}
LIMITS = [name for name in HEADERS if "RateLimit" in name]


def with_manners(result: Any, generator: Any, **_more: Any) -> Any:
    """Add to every operation what each of its kind can be answered with; a postprocessing hook of drf-spectacular."""
    result["components"]["headers"] = HEADERS
    for item in result["paths"].values():
        for method in PROBLEMS.keys() & item.keys():
            responses = item[method]["responses"]
            for kind in PROBLEMS[method]:
                add_problem(responses, kind)
            if method == "get":
                responses["304"] = {"description": "What you have is still right."}
            for code, response in responses.items():
                named = {name: {"$ref": f"#/components/headers/{name}"} for name in headers_of(method, code)}
                response["headers"] = {**response.get("headers", {}), **named}
            item[method]["responses"] = dict(sorted(responses.items()))
    return result


def headers_of(method: str, code: str) -> list[str]:
    names = LIMITS if code != "401" else []
    if method == "get" and code in ("200", "304"):
        names = ["ETag", *names]
    if method == "post" and (code < "300" or code in ("409", "422")):
        names = ["Idempotency-Replayed", *names]
    return ["Retry-After", *names] if code in ("409", "429", "503") else names


def add_problem(responses: dict[str, Any], kind: str) -> None:
    status, title = TITLES[kind]
    told = responses.setdefault(str(status), {"content": {PROBLEM_JSON: {}}, "description": ""})
    content = told["content"].setdefault(PROBLEM_JSON, {})
    content.setdefault("schema", {"$ref": "#/components/schemas/Problem"})
    examples = content.setdefault("examples", {})
    name = kind.capitalize()
    if name not in examples:
        examples[name] = {"value": example(kind, status).value, "summary": kind}
        told["description"] = " / ".join(filter(None, [told["description"].rstrip("."), title])) + "."
