"""Screens know no marketplace."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
APPS = ("cancellations", "exports", "gate", "orders", "shops", "webhooks")
SCREENS = [
    *(CHECKOUT / "templates").rglob("*.html"), *(CHECKOUT / "static").glob("*.*"),
    *(path for app in APPS for path in (CHECKOUT / app).rglob("*.py")
      if {path.stem, path.parent.name} & {"views", "forms", "filters", "history", "templatetags"}),
]  # fmt: skip


def test_no_screen_names_a_marketplace() -> None:
    named = re.compile("tiktok|crux", re.IGNORECASE)
    assert len(SCREENS) > 80
    assert [str(path) for path in SCREENS if named.search(path.read_text())] == []
