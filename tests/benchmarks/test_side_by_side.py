import pytest

from benchmarks.side_by_side import Limit, Ratio, Thing, Timed, in_turn


def test_things_are_done_in_turn_and_prepared_each_time() -> None:
    done: list[str] = []
    things = [
        Thing(name, lambda name=name: done.append(name), lambda name=name: done.append(f"before {name}"), once=True)  # type: ignore[misc]
        for name in ("one", "other")
    ]
    timed = in_turn(things, runs=2, at_least_seconds=0)
    assert done == ["before one", "one", "before other", "other"] * 3  # the first time is not timed
    assert [len(one.seconds) for one in timed] == [2, 2]


@pytest.mark.parametrize(("at_least", "at_most", "is_reached"), [(4, None, True), (5, None, False), (None, 3.9, False)])
def test_a_ratio_is_one_of_medians(at_least: float | None, at_most: float | None, is_reached: bool) -> None:
    ratio = Ratio("slow / fast", Timed("slow", [8, 2, 90]), Timed("fast", [2, 1, 3]), at_least, at_most)
    assert (ratio.value, ratio.is_reached) == (4, is_reached)


def test_a_limit_is_in_milliseconds() -> None:
    limit = Limit("a page", Timed("a page", [0.009, 0.007, 0.008]), 8)
    assert (limit.value, limit.is_reached, limit.reach) == (8, True, "≤ 8 ms")
