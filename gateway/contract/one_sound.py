"""When two sensors heard one sound: the rule by which gateways and receivers form the same incidents. Pure.

Three things must hold for events of two sensors:

1. *Classes of one kind.* Voices go with voices, impulses with impulses; `loud`, a plain level, says nothing
   of the kind and goes with all.
2. *One time.* Sound needs 3 ms a metre, clocks are off by what they admit, and an onset is read from hops of
   125 ms; that of a voice, which swells, is less sharp. Within all that both must begin together. Or the
   later one is the one that hears it weaker, while the first goes on: down the street only the third shout
   of a fight may stand out. Who hears it better cannot be late.
3. *One source could do it.* A source that is L1 and L2 loud at two sensors D metres apart has, at one metre,
   at least 20 lg D - 20 lg(10^(-L1/20) + 10^(-L2/20)), on the line between them, and more at any other place
   (free field: 20 dB for ten times the distance, so d = 10^((L - L1)/20), and d1 + d2 is never less than D).
   If no voice, pane or gun is that loud, they heard two sources. Up to 50 m this is not asked: a fight is no
   point, several shout at once and move, and whoever is sent there sees all of it.

Rule 3 is what keeps two fights 80 m apart two: 75 dB(A) at both places would take a voice of 107 dB(A), and
voices end at about 100 (shouted speech is 82 to 89 dB(A) LAeq at one metre, after Pearsons et al.,
EPA-600/1-77-025; LAFmax is some 10 dB more). And what is loud everywhere at once, thunder or a far siren,
does not confirm itself over more than that. Where the levels are so low that one source in between could do
it and both begin together, nothing that is measured here tells one source from two: then it is one incident,
with all its sensors shown.

Walls take more away than the free field does, which makes rule 3 lenient, never too strict. A narrow street
carries sound further, by 2 or 3 dB over these distances: the limits hold that. Without coordinates, sensors
of one zone count as near, and sensors without a common zone never agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

from gateway.contract.instants import utc_seconds
from gateway.contract.types import Alert, Place
from gateway.contract.vocabulary import EventClass, Phase

SLOWEST_SOUND_M_S = 320.0  # at -20 degrees C
METRES_A_DEGREE = 111_195.0
NEAR_M = 50.0
"""Sensors up to here share a fight, whatever its level; those of one zone without coordinates do too."""
IMPULSE_ONSET_S = 0.3
VOICE_ONSET_S = 1.5
"""How far two estimates of one onset may differ, beside travel and clocks: two hops; a voice swells."""
WEAKER_DB = 3.0
"""Who comes late must hear it at least so much weaker."""
WORST_CLOCK_S = 2.0
"""A clock that may be further off says nothing about what belongs together."""
ON_ITS_WAY_S = 1.0
"""What a live alert may have been on its way, where its arrival has to stand in for a clock."""
UNCALIBRATED_DB = 2.0
"""What nominal levels may be off, for a pair with a sensor that is not calibrated."""


class Kind(Enum):
    VOICE = "voice"
    IMPULSE = "impulse"
    LEVEL = "level"


@dataclass(frozen=True, slots=True)
class _Limits:
    """loudest_db: highest LAFmax of a source at one metre; furthest_m: sensors further apart never agree."""

    kind: Kind
    loudest_db: float
    furthest_m: float


_LIMITS = {
    EventClass.SHOUT.value: _Limits(Kind.VOICE, 100.0, 150.0),
    EventClass.SCREAM.value: _Limits(Kind.VOICE, 106.0, 200.0),
    EventClass.GLASS_BREAK.value: _Limits(Kind.IMPULSE, 112.0, 150.0),
    EventClass.GUNSHOT.value: _Limits(Kind.IMPULSE, 150.0, 800.0),
    EventClass.LOUD.value: _Limits(Kind.LEVEL, 130.0, 150.0),
}


@dataclass(frozen=True, slots=True)
class Trace:
    """One sensor's event as far as it tells whether another one heard the same.

    onset_s, until_s: begin and end of what was heard, on any clock that both share; until_s is infinite while
    the event is open. error_s: how far that clock may be off, None when nobody knows. above_db: above the
    background, None while that is unknown. repeated: several impulses. lon_lat_deg: where the sensor hangs.
    """

    event_class: str
    onset_s: float
    until_s: float
    error_s: float | None
    lafmax_db: float
    above_db: float | None
    calibrated: bool
    lon_lat_deg: tuple[float, float] | None
    zone: str | None
    repeated: bool = False


def trace_of(alert: Alert) -> Trace:
    """An alert's trace in UTC seconds. Raises ValueError for a time that cannot be."""
    error_ms = alert.clock.error_ms
    ended = alert.phase is Phase.END
    return Trace(
        event_class=alert.event_class,
        onset_s=utc_seconds(alert.sound_onset_utc),
        until_s=utc_seconds(alert.last_evidence_utc) if ended else math.inf,
        error_s=None if error_ms is None else error_ms / 1000.0,
        lafmax_db=alert.lafmax_db,
        above_db=alert.above_ambient_db,
        calibrated=alert.calibrated,
        lon_lat_deg=coordinates(alert.place),
        zone=alert.place.zone,
        repeated=alert.count > 1,
    )


