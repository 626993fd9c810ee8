"""Which sensors the brokers show of this gateway, and which of them are over and to be wiped. Pure.

A broker keeps a retained message for ever, so a sensor that was taken out of the settings, or one without a
place that somebody once plugged in, would stand in every control room's list until the end of time. A sensor
that the settings bind is never over. What was wiped is remembered for a while and wiped again at each start,
because a broker that was away or was restored from a copy still has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.contract.topics import provisional_id

SETTLE_S = 30.0
"""From a start, until a sensor without a place that was shown before has said that it is still there."""
GONE_FOR_GOOD_S = 600.0
"""A sensor without a place may be away so long, moved from port to port by a technician."""
MOST_AWAY = 32
MOST_OVER = 64

_PROVISIONAL = ("unbound-", "refused-")


class ShownSensors:
    """serial_of: sensor id -> serial number in the settings; remembered: what the last run had shown."""

    def __init__(
        self, serial_of: Mapping[str, str], remembered: Sequence[str] = (), now_s: float = 0.0
    ) -> None:
        self._bound = tuple(serial_of)
        has_a_place_now = {provisional_id("unbound", serial) for serial in serial_of.values()}
        self._here: dict[str, None] = {}
        self._away_until_s: dict[str, float] = {}
        self._over: dict[str, None] = {}
        for sensor_id in remembered:
            if sensor_id not in serial_of:
                may_come = sensor_id.startswith(_PROVISIONAL) and sensor_id not in has_a_place_now
                self._away_until_s[sensor_id] = now_s + SETTLE_S if may_come else now_s

    def show(self, sensor_id: str, *, away: bool, now_s: float) -> None:
        """It is about to be shown; away: as one that is not there."""
        if sensor_id in self._bound:
            return
        self._over.pop(sensor_id, None)
        self._away_until_s.pop(sensor_id, None)
        self._here.pop(sensor_id, None)
        if away:
            self._away_until_s[sensor_id] = now_s + GONE_FOR_GOOD_S
        else:
            self._here[sensor_id] = None

    def retire(self, sensor_id: str) -> None:
        """Its topics are being wiped."""
        if sensor_id in self._bound:
            return
        self._here.pop(sensor_id, None)
        self._away_until_s.pop(sensor_id, None)
        self._over.pop(sensor_id, None)
        self._over[sensor_id] = None
        while len(self._over) > MOST_OVER:
            del self._over[next(iter(self._over))]

    def due(self, now_s: float) -> list[str]:
        """Those that are over; retire() each when its topics are wiped."""
        too_many = list(self._away_until_s)[: max(0, len(self._away_until_s) - MOST_AWAY)]
        return [
            sensor_id
            for sensor_id, until_s in self._away_until_s.items()
            if now_s >= until_s or sensor_id in too_many
        ]

    def to_remember(self) -> tuple[str, ...]:
        """What the next run must know, the longest over first."""
        return (*self._over, *self._away_until_s, *self._here, *self._bound)
