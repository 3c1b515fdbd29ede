"""Many requests at once: chosen by mouse, by keyboard and by filter, carried out by a real worker, tried again."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from cancellations import batch_work, batches, live
from cancellations.models import Batch, BatchItem, CancellationRequest, Decision, Verdict
from marketplaces.records import RejectReason
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.browser.staff import Staff
from tests.factories import CancellationFactory, CancellationLineFactory, ShopFactory, member
from tests.sandbox_process import SandboxProcess, wait_for
from tests.workers import StartWorker, kill
from tests.world import World, connected_world

A_DEFINITE_NO = 25001046


# --- with a real worker and a marketplace -----------------------------------------------------------------------------


@pytest.fixture
def busy(sandbox_process: SandboxProcess, transactional_db: None) -> Iterator[World]:
    """A marketplace at which two hundred requests wait."""
    sandbox_process.reset(scenario="busy", orders=286)
    cache.clear()
    world = connected_world(sandbox_process)
    assert CancellationRequest.objects.waiting().count() == 200
    yield world
    sandbox_process.reset(scenario="default", orders=160)


@pytest.fixture
def worker(product_environment: dict[str, str], start_worker: StartWorker) -> StartWorker:
    product_environment["UNDO_SECONDS"] = "1"
    return start_worker


@pytest.fixture
def staff(busy: World, live_server: Any, settings: Any) -> Iterator[Staff]:
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", busy.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    with Staff.signed_in(live_server.url, busy.agent.email) as person:
        yield person
    assert person.complaints == []


def approvals(world: World) -> Counter[str]:
    """How often each request was approved over there."""
    entries = world.sandbox.effects(effect="cancellation.approved", actor="seller", limit="1000")
    return Counter(entry["cancel_id"] for entry in entries)


def test_two_hundred_are_approved_three_fail_and_only_those_are_tried_again(
    busy: World, staff: Staff, worker: StartWorker
) -> None:
    busy.sandbox.fault("approve-cancellation", "business_error", code=A_DEFINITE_NO, count=3)
    worker()
    page = staff.page
    page.goto(staff.url)
    page.locator("#pick-all").check()
    page.get_by_label("Everything that matches (200)").check()
    page.get_by_role("button", name="Approve…").click()
    expect(page.get_by_role("heading", name="Approve 200 requests")).to_be_visible()
    page.get_by_role("button", name="Approve 200 requests").click()
    expect(page.locator("#batch progress")).to_have_attribute("max", "200")

    page.goto(staff.url)  # leaving the page loses nothing
    expect(page.locator("#batches-unseen")).to_contain_text("Approving 200 requests")
    page.get_by_role("link", name="Follow it").or_(page.get_by_role("link", name="See what became of each")).click()
    expect(page.locator("#batch-title")).to_contain_text("197 done, 3 failed.", timeout=120_000)
    expect(page.locator("#batch progress")).to_have_attribute("value", "200")
    page.get_by_role("link", name="failed 3").click()
    expect(page.locator("#batch-items tbody tr")).to_have_count(3)
    expect(page.locator("#batch-items")).to_contain_text(str(A_DEFINITE_NO))
    failed = set(
        Decision.objects.filter(state=Decision.State.REFUSED).values_list("cancellation__marketplace_id", flat=True)
    )
    assert len(failed) == 3
    assert not failed & set(approvals(busy))

    page.get_by_role("button", name="Try the 3 that failed again…").click()
    expect(page.get_by_role("heading", name="Approve 3 requests")).to_be_visible()
    page.get_by_role("button", name="Approve 3 requests").click()
    expect(page.locator("#batch-title")).to_contain_text("Approving 3 requests: all done.", timeout=60_000)
    assert set(approvals(busy).values()) == {1}
    assert len(approvals(busy)) == 200
    assert Decision.objects.count() == 203


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(busy: World, worker: StartWorker) -> None:
    batch = batches.propose(CancellationRequest.objects.waiting(), Verdict.APPROVE, busy.agent)
    doomed = worker()
    batches.start(batch)
    wait_for(lambda: Decision.objects.count() > 20, 60)
    kill(doomed)
    decided = Decision.objects.count()
    assert 20 < decided < 200
    assert batch.items.filter(state=BatchItem.State.DECIDED).count() == decided

    worker()
    wait_for(lambda: not batches.progress([batch], busy.agent)[batch.pk].is_moving, 180)
    assert batches.progress([batch], busy.agent)[batch.pk].done == 200
    assert set(approvals(busy).values()) == {1}
    assert (len(approvals(busy)), Decision.objects.count()) == (200, 200)


# --- in the browser alone ---------------------------------------------------------------------------------------------


@pytest.fixture
def shop(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(batch_work, "nudge", lambda pk, wait=0: None)
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: [RejectReason("packed", "It has been packed")])
    return ShopFactory(next_pull_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop, first_name="Ada")


def asked(shop: Shop, number: int, **columns: Any) -> CancellationRequest:
    row = CancellationFactory(order__shop=shop, deadline=timezone.now() + timedelta(hours=number + 3), **columns)
    CancellationLineFactory(cancellation=row, product_name=f"Teapot {number}")
    return row


@pytest.fixture
def rows(shop: Shop) -> list[CancellationRequest]:
    """In the order of the queue; more than one page of it."""
    return [asked(shop, number) for number in range(45)]


def box(page: Page, row: CancellationRequest) -> Any:
    return page.locator(f"input[name=pick][value='{row.pk}']")


def chosen(batch: Batch) -> set[CancellationRequest]:
    return {item.cancellation for item in batch.items.all()}


def test_x_chooses_rows_and_a_answers_all_that_are_chosen(
    tabs: Tabs, agent: User, rows: list[CancellationRequest]
) -> None:
    page = tabs.new(agent).open("/")
    expect(page.locator("#selection")).to_be_hidden()
    for key in "jxjjxjxx":
        page.keyboard.press(key)
    expect(page.locator("#selection-count")).to_have_text("2 chosen")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Approve 2 requests")).to_be_visible()
    assert chosen(Batch.objects.get()) == {rows[0], rows[2]}
    page.keyboard.press("a")
    expect(page.locator("#batch-title")).to_contain_text("Approving 2 requests: 0 of 2 settled.")
    batch_work.work(Batch.objects.get().pk)
    expect(page.locator("#batch-items")).to_contain_text("recorded")
    page.keyboard.press("u")
    expect(page.get_by_text("2 were taken back.")).to_be_visible()
    assert set(Decision.objects.values_list("state", flat=True)) == {"withdrawn"}
    page.keyboard.press("q")
    expect(page.locator("#selection")).to_be_hidden()  # what has started is chosen no more


def test_what_is_chosen_stays_so_over_refreshes_pages_and_visits(
    tabs: Tabs, shop: Shop, agent: User, rows: list[CancellationRequest]
) -> None:
    page = tabs.new(agent).open("/")
    box(page, rows[1]).check()
    box(page, rows[4]).click(modifiers=["Shift"])
    expect(page.locator("#selection-count")).to_have_text("4 chosen")
    asked(shop, -1)
    page.evaluate("document.body.dispatchEvent(new Event('look-again'))")
    expect(page.get_by_role("link", name="Teapot -1")).to_be_visible()
    expect(page.locator("input[name=pick]:checked")).to_have_count(4)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#selection-count")).to_have_text("4 chosen (4 of them not on this page)")
    box(page, rows[44]).check()
    page.locator(f"#link-{rows[44].pk}").click()
    page.go_back()
    expect(page.locator("#selection-count")).to_contain_text("5 chosen")
    page.get_by_role("button", name="Reject…").click()
    expect(page.get_by_role("heading", name="Reject 5 requests")).to_be_visible()
    assert chosen(Batch.objects.get()) == {*rows[1:5], rows[44]}
    page.get_by_role("link", name="Back").click()
    expect(page.locator("#selection-count")).to_contain_text("5 chosen")
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator("#selection")).to_be_hidden()


def test_everything_is_everything_of_the_filter_that_was_on(
    tabs: Tabs, agent: User, rows: list[CancellationRequest]
) -> None:
    page = tabs.new(agent).open("/")
    page.locator("#pick-all").check()
    page.get_by_role("button", name="Choose none").click()
    box(page, rows[0]).check()
    page.locator("#everything").check()
    expect(page.locator("input[name=pick]:not(:checked)")).to_have_count(0)
    page.get_by_label("Search").fill("Teapot 1")
    expect(page.locator("#queue a.row-link")).to_have_count(11)
    expect(page.locator("#everything")).not_to_be_checked()
    page.locator("#pick-all").check()
    expect(page.locator("#selection-count")).to_have_text("12 chosen (1 of them not on this page)")


def test_unticking_a_row_of_everything_leaves_the_others_of_the_page(
    tabs: Tabs, agent: User, rows: list[CancellationRequest]
) -> None:
    page = tabs.new(agent).open("/?q=Teapot+1")
    box(page, rows[1]).check()
    expect(page.locator("#selection-everything")).to_be_hidden()  # it is all on this page
    page.goto(page.url.partition("?")[0])
    page.locator("#everything").check()
    on_page = page.locator("input[name=pick]").count()
    box(page, rows[0]).uncheck()
    expect(page.locator("#selection-count")).to_have_text(f"{on_page - 1} chosen")
    expect(page.locator("#everything")).not_to_be_checked()


def test_it_all_works_without_scripts(tabs: Tabs, agent: User, rows: list[CancellationRequest]) -> None:
    page = tabs.new(agent, java_script_enabled=False).open("/")
    page.get_by_role("button", name="Approve…").click()
    expect(page.get_by_text("Choose at least one request first.")).to_be_visible()
    box(page, rows[0]).check()
    box(page, rows[3]).check()
    page.get_by_role("button", name="Reject…").click()
    page.get_by_label("It has been packed").check()
    page.get_by_role("button", name="Reject 2 requests").click()
    expect(page.locator("#batch-title")).to_contain_text("0 of 2 settled")
    batch_work.work(Batch.objects.get().pk)
    Decision.objects.update(state="confirmed")
    page.get_by_role("link", name="Look how it stands now").click()
    expect(page.locator("#batch-title")).to_contain_text("all done")
    page.get_by_role("navigation", name="You are here").get_by_role("link", name="Queue").click()
    page.get_by_label("Everything that matches (45)").check()
    page.get_by_role("button", name="Approve…").click()
    expect(page.get_by_role("heading", name="Approve 45 requests")).to_be_visible()


def test_two_people_who_start_the_same_are_both_told_what_became_of_it(
    tabs: Tabs, shop: Shop, agent: User, rows: list[CancellationRequest]
) -> None:
    grace = member(Role.AGENT, shop, first_name="Grace")
    pages = []
    for person in (agent, grace):
        page = tabs.new(person).open("/")
        box(page, rows[0]).check()
        box(page, rows[1]).check()
        page.get_by_role("button", name="Approve…").click()
        pages.append(page)
    for page in pages:
        page.get_by_role("button", name="Approve 2 requests").click()
    for batch in Batch.objects.order_by("pk"):
        batch_work.work(batch.pk)
    expect(pages[0].locator("#batch-items")).to_contain_text("recorded")
    expect(pages[1].locator("#batch-title")).to_contain_text("Approving 2 requests: 2 failed.")
    expect(pages[1].locator("#batch-items")).to_contain_text("Ada has decided already: approve (recorded).")
    assert Decision.objects.count() == 2


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_no_page_of_it_keeps_anybody_out_or_outgrows_its_window(
    tabs: Tabs, shop: Shop, agent: User, rows: list[CancellationRequest], width: int, theme: str
) -> None:
    tab = tabs.new(agent, viewport={"width": width, "height": 800}, color_scheme=theme)
    settled = asked(shop, 50, needs_answer=False, state="completed")
    some = CancellationRequest.objects.filter(pk__in=[row.pk for row in (*rows[:8], settled)])
    proposal, rejection, under_way, ended = (
        batches.propose(some, verdict, agent) for verdict in (Verdict.APPROVE, Verdict.REJECT, *[Verdict.APPROVE] * 2)
    )
    batches.start(ended)
    batch_work.work(ended.pk)
    states = ["confirmed", "refused", "withdrawn", "set_aside", "refused"]
    for decision, state in zip(Decision.objects.all(), states, strict=False):
        Decision.objects.filter(pk=decision.pk).update(state=state, code="25011012", message="Unbreakable" * 9)
    batches.start(under_way)
    batch_work.work(under_way.pk)
    page = tab.open("/")
    box(page, rows[20]).check()
    found = []
    for path in ("", proposal, rejection, under_way, ended, "/batches/"):
        if path:
            page = tab.open(path if isinstance(path, str) else path.get_absolute_url())
        found += [f"{path}: {violation}" for violation in tab.violations()]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{path}: wider than {width} pixels")
    assert not found, "\n".join(found)
