"""A seed repeats who wants what, whoever is slow."""

import time
from collections.abc import Sequence

from trials.people import Crowd, GaveUp, Login, Person
from trials.wishes import API, BULK, Wish


class Worker(Person):
    """Decides nothing, but takes note of what to decide."""

    rest = 0.0  # seconds

    def carry_out(self, wishes: Sequence[Wish]) -> None:
        time.sleep(self.rest)
        for wish in wishes:
            self.note(wish, wish.number + 1)


class Unheard(Worker):
    def carry_out(self, wishes: Sequence[Wish]) -> None:
        raise GaveUp


def wanted(many: int) -> list[Wish]:
    return [Wish(one, "approve", ("request", str(one)), one, BULK if one % 3 else API) for one in range(many)]


def worked(people: Sequence[Person], wishes: Sequence[Wish]) -> list[list[int | None]]:
    crowd = Crowd(people, wishes)
    crowd.start()
    for thread in crowd.threads:
        thread.join()
    return [[one.decision for one in person.told] for person in people]


def test_each_wish_has_its_person_whoever_is_slow() -> None:
    login = Login("", "", "")
    fast, mixed = ([Worker("", login, 1) for _ in range(3)] for _ in range(2))
    mixed[0].rest = 0.02
    shares = worked(fast, wanted(60))
    assert worked(mixed, wanted(60)) == shares
    assert sorted(one for share in shares for one in share if one) == list(range(1, 61))


def test_what_nobody_answered_is_counted() -> None:
    person = Unheard("", Login("", "", ""), 1)
    worked([person], wanted(9))
    assert person.undecided == {"nobody answered": 9}
    assert [one.decision for one in person.told] == [None] * 9
