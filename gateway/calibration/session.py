"""What a port tells while one sensor is being calibrated, up to a verdict. No I/O, no clock."""

from __future__ import annotations

from firmware_bridge.events import (
    CalibrationReceived,
    FeatureFrame,
    LinkEvent,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.messages import CalibrationReport, Hello
from gateway.calibration.check import (
    LONGEST_PAUSE_S,
    Accepted,
    RefusalReason,
    Refused,
    judge,
    stretch_s,
)

PATIENCE_S = 30.0
"""A tone that is not good enough after this long will not become so by itself."""


class CalibrationSession:
    """Follows the sensor with one serial number and passes over all others.

    reference_db: the calibrator's SPL; None recognises 94 or 114 dB. What was heard before the sensor went or
    booted again does not count. refused: why the sensor cannot be used, once that is known.
    """

    def __init__(self, serial: str, reference_db: float | None = None) -> None:
        self.serial = serial
        self.hello: Hello | None = None
        self.others: set[str] = set()
        self.refused: str | None = None
        self._reference_db = reference_db
        self._laeq_cdb: int | None = None
        self._hop_index = 0
        self._reports: list[CalibrationReport] = []

    @property
    def level_db(self) -> float | None:
        """The newest LAeq on the sensor's nominal scale, dB(A) SPL; None while nothing is heard."""
        if self.hello is None or self._laeq_cdb is None:
            return None
        return self._laeq_cdb / 100 + self.hello.full_scale_db

    @property
    def tone_s(self) -> float:
        """How long the tone has lasted without a pause."""
        if self.hello is None or not self._reports:
            return 0.0
        return stretch_s(self._reports, self.hello.hop_s)

    @property
    def newest_report(self) -> CalibrationReport | None:
        return self._reports[-1] if self._reports else None

    def take(self, event: LinkEvent) -> None:
        """Follow one event of any port."""
        match event:
            case SensorReady() if event.serial != self.serial:
                self.others.add(event.serial)
            case SensorReady():
                self._forget()
                self.hello = event.hello
            case SensorRefused() if event.serial == self.serial:
                self.refused = event.hint
            case SensorLost() if event.serial == self.serial:
                self._forget()
            case FeatureFrame() if event.serial == self.serial:
                self._laeq_cdb, self._hop_index = event.features.laeq_cdb, event.hop_index
            case CalibrationReceived() if event.serial == self.serial:
                self._reports.append(event.report)
            case _:
                pass

    def outcome(self) -> Accepted | Refused | None:
        """The end of it: a tone good enough, or one that went on for long and was not; None: go on."""
        verdict = self.verdict()
        return verdict if isinstance(verdict, Accepted) or self.tone_s >= PATIENCE_S else None

    def verdict(self) -> Accepted | Refused:
        """Of the tone as it is now."""
        if self.hello is None or not self._reports:
            return Refused(RefusalReason.NO_TONE)
        since_s = (self._hop_index - self._reports[-1].hop_index) * self.hello.hop_s
        if since_s > LONGEST_PAUSE_S:
            return Refused(RefusalReason.NO_TONE)
        return judge(
            self._reports,
            full_scale_db=self.hello.full_scale_db,
            hop_s=self.hello.hop_s,
            reference_db=self._reference_db,
        )

    def _forget(self) -> None:
        self.hello, self._laeq_cdb, self._hop_index = None, None, 0
        self._reports.clear()
