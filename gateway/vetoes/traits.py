"""What one hop tells a veto: how its power lies between rumble, voice and hiss, and how tonal it is. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dsp.layout import (
    LEVEL_CODE_MISSING,
    LEVEL_CODE_OVERLOAD,
    LEVEL_FLOOR_DB,
    LEVEL_STEP_DB,
    flatness_db,
    level_db,
    ratios,
)

RUMBLE = slice(0, 4)
"""50 to 100 Hz: wind at a microphone, blows on a mast, heavy traffic."""
VOICE = slice(9, 20)
"""400 Hz to 4 kHz."""
HISS = slice(17, 22)
"""2.5 to 6.3 kHz: rain; the bands above are missing in many recordings."""

_POWER = [10.0 ** ((LEVEL_FLOOR_DB + LEVEL_STEP_DB * code) / 10.0) for code in range(256)]
_POWER[0] = _POWER[LEVEL_CODE_MISSING] = 0.0
_NOTHING = 1e-20
_LEVEL_DB = level_db(np.arange(256)).tolist()
_RATIO = ratios(np.arange(256)).tolist()
_FLATNESS_DB = flatness_db(np.arange(256)).tolist()


@dataclass(frozen=True, slots=True)
class HopTraits:
    """One hop. Levels in dB re a full-scale sine (absolute level tells no veto anything); harmonicity 0..1.

    rumble_db: 50 to 100 Hz; rumble_above_voice_db, hiss_above_voice_db: how far those bands lie above 400 Hz
    to 4 kHz; peak_above_mean_db: LCpeak above LAeq; flatness_db: 0 is flat; overloaded: samples were clipped.
    """

    laeq_db: float
    rumble_db: float
    rumble_above_voice_db: float
    hiss_above_voice_db: float
    peak_above_mean_db: float
    harmonicity: float
    flatness_db: float
    overloaded: bool


def traits_of(codes: np.void) -> HopTraits:
    """codes: one FRAME_DTYPE row."""
    bands = codes["bands"].tolist()
    rumble_db, voice_db, hiss_db = (_sum_db(bands[part]) for part in (RUMBLE, VOICE, HISS))
    laeq_db = float(codes["laeq_cdb"]) / 100.0
    peak_code = int(codes["lcpeak_code"])
    peak_db = laeq_db if peak_code == LEVEL_CODE_MISSING else _LEVEL_DB[peak_code]
    return HopTraits(
        laeq_db=laeq_db,
        rumble_db=rumble_db,
        rumble_above_voice_db=rumble_db - voice_db,
        hiss_above_voice_db=hiss_db - voice_db,
        peak_above_mean_db=peak_db - laeq_db,
        harmonicity=_RATIO[int(codes["harmonicity_code"])],
        flatness_db=_FLATNESS_DB[int(codes["flatness_code"])],
        overloaded=peak_code == LEVEL_CODE_OVERLOAD,
    )


def _sum_db(codes: list[int]) -> float:
    """Level of the bands together; bands that are missing or at the floor add nothing."""
    return 10.0 * math.log10(sum(_POWER[code] for code in codes) + _NOTHING)
