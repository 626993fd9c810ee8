"""A square with sensors, sources and sound that takes its time: what the incidents hear, without a gateway.

Positions are metres east and north of a corner of the square; sound spreads in the free field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gateway.contract.one_sound import METRES_A_DEGREE, Trace
from gateway.contract.types import SensorContribution
from gateway.contract.vocabulary import Phase, Priority
from gateway.incidents.book import Incidents
from gateway.incidents.types import Claim, Heard, Telling

CORNER = (4.8994, 52.3791)
SOUND_M_S = 343.0


def lon_lat(east_m: float, north_m: float) -> tuple[float, float]:
    lat = CORNER[1] + north_m / METRES_A_DEGREE
    return CORNER[0] + east_m / (METRES_A_DEGREE * math.cos(math.radians(CORNER[1]))), lat


@dataclass(frozen=True)
class Ear:
    """A sensor on the square. ambient_db: its background; it raises what stands 5 dB above it."""

    name: str
    east_m: float
    north_m: float = 0.0
    ambient_db: float = 50.0
    decides_s: float = 0.7

    def distance_m(self, source: Source) -> float:
        return max(1.0, math.hypot(self.east_m - source.east_m, self.north_m - source.north_m))


@dataclass(frozen=True)
class Source:
    """Something heard on the square. level_db: LAFmax at one metre; lasts_s: until its last evidence."""

    at_s: float
    east_m: float
    north_m: float = 0.0
    level_db: float = 95.0
    event_class: str = "shout"
    lasts_s: float = 2.0


@dataclass(frozen=True)
class Event:
    """One sensor's event: when it is raised and when it ends, and what it says of itself then."""

    start: Heard
    end: Heard


def trace(ear: Ear | None = None, **changes: object) -> Trace:
    at = ear or Ear("a", 0.0)
    told = Trace(
        event_class="shout",
        onset_s=100.0,
        until_s=math.inf,
        error_s=0.01,
        lafmax_db=75.0,
        above_db=None,
        calibrated=True,
        lon_lat_deg=lon_lat(at.east_m, at.north_m),
        zone=None,
    )
    return replace(told, **changes)  # type: ignore[arg-type]


def contribution(name: str, lafmax_db: float) -> SensorContribution:
    return SensorContribution(
        sensor_id=name,
        serial=name,
        boot_epoch=1,
        laeq_db=lafmax_db - 5.0,
        lafmax_db=lafmax_db,
        above_ambient_db=None,
        calibrated=True,
        calibration_id="cal",
    )


def heard(
    event: str,
    source: str,
    one: Trace,
    *,
    phase: Phase = Phase.START,
    t_s: float | None = None,
    **more: object,
) -> Heard:
    """event: a short name, made into an id that sorts as it does."""
    at_s = one.onset_s + 0.7 if t_s is None else t_s
    told = contribution(source, one.lafmax_db)
    return Heard(event_id(event), source, phase, one, at_s, told, **more)  # type: ignore[arg-type]


def event_id(name: str) -> str:
    return name.encode().hex().ljust(32, "0")[:32]


def ended(start: Heard, until_s: float, hold_s: float = 4.0) -> Heard:
    return replace(start, phase=Phase.END, t_s=until_s + hold_s, trace=replace(start.trace, until_s=until_s))


def claim(*names: str, **changes: object) -> Claim:
    first, *rest = (event_id(name) for name in names)
    told = Claim(first, tuple(rest), priority=Priority.LOOK, confirmed_by=())
    return replace(told, **changes)  # type: ignore[arg-type]


def hear(ears: list[Ear], sources: list[Source]) -> list[Event]:
    """The events of all sensors; each hears of the sources of one class what is loudest at its place."""
    found = []
    for ear in ears:
        audible = []
        for source in sources:
            level_db = source.level_db - 20.0 * math.log10(ear.distance_m(source))
            if level_db >= ear.ambient_db + 5.0:
                audible.append((source.at_s + ear.distance_m(source) / SOUND_M_S, level_db, source))
        for number, (onset_s, level_db, source) in enumerate(_apart(audible)):
            one = trace(
                ear,
                event_class=source.event_class,
                onset_s=math.floor(onset_s * 8.0) / 8.0,  # the hop in which it begins
                lafmax_db=level_db,
                above_db=level_db - ear.ambient_db,
            )
            start = heard(f"{ear.name}{number}", ear.name, one, t_s=onset_s + ear.decides_s)
            until_s = onset_s + max(source.lasts_s, ear.decides_s)
            found.append(Event(start, ended(start, until_s)))
    return found


def _apart(audible: list[tuple[float, float, Source]]) -> list[tuple[float, float, Source]]:
    """Of sources of one class that overlap, a sensor makes one event: first onset, highest level."""
    kept: list[tuple[float, float, Source]] = []
    for onset_s, level_db, source in sorted(audible, key=lambda one: one[0]):
        for index, (first_s, first_db, first) in enumerate(kept):
            same = first.event_class == source.event_class
            if same and onset_s <= first_s + first.lasts_s + 4.0:
                kept[index] = (first_s, max(first_db, level_db), first)
                break
        else:
            kept.append((onset_s, level_db, source))
    return kept


def play(book: Incidents, events: list[Event]) -> list[tuple[float, Telling]]:
    """All of it in the order of deciding; (when, what is told)."""
    said = [one for event in events for one in (event.start, event.end)]
    told = []
    for one in sorted(said, key=lambda heard: (heard.t_s, heard.event_id)):
        told += [(one.t_s, telling) for telling in book.hear(one)]
    return told
