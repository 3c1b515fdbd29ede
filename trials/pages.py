"""A browser as far as a form needs one: pages are fetched, their forms filled in and sent."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import requests


@dataclass
class Form:
    """The fields of a page's form as it comes: those that are sent without further ado, and what there is to choose."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)

    def filled(self, **chosen: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.fields if name not in chosen] + list(chosen.items())


class Forms(HTMLParser):
    """Every form of a page that is sent by POST."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select = ""
        self.feed(page)

    def to(self, end: str) -> Form | None:
        return next((form for form in self.forms if form.action.split("?")[0].endswith(end)), None)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attributes}
        if tag == "form" and told.get("method", "").lower() == "post":
            self._open = Form(told.get("action") or told.get("hx-post", ""))
            self.forms.append(self._open)
        form, name = self._open, told.get("name", "")
        if form is None or "disabled" in told:
            return
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.choices.setdefault(self._select, []).append(told.get("value", ""))
        elif tag == "textarea" and name:
            form.fields.append((name, ""))
        elif tag == "input" and name:
            self._take(form, name, told)

    def _take(self, form: Form, name: str, told: dict[str, str]) -> None:
        kind, value = told.get("type", "text"), told.get("value", "")
        if kind in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(value)
        if kind not in ("radio", "checkbox", "file", "submit") or "checked" in told:
            form.fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""


def sign_in(session: requests.Session, url: str, email: str, password: str) -> None:
    """Raises requests.RequestException where that did not work."""
    page = session.get(f"{url}/accounts/login/", timeout=30)
    page.raise_for_status()
    if "/accounts/login/" not in page.url:
        return  # since an earlier try, whose answer was lost
    form = Forms(page.text).to("/accounts/login/")
    assert form, page.text
    headers = {"Referer": page.url}
    done = session.post(page.url, data=form.filled(login=email, password=password), headers=headers, timeout=30)
    done.raise_for_status()
    if "sessionid" not in session.cookies:
        raise requests.RequestException("nobody is signed in")
