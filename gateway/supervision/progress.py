"""Does every thread get on with its work? Each beats as it goes, and says by when it beats again.

A stage that has nothing to do still beats, because each of its waits has an end; one that may be away for
longer (a name that nobody resolves, a tired disk) says so before it goes. Pure: time is an argument.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

USUAL_S = 5.0
"""Promise of a stage that waits for a second at most, and for the disk."""
ENDED = math.inf
"""Promise of a stage that is done."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """A stage that did not keep its promise; by_s: seconds past it."""

    stage: str
    within_s: float
    by_s: float

    def __str__(self) -> str:
        return f"{self.stage} (promised within {self.within_s:g} s, {self.by_s:.1f} s late)"


@dataclass(slots=True)
class _Promise:
    within_s: float
    due_s: float


class Progress:
    """Who has promised what, on the caller's clock (seconds, never going back)."""

    def __init__(self) -> None:
        self._promises: dict[str, _Promise] = {}
        self._not_begun: set[str] = set()

    @property
    def begun(self) -> bool:
        """Whether every stage that was expected has beaten."""
        return not self._not_begun

    @property
    def stages(self) -> frozenset[str]:
        """Those that are expected or at work."""
        return frozenset(self._promises)

    def expect(self, stage: str, within_s: float, now_s: float) -> None:
        """It has not begun, and is to beat for the first time within_s."""
        self._not_begun.add(stage)
        self._promises[stage] = _Promise(within_s, now_s + within_s)

    def beat(self, stage: str, within_s: float, now_s: float) -> None:
        """It is at work, and beats again within_s; ENDED: it is done."""
        self._not_begun.discard(stage)
        if math.isinf(within_s):
            self._promises.pop(stage, None)
        else:
            self._promises[stage] = _Promise(within_s, now_s + within_s)

    def excuse(self, pause_s: float) -> None:
        """Nobody could keep a promise for this long: the whole process did not run."""
        for promise in self._promises.values():
            promise.due_s += pause_s

    def overdue(self, now_s: float) -> tuple[Overdue, ...]:
        """Who is late, the latest first."""
        late = [
            Overdue(stage, promise.within_s, now_s - promise.due_s)
            for stage, promise in self._promises.items()
            if now_s > promise.due_s
        ]
        return tuple(sorted(late, key=lambda one: -one.by_s))
