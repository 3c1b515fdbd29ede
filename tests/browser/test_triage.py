"""Ten requests from the first key to the last without a mouse, with a real worker and a simulator to answer to."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.teamwork import assign
from tests.browser.staff import Staff
from tests.workers import StartWorker
from tests.world import World

ANSWERED = {Verdict.APPROVE: "cancellation.approved", Verdict.REJECT: "cancellation.rejected"}


@pytest.fixture
def staff(world: World, live_server: Any, start_worker: StartWorker, settings: Any) -> Iterator[Staff]:
    settings.UNDO_SECONDS = 4
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", world.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    start_worker()
    with Staff.signed_in(live_server.url, world.agent.email) as person:
        yield person


class Keyboard:
    """All that somebody can do here is press keys and look."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def at(self) -> int:
        """The request that is open."""
        self.page.wait_for_url(re.compile(r"/cancellations/\d+/"))
        found = re.search(r"/cancellations/(\d+)/", self.page.url)
        assert found
        return int(found[1])

    def is_on(self, words: str) -> None:
        """Waits until the focus is on something with these words."""
        expect(self.page.locator(":focus")).to_contain_text(words)

    def approve(self) -> None:
        self.press("a")
        self.is_on("Undo")

    def reject(self) -> None:
        self.press("r")
        self.fill_in()

    def fill_in(self) -> None:
        expect(self.page.locator("input[name=reason]").first).to_be_focused()
        self.press("ArrowDown", "ArrowUp", "Tab")  # the first reason, then on to the comment
        if self.page.locator("#reject textarea:focus").count():
            self.page.keyboard.type("It is packed. a r s j k are letters here.")
        for _ in range(12):
            if self.page.locator("button:focus").filter(has_text="Reject the cancellation").count():
                break
            self.press("Tab")
        self.press("Enter")
        self.is_on("Undo")

    def next(self, seen: set[int]) -> int:
        before = self.page.url
        self.press("n")
        self.page.wait_for_url(lambda url: url != before)
        pk = self.at()
        assert pk not in seen
        return pk


def test_ten_requests_are_answered_by_keyboard_alone_and_each_answer_arrives_once(world: World, staff: Staff) -> None:
    mine = CancellationRequest.objects.waiting().exclude(shop__region="US").by_time_left()
    for request in mine.filter(deadline__gt=timezone.now() + timedelta(hours=1))[:10]:
        assign(request, world.agent, world.agent)
    page, keys = staff.page, Keyboard(staff.page)
    page.goto(f"{staff.url}/?whose=me")
    keys.press("j", "j", "k", "Enter")
    answered: dict[int, Verdict] = {}

    pk = keys.at()
    for verdict in [Verdict.APPROVE] * 4 + [Verdict.REJECT] * 2:
        keys.approve() if verdict == Verdict.APPROVE else keys.reject()
        answered[pk] = verdict
        pk = keys.next(set(answered))

    keys.approve()
    keys.press("u")
    keys.is_on("withdrawn")  # and the answers are there again
    keys.reject()
    answered[pk] = Verdict.REJECT

    for verdict in [Verdict.APPROVE, Verdict.REJECT]:
        keys.press("q")
        page.wait_for_url("**/?whose=me")
        expect(page.locator("a.row-link:focus")).to_have_count(1)
        keys.press("j")
        pk = int(page.locator("tr:has(:focus)").get_attribute("id", timeout=5000).removeprefix("row-"))  # type: ignore[union-attr]
        assert pk not in answered
        keys.press("a" if verdict == Verdict.APPROVE else "r")
        page.wait_for_url("**/approve/" if verdict == Verdict.APPROVE else "**/reject/")
        keys.approve() if verdict == Verdict.APPROVE else keys.fill_in()
        answered[pk] = verdict
    answered[keys.next(set(answered))] = Verdict.APPROVE
    keys.approve()

    assert len(answered) == 10
    assert settled(answered.keys()) == answered
    for request in CancellationRequest.objects.filter(pk__in=answered):
        assert world.effects(request) == [ANSWERED[answered[request.pk]]]
    assert staff.complaints == []


def settled(requests: Any) -> dict[int, Verdict]:
    """What became of them, once nothing is on its way any more."""
    made = Decision.objects.filter(cancellation__in=requests).exclude(state=Decision.State.WITHDRAWN)
    for _ in range(300):
        if not made.exclude(state=Decision.State.CONFIRMED).exists():
            break
        time.sleep(0.2)
    confirmed = made.filter(state=Decision.State.CONFIRMED)
    return {pk: Verdict(verdict) for pk, verdict in confirmed.values_list("cancellation", "verdict")}