def trace_by_arrival(alert: Alert, arrived_s: float) -> Trace | None:
    """An alert's trace on the clock of who received it, whatever its sender's clock is worth.

    How long before its sending the sound was, a wrong clock knows as well as a right one. None for what did
    not come straight from its sender: too old to ring, or not stamped. Raises ValueError as trace_of.
    """
    if alert.historical or alert.published_utc is None:
        return None
    return replace(
        shifted(trace_of(alert), arrived_s - utc_seconds(alert.published_utc), 0.0), error_s=ON_ITS_WAY_S
    )


def good_clock(trace: Trace) -> bool:
    return trace.error_s is not None and trace.error_s <= WORST_CLOCK_S


def in_doubt(alert: Alert) -> bool:
    """Whether something speaks against it that its evidence does not outweigh: then it confirms nobody."""
    return not all(veto.outweighed for veto in alert.vetoes)


def coordinates(place: Place) -> tuple[float, float] | None:
    return None if place.point is None else place.point.coordinates


def shifted(trace: Trace, by_s: float, error_s: float) -> Trace:
    """The same on another clock, which adds an error of its own."""
    known = trace.error_s
    return replace(
        trace,
        onset_s=trace.onset_s + by_s,
        until_s=trace.until_s + by_s,
        error_s=None if known is None else known + error_s,
    )


def may_be_one_sound(one: Trace, other: Trace) -> bool:
    """Whether two sensors may have heard one source: classes, time and levels."""
    kinds_fit = may_go_together(one.event_class, other.event_class)
    return kinds_fit and at_one_time(one, other) and one_source(one, other)


def same_kind(one: str, other: str) -> bool:
    """Whether one class confirms the other. A class that nobody knows here confirms nothing."""
    limits = _LIMITS.get(one), _LIMITS.get(other)
    return limits[0] is not None and limits[1] is not None and limits[0].kind is limits[1].kind


def may_go_together(one: str, other: str) -> bool:
    """As same_kind, and a plain level goes with everything that is known."""
    known = one in _LIMITS and other in _LIMITS
    return same_kind(one, other) or (known and EventClass.LOUD.value in (one, other))


def at_one_time(one: Trace, other: Trace) -> bool:
    """Whether both can be of one time; never where a clock is worth nothing or the way between is unknown."""
    apart_m = distance_m(one, other)
    if apart_m is None or one.error_s is None or other.error_s is None:
        return False
    if not (good_clock(one) and good_clock(other)):
        return False
    impulses = {_kind(one), _kind(other)} == {Kind.IMPULSE}
    slack_s = apart_m / SLOWEST_SOUND_M_S + one.error_s + other.error_s
    slack_s += IMPULSE_ONSET_S if impulses else VOICE_ONSET_S
    first, second = sorted((one, other), key=lambda trace: trace.onset_s)
    if second.onset_s <= first.onset_s + slack_s:
        return True
    goes_on = first.repeated or not impulses
    return goes_on and second.onset_s <= first.until_s + slack_s and _weaker(second, first)


def one_source(one: Trace, other: Trace) -> bool:
    """Whether the levels and the distance leave room for a single source."""
    apart_m = distance_m(one, other)
    if apart_m is None or apart_m > furthest_m(one.event_class, other.event_class):
        return False
    if apart_m <= NEAR_M:
        return True
    slack_db = 0.0 if one.calibrated and other.calibrated else UNCALIBRATED_DB
    return needed_db(one.lafmax_db, other.lafmax_db, apart_m) <= _loudest_db(one, other) + slack_db


def needed_db(one_db: float, other_db: float, apart_m: float) -> float:
    """The least level at one metre of a source that is one_db and other_db loud at sensors apart_m apart.

    Never less than the louder of both: a source is taken to be at least a metre from every sensor.
    """
    louder_db = max(one_db, other_db)
    spread = 10.0 ** ((louder_db - one_db) / 20.0) + 10.0 ** ((louder_db - other_db) / 20.0)
    return louder_db + max(0.0, 20.0 * math.log10(max(apart_m, 1.0) / spread))


def distance_m(one: Trace, other: Trace) -> float | None:
    """Metres between two sensors; without coordinates NEAR_M in one zone, else None."""
    if one.lon_lat_deg is None or other.lon_lat_deg is None:
        return NEAR_M if one.zone is not None and one.zone == other.zone else None
    return metres(one.lon_lat_deg, other.lon_lat_deg)


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Between two (longitude, latitude) in degrees, right to a metre within a town."""
    narrowing = math.cos(math.radians((one[1] + other[1]) / 2.0))
    east_deg = ((other[0] - one[0]) + 180.0) % 360.0 - 180.0
    return METRES_A_DEGREE * math.hypot(east_deg * narrowing, other[1] - one[1])


def furthest_m(one: str, other: str) -> float:
    """Sensors further apart than this never heard one source of these classes; 0 for unknown ones."""
    return max((_LIMITS[name].furthest_m for name in (one, other) if name in _LIMITS), default=0.0)


def _weaker(second: Trace, first: Trace) -> bool:
    """Whether the second hears it worse: against its background, or where that is unknown by level."""
    if second.above_db is not None and first.above_db is not None:
        return second.above_db <= first.above_db - WEAKER_DB
    return second.lafmax_db <= first.lafmax_db - WEAKER_DB


def _loudest_db(one: Trace, other: Trace) -> float:
    known = [_LIMITS[t.event_class].loudest_db for t in (one, other) if t.event_class in _LIMITS]
    return max(known, default=-math.inf)


def _kind(trace: Trace) -> Kind | None:
    limits = _LIMITS.get(trace.event_class)
    return None if limits is None else limits.kind
