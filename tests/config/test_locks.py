import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
WANTED = {
    "requirements.txt": [*PROJECT["project"]["dependencies"], *GROUPS["demo"]],
    "requirements-dev.txt": [*PROJECT["project"]["dependencies"], *GROUPS["demo"], *GROUPS["dev"]],
    "requirements-tools.txt": GROUPS["tools"],
}


def pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (CHECKOUT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("lock", WANTED)
def test_lock_answers_what_pyproject_asks_for(lock: str) -> None:
    pinned = pins(lock)
    unmet = [
        wanted
        for wanted in map(Requirement, WANTED[lock])
        if not wanted.specifier.contains(pinned.get(canonicalize_name(wanted.name), "0"), prereleases=True)
    ]
    assert unmet == [], "./run lock"


@pytest.mark.parametrize("lock", WANTED)
def test_every_pin_has_a_hash(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    pinned = re.findall(r"^[A-Za-z0-9._-]+==(?:.*\\\n)+.*$", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[A-Za-z0-9._-]+==", text, re.MULTILINE))
    assert all("--hash=sha256:" in pin for pin in pinned)


def test_tests_run_on_the_versions_that_are_shipped() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


@pytest.mark.parametrize("lock", [*WANTED, "package-lock.json"])
def test_lock_names_no_registry(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    assert not re.search(r'"resolved"|--(extra-)?index-url|--find-links|registry\.', text)
