"""``manage.py sandbox --port 8001``: run the marketplace simulator. Touches neither database nor broker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sandbox.options import add_arguments, options_from
from sandbox.server import serve


class Command(BaseCommand):
    help = "Run the strict simulator of the marketplaces (docs/sandbox.md)."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        serve(options_from(options))
