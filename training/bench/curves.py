"""Misses against false alarms, at every threshold, for one class on continuous sound.

An event is found at a threshold when some score of its class reaches it while the event sounds or up to
LATE_S after: what is heard in a window is known a little later. A false alarm is a run of evidence (with the
hold) that touches no event of its class. It is laid to the source that sounds when it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bench.alarms import HOLD_S
from training.bench.bootstrap import DRAWS, Interval, Sources, interval
from training.bench.detector import CLASSES
from training.bench.truth import Recording, Sound

Floats = NDArray[np.float64]

LATE_S = 1.0
GRID = 240


@dataclass(frozen=True, slots=True)
class Curve:
    """One class. thresholds: (k,) falling; found: (events, k); false_alarms: (sources, k); hours: (sources,)
    of sound laid to each source; event_sources: (events,) numbers of sources; events: their truth."""

    thresholds: Floats
    found: NDArray[np.bool_]
    false_alarms: Floats
    hours: Floats
    event_sources: NDArray[np.int64]
    events: tuple[Sound, ...]
    sources: Sources

    def miss_rate(self, weights: Floats | None = None) -> Floats:
        """Share of events missed at each threshold, (k,); NaN without events."""
        if len(self.events) == 0:
            return np.full(len(self.thresholds), np.nan)
        count = np.ones(len(self.events)) if weights is None else weights[self.event_sources]
        if count.sum() == 0:
            return np.full(len(self.thresholds), np.nan)
        return np.asarray(1.0 - count @ self.found / count.sum())

    def false_per_hour(self, weights: Floats | None = None) -> Floats:
        """False alarms an hour at each threshold, (k,).

        Never fewer at a lower threshold, where runs grow together and would count less.
        """
        count = np.ones(len(self.hours)) if weights is None else weights
        rate = count @ self.false_alarms / max(float(count @ self.hours), 1e-9)
        return np.asarray(np.maximum.accumulate(rate))

    def at_rate(self, per_hour: float, weights: Floats | None = None) -> int | None:
        """The lowest threshold that keeps a rate of false alarms; None when no threshold of the grid does."""
        kept = np.flatnonzero(self.false_per_hour(weights) <= per_hour + 1e-9)
        return int(kept[-1]) if len(kept) else None

    def found_at(self, per_hour: float) -> NDArray[np.bool_]:
        """Which events are found at a rate of false alarms, (events,)."""
        place = self.at_rate(per_hour)
        return np.zeros(len(self.events), dtype=bool) if place is None else self.found[:, place]

    def misses_at(self, per_hour: float, weights: Floats | None = None) -> float:
        """Miss rate at a rate of false alarms."""
        place = self.at_rate(per_hour, weights)
        return 1.0 if place is None else float(self.miss_rate(weights)[place])

    def false_at(self, misses: float, weights: Floats | None = None) -> float:
        """False alarms an hour at the highest threshold that misses at most `misses`; inf if none does."""
        enough = np.flatnonzero(self.miss_rate(weights) <= misses + 1e-9)
        return float(self.false_per_hour(weights)[enough[0]]) if len(enough) else float("inf")


def curve_of(
    label: str,
    recordings: Sequence[Recording],
    scores: Sequence[NDArray[np.float32]],
    hop_s: float,
    *,
    hold_s: float = HOLD_S,
    late_s: float = LATE_S,
    thresholds: Floats | None = None,
) -> Curve:
    """The curve of one class. scores: for each recording (hops,) of this class.

    thresholds: falling; without them those at which something changes.
    """
    events, sources_of_event, peaks = [], [], []
    for recording, own in zip(recordings, scores, strict=True):
        for event in recording.events(label):
            events.append(event)
            sources_of_event.append(event.source)
            peaks.append(_peak(event, own, hop_s, late_s))
    both = list(zip(recordings, scores, strict=True))
    heard = [_who_sounds(recording, len(own), hop_s) for recording, own in both]
    sources = Sources([*sources_of_event, *(name for names, _ in heard for name in names)])
    hold = round(hold_s / hop_s)
    line, owner, inside = _joined(label, recordings, scores, heard, sources, hop_s, hold, late_s)
    grid = _grid(np.asarray(peaks), line[~inside]) if thresholds is None else thresholds
    false_alarms = np.zeros((len(sources), len(grid)))
    for place, threshold in enumerate(grid):
        for number in _false_owners(line >= threshold, owner, inside, hold):
            false_alarms[number, place] += 1.0
    hours = np.bincount(owner[owner >= 0], minlength=len(sources)).astype(np.float64) * hop_s / 3600.0
    return Curve(
        thresholds=grid,
        found=np.asarray(peaks).reshape(-1, 1) >= grid[np.newaxis],
        false_alarms=false_alarms,
        hours=hours,
        event_sources=sources.numbers(sources_of_event),
        events=tuple(events),
        sources=sources,
    )


def miss_interval(curve: Curve, per_hour: float, seed: int = 3, draws: int = DRAWS) -> Interval:
    """Misses at a rate of false alarms; in each draw of sources the threshold is found anew."""
    rng = np.random.default_rng(seed)
    values = [curve.misses_at(per_hour, curve.sources.weights(rng)) for _ in range(draws)]
    return interval(curve.misses_at(per_hour), values)


def hops_of(event: Sound, hops: int, hop_s: float, late_s: float = LATE_S) -> slice:
    """The hops whose scores may speak of an event."""
    first = int(np.floor(event.onset_s / hop_s + 1e-6))
    last = int(np.ceil((event.end_s + late_s) / hop_s - 1e-6))
    return slice(min(first, hops), min(max(last, first + 1), hops))


def _peak(event: Sound, own: NDArray[np.float32], hop_s: float, late_s: float) -> float:
    during = own[hops_of(event, len(own), hop_s, late_s)]
    return float(during.max()) if len(during) else -np.inf


def _who_sounds(recording: Recording, hops: int, hop_s: float) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the recording's sources, and for each hop which sounds: the bed or the newest sound."""
    names = [recording.beds[0] if recording.beds else recording.sounds[0].source]
    which = np.zeros(hops, dtype=np.int64)
    for sound in recording.sounds:
        names.append(sound.source)
        which[hops_of(sound, hops, hop_s)] = len(names) - 1
    return names, which


