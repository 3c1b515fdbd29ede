"""What integrators build on, written into docs/: `./run openapi` after every change of the API."""

import json
from typing import Any

import django
from django.conf import settings
from django.utils import translation


def schema() -> dict[str, Any]:
    """The OpenAPI description, in English."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiJsonRenderer

    with translation.override("en"):
        made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        told: dict[str, Any] = json.loads(OpenApiJsonRenderer().render(made))
    return told


def files() -> dict[str, str]:
    """{path below the project's folder: what stands in it}."""
    from drf_spectacular.renderers import OpenApiYamlRenderer

    from config.api.collection import collection

    told = schema()
    return {
        "docs/openapi.yml": OpenApiYamlRenderer().render(told).decode(),  # type: ignore[no-untyped-call]
        "docs/countermand.postman_collection.json": json.dumps(collection(told), indent=1, ensure_ascii=False) + "\n",
    }


def write() -> None:
    for path, text in files().items():
        (settings.BASE_DIR / path).write_text(text)


if __name__ == "__main__":
    django.setup()
    write()
