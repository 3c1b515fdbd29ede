"""Takes a multipart/form-data body apart (RFC 7578), bytes untouched."""

from __future__ import annotations

import re

from sandbox.tiktok_shop.refusals import Refusal

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_NAME = re.compile(rb'\bname="([^"]*)"', re.IGNORECASE)
_FILENAME = re.compile(rb"\bfilename\*?=", re.IGNORECASE)


def parts(content_type: str, body: bytes) -> dict[str, bytes | str]:
    """Part names with their content: bytes for files, text for the others. Refuses with 36009004."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise Refusal(36009004, "The content-type header has no boundary")
    mark = b"--" + (match[1] or match[2]).encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Refusal(36009004, "The multipart body is incomplete")
    found: dict[str, bytes | str] = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        name = _NAME.search(_without_filename(head))
        if name is None:
            raise Refusal(36009004, "A part of the multipart body has no name")
        is_file = _FILENAME.search(head) is not None
        found[name[1].decode(errors="replace")] = content if is_file else content.decode(errors="replace")
    return found


def _without_filename(head: bytes) -> bytes:
    return re.sub(rb'filename="[^"]*"', b"", head)