def _joined(
    label: str,
    recordings: Sequence[Recording],
    scores: Sequence[NDArray[np.float32]],
    heard: Sequence[tuple[list[str], NDArray[np.int64]]],
    sources: Sources,
    hop_s: float,
    hold: int,
    late_s: float,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """All recordings in one line, no hold bridging two: scores, owner (-1 between), inside events."""
    between = np.full(hold + 1, -np.inf, dtype=np.float32)
    line, owner, inside = [], [], []
    for recording, own, (names, which) in zip(recordings, scores, heard, strict=True):
        during = np.zeros(len(own), dtype=bool)
        for event in recording.events(label):
            during[hops_of(event, len(own), hop_s, late_s)] = True
        line += [own, between]
        owner += [sources.numbers(names)[which], np.full(len(between), -1)]
        inside += [during, np.zeros(len(between), dtype=bool)]
    return np.concatenate(line), np.concatenate(owner), np.concatenate(inside)


def _grid(peaks: Floats, outside: NDArray[np.float32]) -> Floats:
    """Thresholds, falling: those at which something changes, thinned to GRID where there are more."""
    loud = np.sort(outside[np.isfinite(outside)].astype(np.float64))[::-1]
    ranks = np.unique(np.geomspace(1, max(len(loud), 1), GRID).astype(int)) - 1
    finite = np.sort(peaks[np.isfinite(peaks)])[::-1]
    spread = np.unique(np.linspace(0, max(len(finite) - 1, 0), min(GRID, len(finite))).astype(int))
    some = finite[spread]
    above = [np.nextafter(loud[0], np.inf)] if len(loud) else []
    return np.unique(np.concatenate([loud[ranks[ranks < len(loud)]], some, above]))[::-1]


def _false_owners(
    above: NDArray[np.bool_], owner: NDArray[np.int64], inside: NDArray[np.bool_], hold: int
) -> NDArray[np.int64]:
    """The owners of the runs that touch no event."""
    hops = np.flatnonzero(above)
    if len(hops) == 0:
        return np.zeros(0, dtype=np.int64)
    breaks = np.flatnonzero(np.diff(hops) > max(hold, 1)) + 1
    starts = np.concatenate([[0], breaks])
    touches = np.logical_or.reduceat(inside[hops], starts)
    return np.asarray(owner[hops[starts[~touches]]])


def columns(scores: Sequence[NDArray[np.float32]], label: str) -> list[NDArray[np.float32]]:
    """One class's scores of every recording."""
    return [own[:, CLASSES.index(label)] for own in scores]
