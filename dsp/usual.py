"""What a place usually sounds like, by hour of the week, and the background that a sound is judged against.

The running background (`dsp.background`) follows a street within minutes, and so it follows a long event as
well: after two minutes of it the event is its own background. The usual level of the hour knows better, but
knows nothing of today. Together they are judged against like this:

* the running background holds, wherever it lies below the usual level: on a quiet school holiday the usual
  noise of the break hides nobody;
* where it lies above, it may run ahead of the usual level by `LEAD_DB` less than what it says, until the slow
  background (the median of half an hour or so) has come after. So a long event keeps standing out, by a
  little, and a street that is louder for good is the new background within half an hour.

Pure: which hour it is comes with each hop. Where nobody knows it, the running background is all there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dsp.background import Background

HOURS_A_WEEK = 168
"""Hour 0 begins on Monday at 00:00."""
HOURS_A_DAY = 24
LEAST_HEARD_S = 900.0
"""An hour of which less was heard teaches nothing."""
MOST_WEEKS = 4
"""Each later week counts for one in so many: the usual level forgets in about a month."""
SLOW_TIME_CONSTANT_S = 1800.0
"""The slow background reaches a new level in this times ln 2: 21 minutes."""
SLOW_LEAST_HEARD_S = 600.0
LEAD_DB = 6.0
"""How far the running background may be held back where it lies above all that is usual."""
_NEVER_FORGETS_S = 1e9


@dataclass(frozen=True, slots=True)
class HourLevel:
    """The usual LAeq of one hour of the week, dB re 20 uPa, and of how many weeks it was learnt (1..4)."""

    level_db: float
    weeks: int


class UsualLevels:
    """The 168 hours of one place. `hear` its hops; an hour that is over has taught what it can."""

    def __init__(self, known: Mapping[int, HourLevel] | None = None) -> None:
        """known: by hour of the week, as learnt before. Raises ValueError for an hour not 0..167."""
        self._known = dict(known or {})
        if any(not 0 <= hour < HOURS_A_WEEK for hour in self._known):
            raise ValueError(f"hours of the week are 0..{HOURS_A_WEEK - 1}: {sorted(self._known)}")
        self._hour: int | None = None
        self._heard_s = 0.0
        self._median = _plain_median()
        self.changes = 0
        """Counts up with each hour learnt."""

    def known(self) -> dict[int, HourLevel]:
        return dict(self._known)

    def level_db(self, hour: int) -> float | None:
        """The hour's own usual level; before its first week that of the same hour on other days."""
        own = self._known.get(hour)
        if own is not None:
            return own.level_db
        other_days = range(hour % HOURS_A_DAY, HOURS_A_WEEK, HOURS_A_DAY)
        levels = [self._known[other].level_db for other in other_days if other in self._known]
        return sum(levels) / len(levels) if levels else None

    def hear(self, laeq_db: float, duration_s: float, hour: int | None) -> None:
        """One hop in this hour of the week; None: nobody knows, and the hop teaches nothing."""
        if hour != self._hour:
            self._learn()
            self._hour = hour
        if hour is None or math.isnan(laeq_db):
            return
        self._heard_s += duration_s
        self._median.hear(laeq_db, duration_s)

    def _learn(self) -> None:
        found_db = self._median.level_db()
        if self._hour is not None and found_db is not None and self._heard_s >= LEAST_HEARD_S:
            before = self._known.get(self._hour, HourLevel(found_db, 0))
            weeks = min(before.weeks + 1, MOST_WEEKS)
            level_db = before.level_db + (found_db - before.level_db) / weeks
            self._known[self._hour] = HourLevel(level_db, weeks)
            self.changes += 1
        self._heard_s = 0.0
        self._median = _plain_median()


class JudgedBackground:
    """The background of one sensor as its sounds are judged against it: running, slow and usual together.

    declared_db: a background stated by a person; it then holds for good.
    """

    def __init__(self, usual: UsualLevels | None = None, declared_db: float | None = None) -> None:
        self._usual = usual
        self._declared = declared_db is not None
        self._running = Background(declared_db=declared_db)
        self._slow = Background(SLOW_TIME_CONSTANT_S, SLOW_LEAST_HEARD_S)

    def level_db(self, hour: int | None) -> float | None:
        """dB; None while too little was heard."""
        running_db = self._running.level_db()
        usual_db = self.usual_db(hour)
        slow_db = self._slow.level_db()
        if running_db is None or usual_db is None or slow_db is None or self._declared:
            return running_db
        return min(running_db, max(usual_db, slow_db, running_db - LEAD_DB))

    def usual_db(self, hour: int | None) -> float | None:
        """What is usual at this hour of the week; None while nobody knows."""
        return None if self._usual is None or hour is None else self._usual.level_db(hour)

    def hear(self, laeq_db: float, duration_s: float, hour: int | None) -> None:
        """Learn from one hop."""
        self._running.hear(laeq_db, duration_s)
        if self._usual is not None:
            self._slow.hear(laeq_db, duration_s)
            self._usual.hear(laeq_db, duration_s, hour)


def _plain_median() -> Background:
    return Background(_NEVER_FORGETS_S, 0.0)
