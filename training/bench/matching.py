"""Event-based F1 and error rate: an alarm is right when its onset lies within a collar of an event's.

As `sed_eval` counts with an onset collar and no condition on the end (Mesaros, Heittola, Virtanen 2016): each
event and each alarm is used once, and as many pairs are made as can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLLAR_S = 0.5
_TINY_S = 1e-9


@dataclass(frozen=True, slots=True)
class Counts:
    """Alarms that are right, wrong, and events that no alarm is right about."""

    hits: float = 0.0
    false_alarms: float = 0.0
    misses: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.hits + other.hits, self.false_alarms + other.false_alarms, self.misses + other.misses
        )

    def times(self, weight: float) -> Counts:
        return Counts(self.hits * weight, self.false_alarms * weight, self.misses * weight)

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + false alarms + misses); 0 where there is nothing at all."""
        total = 2.0 * self.hits + self.false_alarms + self.misses
        return 2.0 * self.hits / total if total else 0.0

    @property
    def error_rate(self) -> float:
        """(misses + false alarms) / events of one class; NaN without events."""
        events = self.hits + self.misses
        return (self.misses + self.false_alarms) / events if events else float("nan")


def matched(events_s: Sequence[float], alarms_s: Sequence[float], collar_s: float = COLLAR_S) -> Counts:
    """Counts of one class in one recording, from onsets in s."""
    pairs = pair_up(events_s, alarms_s, collar_s)
    return Counts(len(pairs), len(alarms_s) - len(pairs), len(events_s) - len(pairs))


def pair_up(
    events_s: Sequence[float], alarms_s: Sequence[float], collar_s: float = COLLAR_S
) -> list[tuple[float, float]]:
    """The greatest number of (event, alarm) pairs no further apart than the collar.

    All intervals are equally long, so taking the earliest that fits is best.
    """
    pairs, waiting = [], sorted(alarms_s)
    for event_s in sorted(events_s):
        while waiting and waiting[0] < event_s - collar_s - _TINY_S:
            waiting.pop(0)
        if waiting and waiting[0] <= event_s + collar_s + _TINY_S:
            pairs.append((event_s, waiting.pop(0)))
    return pairs


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of many counts."""
    result = Counts()
    for one in counts:
        result = result + one
    return result
