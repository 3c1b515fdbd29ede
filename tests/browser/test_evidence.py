"""Images of a rejection in a real browser: picked, dropped, pasted, lost on the way, removed, and sent all together."""

import base64
import io
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from accounts.models import User
from cancellations import live
from cancellations.models import CancellationRequest, Decision, Evidence
from marketplaces.records import RejectReason
from shops.models import Role
from tests.browser.conftest import Tab, Tabs
from tests.browser.staff import Staff
from tests.factories import CancellationFactory, CancellationLineFactory, OrderFactory, ShopFactory, member
from tests.workers import StartWorker
from tests.world import World

PACKED = "seller_reject_apply_product_has_been_packed"
REASONS = [RejectReason(PACKED, "It has been packed"), RejectReason("other", "Another one")]
# What brings files into a page without a hand at the mouse.
BRING = """([how, files]) => {
    const bag = new DataTransfer();
    for (const { name, type, content } of files) {
        const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
        bag.items.add(new File([bytes], name, { type }));
    }
    const options = { bubbles: true, cancelable: true };
    const event = how === "paste"
        ? new ClipboardEvent("paste", { ...options, clipboardData: bag })
        : new DragEvent(how, { ...options, dataTransfer: bag });
    (document.querySelector("#reject") || document.body).dispatchEvent(event);
    return event.defaultPrevented;
}"""


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: REASONS)


@pytest.fixture
def row(transactional_db: None, answers: None) -> CancellationRequest:
    shop = ShopFactory(region="TH", time_zone="Asia/Bangkok", next_pull_at=timezone.now() + timedelta(days=1))
    return CancellationLineFactory(cancellation=CancellationFactory(order=OrderFactory(shop=shop))).cancellation


@pytest.fixture
def agent(row: CancellationRequest) -> User:
    return member(Role.AGENT, row.shop)


def picture(width: int = 300, how: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, 300)).convert("RGB").save(file, how)
    return file.getvalue()


def bring(page: Page, how: str, *files: tuple[str, bytes]) -> bool:
    given = [
        {"name": name, "type": "image/png", "content": base64.b64encode(content).decode()} for name, content in files
    ]
    return bool(page.evaluate(BRING, [how, given]))


def pick(page: Page, *files: tuple[str, bytes]) -> None:
    given = [FilePayload(name=name, mimeType="image/png", buffer=content) for name, content in files]
    page.locator("input[name=images]").set_input_files(given)


def line(page: Page, name: str) -> Locator:
    return page.locator(".evidence-item").filter(has_text=name)


def reject(page: Page) -> None:
    page.get_by_role("button", name="Reject the cancellation").click()


def form(tab: Tab, row: CancellationRequest) -> Page:
    """The form as htmx brings it."""
    page = tab.open(row.get_absolute_url())
    page.get_by_role("link", name="Reject…").click()
    expect(page.get_by_role("heading", name="Reject the cancellation")).to_be_visible()
    return page


def test_images_are_pasted_dropped_and_picked_and_are_there_when_the_page_is_opened_again(
    tabs: Tabs, row: CancellationRequest, agent: User
) -> None:
    tab = tabs.new(agent)
    page = form(tab, row)
    assert bring(page, "paste", ("pasted.png", picture(310)))
    expect(line(page, "pasted.png")).to_contain_text("310 × 300")
    assert bring(page, "dragover", ("dropped.png", picture(320)))
    expect(page.locator(".is-dropping")).to_be_visible()
    assert bring(page, "drop", ("dropped.png", picture(320)))
    expect(line(page, "dropped.png")).to_contain_text("320 × 300")
    expect(page.locator(".is-dropping")).to_have_count(0)
    pick(page, ("picked.webp", picture(330, "WEBP")))
    expect(line(page, "picked.webp")).to_contain_text("it was a WEBP")
    expect(page.get_by_role("status").filter(has_text="picked.webp is there. 3 of at most 9.")).to_be_visible()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.evidence-picture img')].filter((one) => one.naturalWidth).length === 3"
    )
    page = form(tab, row)
    expect(page.locator(".evidence-item.is-there")).to_have_count(3)
    page.get_by_label("It has been packed").check()
    reject(page)
    expect(page.get_by_role("heading", name="Reject: recorded")).to_be_visible()
    assert [image.width for image in Decision.objects.get().evidence.all()] == [310, 320, 330]


