"""A person at a browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connections
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.factories import PASSWORD

# Playwright's own event loop runs in the test's thread, where Django would refuse to ask the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def chromium() -> str | None:
    """The browser that `./run test` found or installed; None lets Playwright look for its own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


# What htmx says when a page is left while it is asking for news. A request that fails says more than this.
LEFT_WHILE_IT_ASKED = ("htmx:afterRequest", "htmx:sendAbort")


@dataclass
class Staff:
    """Somebody signed in. `complaints` holds what the browser's console had to say: errors and refused content."""

    url: str
    browser: Browser
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def signed_in(cls, url: str, email: str, **context: object) -> Iterator["Staff"]:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            opened = browser.new_context(**context)  # type: ignore[arg-type]
            person = cls(url, browser, opened, opened.new_page())
            person.listen(person.page)
            person.sign_in(email)
            yield person
            browser.close()
            # Django keeps a connection for each context, and Playwright's loop is one that nobody else would close.
            connections.close_all()

    def listen(self, page: Page) -> None:
        def hear(message: ConsoleMessage) -> None:
            if message.type == "error" and not message.text.startswith(LEFT_WHILE_IT_ASKED):
                self.complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, email: str) -> None:
        self.page.goto(f"{self.url}/accounts/login/")
        self.page.locator("[name=login]").fill(email)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(f"{self.url}/")

    def without_javascript(self) -> Page:
        """The same person in a browser that runs no scripts."""
        state = self.context.storage_state()
        return self.browser.new_context(java_script_enabled=False, storage_state=state).new_page()
