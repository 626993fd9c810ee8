"""Coverage by the hour: analysed seconds per sensor and UTC hour, told once when an hour is over. Pure.

Seconds are counted by the monotonic clock. Which hour they belong to is decided when that hour is told, by
the clock as it stands then, so that a clock that was put right puts right what was not told yet. What was
told stays told: no hour twice, no second in two hours, and never more than 3600 seconds in one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dsp.layout import HOP_S

HOUR_S = 3600
GRACE_S = 15.0
"""An hour is told so long after its end: its last hops may still be on their way."""
MOST_DOWN_HOURS = 168
"""Hours in which the gateway was down are told with 0, for so many at most."""
_SPAN_S = 2 * HOUR_S + 60


@dataclass(frozen=True, slots=True)
class FinishedHour:
    """One hour that is over. hour: hours since 1970, UTC. analysed_s: of every bound sensor, 0..3600.

    sure: False if a part of it was heard before a restart by a clock that was not set.
    """

    hour: int
    analysed_s: Mapping[str, float]
    sure: bool

    @property
    def begin_utc_s(self) -> float:
        return float(self.hour * HOUR_S)


class HourlyCoverage:
    """Tell it each second that was analysed (`hear`), ask it often for hours that are over (`finished`)."""

    def __init__(
        self,
        sensors: Iterable[str],
        begun_s: float,
        before: Mapping[int, Mapping[str, float]] | None = None,
        unsure: Iterable[int] = (),
        reported: Iterable[int] = (),
    ) -> None:
        """begun_s: monotonic start of this run. before: hour -> sensor -> seconds heard by earlier runs,
        unsure: those of them that a clock which was not set has labelled; reported: hours told already.
        """
        self._heard = {sensor_id: _LastSeconds() for sensor_id in sensors}
        self._begun_s = begun_s
        self._before = dict(before or {})
        self._unsure = set(unsure)
        self._last_before = max(self._before.keys() - self._unsure, default=None)
        self._reported = set(reported)
        self._told_until_s = math.floor(begun_s)

    def hear(self, sensor_id: str, number: int, hops: int) -> None:
        """number: the monotonic second; hops: analysed in it."""
        if sensor_id in self._heard:
            self._heard[sensor_id].put(number, hops)

    def finished(self, now_s: float, utc_s: float, *, synced: bool) -> list[FinishedHour]:
        """Hours that are over and were not told, oldest first. synced: whether the clock is to be believed;
        else the hours in which the gateway was down cannot be known.
        """
        offset_s = utc_s - now_s
        now_hour = int((utc_s - GRACE_S) // HOUR_S)
        over = {hour for hour in self._candidates(now_hour, offset_s, synced) if hour < now_hour}
        found = [self._tell(hour, offset_s) for hour in sorted(over - self._reported)]
        self._told_until_s = max(self._told_until_s, _begin_s(now_hour, offset_s))
        return found

    def _candidates(self, now_hour: int, offset_s: float, synced: bool) -> Iterator[int]:
        first = int((self._told_until_s + offset_s) // HOUR_S)
        yield from range(first, now_hour)
        yield from self._before
        if self._last_before is not None and synced:
            began = int((self._begun_s + offset_s) // HOUR_S)
            down = range(self._last_before + 1, began)
            yield from down[-MOST_DOWN_HOURS:]

    def _tell(self, hour: int, offset_s: float) -> FinishedHour:
        first_s = max(_begin_s(hour, offset_s), self._told_until_s)
        end_s = _begin_s(hour + 1, offset_s)
        before = self._before.pop(hour, {})
        self._reported.add(hour)
        self._told_until_s = max(self._told_until_s, end_s)
        analysed = {
            sensor_id: min(float(HOUR_S), before.get(sensor_id, 0.0) + heard.hops(first_s, end_s) * HOP_S)
            for sensor_id, heard in self._heard.items()
        }
        return FinishedHour(hour, analysed, hour not in self._unsure)


class _LastSeconds:
    """How many hops were analysed in each of the last two hours' seconds."""

    def __init__(self) -> None:
        self._hops = bytearray(_SPAN_S)
        self._newest = -1

    def put(self, number: int, hops: int) -> None:
        if number <= self._newest - _SPAN_S:
            return
        for skipped in range(max(self._newest + 1, number - _SPAN_S + 1), number):
            self._hops[skipped % _SPAN_S] = 0
        self._hops[number % _SPAN_S] = hops
        self._newest = max(self._newest, number)

    def hops(self, first_s: int, end_s: int) -> int:
        """The sum over [first_s, end_s)."""
        begin = max(first_s, self._newest - _SPAN_S + 1)
        return sum(self._hops[number % _SPAN_S] for number in range(begin, min(end_s, self._newest + 1)))


def _begin_s(hour: int, offset_s: float) -> int:
    """The first monotonic second that begins inside this hour."""
    return math.ceil(hour * HOUR_S - offset_s)
