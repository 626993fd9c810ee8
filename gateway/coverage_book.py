"""What was heard of each bound sensor: the last hour, whole hours, and the seconds that are kept.

Belongs to the pipeline thread. No I/O of its own: seconds that are over go to `SecondsKeeper`, which returns
at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from dsp.layout import HOP_S
from gateway.clock import HostClock
from gateway.contract.types import Fault
from gateway.coverage import Coverage
from gateway.coverage_hours import FinishedHour, HourlyCoverage
from gateway.pipeline import Analysis
from gateway.telemetry.meter import SecondMeter
from gateway.telemetry.past import Past
from gateway.telemetry.second import Second


class SecondsKeeper(Protocol):
    """Where seconds are kept (`telemetry.recorder`)."""

    def put(self, second: Second) -> None: ...
    def mark_reported(self, hour: int) -> None: ...
    def faults(self) -> tuple[Fault, ...]: ...


class CoverageBook:
    """`hear` each analysed hop, ask for `finished_hours` with every tick, `close` at the end."""

    def __init__(
        self,
        sensors: Iterable[str],
        begun_s: float,
        past: Past | None = None,
        keeper: SecondsKeeper | None = None,
    ) -> None:
        """past: what earlier runs heard; keeper: None keeps nothing."""
        self._keeper = keeper
        past = past or Past()
        known = tuple(sensors)
        self.last_hour = {sensor_id: _last_hour(sensor_id, begun_s, past) for sensor_id in known}
        self._hours = HourlyCoverage(
            known, begun_s, past.hours.by_hour(), past.hours.unsure, past.reported_hours
        )
        self._meters = {sensor_id: SecondMeter(sensor_id, self._keep) for sensor_id in known}

    def hear(
        self, sensor_id: str, analysis: Analysis, t_end_s: float, received_s: float, *, calibrated: bool
    ) -> None:
        """A hop of a bound sensor; t_end_s, received_s: monotonic, of the hop's end and of its bytes."""
        self.last_hour[sensor_id].analysed(HOP_S, received_s)
        self._meters[sensor_id].hear(analysis, t_end_s, calibrated=calibrated)

    def finished_hours(self, clock: HostClock) -> list[FinishedHour]:
        """Hours that are over and were never told; who asks tells them. Call it often.

        It also closes the last second of a sensor that went silent.
        """
        now_s, utc_s = clock.monotonic_s(), clock.utc().timestamp()
        for meter in self._meters.values():
            meter.settle(now_s)
        found = self._hours.finished(now_s, utc_s, synced=clock.quality().state != "unsynced")
        if self._keeper is not None:
            for one in found:
                self._keeper.mark_reported(one.hour)
        return found

    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with keeping the seconds."""
        return () if self._keeper is None else self._keeper.faults()

    def close(self) -> None:
        """The run ends: what is open of the last second counts."""
        for meter in self._meters.values():
            meter.close()

    def _keep(self, second: Second) -> None:
        self._hours.hear(second.sensor_id, second.number, second.hops)
        if self._keeper is not None:
            self._keeper.put(second)


def _last_hour(sensor_id: str, begun_s: float, past: Past) -> Coverage:
    coverage = Coverage(past.known_since_s.get(sensor_id, begun_s))
    for minute_s, analysed_s in sorted(past.heard.get(sensor_id, ())):
        coverage.analysed(analysed_s, minute_s)
    return coverage
