"""Feature frames made without a sound: for link tests, a sensor's own noise, and a calibrator's tone.

They are plausible in level and nothing else; what a sound looks like is the business of real captures.
"""

from __future__ import annotations

import math

from firmware_bridge.messages import BAND_COUNT, Features
from firmware_bridge.simulator.sound import Sound, level_code

SELF_NOISE_DB_SPL = 30.0
_LOWEST_BAND = -13
_BAND_OFFSET_DB = 10 * math.log10(BAND_COUNT)
_PEAK_OF_SINE_DB = 20 * math.log10(math.sqrt(2))
_FULL_SCALE_CODE = 255


def flat(level_db: float) -> Features:
    """A steady frame: equal bands that add up to `level_db` re a full-scale sine, which is its LAeq too."""
    level_cdb = round(level_db * 100)
    return Features(
        hop_index=0,
        laeq_cdb=level_cdb,
        lafmax_cdb=level_cdb + 50,
        lcpeak_code=level_code(level_db + 12),
        submax_code=8,
        roughness_code=20,
        harmonicity_code=10,
        pitch_code=0,
        flatness_code=_FULL_SCALE_CODE,
        bands=bytes([level_code(level_db - _BAND_OFFSET_DB)]) * BAND_COUNT,
    )


def tone(level_db: float, frequency_hz: float) -> Features:
    """A steady tone of `level_db` re a full-scale sine, 60 dB less in other bands; LAeq as if at 1 kHz."""
    level_cdb = round(level_db * 100)
    band = round(10 * math.log10(frequency_hz / 1000)) - _LOWEST_BAND
    if not 0 <= band < BAND_COUNT:
        raise ValueError(f"{frequency_hz} Hz is in none of the {BAND_COUNT} bands")
    bands = bytearray([level_code(level_db - 60)]) * BAND_COUNT
    bands[band] = level_code(level_db)
    return Features(
        hop_index=0,
        laeq_cdb=level_cdb,
        lafmax_cdb=level_cdb,
        lcpeak_code=level_code(level_db + _PEAK_OF_SINE_DB),
        submax_code=0,
        roughness_code=0,
        harmonicity_code=_FULL_SCALE_CODE,
        pitch_code=0,
        flatness_code=0,
        bands=bytes(bands),
    )


def self_noise(full_scale_db: float) -> Sound:
    """What a sensor reports when nothing can be heard."""
    frame = flat(SELF_NOISE_DB_SPL - full_scale_db)
    return Sound("self_noise", "ambience", (frame,), full_scale_db)
