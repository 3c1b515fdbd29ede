"""What the simulator can be told on the command line, shared by ``python -m sandbox`` and ``manage.py sandbox``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.crux_timp.switches import CruxTimpSwitches
from sandbox.tiktok_shop.switches import TikTokShopSwitches


@dataclass(frozen=True, slots=True)
class Options:
    """One run of the simulator. ``start`` is the unix second the seeded world is built around (None: now)."""

    port: int = 8001
    host: str = "127.0.0.1"
    public_url: str = ""
    scenario: str = "default"
    seed: int = 1
    orders: int | None = None
    record: Path | None = None
    rate_limit: int = 50
    webhook_url: str = ""
    redirect_url: str = ""
    start: int | None = None
    switches: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        """Where a browser reaches this process; pictures and uploads are linked with it."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=int, default=8001)
    add("--host", default="127.0.0.1")
    add("--public-url", default="", help="what pictures are linked with, if not http://HOST:PORT")
    add("--scenario", default="default", help="which world to seed, see docs/sandbox.md")
    add("--seed", type=int, default=1, help="the same seed, scenario and order count give the same world")
    add(
        "--orders",
        type=int,
        default=None,
        help="orders over all shops (240 in the default scenario); Crux gets a quarter more",
    )
    add("--record", type=Path, default=None, metavar="FILE.jsonl", help="append every exchange to this file")
    add("--rate-limit", type=int, default=50, help="calls a second per app, shop and endpoint; 0 switches it off")
    add(
        "--webhook-url",
        default="",
        help="receives every topic of every shop that has no webhook of its own; {marketplace} becomes its name",
    )
    add(
        "--redirect-url",
        default="",
        help="where sellers go from the consent page of TikTok Shop; {marketplace} becomes its name",
    )
    add("--start", type=int, default=None, metavar="UNIX", help="the moment the world is built around")
    add(
        "--switch",
        action="append",
        dest="switches",
        default=[],
        metavar="NAME=VALUE",
        help="change how strict it is: " + ", ".join([*TikTokShopSwitches.names(), *CruxTimpSwitches.names()]),
    )


def options_from(values: Mapping[str, Any]) -> Options:
    """Pick the simulator's own options out of a parsed command line (Django adds several of its own)."""
    names = Options.__dataclass_fields__
    return Options(**{name: value for name, value in values.items() if name in names})
