"""makemessages, which also takes up what marketplaces say: their sentences stand in rulebooks and know no gettext."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands import makemessages

from marketplaces.registry import MARKETPLACES


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Words"]
    help = "Collect what is to be translated, from code, templates and marketplaces, into locale/."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        # Whoever moves a line changes no catalog.
        parser.set_defaults(no_location=True, no_obsolete=True, ignore_patterns=["node_modules", "tests", "sandbox"])

    def handle(self, *args: Any, **options: Any) -> None:
        with TemporaryDirectory() as folder:
            self.folder = folder
            super().handle(*args, **options)

    def find_files(self, root: str) -> list[makemessages.TranslatableFile]:
        said = sorted({text for platform in MARKETPLACES.values() for text in platform.texts})
        Path(self.folder, "marketplaces.py").write_text("".join(f"_({text!r})\n" for text in said), encoding="utf-8")
        own = self.translatable_file_class(self.folder, "marketplaces.py", str(settings.LOCALE_PATHS[0]))
        return [*super().find_files(root), own]