def test_one_that_is_no_image_says_so_where_it_stands_and_nothing_is_sent_until_it_is_removed(
    tabs: Tabs, row: CancellationRequest, agent: User
) -> None:
    page = form(tabs.new(agent), row)
    page.get_by_label("It has been packed").check()
    pick(page, ("good.png", picture()), ("fake.png", b"<svg onload=alert(1)>"))
    expect(line(page, "fake.png")).to_contain_text("fake.png is not an image that can be read here")
    expect(line(page, "good.png")).to_contain_text("300 × 300")
    reject(page)
    expect(page.get_by_role("button", name="Remove fake.png")).to_be_focused()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)  # it would be no image again
    expect(page.get_by_text("It is sent once every image is there: try again")).to_have_count(2)  # said, and announced
    assert not Decision.objects.exists()
    page.get_by_role("button", name="Remove fake.png").press("Enter")
    expect(page.get_by_role("button", name="Remove good.png")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="fake.png was removed.")).to_be_visible()
    reject(page)
    expect(page.get_by_role("heading", name="Reject: recorded")).to_be_visible()
    assert Decision.objects.get().evidence.count() == 1


def test_one_that_is_removed_is_deleted_and_not_sent(tabs: Tabs, row: CancellationRequest, agent: User) -> None:
    page = form(tabs.new(agent), row)
    pick(page, ("one.png", picture(310)), ("two.png", picture(320)))
    expect(page.locator(".evidence-item.is-there")).to_have_count(2)
    page.get_by_role("button", name="Remove one.png").click()
    expect(line(page, "one.png")).to_have_count(0)
    assert [draft.width for draft in Evidence.objects.all()] == [320]
    page.get_by_role("button", name="Remove two.png").click()
    expect(page.locator("input[name=images]").and_(page.locator("#id_images"))).to_be_focused()
    assert not Evidence.objects.exists()


def test_an_upload_that_is_lost_is_tried_again_and_the_rejection_waits_for_it(
    tabs: Tabs, row: CancellationRequest, agent: User
) -> None:
    tab = tabs.new(agent)
    page = form(tab, row)
    page.clock.install()
    page.get_by_label("It has been packed").check()
    tries: list[Route] = []

    def fail(route: Route) -> None:
        tries.append(route)
        if len(tries) % 2:
            route.abort("connectionreset")
        else:
            route.fulfill(status=503)

    page.route("**/evidence/", fail)
    pick(page, ("proof.png", picture()))
    expect(line(page, "proof.png")).to_contain_text("Trying again in 1 s.")
    reject(page)
    expect(page.locator("#evidence-unfinished")).to_have_text(
        "It is sent once all images are there: 1 of 1 still on their way."
    )
    for seconds in (3, 9):
        page.clock.fast_forward(10_000)
        expect(line(page, "proof.png")).to_contain_text(f"Trying again in {seconds} s.")
    page.clock.fast_forward(10_000)
    expect(line(page, "proof.png")).to_contain_text("It did not arrive: the connection was lost.")
    assert len(tries) == 4
    assert not Decision.objects.exists()
    page.unroute("**/evidence/")
    page.get_by_role("button", name="Try again").click()
    expect(line(page, "proof.png")).to_contain_text("300 × 300")
    expect(page.locator("#evidence-unfinished")).to_be_hidden()
    reject(page)
    expect(page.get_by_role("heading", name="Reject: recorded")).to_be_visible()
    assert Decision.objects.get().evidence.count() == 1
    tab.complaints = [words for words in tab.complaints if "ERR_CONNECTION_RESET" not in words and "503" not in words]


def test_an_answer_that_was_lost_keeps_the_image_once(tabs: Tabs, row: CancellationRequest, agent: User) -> None:
    tab = tabs.new(agent)
    page = form(tab, row)
    page.clock.install()

    def lose_the_answer(route: Route) -> None:
        assert route.fetch().status == 201
        route.abort("connectionreset")

    page.route("**/evidence/", lose_the_answer, times=1)
    pick(page, ("proof.png", picture()))
    expect(line(page, "proof.png")).to_contain_text("Trying again")
    page.clock.fast_forward(2_000)
    expect(line(page, "proof.png")).to_contain_text("300 × 300")
    assert Evidence.objects.count() == 1
    tab.complaints = [words for words in tab.complaints if "ERR_CONNECTION_RESET" not in words]


def test_the_same_picture_is_said_to_be_there_and_a_tenth_is_left_out(
    tabs: Tabs, row: CancellationRequest, agent: User
) -> None:
    page = form(tabs.new(agent), row)
    pick(page, ("first.png", picture()), ("again.png", picture()))
    expect(page.locator(".evidence-item")).to_have_count(1)
    expect(page.get_by_text("It was there already, and is sent once.").first).to_be_visible()
    pick(page, *((f"{width}.png", picture(width)) for width in range(400, 410)))
    expect(page.get_by_text("Left out, as at most 9 images can be sent: 408.png, 409.png.")).to_be_visible()
    expect(page.locator(".evidence-item.is-there")).to_have_count(9)
    assert Evidence.objects.count() == 9


