"""Those who decide: at the pages, over the API, and a manager who looks after what stalled.

They do what people do when something breaks: they try again until they have an answer, and believe it.
"""

import itertools
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from trials.counting import Told
from trials.pages import Form, Forms, sign_in
from trials.wishes import API, BULK, PAGE, Wish

LONGEST_PATIENCE = 300.0  # seconds for one answer
BULK_SIZE = 8
COMMENT = "It left with this morning's pickup."
NO_ANSWER = 0
# Why a wish did not become a decision, if it was not refused.
NOT_OFFERED, NOBODY_ANSWERED = "not offered", "nobody answered"
DECISION = r"/decisions/(\d+)/"
Answer = requests.Response


class GaveUp(Exception):
    """Nobody answered for LONGEST_PATIENCE."""


@dataclass
class Login:
    email: str
    password: str
    token: str


class Person:
    """One person with a browser and a token. `told` is what they were told in the end.

    `answers` counts statuses, and `without_answer` why there was none; `undecided` counts why a wish stayed one.
    """

    def __init__(self, url: str, login: Login, seed: int) -> None:
        self.url, self.login = url, login
        self.told: list[Told] = []
        self.answers: Counter[int] = Counter()
        self.without_answer: Counter[str] = Counter()
        self.undecided: Counter[str] = Counter()
        self._dice = random.Random(f"{login.email} {seed}")  # noqa: S311
        self._api, self._browser = requests.Session(), requests.Session()
        self._api.headers["Authorization"] = f"Token {login.token}"
        self._is_signed_in = False
        self._numbers = itertools.count(1)

    # --- getting an answer --------------------------------------------------------------------------------------------

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Again and again until there is an answer that means something."""
        until = time.monotonic() + LONGEST_PATIENCE
        while time.monotonic() < until:
            try:
                answer = ask()
            except requests.RequestException as error:
                if error.response is None:
                    self.answers[NO_ANSWER] += 1
                    self.without_answer[type(error).__name__] += 1
                else:  # who signs in too often at once is told to wait
                    self.answers[error.response.status_code] += 1
                time.sleep(self._dice.uniform(0.1, 1))
                continue
            self.answers[answer.status_code] += 1
            if answer.status_code < 500 and answer.status_code != 429 and not still_being_answered(answer):
                return answer
            time.sleep(min(5.0, float(answer.headers.get("Retry-After") or self._dice.uniform(0.1, 1))))
        raise GaveUp

    def get(self, path: str) -> Answer:
        return self.patiently(lambda: self._api.get(f"{self.url}/api/v1/{path}", timeout=30))

    def post(self, path: str, body: Any, key: str = "") -> Answer:
        headers = {"Idempotency-Key": key or f"{self.login.email}-{next(self._numbers)}"}
        return self.patiently(
            lambda: self._api.post(f"{self.url}/api/v1/{path}", json=body, headers=headers, timeout=30)
        )

    # --- deciding -----------------------------------------------------------------------------------------------------

    def carry_out(self, wishes: Sequence[Wish]) -> None:
        """One of them, or a bulk's."""
        wishes = [one for one in wishes if self.is_recorded(one)]
        if wishes and wishes[0].way == BULK:
            self.decide_in_bulk(wishes)
            return
        for wish in wishes:
            (self.decide_by_api if wish.way == API else self.decide_on_page)(wish)

    def note(self, wish: Wish, decision: int, *, taken_back: bool = False) -> None:
        self.told.append(Told(wish.about, wish.verdict, decision, taken_back, wish.is_taken_back))

    def note_undecided(self, wish: Wish, why: str) -> None:
        self.told.append(Told(wish.about, wish.verdict, None, False, wish.is_taken_back))
        self.undecided[why] += 1

    def is_recorded(self, wish: Wish) -> bool:
        """What a marketplace does not show is recorded first; from then on it is a request like any other."""
        if not wish.is_recorded_first:
            return True
        answer = self.post("cancellations/", {"order": wish.key, "line_item": wish.line}, key=f"record-{wish.number}")
        if answer.status_code == 201:
            wish.key, wish.is_recorded_first = answer.json()["id"], False
        else:
            self.note_undecided(wish, refused(answer.status_code))
        return answer.status_code == 201

    def decide_by_api(self, wish: Wish) -> None:
        body = self.body_of(wish)
        if body is None:
            self.note_undecided(wish, NOT_OFFERED)
            return
        answer = self.post("decisions/", body, key=f"decide-{wish.number}")
        if answer.status_code != 201:
            self.note_undecided(wish, refused(answer.status_code))
            return
        made = answer.json()["id"]
        self.note(wish, made, taken_back=wish.is_taken_back and self.take_back(made))

    def take_back(self, decision: int) -> bool:
        return self.post(f"decisions/{decision}/withdraw/", {}).status_code == 200

    def decide_in_bulk(self, wishes: Sequence[Wish]) -> None:
        bodies = [(wish, body) for wish in wishes if (body := self.body_of(wish))]
        for wish in wishes:
            if all(one is not wish for one, _ in bodies):
                self.note_undecided(wish, NOT_OFFERED)
        if not bodies:
            return
        answer = self.post(
            "decisions/bulk/", {"decisions": [body for _, body in bodies]}, key=f"bulk-{wishes[0].number}"
        )
        results = answer.json()["results"] if answer.ok else [{"status": answer.status_code}] * len(bodies)
        for (wish, _), result in zip(bodies, results, strict=True):
            if result["status"] == 201:
                self.note(wish, result["decision"]["id"])
            else:
                self.note_undecided(wish, refused(result["status"]))

    def body_of(self, wish: Wish) -> dict[str, Any] | None:
        """None where the house offers it no more, or what it takes cannot be found out."""
        if wish.verdict == "cancel_items":
            return self.items_of(wish)
        body: dict[str, Any] = {"verdict": wish.verdict, "cancellation": wish.key}
        if wish.verdict == "reject":
            told = self.get(f"cancellations/{wish.key}/reject-reasons/").json()
            if told.get("takes_reason"):
                if not told["reasons"]:
                    return None
                reason = told["reasons"][wish.number % len(told["reasons"])]
                body |= {"reason": reason["name"], "comment": COMMENT}
        elif wish.verdict == "ship_to_reject":
            shipping = self.shipping_of(wish)
            if shipping is None:
                return None
            body["shipping"] = shipping
        return body

    def shipping_of(self, wish: Wish) -> dict[str, Any] | None:
        answer = self.get(f"cancellations/{wish.key}/shipping-options/")
        if not answer.ok:
            return None
        told = answer.json()
        if told["sent_by_seller"]:
            carriers = told["carriers"]
            return (
                {"tracking_number": tracking_number(wish), "shipping_provider_id": carriers[0]["id"]}
                if carriers
                else None
            )
        handover = told["handover"] or {}
        return {"handover_method": "DROP_OFF"} if handover.get("can_drop_off") else {}

    def items_of(self, wish: Wish) -> dict[str, Any] | None:
        """One unit of one line where lines can be cancelled, else the whole order."""
        options, order = self.get(f"orders/{wish.key}/cancel-options/"), self.get(f"orders/{wish.key}/")
        if not options.ok or not options.json()["offer"]["allowed"]:
            return None
        told, lines = options.json(), [line for line in order.json()["lines"] if line["open_quantity"]]
        is_part = told["can_cancel_lines"] and sum(line["open_quantity"] for line in lines) > 1
        items = [{"line_item": line["id"], "quantity": line["open_quantity"]} for line in lines]
        body: dict[str, Any] = {"verdict": "cancel_items", "order": wish.key, "items": items}
        if is_part:
            body["items"] = [{**items[0], "quantity": 1}]
        if told["takes_reason"]:
            reasons = [one["name"] for one in told["reasons"] if one["partial"] or not is_part]
            if not reasons:
                return None
            body["reason"] = reasons[0]
        return body

    # --- at the pages -------------------------------------------------------------------------------------------------

    def page(self, path: str, data: Any = None, *, by_htmx: bool = False) -> Answer:
        """A whole page; `by_htmx` the part of it that a browser with scripts asks for."""

        def ask() -> Answer:
            if not self._is_signed_in:
                sign_in(self._browser, self.url, self.login.email, self.login.password)
                self._is_signed_in = True
            address, headers = f"{self.url}{path}", {"Referer": f"{self.url}{path}"}
            if by_htmx:
                headers["HX-Request"] = "true"
            if data is None:
                return self._browser.get(address, headers=headers, timeout=30)
            return self._browser.post(address, data=data, headers=headers, timeout=30)

        return self.patiently(ask)

    def decide_on_page(self, wish: Wish) -> None:
        """Open the form, fill it in, send it; press again where no answer came. The page that follows shows the row."""
        names = {"ship_to_reject": "ship", "cancel_items": "cancel-items"}
        about = "orders" if wish.verdict == "cancel_items" else "cancellations"
        path = f"/{about}/{wish.key}/{names.get(wish.verdict, wish.verdict)}/"
        for _ in range(8):  # the marketplace may not tell just now what there is to choose
            form = Forms(self.page(path).text).to(path)
            filled = self.filled(wish, form) if form else None
            if filled is None:
                time.sleep(self._dice.uniform(0.2, 1))
                continue
            answer = self.page(path, filled)
            made = re.search(DECISION, answer.url + answer.text) or self.finds_out(wish)
            if made:
                self.note(wish, int(made[1]))
                return
        self.note_undecided(wish, NOT_OFFERED)

    def finds_out(self, wish: Wish) -> "re.Match[str] | None":
        """Whoever is told that the order has changed meanwhile looks at what happened to it before they go on."""
        if wish.verdict != "cancel_items":
            return None
        told = self.get(f"decisions/?verdict=cancel_items&order={wish.key}").json()["results"]
        return re.search(DECISION, told[0]["url"]) if told else None

    def filled(self, wish: Wish, form: Form) -> list[tuple[str, str]] | None:
        """None where a choice has to be made and there is none."""
        names = {name for name, _ in form.fields}
        typed = {"comment": COMMENT, "tracking_number": tracking_number(wish)}
        chosen = {name: value for name, value in typed.items() if name in names}
        for name, values in form.choices.items():
            real = [value for value in values if value]
            if name in names and name != "shipping_provider_id":
                continue  # ticked already
            if not real:
                return None
            chosen[name] = real[0]
        return form.filled(**chosen)


