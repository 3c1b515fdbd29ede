from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backups import taking
from backups.programs import BackupProblem


class Command(BaseCommand):
    help = (
        "Write the database and the pictures to one file, while everything runs. Secrets in it are encrypted; "
        "FIELD_ENCRYPTION_KEYS are not in it, so keep them elsewhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("where", nargs="?", type=Path, help="a file that is not there yet, or a folder")

    def handle(self, *args: Any, where: Path | None, **options: Any) -> None:
        try:
            path, manifest = taking.take(where)
        except BackupProblem as problem:
            raise CommandError(str(problem)) from problem
        counts = ", ".join(f"{count} {name}" for name, count in manifest.counts.items())
        self.stdout.write(f"{path}: {path.stat().st_size} bytes, {len(manifest.files) - 1} files of media; {counts}")
        if manifest.missing:
            self.stderr.write(f"Pictures gone from the storage: {len(manifest.missing)}, such as {manifest.missing[0]}")
        self.stdout.write("FIELD_ENCRYPTION_KEYS are not in it: without them no secret in it can be read.")