def test_text_that_brings_a_picture_of_itself_is_pasted_as_text(
    tabs: Tabs, row: CancellationRequest, agent: User
) -> None:
    page = form(tabs.new(agent), row)
    taken = page.get_by_label("Comment").evaluate(
        """(field) => {
            const bag = new DataTransfer();
            bag.setData("text/plain", "words");
            bag.items.add(new File(["x"], "words.png", { type: "image/png" }));
            const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: bag });
            field.dispatchEvent(event);
            return event.defaultPrevented;
        }"""
    )
    assert not taken
    expect(page.locator(".evidence-item")).to_have_count(0)


def test_the_reason_that_is_chosen_says_what_to_show(tabs: Tabs, row: CancellationRequest, agent: User) -> None:
    page = form(tabs.new(agent), row)
    expect(page.get_by_text("Photos of the package")).to_be_hidden()
    page.get_by_label("It has been packed").check()
    expect(page.get_by_text("Photos of the package")).to_be_visible()
    expect(page.get_by_text("publishes no list")).to_be_hidden()
    page.get_by_label("Another one").check()
    expect(page.get_by_text("Photos of the package")).to_be_hidden()
    expect(page.get_by_text("publishes no list")).to_be_visible()


def test_without_scripts_the_hints_are_all_there_and_a_draft_can_be_left_out(
    tabs: Tabs, row: CancellationRequest, agent: User
) -> None:
    page = form(tabs.new(agent), row)
    pick(page, ("one.png", picture(310)), ("two.png", picture(320)))
    expect(page.locator(".evidence-item.is-there")).to_have_count(2)
    page = form(tabs.new(agent, java_script_enabled=False), row)
    expect(page.get_by_text("Photos of the package")).to_be_visible()
    expect(page.get_by_text("publishes no list")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    line(page, "one.png").get_by_label("Send it with the rejection").uncheck()
    pick(page, ("3.png", picture(330)))
    page.get_by_label("It has been packed").check()
    reject(page)
    expect(page.get_by_role("heading", name="Reject: recorded")).to_be_visible()
    assert [image.width for image in Decision.objects.get().evidence.all()] == [320, 330]


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out_and_nothing_outgrows_its_window(
    tabs: Tabs, row: CancellationRequest, agent: User, width: int, theme: str
) -> None:
    tab = tabs.new(agent, viewport={"width": width, "height": 900}, color_scheme=theme, has_touch=width == 360)
    page = form(tab, row)
    page.get_by_label("It has been packed").check()
    pick(
        page,
        ("a-very-long-name-" + "of-a-picture-" * 12 + ".png", picture(22_000)),
        ("fake.png", b"<svg>"),
        ("proof.webp", picture(330, "WEBP")),
    )
    expect(page.locator(".evidence-item.is-there")).to_have_count(2)
    page.route("**/evidence/", lambda route: None)  # no answer
    pick(page, ("slow.png", picture(340)))
    expect(page.get_by_role("progressbar").first).to_be_visible()
    assert not tab.violations()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/reject-{width}-{theme}.png", full_page=True)


@pytest.fixture
def staff(world: World, live_server: Any, start_worker: StartWorker, settings: Any) -> Iterator[Staff]:
    settings.UNDO_SECONDS = 1
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", world.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    start_worker()
    with Staff.signed_in(live_server.url, world.agent.email) as person:
        yield person


def test_a_rejection_with_two_images_arrives_at_the_marketplace_with_both(world: World, staff: Staff) -> None:
    page, asked = staff.page, world.asked("TH")
    page.goto(staff.url + asked.get_absolute_url())
    page.get_by_role("link", name="Reject…").click()
    expect(page.get_by_role("heading", name="Reject the cancellation")).to_be_visible()
    page.get_by_label("Product has been packed").check()
    assert bring(page, "paste", ("one.png", picture(310)))
    assert bring(page, "drop", ("two.png", picture(320)))
    expect(page.locator(".evidence-item.is-there")).to_have_count(2)
    reject(page)
    expect(page.locator("#decision.decision-confirmed")).to_be_visible(timeout=45_000)
    told = world.sandbox.get(f"cancellations/{asked.marketplace_id}")["rejection"]["images"]
    assert [image["width"] for image in told] == [310, 320]
    calls = world.sandbox.get("calls", endpoint="upload-product-image")["calls"]
    assert [call["code"] for call in calls] == [0, 0]
    assert staff.complaints == []