def refused(status: int) -> str:
    return f"answered {status}"


def tracking_number(wish: Wish) -> str:
    return f"TRIAL{wish.number:08d}"


def still_being_answered(answer: Answer) -> bool:
    return answer.status_code == 409 and "idempotency-key-in-use" in answer.text


class Crowd:
    """Threads of people, each with a share of the wishes that is dealt beforehand: so a seed repeats who wants what."""

    def __init__(self, people: Sequence[Person], wishes: Sequence[Wish]) -> None:
        self.people, rounds = people, in_rounds(wishes)
        self._lock = threading.Lock()
        self.begun, self.all = 0, len(wishes)
        self.threads = [
            threading.Thread(target=self._work, args=[one, rounds[place :: len(people)]], daemon=True)
            for place, one in enumerate(people)
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    @property
    def is_at_work(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def _work(self, person: Person, rounds: Sequence[Sequence[Wish]]) -> None:
        for wishes in rounds:
            with self._lock:
                self.begun += len(wishes)
            try:
                person.carry_out(wishes)
            except GaveUp:
                for wish in wishes:
                    person.note_undecided(wish, NOBODY_ANSWERED)


def in_rounds(wishes: Sequence[Wish]) -> list[list[Wish]]:
    """One by one, but those for bulks by BULK_SIZE."""
    bulks = [one for one in wishes if one.way == BULK]
    rounds = [[one] for one in wishes if one.way in (PAGE, API)]
    rounds += [bulks[start : start + BULK_SIZE] for start in range(0, len(bulks), BULK_SIZE)]
    return sorted(rounds, key=lambda one: one[0].number)
