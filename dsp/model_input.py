"""What the model sees of a window: the one function that training and serving share.

The input is blind to absolute level: every level is taken relative to the loudest A-weighted hop of the
window itself, so a louder or quieter copy of the same sound gives the same numbers; how loud a sound is
counts in the decisions, not here. Levels are kept down to `RANGE_DB` below that hop: what lies deeper is
the recorder's floor (or a codec's silence), which must tell the model nothing. Beside each band's level
stands its contrast: how far it is above that band's own quiet level in the window (the level that a fifth
of the heard hops stay below), which tells an event from the bed it lies in. Missing hops and missing bands
are marked, not filled in.

Bands above 6.3 kHz are left out. All sound that the model was trained on is sampled at 16 kHz and carries
none of them, so a live sensor's 8 and 10 kHz bands, which the model has never seen, cannot move its scores.

Channels of one hop (C = 55):
| channels | meaning |
|---|---|
| 0..21 | band level, 50 Hz..6.3 kHz: 0 = RANGE_DB below the loudest hop, 1 = equal to it, at most 1.4 |
| 22..43 | band contrast: 0 = at the band's quiet level in this window, 1 = CONTRAST_DB above it |
| 44, 45 | LAeq and LAFmax, on the same scale as the band levels |
| 46 | LCpeak above LAeq, 40 dB = 1, at most 1.4 |
| 47 | loudest sixteenth of the hop above LAeq, 12 dB (its greatest) = 1 |
| 48, 49, 50 | roughness, harmonicity, flatness as sent, 0..1 |
| 51, 52 | pitch band as 0..1, and 1 where there is a pitch |
| 53 | share of the bands that the source carries |
| 54 | 1 where the hop was heard; a hop that was not is all zero |
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

MODEL_INPUT_VERSION = 2
BANDS_USED = 22
CHANNELS = 2 * BANDS_USED + 11
RANGE_DB = 50.0
CONTRAST_DB = 40.0
QUIET_SHARE = 0.2

_HEADROOM = 1.4
_CREST_DB = 40.0
_SUBMAX_DB = 12.0
_FIRST_SCALAR = 2 * BANDS_USED

# Levels are subtracted as whole hundredths of a decibel, which float32 holds exactly: that is what makes the
# result independent of level to the last bit. A floor means "this or anything below" and is put out of reach.
_LOWEST_CDB = np.float32(-100_000.0)
_UNHEARD_CDB = np.float32(100_000.0)
_RANGE_FLOOR_CDB = np.float32(-100.0 * RANGE_DB)
_FLOOR_CDB = np.float32(CENTIDECIBEL_FLOOR)
_CODE_CDB = np.rint(100.0 * (LEVEL_FLOOR_DB + LEVEL_STEP_DB * np.arange(256))).astype(np.float32)
_CODE_CDB[[0, LEVEL_CODE_MISSING]] = _LOWEST_CDB

_PER_RANGE_CDB = np.float32(1.0 / (100.0 * RANGE_DB))
_PER_CONTRAST_CDB = np.float32(1.0 / (100.0 * CONTRAST_DB))
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
    # What lies below the range is cut off before contrast is taken, so a recorder's floor has none either.
    bands_cdb = np.maximum(_CODE_CDB[band_codes] - loudest_cdb[..., np.newaxis], _RANGE_FLOOR_CDB)
    np.multiply(bands_cdb, _PER_RANGE_CDB, out=bands)
    bands += 1.0
    np.minimum(bands, _HEADROOM, out=bands)
    contrast = out[..., BANDS_USED:_FIRST_SCALAR]
    np.subtract(bands_cdb, _quiet_cdb(bands_cdb, valid)[..., np.newaxis, :], out=contrast)
    contrast *= _PER_CONTRAST_CDB
    np.clip(contrast, 0.0, 1.0, out=contrast)

    scalars = out[..., _FIRST_SCALAR:]
    scalars[..., 0] = (laeq_cdb - loudest_cdb) * _PER_RANGE_CDB + 1.0
    scalars[..., 1] = (_without_floor(frames["lafmax_cdb"]) - loudest_cdb) * _PER_RANGE_CDB + 1.0
    scalars[..., 2] = (_CODE_CDB[codes[..., _BYTE_OF["lcpeak_code"]]] - laeq_cdb) * _PER_CREST_CDB
    scalars[..., 3:8] = codes[..., _PLAIN_BYTES] * _PLAIN_SCALE
    scalars[..., 8] = codes[..., _PITCH_BYTE] > 0
    scalars[..., 9] = (band_codes != LEVEL_CODE_MISSING).mean(axis=-1)
    scalars[..., 10] = 1.0
    np.clip(scalars, 0.0, _HEADROOM, out=scalars)
    out *= valid[..., np.newaxis]
    return out


def _quiet_cdb(bands_cdb: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Per band, the level QUIET_SHARE of the heard hops stay below: (..., hops, bands) to (..., bands)."""
    ordered = np.sort(np.where(valid[..., np.newaxis], bands_cdb, _UNHEARD_CDB), axis=-2)
    place = (QUIET_SHARE * np.maximum(valid.sum(axis=-1) - 1, 0)).astype(np.intp)
    return np.take_along_axis(ordered, place[..., np.newaxis, np.newaxis], axis=-2)[..., 0, :]


def _without_floor(cdb: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.where(cdb <= CENTIDECIBEL_FLOOR, _LOWEST_CDB, cdb).astype(np.float32)
