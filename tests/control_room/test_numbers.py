"""The numbers of a lane: what came, what is missing, and from when on that is said."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from control_room import numbers
from control_room.numbers import GapRules, LaneNumbers, Span

RULES = GapRules(grace_s=2.0, tail_grace_s=4.0)


def lane(*came: int, highest: int = 0) -> LaneNumbers:
    made = LaneNumbers(highest, 0.0)
    for number in came:
        made.note(number, 0.0)
    return made


def test_numbers_in_order_leave_nothing_missing() -> None:
    made = lane(*range(1, 50))
    assert made.highest == 49
    assert made.missing == ()
    assert made.overdue(1e9, RULES) == ([], [])


def test_a_number_that_is_passed_over_is_spoken_of_after_its_grace_and_once() -> None:
    made = lane(1, 2, 5)
    assert made.missing == (Span(3, 4),)
    assert made.overdue(1.9, RULES) == ([], [])
    assert made.overdue(2.0, RULES) == ([Span(3, 4)], [Span(3, 4)])
    assert made.overdue(3.0, RULES) == ([Span(3, 4)], [])


def test_what_comes_late_is_no_longer_missing() -> None:
    made = lane(1, 9)
    assert not made.note(4, 0.5)  # not spoken of yet
    assert made.missing == (Span(2, 3), Span(5, 8))
    made.overdue(5.0, RULES)
    assert made.note(5, 5.0)
    assert made.note(3, 5.0)
    assert not made.note(3, 5.0)  # again
    assert made.missing == (Span(2, 2), Span(6, 8))


def test_the_last_number_given_shows_a_missing_tail_once_the_lane_stands_still() -> None:
    made = lane(1, 2)
    made.last_given(5, 10.0)
    assert made.overdue(13.9, RULES) == ([], [])
    made.note(3, 13.9)  # it moves: the rest may be on its way
    assert made.overdue(17.0, RULES) == ([], [])
    assert made.overdue(18.0, RULES) == ([Span(4, 5)], [Span(4, 5)])
    assert made.highest == 5


def test_an_old_heartbeat_changes_nothing() -> None:
    made = lane(1, 2, 3)
    made.last_given(2, 0.0)
    assert made.overdue(1e9, RULES) == ([], [])
    assert made.missing == ()


def test_what_is_given_up_is_no_longer_missing() -> None:
    made = lane(1, 10)
    assert made.give_up(Span(3, 5)) == 3
    assert made.give_up(Span(1, 20)) == 5
    assert made.give_up(Span(1, 20)) == 0
    assert made.missing == ()


def test_absurd_leaps_and_endless_holes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lane(1, 2**50)
    assert sum(span.count for span in made.missing) == numbers.MOST_BEHIND
    (given_up,) = made.take_given_up()
    assert given_up.first == 2
    assert made.take_given_up() == []
    monkeypatch.setattr(numbers, "MOST_HOLES", 3)
    made = lane(*range(2, 20, 2))
    assert made.missing == (Span(13, 13), Span(15, 15), Span(17, 17))
    assert made.take_given_up()[0] == Span(1, 1)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_order_the_missing_are_those_that_did_not_come(seed: int) -> None:
    chance = Random(seed)
    every = list(range(1, chance.randint(2, 120)))
    came = [number for number in every if chance.random() < 0.8] or [every[-1]]
    chance.shuffle(came)
    made, seen = LaneNumbers(0, 0.0), set[int]()
    for number in came + chance.choices(came, k=20):
        made.note(number, 0.0)
        seen.add(number)
        missing = {one for span in made.missing for one in range(span.first, span.last + 1)}
        assert missing == set(range(1, max(seen) + 1)) - seen
        assert made.highest == max(seen)
        spans = made.missing
        assert all(a.last + 1 < b.first for a, b in itertools.pairwise(spans))
    again = LaneNumbers(made.highest, 0.0, made.missing)
    assert again.missing == made.missing
