"""How the simulated network says no: a status, and words nobody should rely on."""

from __future__ import annotations

from collections.abc import Mapping

USUAL_WORDS = {
    400: "Something that is required is missing or malformed.",
    401: "Invalid token.",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    405: "Method not allowed.",
    409: "Your organization is of the wrong type for this action.",
    413: "The body is too large.",
    415: "The content type has to be application/json.",
    422: "The action cannot be performed on the identifier provided.",
    429: "Too many requests.",
}


class Refusal(Exception):
    """An answer that is no success. ``code`` is the HTTP status, which is all the code there is here."""

    def __init__(self, code: int, words: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.code = code
        self.words = words or USUAL_WORDS.get(code, "The request failed.")
        self.headers = dict(headers or {})
        super().__init__(self.words)
