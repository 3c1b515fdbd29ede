"""What nobody sends by accident, for every field there is; and forms as a browser would read them off a page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote_from_bytes

DEEP = "[" * 3000 + "]" * 3000
# As bytes, so that they need be no text at all.
VALUES: tuple[bytes, ...] = tuple(
    value if isinstance(value, bytes) else value.encode()
    for value in (
        "", " ", b"\0", b"a\0b", b"\xed\xa0\x80", b"\xff\xfe", b"\xc3", "-1", "0", "1", "-0", "1.5", "1e400", "NaN",
        "-Infinity", "٣٤", "１２", "²", "1_000", "0x10", "9223372036854775807", "9223372036854775808", "9" * 40,
        "9" * 5000, "0001-01-01", "9999-12-31", "9999-12-31T23:59:59", "0001-01-01T00:00", "2026-02-30", "10000-01-01",
        "2026-11-21T10:00:00+99:99", "24:61", "null", "true", "[]", "{}", '{"a": {"b": [1e999]}}', "[1, 2", DEEP,
        "../../../etc/passwd", "/etc/passwd", "http://[", "//example.org", "javascript:alert(1)", "a@b", "'\"--;",
        "<script>alert(1)</script>", "{{ 7 }}{% x %}", "%(name)s %s {0}", "\u202eabc\u2066", "\U0001f9e8" * 50,
        "a\r\nSet-Cookie: x=y", "\x1f{", "\x1f[1", "=cmd()", "x" * 70_000, "a" + "\u0301" * 500, "\ufeff",
    )
)  # fmt: skip


def encoded(value: bytes) -> str:
    return quote_from_bytes(value, safe="")


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, bytes] = field(default_factory=dict)

    def body(self, **changed: bytes) -> bytes:
        return "&".join(
            f"{quote_from_bytes(name.encode())}={encoded(value)}" for name, value in (self.fields | changed).items()
        ).encode()

    def each_field(self, turn: int, values: int) -> Iterator[tuple[str, bytes]]:
        """(name, value): of each field so many of VALUES, which differ from field to field and from form to form.

        The last is always a null character, which the database takes nowhere.
        """
        for number, name in enumerate(self.fields):
            if name != "csrfmiddlewaretoken":
                for step in range(values - 1):
                    yield name, VALUES[(turn * 7 + number * 13 + step * 5) % len(VALUES)]
                yield name, b"a\0b"


class Forms(HTMLParser):
    """`found` after `feed`: the forms of a page, each with what a browser would send if nothing was touched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(told.get("action", ""), told.get("method", "get").lower()))
        if not self.found:
            return
        fields, name = self.found[-1].fields, told.get("name", "")
        if tag in ("input", "textarea", "button") and name:
            if told.get("type") in ("checkbox", "radio") and "checked" not in told:
                fields.setdefault(name, b"")
            else:
                fields[name] = told.get("value", "").encode()
        elif tag == "select" and name:
            self.select = name
            fields[name] = b""
        elif tag == "option" and self.select and ("selected" in told or not fields[self.select]):
            fields[self.select] = told.get("value", "").encode()


def forms_of(page: str) -> list[Form]:
    parser = Forms()
    parser.feed(page)
    return parser.found


# Bodies that are not what they say they are: (content type, body).
BODIES: tuple[tuple[str, bytes], ...] = (
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=", b"x"),
    ("multipart/form-data; boundary=\xe4", b"x"),
    ("multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n"),
    ("multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n\xff\r\n--B--"),
    ("multipart/form-data; boundary=B",
     b"--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"../../\0x\"\r\n"
     b"Content-Type: image/png\r\n\r\nno image\r\n--B--\r\n"),
    ("multipart/form-data; boundary=B",
     b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%\r\n--B--\r\n"),
    ("application/x-www-form-urlencoded; charset=nonsense", b"a=1"),
    ("application/x-www-form-urlencoded; charset=utf-16", b"\xff\xfea=1"),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(1200))),
    ("application/x-www-form-urlencoded", b"a=" + b"x" * 6_000_000),
    ("application/json", b'{"a": \xff}'),
    ("application/json", b'{"a": 1, "a": 2'),
    ("text/xml", b"<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>"),
    ("", b"nothing"),
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://[", "HTTP_HX_TARGET": "\xff"},
    {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "%00", "HTTP_HX_CURRENT_URL_URI_AUTOENCODED": "true"},
    {"HTTP_COOKIE": "sessionid=%00; csrftoken=\xff; messages=garbage; django_language=../../x"},
    {"HTTP_ACCEPT_LANGUAGE": "x" * 600 + ",de;q=nan,*;q=9"},
    {"HTTP_ACCEPT": "application/xml;q=x, */*/*"},
    {"HTTP_X_FORWARDED_FOR": "nonsense, \xff", "REMOTE_ADDR": ""},
    {"HTTP_HOST": "evil.example"},
    {"HTTP_IF_MODIFIED_SINCE": "yesterday", "HTTP_IF_NONE_MATCH": "W/", "HTTP_RANGE": "bytes=-x"},
    {"HTTP_USER_AGENT": "\x00" * 10 + "\xff" * 5000},
    {"HTTP_AUTHORIZATION": "Token \xff\x00"},
    {"HTTP_AUTHORIZATION": "Token"},
    {"HTTP_AUTHORIZATION": "Token a b c"},
)
