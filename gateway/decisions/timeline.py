"""Score and level around an event, hop by hop, so that a person sees why it was raised: no sound."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from gateway.decisions.types import EventTimeline, Evidence

REACH_S = 10.0
"""From so long before the onset to so long after it; of an event that took longer to be raised, the stretch
of that length before it was."""
LEAST_STEP_S = 0.1
"""Nothing faster leaves the gateway."""
_SLACK_S = 2.0
_SAME_INSTANT_S = 1e-6


class History:
    """The hops of the last seconds, as long as a timeline may need them."""

    def __init__(self) -> None:
        self._hops: deque[Evidence] = deque()

    def hear(self, hop: Evidence) -> None:
        self._hops.append(hop)
        oldest_s = hop.t_s - 2.0 * REACH_S - _SLACK_S
        while self._hops[0].t_s <= oldest_s:
            self._hops.popleft()

    def clear(self) -> None:
        self._hops.clear()

    def until(self, end_s: float, event_class: str, rival: str | None) -> EventTimeline | None:
        """What was heard in the 2 REACH_S before end_s, as `last_of` gives it. None if nothing was."""
        first_s, last_s = end_s - 2.0 * REACH_S - _SAME_INSTANT_S, end_s + _SAME_INSTANT_S
        hops = [hop for hop in self._hops if hop.start_s >= first_s and hop.t_s <= last_s]
        return timeline_of(hops, event_class, rival) if hops else None


def last_of(onset_s: float, raised_s: float) -> float:
    """Stream time at which the timeline of an event ends."""
    return max(onset_s, raised_s - REACH_S) + REACH_S


def timeline_of(hops: Sequence[Evidence], event_class: str, rival: str | None) -> EventTimeline:
    """hops: oldest first, not empty. rival: the label to show beside the event's own.

    Hops shorter than LEAST_STEP_S are put together: the highest score, the energy mean of the level.
    """
    start_s, hop_s = hops[0].start_s, hops[0].hop_s
    step_s = hop_s * max(1, math.ceil(LEAST_STEP_S / hop_s - _SAME_INSTANT_S))
    steps: dict[int, list[Evidence]] = {}
    for hop in hops:
        steps.setdefault(math.floor((hop.start_s - start_s) / step_s + 0.5 * hop_s / step_s), []).append(hop)
    count = max(steps) + 1
    scored = any(event_class in hop.scores for hop in hops if hop.scores)
    rivalled = rival is not None and any(rival in hop.scores for hop in hops if hop.scores)
    return EventTimeline(
        start_s=start_s,
        step_s=step_s,
        scores=_scores(steps, count, event_class) if scored else (),
        laeq_db=_levels(steps, count),
        missing=tuple(index for index in range(count) if index not in steps),
        rival=rival if rivalled else None,
        rival_scores=_scores(steps, count, rival) if rivalled and rival is not None else (),
    )


def _scores(steps: dict[int, list[Evidence]], count: int, label: str) -> tuple[float, ...]:
    found: list[float] = []
    for index in range(count):
        if index in steps:
            scores = [0.0 if hop.scores is None else hop.scores.get(label, 0.0) for hop in steps[index]]
            found.append(max((score for score in scores if math.isfinite(score)), default=0.0))
        else:
            found.append(found[-1])
    return tuple(found)


def _levels(steps: dict[int, list[Evidence]], count: int) -> tuple[float, ...]:
    found: list[float] = []
    for index in range(count):
        hops = steps.get(index)
        if hops is None:
            found.append(found[-1])
        elif len(hops) == 1:
            found.append(hops[0].laeq_db)
        else:
            heard_s = sum(hop.hop_s for hop in hops)
            energy = sum(hop.hop_s * 10.0 ** (hop.laeq_db / 10.0) for hop in hops)
            found.append(10.0 * math.log10(energy / heard_s))
    return tuple(found)
