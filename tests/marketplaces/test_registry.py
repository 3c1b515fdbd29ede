"""Which marketplaces there are, and that nobody but `marketplaces` knows."""

import re
from pathlib import Path

import pytest

from marketplaces.registry import MARKETPLACES, marketplace

CHECKOUT = Path(__file__).resolve().parents[2]
ABOVE = ("accounts", "shops", "orders", "cancellations", "config", "templates", "static")
READ = {".py", ".html", ".txt", ".js", ".css", ".svg", ".json", ".toml", ".md"}
SAID = re.compile(
    "|".join(sorted({part for slug in MARKETPLACES for part in (slug, *slug.split("_"))} - {"shop"})), re.I
)


def test_a_marketplace_is_found_by_its_slug_and_by_nothing_else() -> None:
    for slug, platform in MARKETPLACES.items():
        assert marketplace(slug) is platform
    with pytest.raises(KeyError):
        marketplace("no_such_marketplace")


def files() -> list[Path]:
    found = (path for folder in ABOVE for path in (CHECKOUT / folder).rglob("*"))
    return sorted(path for path in found if path.suffix in READ)


def test_there_is_something_to_look_through() -> None:
    assert len(files()) > 100
    assert SAID.search("TikTok Shop") and SAID.search("crux_timp") and not SAID.search("shop")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_nothing_above_the_adapters_names_a_marketplace(path: Path) -> None:
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    assert [f"{number}: {line.strip()[:100]}" for number, line in lines if SAID.search(line)] == []
