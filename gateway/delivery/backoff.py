"""How long to wait before the next attempt: doubling, capped, never in step with others."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class BackoffRule:
    """From first_s, doubling to most_s, each delay varied by +- jitter (0..1).

    A success only counts once it held for settled_s: a broker that accepts and throws out again at once must
    not be hammered at the pace of first_s. most_s is small because an alert waits for it: with the jitter a
    broker that is back is found within 5 s, at the price of one attempt each 4 s.
    """

    first_s: float = 1.0
    most_s: float = 4.0
    jitter: float = 0.25
    settled_s: float = 10.0


class Backoff:
    """Counts failures in a row; the caller does the waiting."""

    def __init__(self, rule: BackoffRule, random: Random) -> None:
        self._rule = rule
        self._random = random
        self.failures = 0

    def next_delay_s(self, held_s: float) -> float:
        """The wait after a failure that ended a success of held_s seconds (0: there was none)."""
        rule = self._rule
        if held_s >= rule.settled_s:
            self.failures = 0
        doubled_s = rule.first_s * 2.0 ** min(self.failures, 30)
        self.failures += 1
        return min(rule.most_s, doubled_s) * self._random.uniform(1.0 - rule.jitter, 1.0 + rule.jitter)
