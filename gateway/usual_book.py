"""What every place usually sounds like, over restarts: which hour it is, and when to keep what was learnt.

Belongs to the pipeline thread. Which hour it is comes from the machine's own time zone, so that it moves with
people's clocks; while UTC cannot be trusted there is no hour, and nothing is learnt or judged by it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from typing import Protocol

from dsp.usual import HOURS_A_DAY, HourLevel, UsualLevels
from gateway.clock import HostClock
from gateway.live_sensor import LiveSensor

log = logging.getLogger(__name__)

KEEP_EVERY_S = 6 * 3600.0
RETRY_S = 3600.0


class UsualKeeper(Protocol):
    """Where they are kept (`usual_file`). write: raises OSError."""

    def read(self) -> dict[str, dict[int, HourLevel]]: ...
    def write(self, levels: Mapping[str, Mapping[int, HourLevel]]) -> None: ...


class UsualBook:
    """The usual levels of the bound places. keeper: None keeps nothing; zone: None is the machine's own."""

    def __init__(
        self,
        sensors: Iterable[str],
        clock: HostClock,
        keeper: UsualKeeper | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        self._clock = clock
        self._keeper = keeper
        self._zone = zone
        known = {} if keeper is None else keeper.read()
        self.of = {sensor_id: UsualLevels(known.get(sensor_id)) for sensor_id in sensors}
        self._kept = self._changes()
        self._due_s = clock.monotonic_s() + KEEP_EVERY_S
        self._failed = False

    def hour(self) -> int | None:
        """The hour of the week now; None while the clock is not set."""
        if self._clock.quality().state == "unsynced":
            return None
        return hour_of_week(self._clock.utc(), self._zone)

    def follow(self, live: Iterable[LiveSensor]) -> None:
        """Tell the sensors that stream now which hour it is, and keep what was learnt when it is time."""
        hour = self.hour()
        for one in live:
            one.pipeline.hour_of_week = hour
        self.keep()

    def keep(self, *, at_once: bool = False) -> None:
        """Write what is new, some times a day. at_once: the run ends."""
        now_s = self._clock.monotonic_s()
        if self._keeper is None or self._changes() == self._kept or not (at_once or now_s >= self._due_s):
            return
        changes = self._changes()
        try:
            self._keeper.write({sensor_id: usual.known() for sensor_id, usual in self.of.items()})
        except OSError as problem:
            if not self._failed:
                log.warning("usual levels cannot be kept: %s; tried again later", problem)
            self._failed, self._due_s = True, now_s + RETRY_S
            return
        self._failed, self._kept, self._due_s = False, changes, now_s + KEEP_EVERY_S

    def _changes(self) -> int:
        return sum(usual.changes for usual in self.of.values())


def hour_of_week(utc: datetime, zone: tzinfo | None = None) -> int:
    """0..167, 0 being Monday from 00:00 in the zone; None is the machine's own."""
    local = utc.astimezone(zone)
    return local.weekday() * HOURS_A_DAY + local.hour
