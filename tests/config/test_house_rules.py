"""Rules of the house that no linter knows."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ADAPTERS_MAY_IMPORT = {"marketplaces", "requests", "urllib3"} | sys.stdlib_module_names


def imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", sorted((CHECKOUT / "marketplaces").rglob("*.py")), ids=lambda path: path.stem)
def test_marketplaces_import_only_requests_and_the_standard_library(path: Path) -> None:
    assert {name.partition(".")[0] for name in imported_by(path)} <= ADAPTERS_MAY_IMPORT


@pytest.mark.parametrize("drawer", ["core", "common", "utils", "helpers", "services", "constants", "signals"])
def test_no_module_is_a_drawer(drawer: str) -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert [path for path in tracked.stdout.split() if drawer in (*Path(path).parts[:-1], Path(path).stem)] == []
