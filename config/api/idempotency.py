"""`Idempotency-Key` on every POST (draft-ietf-httpapi-idempotency-key-header): sent again, nothing is done twice."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import idempotency
from accounts.models import IdempotencyKey
from config.api.problems import Problem, invalid

HEADER = "Idempotency-Key"
LONGEST = 255
# What an answer says besides its body.
KEPT_HEADERS = ("Cache-Control", "Content-Type", "Location")
# A verb was called, and said yes or no. After any other answer nothing was done, and the key is free again.
KEPT = frozenset({200, 201, 202, 204, 409, 422})


class Replayed(Exception):
    """The request has its answer already."""

    def __init__(self, answer: idempotency.Answer) -> None:
        self.answer = answer

    def response(self) -> HttpResponse:
        headers = {**self.answer.headers, "Idempotency-Replayed": "true"}
        return HttpResponse(self.answer.body, status=self.answer.status, headers=headers)


class Idempotent:
    """For views: a POST with a key is carried out once, and the same one again gets the same answer."""

    held: IdempotencyKey | None = None
    # Whether all that a POST does is in the database, and no marketplace is asked while it is done.
    only_writes_rows = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        sent = request.headers.get(HEADER)
        if request.method == "POST" and sent is not None:
            self.held = claimed(request, key_of(sent))
            if self.only_writes_rows:
                handler = self.post  # type: ignore[has-type]
                self.post = lambda *sent, **named: self.with_its_answer(lambda: handler(*sent, **named))

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, Replayed):
            return exc.response()
        try:
            return super().handle_exception(exc)  # type: ignore[misc]
        except Exception:
            self.let_go()
            raise

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if self.held is None:
            return final
        if isinstance(final, Response) and final.status_code in KEPT:
            idempotency.keep(self.held, answer_of(final))
        else:
            self.let_go()
        return final

    def with_its_answer(self, carry_out: Callable[[], Response]) -> Response:
        """Commit what is done together with the answer that is kept for its key, so that whoever dies on the way has
        done nothing. Only for what writes rows; a decision is found by its `client_key` instead.
        """
        if self.held is None:
            return carry_out()
        with transaction.atomic():
            response = carry_out()
            final = super().finalize_response(self.request, response)  # type: ignore[attr-defined,misc]
            if not idempotency.keep(self.held, answer_of(final)):  # slower than the lease, and somebody took over
                raise in_use()
        self.held = None
        return response

    def let_go(self) -> None:
        if self.held is not None:
            idempotency.release(self.held)

    def client_key(self, number: int | None = None) -> str:
        """A name for what this request makes, or for the so-manieth thing that it makes, to be stored in the same
        transaction: it is how a retry finds what was done by a process that died before it could answer.
        """
        if self.held is None:
            return ""
        return digest(
            [str(self.held.user_id), self.held.key, self.held.fingerprint, *([] if number is None else [str(number)])]
        )


def claimed(request: Request, key: str) -> IdempotencyKey:
    try:
        found = idempotency.claim(request.user, key, fingerprint(request))  # type: ignore[arg-type]
    except idempotency.Reused:
        raise Problem(
            "idempotency-key-reused", _("This key was sent with another request. Take a new one for this.")
        ) from None
    except idempotency.InUse:
        raise in_use() from None
    if isinstance(found, idempotency.Answer):
        raise Replayed(found)
    return found


def in_use() -> Problem:
    words = _("The first request with this key is still being answered. Send it again in a moment.")
    return Problem("idempotency-key-in-use", words, headers={"Retry-After": "1"})


def answer_of(response: Response) -> idempotency.Answer:
    content = response.render().content  # which says of what type it is
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return idempotency.Answer(response.status_code, headers, content)


def key_of(sent: str) -> str:
    """The key, with or without the quotes that it has as a structured string (RFC 9651)."""
    key = sent.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not (1 <= len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise invalid({HEADER: [_("1 to %(most)d printable ASCII characters.") % {"most": LONGEST}]})
    return key


def fingerprint(request: Request) -> str:
    """What makes two requests the same: method, address, fields and files; and how far the token reaches, since an
    answer may tell of shops that another token of the same person is not for.
    """
    return digest([request.method or "", request.get_full_path(), *reach(request), *parts(request.data)])


def reach(request: Request) -> list[str]:
    token = getattr(request.user, "token", None)
    if token is None or not token.is_limited:
        return ["everywhere"]
    return [str(pk) for pk in token.shops.order_by("pk").values_list("pk", flat=True)]


def parts(data: Any) -> Iterator[str]:
    """A body as texts, the same for JSON of any spacing and for a form of any boundary."""
    if not hasattr(data, "getlist"):
        yield json.dumps(data, sort_keys=True)
        return
    for name in sorted(data):
        for value in data.getlist(name):
            yield name
            yield from file_parts(value) if isinstance(value, UploadedFile) else ("text", str(value))


def file_parts(upload: "UploadedFile[Any]") -> Iterator[str]:
    hashed = hashlib.sha256()
    for chunk in upload.chunks():
        hashed.update(chunk)
    upload.seek(0)
    yield from ("file", str(upload.name), hashed.hexdigest())


def digest(texts: list[str]) -> str:
    """One hash of several texts, none of which can pass for the end of the one before."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
