"""The last seconds of hop levels: how loud it just was, where impulses begin, when a sound began.

All lengths are in seconds, so that nothing here depends on the hop. Missing hops are no hops: a level is only
ever compared with the hop that really came right before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from gateway.decisions.types import Evidence

GATE_MEMORY_S = 1.0
"""A model's window scores a bang after it was loudest; the level gates look this far back."""
ONSET_REACH_S = 1.5
"""An onset is sought at most this long before the first evidence."""
ONSET_DEPTH_DB = 10.0
"""Hops this far below the first evidence may still belong to the same sound."""
ONSET_RISE_DB = 3.0
"""The least step up that can be an onset."""
ONSET_SHARE = 0.85
"""And the least share of the greatest step."""
IMPULSE_RISE_DB = 6.0
IMPULSE_RISE_S = 0.25
"""An impulse lifts LAFmax by that much within that time."""
_SAME_INSTANT_S = 1e-6


class RecentLevels:
    """The hops of the last `memory_s` seconds, oldest first, and where LAFmax jumped among them."""

    def __init__(self, memory_s: float) -> None:
        self._memory_s = memory_s
        self._hops: deque[Evidence] = deque()
        self._impulses: deque[tuple[float, float]] = deque()
        self._rising = False

    def hear(self, hop: Evidence) -> None:
        """Take the next hop; t_s of the hops only grows."""
        hops = self._hops
        rising = self._rises(hop)
        if rising and not self._rising:
            self._impulses.append((hop.t_s - hop.hop_s, hop.lafmax_db))
        self._rising = rising
        hops.append(hop)
        oldest_s = hop.t_s - self._memory_s
        while hops[0].t_s <= oldest_s:
            hops.popleft()
        while self._impulses and self._impulses[0][0] < oldest_s:
            self._impulses.popleft()

    def _rises(self, hop: Evidence) -> bool:
        """Whether LAFmax is an impulse's rise above the lowest hop right before this one."""
        next_start_s = hop.t_s - hop.hop_s
        since_s = next_start_s - IMPULSE_RISE_S + _SAME_INSTANT_S
        ceiling_db = hop.lafmax_db - IMPULSE_RISE_DB
        for before in reversed(self._hops):
            if before.t_s < next_start_s - _SAME_INSTANT_S:
                return False
            if before.lafmax_db <= ceiling_db:
                return True
            next_start_s = before.t_s - before.hop_s
            if next_start_s < since_s:
                return False
        return False

    def loudest(self) -> tuple[float, float | None]:
        """Highest LAFmax and level above the background of the last second.

        The second is None when the newest hop knows no background.
        """
        newest = self._hops[-1]
        since_s = newest.t_s - GATE_MEMORY_S + _SAME_INSTANT_S
        lafmax_db, above_db = newest.lafmax_db, newest.above_ambient_db
        for hop in reversed(self._hops):
            if hop.t_s <= since_s:
                break
            lafmax_db = max(lafmax_db, hop.lafmax_db)
            if above_db is not None and hop.above_ambient_db is not None:
                above_db = max(above_db, hop.above_ambient_db)
        return lafmax_db, above_db

    def impulses(self) -> Iterator[tuple[float, float]]:
        """(start of the hop in which it rose, LAFmax) of each recent impulse, oldest first."""
        return iter(self._impulses)

    def between(self, start_s: float, end_s: float) -> list[Evidence]:
        """Recent hops that lie inside [start_s, end_s], oldest first."""
        first_s, last_s = start_s - _SAME_INSTANT_S, end_s + _SAME_INSTANT_S
        return [hop for hop in self._hops if hop.start_s >= first_s and hop.t_s <= last_s]

    def onset_of(self, first_evidence: Evidence) -> float:
        """Estimated start of the sound whose first evidence this is; see `estimate_onset`."""
        hops = self.between(first_evidence.t_s - ONSET_REACH_S, first_evidence.t_s) or [first_evidence]
        before = next((hop for hop in self._hops if _adjoin(hop, hops[0])), None)
        return estimate_onset(hops, before)


def estimate_onset(hops: Sequence[Evidence], before: Evidence | None) -> float:
    """When a sound began, from the hops up to its first evidence (the last of them).

    hops: oldest first, not empty; before: the hop that adjoins the first of them, if it was heard.

    From the first evidence back, as long as the hops adjoin and are at most ONSET_DEPTH_DB below it, one run
    is assumed (louder hops belong to it: evidence may come when a bang is over). Its onset is the earliest
    hop that steps up by ONSET_RISE_DB and by ONSET_SHARE of the run's greatest step, so that a busy street's
    fluctuation is not taken for it. A run without such a step began softly, or where the hearing began (then
    its first hop is the onset), or it is background as far as one looks (then the first evidence is).
    """
    first = len(hops) - 1
    lowest_db = hops[first].laeq_db - ONSET_DEPTH_DB
    while first > 0 and hops[first - 1].laeq_db >= lowest_db and _adjoin(hops[first - 1], hops[first]):
        first -= 1
    ahead = hops[first - 1] if first > 0 else before
    onset_s = hops[first].start_s
    if first == 0 and ahead is not None and ahead.laeq_db >= lowest_db:
        onset_s = hops[-1].start_s
    steps: list[tuple[float, float]] = []
    for hop in hops[first:]:
        if ahead is not None and _adjoin(ahead, hop):
            steps.append((hop.laeq_db - ahead.laeq_db, hop.start_s))
        ahead = hop
    needed_db = max(ONSET_RISE_DB, ONSET_SHARE * max((step_db for step_db, _ in steps), default=0.0))
    return next((start_s for step_db, start_s in steps if step_db >= needed_db), onset_s)


def _adjoin(before: Evidence, after: Evidence) -> bool:
    return abs(after.start_s - before.t_s) <= _SAME_INSTANT_S
