"""The packing bench in a real browser: a hand scanner that types, a camera that sees a label, and a parcel pulled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from gate.models import PullTask
from orders.models import Order
from shops.models import Role
from tests.browser.conftest import Tab, Tabs
from tests.browser.staff import chromium
from tests.factories import member
from tests.gate.test_verdict import PACKED, asked, order

pytestmark = pytest.mark.django_db(transaction=True)
TRACKING = "JD014600003"
# Code 39: nine bars and spaces in turn of each character, 1 for a wide one.
CODE_39 = {
    "*": "010010100", "0": "000110100", "1": "100100001", "3": "101100000", "4": "000110001", "6": "001110000",
    "D": "000011001", "J": "000011100",
}  # fmt: skip


def label(text: str) -> Image.Image:
    """A shipping label as a camera sees it."""
    picture = Image.new("RGB", (1280, 720), "white")
    draw, left = ImageDraw.Draw(picture), 130
    for character in f"*{text}*":
        for place, is_wide in enumerate(CODE_39[character]):
            width = 12 if is_wide == "1" else 5
            if place % 2 == 0:
                draw.rectangle((left, 200, left + width - 1, 520), fill="black")
            left += width
        left += 5
    return picture


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "label.mjpeg"
    with path.open("wb") as file:
        for _ in range(5):
            label(TRACKING).save(file, "JPEG", quality=90)
    return path


@pytest.fixture
def bench(film: Path, live_server: LiveServer) -> Iterator[Tabs]:
    """A browser whose camera sees the label."""
    flags = [
        "use-fake-device-for-media-stream",
        "use-fake-ui-for-media-stream",
        f"use-file-for-fake-video-capture={film}",
    ]
    with sync_playwright() as playwright:
        args = ["--no-sandbox", *(f"--{flag}" for flag in flags)]
        browser = playwright.chromium.launch(executable_path=chromium(), args=args)
        tabs = Tabs(browser, live_server)
        yield tabs
        connections.close_all()
        browser.close()
    assert [complaint for tab in tabs.tabs for complaint in tab.complaints] == []


@pytest.fixture
def packed(transactional_db: None) -> Order:
    return order({**PACKED, "tracking_number": TRACKING})


def at_the_gate(tabs: Tabs, about: Order) -> tuple[Tab, Page]:
    tab = tabs.new(member(Role.AGENT, about.shop), viewport={"width": 360, "height": 740}, locale="en-GB")
    return tab, tab.open("/gate/")


def test_a_hand_scanner_that_is_faster_than_the_answers_gets_each_of_them_and_the_last_one_stands(
    bench: Tabs, packed: Order
) -> None:
    asked(packed)
    tab, page = at_the_gate(bench, packed)
    page.locator("summary").last.focus()  # wherever the focus is
    for code in ("nowhere", "q-n", TRACKING):
        page.keyboard.type(code)
        page.keyboard.press("Enter")
    expect(page.locator("#gate-answer [data-verdict]")).to_have_attribute("data-verdict", "pull")
    expect(page.locator("#gate-recent li a")).to_have_text([packed.label, "q-n", "nowhere"])
    expect(page.locator("#gate-code")).to_be_focused()
    assert tab.violations() == []


def test_the_camera_reads_a_label_and_the_parcel_is_pulled(bench: Tabs, packed: Order) -> None:
    asked(packed)
    tab, page = at_the_gate(bench, packed)
    page.get_by_role("button", name="Scan with the camera").click()
    expect(page.locator(".gate-panel.gate-pull")).to_contain_text(packed.label)
    assert tab.violations() == []
    page.get_by_role("button", name="Pulled").click()
    expect(page.locator(".gate-done")).to_contain_text("Pulled by")
    assert PullTask.objects.get().order == packed


def test_a_camera_that_is_not_allowed_and_a_server_that_is_gone_are_said_and_nothing_old_stays_green(
    bench: Tabs, packed: Order
) -> None:
    tab, page = at_the_gate(bench, packed)
    page.keyboard.type(TRACKING)
    page.keyboard.press("Enter")
    expect(page.locator(".gate-panel.gate-ship")).to_be_visible()
    denied = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = () => {denied} }}")
    page.get_by_role("button", name="Scan with the camera").click()
    expect(page.locator("[data-gate-says]")).to_contain_text("not allowed")
    page.route("**/gate/?code=*", lambda route: route.abort())
    page.keyboard.type(TRACKING)
    page.keyboard.press("Enter")
    expect(page.locator("#gate-answer")).to_contain_text("Not checked")
    expect(page.locator(".gate-ship.gate-panel")).to_have_count(0)
    tab.complaints.clear()  # of the connection that was cut
