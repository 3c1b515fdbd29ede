"""Staff and integrators decide while everything breaks; then what happened is counted.

The seed says who wants what, what goes wrong in which order, and how the marketplaces' world looks. How long each
process takes in between is the machine's to say, so a seed repeats the plan, and not every meeting of two processes.
"""

import argparse
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from cancellations.management.commands.demo import Command as Demo
from cancellations.models import Decision
from config import private_servers
from marketplaces.errors import MarketplaceError
from shops.models import Connection, OutgoingEvent, Shop, SyncRun
from trials import report
from trials.counting import Figures, count
from trials.house import House
from trials.line import Line
from trials.moving_in import asked, house_with, move_in, say
from trials.people import Crowd, Person
from trials.plants import PLANTS
from trials.postman import Postman
from trials.trouble import Troublemaker
from trials.waiting import until, until_none_is_left
from trials.wishes import wishes

PEOPLE = 24
LOOKS_EVERY = 20  # seconds
LONGEST_SETTLING = 600  # seconds, for each thing that is waited for; of decisions, without any that ends


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run chaos", description=__doc__)
    parser.add_argument("--decisions", type=int, default=1000, help="how many are wanted (1000)")
    parser.add_argument("--seed", type=int, default=1, help="who wants what, and what goes wrong in which order (1)")
    words = "have one decision doubled, or lost, on purpose: exits with 0 when the count finds it"
    parser.add_argument("--plant", choices=PLANTS, default="", help=words)
    told = parser.parse_args(arguments)
    orders = max(60, round(told.decisions * 1.15))
    line, postman = Line(), Postman(told.seed)
    with house_with(orders, told.seed, line=line, postman=postman) as house:
        figures = run(told, house, Troublemaker(house, line, told.seed, told.decisions), postman)
    if not told.plant:
        return 0 if figures.is_clean else 1
    found = figures.doubled if told.plant == "double" else figures.lost
    say(f"the planted {told.plant} was {'found' if found else 'NOT found'}")
    return 0 if found else 1


def run(told: argparse.Namespace, house: House, trouble: Troublemaker, postman: Postman) -> Figures:
    people = [Person(house.url, login, told.seed) for login in move_in(house, PEOPLE)]
    wanted = wishes(told.decisions, told.seed, asked(house, "mail")["mail"])
    trouble.waiting = [one.about[1] for one in wanted if one.about[0] == "request"]
    house.start_rest()
    if told.plant:
        PLANTS[told.plant](people[0], wanted)
    crowd = Crowd(people, wanted)
    say(f"{len(wanted)} decisions are wanted by {len(people)} people; trouble begins")
    began = time.monotonic()
    crowd.start()
    threading.Thread(target=look_after, args=[house, crowd, trouble], daemon=True).start()
    trouble.make_while(lambda: crowd.is_at_work)
    say(f"all are decided after {time.monotonic() - began:.0f} s, trouble is over; now it settles")
    settle(house, trouble.ahead)
    rows = list(report.decisions())
    all_told = [one for person in people for one in person.told]
    figures = count(all_told, rows, ledger(house), report.shown(), report.read_until())
    answers = sum((person.answers for person in people), Counter[int]())
    words = [
        f"decisions {figures.decisions}: {report.listed(figures.by_state)}",
        f"of {len(all_told)} wanted, without a decision: "
        + (report.listed(sum((person.undecided for person in people), Counter[str]())) or "none"),
        f"by verdict: {report.listed(Counter(row.verdict for row in rows))}",
        f"ended as decided by another hand (the deadline, the buyer): {figures.elsewhere}",
        f"trouble: {report.listed(trouble.done)}",
        f"pushes carried {postman.carried}, of which doubled {postman.doubled}",
        f"answers to people: {report.listed(Counter({code or 'none': many for code, many in answers.items()}))}",
        f"from the end of the undo window to settled: {report.spread(report.settling_times())}",
        f"the whole took {time.monotonic() - began:.0f} s",
    ]
    print("\n".join(["", *words, "", *report.verdict(figures), ""]), flush=True)  # noqa: T201
    where = private_servers.LOCAL / "report.json"
    where.write_text(json.dumps({"asked": vars(told), "figures": vars(figures)}, indent=1))
    return figures


# --- meanwhile --------------------------------------------------------------------------------------------------------


def look_after(house: House, crowd: Crowd, trouble: Troublemaker) -> None:
    """What a manager does: connect again whoever was thrown out, and ask again about what stalled."""
    dice = random.Random("manager")  # noqa: S311
    while crowd.is_at_work:
        time.sleep(LOOKS_EVERY)
        say(f"{crowd.begun} of {crowd.all} begun; trouble so far: {sum(trouble.done.values())}")
        connect_again(house)
        if dice.random() < 0.5:
            ask_again_about_stalled(crowd.people[0])


def connect_again(house: House) -> bool:
    """A lost answer to a renewal costs the connection: what the seller would do. Whether none needs it now."""
    try:
        if not Connection.objects.exclude(state=Connection.State.CONNECTED).exists():
            return True
        Demo().connect_shops(house.sandbox_url)
    except MarketplaceError:
        return False  # it has a bad day
    except Error:
        connection.close()  # the server is restarting
    return False


def ask_again_about_stalled(manager: Person) -> None:
    told = manager.get("decisions/?state=stalled&page_size=50")
    for one in told.json().get("results", []) if told.ok else []:
        manager.post(f"decisions/{one['id']}/ask-again/", {})


# --- afterwards -------------------------------------------------------------------------------------------------------


def settle(house: House, ahead: int) -> None:
    """Until no decision moves, every event is handed on and every shop was read once more.

    `ahead` is how many seconds the marketplaces' clock is ahead of ours, which has to come that far to see all of it.
    """
    connection.close()  # whose server has been restarted since
    until(lambda: connect_again(house), LONGEST_SETTLING)
    moving = Decision.objects.filter(state__in=Decision.MOVING)
    until_none_is_left(moving.count, LONGEST_SETTLING)
    time.sleep(ahead)
    since = timezone.now()
    Shop.objects.update(next_pull_at=since)
    say("every decision has come to an end, or does not; every shop is read once more")
    done = SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED, started_at__gte=since)
    all_read = 2 * Shop.objects.count()  # orders and requests
    until(lambda: done.values("shop", "kind").distinct().count() >= all_read, LONGEST_SETTLING)
    until(lambda: not OutgoingEvent.objects.filter(taken_at=None).exists(), LONGEST_SETTLING)


def ledger(house: House) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    while page := asked(house, f"ledger?after={len(entries)}&limit=5000")["entries"]:
        entries += page
    return entries
