"""Faults that are none of the house's, made on purpose: whoever counts has to find them."""

from collections.abc import Callable
from functools import partial

from cancellations.models import Decision
from orders.models import Order
from trials.moving_in import say
from trials.people import Person
from trials.waiting import until
from trials.wishes import Wish


def double(person: Person, wanted: list[Wish]) -> None:
    """An ERP that forgets its keys sends a decision again once it was carried out, and one unit more is cancelled."""
    say("planted: a cancellation of one unit is sent a second time, as something new")
    for wish in [one for one in wanted if one.verdict == "cancel_items"]:
        order = Order.objects.get(pk=wish.key)
        if order.shop.region not in ("US", "GB") or sum(line.quantity for line in order.lines.all()) < 3:
            continue  # only there a part can be cancelled, and then another one
        wanted.remove(wish)
        person.decide_by_api(wish)
        made = person.told[-1].decision
        if made is None:
            continue
        until(partial(is_over, made), 90)
        person.post("decisions/", person.body_of(wish))  # of which nobody takes note
        return
    raise SystemExit("No order of this world fits to be doubled: try another seed.")


def is_over(decision: int) -> bool:
    return not Decision.objects.get(pk=decision).is_live


def loss(person: Person, wanted: list[Wish]) -> None:
    """A row that is gone after its maker was told that it is recorded."""
    say("planted: a decision is deleted after its maker was told that it is recorded")
    wish = next(one for one in wanted if one.about[0] == "request" and one.verdict == "approve")
    wanted.remove(wish)
    person.decide_by_api(wish)
    lost = person.told[-1].decision
    assert lost
    decision = Decision.objects.get(pk=lost)
    decision.events.all().delete()
    decision.delete()


PLANTS: dict[str, Callable[[Person, list[Wish]], None]] = {"double": double, "loss": loss}
