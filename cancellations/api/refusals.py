"""Every no of `decisions` and `recording` as a problem."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.request import Request
from rest_framework.reverse import reverse

from cancellations.checks import AlreadyDecided, NotAllowed, NotUnsigned, TooLate
from cancellations.models import Decision
from cancellations.recording import AlreadyRecorded
from config.api.documented import NoticeSerializer
from config.api.problems import Problem


@contextmanager
def as_problems(request: Request, about: Decision | None = None) -> Iterator[None]:
    """Say no in the words of the verb, with the row that is in the way or the rule behind it."""
    try:
        yield
    except AlreadyDecided as no:
        raise Problem("already-decided", str(no), more={"decision": address(no.decision, request)}) from None
    except AlreadyRecorded as no:
        there = reverse("api:cancellation-detail", [no.cancellation.pk], request=request)
        raise Problem("already-recorded", str(no), more={"cancellation": there}) from None
    except TooLate as no:
        assert about
        raise Problem("too-late", str(no), more={"decision": address(about, request)}) from None
    except NotUnsigned as no:
        assert about
        raise Problem("not-unsigned", str(no), more={"decision": address(about, request)}) from None
    except NotAllowed as no:
        if about and about.state == Decision.State.UNSIGNED:
            raise Problem("not-allowed", str(no)) from None
        if about:
            raise Problem("not-stalled", str(no), more={"decision": address(about, request)}) from None
        more: dict[str, Any] = {"notice": NoticeSerializer(no.notice).data} if no.notice else {}
        if no.settled_by:
            more["decision"] = address(no.settled_by, request)
        raise Problem("not-allowed", str(no), more=more) from None


def address(decision: Decision, request: Request) -> str:
    return reverse("api:decision-detail", [decision.pk], request=request)
