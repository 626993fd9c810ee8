"""Which calibration holds for a sensor now; a record that cannot be read makes it uncalibrated."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from gateway.calibration.store import CalibrationStore
from gateway.clock import HostClock
from gateway.errors import GatewayError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AppliedCalibration:
    """What is added to the sensor's own scale, and the record that says so; None: uncalibrated."""

    offset_db: float = 0.0
    calibration_id: str | None = None


class StoredCalibrations:
    """The calibration records, read again whenever the file has changed."""

    def __init__(self, store: CalibrationStore, clock: HostClock) -> None:
        self._store = store
        self._clock = clock
        self._problem = ""

    def current(self, serial: str, full_scale_db: float) -> AppliedCalibration:
        """full_scale_db: the scale that the sensor states now; a record made on another does not count."""
        try:
            at_utc = None if self._clock.quality().state == "unsynced" else self._clock.utc()
            record = self._store.current(serial, at_utc, full_scale_db=full_scale_db)
        except GatewayError as problem:
            if str(problem) != self._problem:
                log.error("%s; sensors count as uncalibrated", problem)
                self._problem = str(problem)
            return AppliedCalibration()
        self._problem = ""
        if record is None:
            return AppliedCalibration()
        return AppliedCalibration(record.after_db, record.calibration_id)
