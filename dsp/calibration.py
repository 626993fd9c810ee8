"""From levels re a full-scale sine to sound pressure levels, and the offset that a calibrator's tone gives.

A sensor states the SPL of a full-scale sine as its maker means it to be (`full_scale_db`). Calibration
finds how far this one sensor is from that; its offset is added to `full_scale_db`, and so to every level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsp.layout import Floats, level_db


@dataclass(frozen=True, slots=True)
class AbsoluteLevels:
    """One frame's levels in dB SPL (re 20 uPa), A-weighted."""

    laeq_db: float
    lafmax_db: float


def absolute_levels(codes: np.void, full_scale_db: float) -> AbsoluteLevels:
    """Levels of one FRAME_DTYPE row. full_scale_db: SPL of a full-scale sine, calibration offset included.

    A frame at the floor reads the floor (full_scale_db - 124), which is no measurement but certainly not
    loud.
    """
    return AbsoluteLevels(
        float(codes["laeq_cdb"]) / 100.0 + full_scale_db,
        float(codes["lafmax_cdb"]) / 100.0 + full_scale_db,
    )


def absolute_bands_db(codes: np.ndarray, full_scale_db: float) -> Floats:
    """Band levels in dB SPL of FRAME_DTYPE rows: (...,) to (..., 24); NaN for bands that the source lacks."""
    return level_db(codes["bands"]) + full_scale_db


def tone_offset_db(reference_db: float, tone_db: Floats | float, full_scale_db: float) -> float:
    """The offset that makes a calibrator's tone read what the calibrator produces.

    reference_db: level of the calibrator, dB SPL; tone_db: what the sensor measured in each report, dB re a
    full-scale sine; full_scale_db: the sensor's nominal SPL of a full-scale sine. The mean is taken in dB,
    as the reports of a steady tone differ by hundredths.
    """
    return reference_db - (float(np.mean(tone_db)) + full_scale_db)
