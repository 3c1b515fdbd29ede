"""Who asks, where the answers go, and how a no is said."""

import json
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone, translation
from rest_framework.renderers import JSONRenderer
from rest_framework.settings import api_settings

from accounts.models import User
from cancellations.checks import NotAllowed
from cancellations.command_line.tables import table
from config.api.off_the_web import OffTheWeb
from config.api.problems import as_problem

if TYPE_CHECKING:
    from rest_framework.serializers import BaseSerializer

DONE, REFUSED, USAGE = 0, 1, 2


@dataclass
class Desk:
    """A person at a command line: what they see is printed to `out`, what is refused to `complaints`."""

    user: User
    as_json: bool
    out: TextIO
    complaints: TextIO
    input: TextIO = field(default_factory=lambda: sys.stdin)
    refused: int = 0

    @property
    def request(self) -> OffTheWeb:
        return OffTheWeb(self.user, settings.PUBLIC_URL)

    def say(self, text: str = "") -> None:
        self.out.write(f"{text}\n")

    def lay_out(self, heads: Sequence[str], rows: Sequence[Sequence[str]], gives_way: Collection[str]) -> None:
        """A table; on a pipe it is as wide as it is."""
        room = shutil.get_terminal_size().columns if self.out.isatty() else None
        for line in table(heads, rows, gives_way, room):
            self.say(line)

    def tell(self, data: Any) -> None:
        """One JSON document, as the API writes it."""
        self.say(json.dumps(json.loads(JSONRenderer().render(data)), ensure_ascii=False, indent=2))

    def show(self, serializer: "type[BaseSerializer[Any]]", rows: Any, *, many: bool = False) -> None:
        self.tell(serializer(rows, many=many, context={"request": self.request}).data)

    def remark(self, words: str) -> None:
        """What is good to know, and kept out of what is printed."""
        self.complaints.write(f"{words}\n")

    def complain(self, about: str, words: str) -> None:
        self.refused += 1
        self.complaints.write(f"{about}: {words}\n" if about else f"{words}\n")

    @contextmanager
    def or_says_no(self, about: str) -> Iterator[None]:
        """What a verb refuses is told, and the next one is tried."""
        try:
            yield
        except NotAllowed as no:
            self.complain(about, str(no))
        except Exception as error:
            found = as_problem(error)
            if found is None:
                raise
            wrong = [of_field(name, " ".join(words)) for name, words in found.errors.items()]
            said = found.more.get("marketplace", {})
            code = [f"({said['code']} {said['message']})"] if said else []
            self.complain(about, " ".join([*(wrong or [found.detail]), *code]))

    def named(self, given: Iterable[str]) -> Iterator[str]:
        """The ids that were given; those of the input in place of a “-”. Each once."""
        words = [word for one in given for word in (self.input.read().split() if one == "-" else [one])]
        yield from dict.fromkeys(words)

    def agrees(self, question: str) -> bool:
        """Asks whoever sits at a terminal; nobody is asked on a pipe."""
        if not self.input.isatty():
            return True
        self.complaints.write(f"{question} [y/N] ")
        self.complaints.flush()
        return self.input.readline().strip().lower() in ("y", "yes")

    @property
    def exit_code(self) -> int:
        return REFUSED if self.refused else DONE


def of_field(name: str, words: str) -> str:
    return words if name == api_settings.NON_FIELD_ERRORS_KEY else f"{name}: {words}"


def whoever(email: str | None) -> User:
    """The person whose permissions count. Raises CommandError for nobody, and for who may not sign in."""
    wanted = email or os.environ.get("COUNTERMAND_USER", "")
    if not wanted:
        raise CommandError("Say who decides: --as EMAIL, or COUNTERMAND_USER.", returncode=USAGE)
    person = User.objects.filter(email=wanted.lower(), is_active=True).first()
    if person is None:
        raise CommandError(f"{wanted} is nobody who may sign in here.", returncode=USAGE)
    return person


@contextmanager
def reading_as(person: User) -> Iterator[None]:
    """In their language and time zone, as pages are."""
    with translation.override(person.language or "en"), timezone.override(ZoneInfo(person.time_zone)):
        yield
