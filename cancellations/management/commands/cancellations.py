import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from cancellations.command_line.arguments import add_verbs
from cancellations.command_line.people import Desk, reading_as, whoever


class Command(BaseCommand):
    help = "Look at cancellation requests and answer them, as a person who may: docs/command-line.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_verbs(parser)

    def handle(self, *args: Any, **told: Any) -> None:
        person = whoever(told["email"])
        with reading_as(person):
            desk = Desk(person, told["as_json"], self.stdout, self.stderr, sys.stdin)  # type: ignore[arg-type]
            try:
                code = told["does"](desk, told)
                sys.stdout.flush()
            except BrokenPipeError:  # whoever reads has seen enough, such as `head`
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                code = desk.exit_code
        if code:
            sys.exit(code)
