"""What the model sees of a window: the one function that training and serving share.

The input is blind to absolute level: every level is taken relative to the loudest A-weighted hop of the
window itself, so a louder or quieter copy of the same sound gives the same numbers; how loud a sound is
counts in the decisions, not here. Levels are kept down to `RANGE_DB` below that hop: what lies deeper is
the recorder's floor (or a codec's silence), which must tell the model nothing. Missing hops and missing
bands are marked, not filled in.

Bands above 6.3 kHz are left out. All sound that version 1 was trained on is sampled at 16 kHz and carries
none of them, so a live sensor's 8 and 10 kHz bands, which the model has never seen, cannot move its scores.

Channels of one hop (C = 54):
| channels | meaning |
|---|---|
| 0..21 | band level, 50 Hz..6.3 kHz: 0 = RANGE_DB below the loudest hop, 1 = equal to it, at most 1.4 |
| 22..43 | 1 where that band is missing |
| 44, 45 | LAeq and LAFmax, on the same scale as the bands |
| 46 | LCpeak above LAeq, 40 dB = 1, at most 1.4 |
| 47 | loudest sixteenth of the hop above LAeq, 12 dB (its greatest) = 1 |
| 48, 49, 50 | roughness, harmonicity, flatness as sent, 0..1 |
| 51, 52 | pitch band as 0..1, and 1 where there is a pitch |
| 53 | 1 where the hop was heard; a hop that was not is all zero |
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp.layout import (
    CENTIDECIBEL_FLOOR,
    FRAME_DTYPE,
    LEVEL_CODE_MISSING,
    LEVEL_FLOOR_DB,
    LEVEL_STEP_DB,
    PITCH_CODE_MAX,
    SUBMAX_STEP_DB,
)

MODEL_INPUT_VERSION = 1
BANDS_USED = 22
CHANNELS = 2 * BANDS_USED + 10
RANGE_DB = 50.0

_HEADROOM = 1.4
_CREST_DB = 40.0
_SUBMAX_DB = 12.0
_FIRST_SCALAR = 2 * BANDS_USED

# Levels are subtracted as whole hundredths of a decibel, which float32 holds exactly: that is what makes the
# result independent of level to the last bit. A floor means "this or anything below" and is put out of reach.
_LOWEST_CDB = np.float32(-100_000.0)
_FLOOR_CDB = np.float32(CENTIDECIBEL_FLOOR)
_CODE_CDB = np.rint(100.0 * (LEVEL_FLOOR_DB + LEVEL_STEP_DB * np.arange(256))).astype(np.float32)
_CODE_CDB[[0, LEVEL_CODE_MISSING]] = _LOWEST_CDB
_IS_MISSING = (np.arange(256) == LEVEL_CODE_MISSING).astype(np.float32)

_PER_RANGE_CDB = np.float32(1.0 / (100.0 * RANGE_DB))
_PER_CREST_CDB = np.float32(1.0 / (100.0 * _CREST_DB))
_FIELDS = FRAME_DTYPE.fields
assert _FIELDS is not None
_BYTE_OF = {name: int(field[1]) for name, field in _FIELDS.items()}
_FIRST_BAND = _BYTE_OF["bands"]
_PITCH_BYTE = _BYTE_OF["pitch_code"]
_PLAIN_BYTES = np.array(
    [_BYTE_OF[f"{name}_code"] for name in ("submax", "roughness", "harmonicity", "flatness", "pitch")]
)
_PLAIN_SCALE = np.array(
    [SUBMAX_STEP_DB / _SUBMAX_DB, 1 / 255, 1 / 255, 1 / 255, 1 / PITCH_CODE_MAX], dtype=np.float32
)


def model_input(frames: NDArray[np.void], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Model input of one window or of many.

    frames: (..., hops) of FRAME_DTYPE; valid: (..., hops), True where the hop was heard.
    Returns (..., hops, CHANNELS) float32. A window without any valid hop is all zero.
    """
    codes = np.ascontiguousarray(frames).view(np.uint8).reshape(*frames.shape, FRAME_DTYPE.itemsize)
    laeq_cdb = _without_floor(frames["laeq_cdb"])
    loudest_cdb = np.where(valid, laeq_cdb, _FLOOR_CDB).max(axis=-1, initial=_FLOOR_CDB)[..., np.newaxis]
    band_codes = codes[..., _FIRST_BAND : _FIRST_BAND + BANDS_USED]
    out = np.empty((*frames.shape, CHANNELS), dtype=np.float32)

    bands = out[..., :BANDS_USED]
    np.subtract(_CODE_CDB[band_codes], loudest_cdb[..., np.newaxis], out=bands)
    bands *= _PER_RANGE_CDB
    bands += 1.0
    np.clip(bands, 0.0, _HEADROOM, out=bands)
    out[..., BANDS_USED:_FIRST_SCALAR] = _IS_MISSING[band_codes]

    scalars = out[..., _FIRST_SCALAR:]
    scalars[..., 0] = (laeq_cdb - loudest_cdb) * _PER_RANGE_CDB + 1.0
    scalars[..., 1] = (_without_floor(frames["lafmax_cdb"]) - loudest_cdb) * _PER_RANGE_CDB + 1.0
    scalars[..., 2] = (_CODE_CDB[codes[..., _BYTE_OF["lcpeak_code"]]] - laeq_cdb) * _PER_CREST_CDB
    scalars[..., 3:8] = codes[..., _PLAIN_BYTES] * _PLAIN_SCALE
    scalars[..., 8] = codes[..., _PITCH_BYTE] > 0
    scalars[..., 9] = 1.0
    np.clip(scalars, 0.0, _HEADROOM, out=scalars)
    out *= valid[..., np.newaxis]
    return out


def _without_floor(cdb: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.where(cdb <= CENTIDECIBEL_FLOOR, _LOWEST_CDB, cdb).astype(np.float32)
