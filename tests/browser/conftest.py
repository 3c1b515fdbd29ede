"""A real browser on a live server. Whatever a page says to the console, or the policy has to stop, fails the test."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.db import connection, connections
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from shops import heartbeat
from tests.browser.staff import chromium

expect.set_options(timeout=60_000)  # milliseconds; a busy machine is no failure

# Chromium says this of every answer that is not a 2xx, and ours are 422 where a form has a mistake.
EXPECTED = ("status of 422",)


@dataclass
class Tab:
    """A page of somebody who is signed in, and what it complained about."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def violations(self) -> list[str]:
        """What axe finds, once what the page asks for by itself is there."""
        expect(self.page.locator(".htmx-request")).to_have_count(0)
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for one in found
            for node in one["nodes"]
        ]


class Tabs:
    def __init__(self, browser: Browser, live_server: LiveServer) -> None:
        self.browser, self.base = browser, live_server.url
        self.tabs: list[Tab] = []

    def new(self, user: User | None = None, **options: Any) -> Tab:
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        if user:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self.base}])
        tab = Tab(context.new_page(), self.base)
        tab.page.set_default_timeout(60_000)
        tab.page.on("console", lambda message: self.hear(tab, message.type, message.text))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        self.tabs.append(tab)
        return tab

    def hear(self, tab: Tab, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(words in text for words in EXPECTED):
            tab.complaints.append(text)


@pytest.fixture(autouse=True)
def somebody_works() -> None:
    """Else every page says that nobody does."""
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.BEAT)


@pytest.fixture(autouse=True)
def server_that_rests(live_server: LiveServer) -> Iterator[None]:
    """Threads of the live server let go of the database some time after the browser has let go of them."""
    yield
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(others)
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.05)


@pytest.fixture
def tabs(live_server: LiveServer) -> Iterator[Tabs]:
    # A Playwright for each test: only one runs in a process at a time, and other tests here start their own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        tabs = Tabs(browser, live_server)
        yield tabs
        connections.close_all()  # Django keeps another one inside Playwright's loop than outside of it
        browser.close()
    assert [complaint for tab in tabs.tabs for complaint in tab.complaints] == []
