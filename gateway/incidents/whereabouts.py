"""Who heard an incident, in which order and how loud, and roughly where it is. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gateway.contract.one_sound import metres
from gateway.contract.types import Point, Position, SensorContribution, replace
from gateway.incidents.types import Heard

MOST_LISTED = 16
"""Sensors that one alert names at most: the one that raised it, and the loudest others."""
LEAST_WITHIN_M = 10.0
"""Levels tell no place better than this: sources face somewhere, and walls reflect."""


def contributions(own: Heard, events: Iterable[Heard]) -> tuple[SensorContribution, ...]:
    """The sensor of `own` first, then the others as the sound reached them; alone it stands plain.

    events: all of the incident, `own` among them. A sensor with several events stands there once, with the
    time of its first and the levels of its loudest one; `own` stands as it is.
    """
    by_source = _by_source(events)
    if len(by_source) < 2:
        return (own.contribution,)
    first_s = {source: min(one.trace.onset_s for one in heard) for source, heard in by_source.items()}
    peak_db = {source: max(one.trace.lafmax_db for one in heard) for source, heard in by_source.items()}
    speaks = {source: max(heard, key=_loudness) for source, heard in by_source.items()} | {own.source: own}
    arrivals = sorted(first_s, key=lambda source: (first_s[source], -peak_db[source], source))
    by_level = sorted(peak_db, key=lambda source: (-peak_db[source], source))
    listed = {own.source, *[source for source in by_level if source != own.source][: MOST_LISTED - 1]}
    told = {
        source: replace(
            speaks[source].contribution,
            event_id=speaks[source].event_id,
            event_class=speaks[source].trace.event_class,
            arrival=number,
            after_first_ms=round(1000.0 * (first_s[source] - first_s[arrivals[0]])),
            loudest=source == by_level[0],
        )
        for number, source in enumerate(arrivals, 1)
        if source in listed
    }
    return (told.pop(own.source), *told.values())


def position_of(events: Iterable[Heard]) -> Position | None:
    """Between the sensors that heard it, nearer to the louder ones; None without two places.

    A source on the line between two sensors divides it as their sound pressures do, in the free field.
    within_m is half the greatest distance between those sensors: the order of its error, no bound.
    """
    loudest = [max(heard, key=_loudness) for heard in _by_source(events).values()]
    placed = [(one.trace.lon_lat_deg, one.trace.lafmax_db) for one in loudest]
    known = [(place, level_db) for place, level_db in placed if place is not None]
    places = {place for place, _ in known}
    if len(places) < 2:
        return None
    highest_db = max(level_db for _, level_db in known)
    weights = [10.0 ** ((level_db - highest_db) / 20.0) for _, level_db in known]
    middle = tuple(round(_mean([place[axis] for place, _ in known], weights), 6) for axis in (0, 1))
    spread_m = max(metres(one, other) for one in places for other in places)
    within_m = float(round(max(LEAST_WITHIN_M, spread_m / 2.0)))
    return Position(point=Point(coordinates=(middle[0], middle[1])), within_m=within_m)


def _by_source(events: Iterable[Heard]) -> dict[str, list[Heard]]:
    found: dict[str, list[Heard]] = {}
    for one in events:
        found.setdefault(one.source, []).append(one)
    return found


def _loudness(heard: Heard) -> tuple[float, str]:
    return heard.trace.lafmax_db, heard.event_id


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / math.fsum(weights)
