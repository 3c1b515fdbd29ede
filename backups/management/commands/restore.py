from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backups import restoring
from backups.programs import BackupProblem


class Command(BaseCommand):
    help = (
        "Put the database and the pictures back as they are in a copy. Nothing is touched before the whole file was "
        "looked at; what may have been sent since is asked about, and not sent twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="put it in the place of the data that are there")
        parser.add_argument("--while-running", action="store_true", help="you know that no process of ours is alive")
        parser.add_argument(
            "--keep-tokens", action="store_true", help="API tokens work on, those too that were ended since the copy"
        )

    def handle(
        self, *args: Any, file: Path, replace: bool, while_running: bool, keep_tokens: bool, **options: Any
    ) -> None:
        try:
            done = restoring.restore(file, replace=replace, while_running=while_running, keep_tokens=keep_tokens)
        except BackupProblem as problem:
            raise CommandError(str(problem)) from problem
        for line in restoring.words(done, keep_tokens=keep_tokens):
            self.stdout.write(line)
