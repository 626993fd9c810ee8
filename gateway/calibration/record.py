"""One calibration: who found what offset for which sensor, with what reference, valid from when."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

SCHEMA = 1
DRIFT_LIMIT_DB = 0.5
"""ISO 1996-2: where checks before and after differ by more, what lies in between is in doubt."""


class CalibratorReference(Struct, frozen=True, kw_only=True):
    """What the sensor was held against. level_db: SPL that the calibrator makes; the rest as on paper."""

    level_db: float
    calibrator_serial: str | None = None
    certificate_date: str | None = None


class ToneMeasurement(Struct, frozen=True, kw_only=True):
    """The tone as the sensor measured it. tone_db: re a full-scale sine; full_scale_db: its nominal SPL."""

    tone_db: float
    full_scale_db: float
    frequency_hz: float
    distortion_percent: float
    sd_db: float
    span_s: float


class Calibration(Struct, frozen=True, kw_only=True):
    """One record. Both instants are RFC 3339 in UTC; offsets are added to the sensor's full_scale_db.

    before_db: the offset in use until then, None for a first calibration; drift_db: after minus before;
    clock: how good the gateway's clock was, for both instants stand and fall with it.
    """

    calibration_id: str
    sensor_id: str
    sensor_serial: str
    who: str
    recorded_utc: str
    valid_from_utc: str
    clock: str
    reference: CalibratorReference
    measured: ToneMeasurement
    before_db: float | None
    after_db: float
    drift_db: float | None
    schema: Annotated[int, Meta(ge=1)] = SCHEMA

    @property
    def drifted(self) -> bool:
        """Whether the sensor moved so far that its levels since the last calibration are in doubt."""
        return self.drift_db is not None and abs(self.drift_db) > DRIFT_LIMIT_DB

    def fits(self, full_scale_db: float) -> bool:
        """Whether the sensor still states the scale that the offset was found on."""
        return abs(self.measured.full_scale_db - full_scale_db) < 0.005


def new_calibration_id(sensor_serial: str, recorded_utc: str) -> str:
    """The id by which alerts name a calibration: `cal-AS-000123-20260314T224107Z`."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", sensor_serial)
    instant = re.sub(r"[-:]|\.\d+", "", recorded_utc)
    return f"cal-{plain}-{instant}"
