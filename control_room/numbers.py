"""The numbers of one lane: which have come, which are missing. Pure; time is an argument.

Each lane of each gateway's store counts its alerts up by one. A number that is passed over is missing at
once, but it is only spoken of after a grace time: two paths, or a resend, may turn the order around. The last
number given (a heartbeat says it) shows a missing tail; that one has time for as long as the lane moves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.contract.vocabulary import Lane

MOST_BEHIND = 100_000  # numbers: whoever is further behind gets the newest of them
MOST_HOLES = 1000


@dataclass(frozen=True, slots=True, order=True)
class LaneKey:
    """One sequence. numbering: the gateway's store that counts it."""

    site: str
    gateway: str
    numbering: str
    lane: Lane


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Numbers first to last, both included."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class LaneRecord:
    """How far one lane has come. met: counts the lanes up in the order in which they were met."""

    key: LaneKey
    met: int
    highest: int
    missing: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class GapRules:
    """grace_s: for a number that was passed over; tail_grace_s: for the last ones, since the lane moved."""

    grace_s: float = 2.0
    tail_grace_s: float = 4.0


@dataclass(slots=True)
class _Hole:
    first: int
    last: int
    since_s: float
    told: bool = False


class LaneNumbers:
    """One lane. highest: all numbers up to it have come, are missing, or were given up."""

    def __init__(self, highest: int, now_s: float, missing: Iterable[Span] = ()) -> None:
        self.highest = highest
        self._holes = [_Hole(span.first, span.last, now_s) for span in sorted(missing)]
        self._told_last = highest  # the highest number a heartbeat told
        self._moved_s = now_s
        self._given_up: list[Span] = []
        self.changed = True

    @property
    def missing(self) -> tuple[Span, ...]:
        return tuple(Span(hole.first, hole.last) for hole in self._holes)

    def missing_in(self, span: Span) -> int:
        """How many numbers of a span are missing."""
        return sum(
            max(0, min(hole.last, span.last) - max(hole.first, span.first) + 1) for hole in self._holes
        )

    def note(self, number: int, now_s: float) -> bool:
        """This number came; whether a missing one that was spoken of came after all."""
        if number > self.highest:
            self._pass_over(number - 1, now_s)
            self.highest = number
            self._moved_s = now_s
            self.changed = True
            return False
        return self._fill(number)

    def last_given(self, number: int, now_s: float) -> None:
        """A heartbeat says that this was the last number given."""
        if number > self._told_last:
            if self._told_last <= self.highest:
                self._moved_s = now_s  # the tail is missing from now on
            self._told_last = number

    def overdue(self, now_s: float, rules: GapRules) -> tuple[list[Span], list[Span]]:
        """Spans missing for longer than their grace: (all of them, those not spoken of before)."""
        if self._told_last > self.highest and now_s - self._moved_s >= rules.tail_grace_s:
            self._pass_over(self._told_last, now_s - rules.grace_s)
            self.highest = self._told_last
            self.changed = True
        late = [hole for hole in self._holes if now_s - hole.since_s >= rules.grace_s]
        new = [Span(hole.first, hole.last) for hole in late if not hole.told]
        for hole in late:
            hole.told = True
        return [Span(hole.first, hole.last) for hole in late], new

    def give_up(self, span: Span) -> int:
        """The missing numbers of a span are not to be had; how many those were."""
        count = self.missing_in(span)
        if count:
            self._cut(span)
            self.changed = True
        return count

    def take_given_up(self) -> list[Span]:
        """What was given up because it was too much to keep, once."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def _pass_over(self, last: int, now_s: float) -> None:
        """highest + 1 to last did not come, or not yet."""
        first = self.highest + 1
        if last < first:
            return
        if last - first >= MOST_BEHIND:
            self._given_up.append(Span(first, last - MOST_BEHIND))
            first = last - MOST_BEHIND + 1
        self._holes.append(_Hole(first, last, now_s))
        if len(self._holes) > MOST_HOLES:
            oldest = self._holes.pop(0)
            self._given_up.append(Span(oldest.first, oldest.last))

    def _fill(self, number: int) -> bool:
        place = bisect_right(self._holes, number, key=lambda hole: hole.first) - 1
        if place < 0 or self._holes[place].last < number:
            return False
        told = self._holes[place].told
        self._cut(Span(number, number))
        self.changed = True
        return told

    def _cut(self, span: Span) -> None:
        kept: list[_Hole] = []
        for hole in self._holes:
            if hole.first < span.first:
                kept.append(_Hole(hole.first, min(hole.last, span.first - 1), hole.since_s, hole.told))
            if hole.last > span.last:
                kept.append(_Hole(max(hole.first, span.last + 1), hole.last, hole.since_s, hole.told))
        self._holes = kept
