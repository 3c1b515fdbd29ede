"""Writes each exchange as one line of JSON, secrets left out.

A line holds ``method``, ``path``, ``query``, ``headers`` (lower-case), ``body`` (the JSON value, null, or
``{"__multipart__": [part names]}``), ``status`` and ``response``. An answer that was cut off or garbled on
request has status 0, response null and the kind under ``fault``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "***"
TOKENS = re.compile(rb'("(?:access|refresh|auth)_token":)"[^"]*"')
TOKEN_PATHS = re.compile(r"/api/v2/token/.*|.*/user-login/")
SECRET_HEADERS = frozenset({"x-tts-access-token", "authorization", "cookie"})
SECRET_PARAMETERS = frozenset({"sign", "access_token", "app_secret", "refresh_token", "auth_code"})


def without_secrets(values: Mapping[str, str], secret: frozenset[str]) -> dict[str, str]:
    return {name: HIDDEN if name in secret else value for name, value in values.items()}


class Recording:
    """Appends to ``path`` without buffering, so that a reader sees each exchange as soon as it is over."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(
        self,
        *,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
        status: int,
        response: bytes | None,
        fault: str | None,
    ) -> None:
        """``response`` is the JSON text as it was sent, or None when nothing readable was."""
        head: dict[str, Any] = {
            "method": method,
            "path": path,
            "query": without_secrets(query, SECRET_PARAMETERS),
            "headers": without_secrets(headers, SECRET_HEADERS),
            "body": body,
            "status": status if response is not None else 0,
        }
        if fault:
            head["fault"] = fault
        if response is not None and TOKEN_PATHS.fullmatch(path):
            response = TOKENS.sub(rb'\1"***"', response)
        start = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
        self._file.write(start[:-1] + b',"response":' + (response or b"null") + b"}\n")

    def close(self) -> None:
        self._file.close()
