"""Variation made on feature windows: sums of two sounds, other microphones, narrow bands, lost hops.

Two incoherent sounds add in power in every band, so a sum of features stands for a mixture of waveforms. What
does not add (roughness, harmonicity, flatness, pitch) goes by each sound's share of the voice band's power;
waveform mixtures, made in `mixtures`, are in the training set beside these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dsp.layout import (
    BAND_CENTRES_HZ,
    BAND_COUNT,
    CENTIDECIBEL_FLOOR,
    FRAME_DTYPE,
    LEVEL_CODE_MISSING,
    LEVEL_CODE_OVERLOAD,
    LEVEL_FLOOR_DB,
    LEVEL_STEP_DB,
    PITCH_CODE_MAX,
    SUBMAX_STEP_DB,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

_NOTHING_DB = np.float32(-180.0)
_VOICE = (BAND_CENTRES_HZ > 280.0) & (BAND_CENTRES_HZ < 6500.0)


@dataclass(frozen=True, slots=True)
class Windows:
    """Decoded windows. Levels in dB, (n, hops); bands (n, hops, BAND_COUNT); `missing` (n, BAND_COUNT)."""

    bands_db: Floats
    laeq_db: Floats
    lafmax_db: Floats
    lcpeak_db: Floats
    submax_db: Floats
    roughness: Floats
    harmonicity: Floats
    flatness: Floats
    pitch: Floats
    valid: Bools
    missing: Bools


def decode(frames: NDArray[np.void], valid: Bools) -> Windows:
    """Codes (n, hops) to levels; a band that is missing in any heard hop is missing in the window."""
    codes = frames["bands"]
    missing = np.any((codes == LEVEL_CODE_MISSING) & valid[..., np.newaxis], axis=1)
    heard = valid.astype(np.float32)

    def level(code: NDArray[np.uint8]) -> Floats:
        level_db = LEVEL_FLOOR_DB + LEVEL_STEP_DB * code.astype(np.float32)
        return np.where((code == 0) | (code == LEVEL_CODE_MISSING), _NOTHING_DB, level_db).astype(np.float32)

    def fine(cdb: NDArray[np.int16]) -> Floats:
        level_db = np.where(cdb <= CENTIDECIBEL_FLOOR, _NOTHING_DB, cdb * np.float32(0.01))
        return np.where(valid, level_db, _NOTHING_DB).astype(np.float32)

    return Windows(
        bands_db=np.where(valid[..., np.newaxis], level(codes), _NOTHING_DB),
        laeq_db=fine(frames["laeq_cdb"]),
        lafmax_db=fine(frames["lafmax_cdb"]),
        lcpeak_db=np.where(valid, level(frames["lcpeak_code"]), _NOTHING_DB),
        submax_db=frames["submax_code"] * np.float32(SUBMAX_STEP_DB) * heard,
        roughness=frames["roughness_code"] * heard,
        harmonicity=frames["harmonicity_code"] * heard,
        flatness=frames["flatness_code"] * heard,
        pitch=frames["pitch_code"] * heard,
        valid=valid,
        missing=missing,
    )


def encode(windows: Windows) -> NDArray[np.void]:
    """Levels back to codes, with floor, overload and missing bands as a sensor would send them."""
    frames = np.zeros(windows.laeq_db.shape, dtype=FRAME_DTYPE)

    def level(level_db: Floats) -> NDArray[np.uint8]:
        steps = np.rint((level_db - LEVEL_FLOOR_DB) / LEVEL_STEP_DB)
        return np.clip(steps, 0, LEVEL_CODE_OVERLOAD).astype(np.uint8)

    frames["bands"] = np.where(windows.missing[:, np.newaxis], LEVEL_CODE_MISSING, level(windows.bands_db))
    frames["laeq_cdb"] = np.clip(np.rint(windows.laeq_db * 100.0), CENTIDECIBEL_FLOOR, 32_767)
    frames["lafmax_cdb"] = np.clip(np.rint(windows.lafmax_db * 100.0), CENTIDECIBEL_FLOOR, 32_767)
    frames["lcpeak_code"] = level(windows.lcpeak_db)
    frames["submax_code"] = np.clip(np.rint(windows.submax_db / SUBMAX_STEP_DB), 0, 255)
    for name in ("roughness", "harmonicity", "flatness"):
        frames[f"{name}_code"] = np.clip(np.rint(getattr(windows, name)), 0, 255)
    frames["pitch_code"] = np.rint(windows.pitch)
    return frames


def add(event: Windows, bed: Windows, gain_db: Floats) -> Windows:
    """Event plus bed, hop by hop; gain_db (n,) is applied to the event. A hop that either heard is heard."""
    gain = gain_db[:, np.newaxis].astype(np.float32)
    event_db = event.laeq_db + gain
    bands_db = _power_sum(event.bands_db + gain[..., np.newaxis], bed.bands_db)
    laeq_db = _power_sum(event_db, bed.laeq_db)
    event_loudest = _power_sum(event_db + event.submax_db, bed.laeq_db)
    bed_loudest = _power_sum(event_db, bed.laeq_db + bed.submax_db)
    share = _voice_share(event.bands_db + gain[..., np.newaxis], bed.bands_db)

    def blend(of_event: Floats, of_bed: Floats) -> Floats:
        return share * of_event + (np.float32(1.0) - share) * of_bed

    return Windows(
        bands_db=bands_db,
        laeq_db=laeq_db,
        lafmax_db=_power_sum(event.lafmax_db + gain, bed.lafmax_db),
        lcpeak_db=_power_sum(event.lcpeak_db + gain, bed.lcpeak_db),
        submax_db=np.maximum(np.maximum(event_loudest, bed_loudest) - laeq_db, 0.0),
        roughness=blend(event.roughness, bed.roughness),
        harmonicity=blend(event.harmonicity, bed.harmonicity),
        flatness=blend(event.flatness, bed.flatness),
        pitch=np.where(share > 0.5, event.pitch, bed.pitch),
        valid=event.valid | bed.valid,
        missing=event.missing | bed.missing,
    )


def equalise(windows: Windows, gain_db: Floats) -> Windows:
    """Another microphone or path: gain_db (n, BAND_COUNT); the broad-band levels follow what the bands do."""
    changed = windows.bands_db + gain_db[:, np.newaxis].astype(np.float32)
    a_delta_db = _weighted_db(changed, _A_DB) - _weighted_db(windows.bands_db, _A_DB)
    c_delta_db = _weighted_db(changed, _C_DB) - _weighted_db(windows.bands_db, _C_DB)
    return replace(
        windows,
        bands_db=changed,
        laeq_db=windows.laeq_db + a_delta_db,
        lafmax_db=windows.lafmax_db + a_delta_db,
        lcpeak_db=windows.lcpeak_db + c_delta_db,
    )


def transpose(windows: Windows, steps: NDArray[np.int64]) -> Windows:
    """The same sound from a smaller or larger source: bands and pitch `steps` (n,) third-octaves higher."""
    rows = np.arange(BAND_COUNT)[np.newaxis] - steps[:, np.newaxis]
    taken = np.clip(rows, 0, BAND_COUNT - 1)
    # Beyond the ends the spectrum is taken to go on falling.
    beyond_db = np.float32(-6.0) * np.abs(rows - taken).astype(np.float32)
    bands_db = np.take_along_axis(windows.bands_db, taken[:, np.newaxis], axis=2) + beyond_db[:, np.newaxis]
    a_delta_db = _weighted_db(bands_db, _A_DB) - _weighted_db(windows.bands_db, _A_DB)
    c_delta_db = _weighted_db(bands_db, _C_DB) - _weighted_db(windows.bands_db, _C_DB)
    pitch = np.clip(windows.pitch + steps[:, np.newaxis], 1, PITCH_CODE_MAX)
    return replace(
        windows,
        bands_db=bands_db,
        laeq_db=windows.laeq_db + a_delta_db,
        lafmax_db=windows.lafmax_db + a_delta_db,
        lcpeak_db=windows.lcpeak_db + c_delta_db,
        pitch=np.where(windows.pitch > 0, pitch, 0.0).astype(np.float32),
        missing=np.take_along_axis(windows.missing, taken, axis=1),
    )


def add_floor(windows: Windows, below_loudest_db: Floats, tilt_db: Floats) -> Windows:
    """A steady noise floor under each window: the sensor's own, or a street's.

    below_loudest_db: (n,) how far the floor's A-weighted level lies below the window's loudest hop; tilt_db:
    (n,) what each octave upwards changes in its third-octave levels (pink noise 0).
    """
    octave = np.log2(BAND_CENTRES_HZ / 1000.0).astype(np.float32)
    shape_db = tilt_db[:, np.newaxis] * octave
    loudest_db = np.where(windows.valid, windows.laeq_db, _NOTHING_DB).max(axis=1)
    floor_db = shape_db + (loudest_db - below_loudest_db - _weighted_db(shape_db, _A_DB))[:, np.newaxis]
    laeq_db = _weighted_db(floor_db, _A_DB)[:, np.newaxis]
    heard = windows.valid.astype(np.float32)
    share = _voice_share(windows.bands_db, np.broadcast_to(floor_db[:, np.newaxis], windows.bands_db.shape))
    above_db = _power_sum(windows.laeq_db, laeq_db) - windows.laeq_db
    loudest_db_of_hop = _power_sum(windows.laeq_db + windows.submax_db, laeq_db)
    return replace(
        windows,
        bands_db=_power_sum(windows.bands_db, floor_db[:, np.newaxis]),
        laeq_db=windows.laeq_db + above_db,
        lafmax_db=_power_sum(windows.lafmax_db, laeq_db),
        lcpeak_db=np.maximum(windows.lcpeak_db, laeq_db + 10.0),
        submax_db=np.maximum(loudest_db_of_hop - windows.laeq_db - above_db, 0.5),
        roughness=(share * windows.roughness + (1.0 - share) * 64.0) * heard,
        harmonicity=(share * windows.harmonicity + (1.0 - share) * 40.0) * heard,
        flatness=(share * windows.flatness + (1.0 - share) * 235.0) * heard,
        pitch=np.where(share > 0.5, windows.pitch, 0.0).astype(np.float32),
    )


def random_paths(count: int, rng: np.random.Generator) -> Floats:
    """Random gains (count, BAND_COUNT), dB: a smooth curve, sometimes a low-pass, sometimes a high-pass.

    The curve is gentle: sensors are flat, and the tilt of a voice's spectrum is what tells its effort.
    """
    octave = np.log2(BAND_CENTRES_HZ / 50.0)
    nodes_db = rng.normal(0.0, 1.5, (count, 5)) + rng.normal(0.0, 0.6, (count, 1)) * np.arange(-2, 3)
    place = octave / octave[-1] * 4.0
    left = np.minimum(place.astype(int), 3)
    gain_db = nodes_db[:, left] * (1.0 - (place - left)) + nodes_db[:, left + 1] * (place - left)
    low_pass_hz = np.where(rng.random(count) < 0.15, 10.0 ** rng.uniform(3.3, 3.85, count), 1e6)
    high_pass_hz = np.where(rng.random(count) < 0.2, 10.0 ** rng.uniform(1.9, 2.6, count), 1.0)
    slope_db = rng.uniform(6.0, 48.0, (count, 1))
    gain_db -= slope_db * np.maximum(np.log2(BAND_CENTRES_HZ / low_pass_hz[:, np.newaxis]), 0.0)
    gain_db -= slope_db / 2 * np.maximum(np.log2(high_pass_hz[:, np.newaxis] / BAND_CENTRES_HZ), 0.0)
    return gain_db.astype(np.float32)


def random_missing(count: int, band_hz: Floats, rng: np.random.Generator) -> Bools:
    """Bands to be marked missing (count, BAND_COUNT): above what a source carries, or above any cut-off."""
    upper_hz = BAND_CENTRES_HZ * 10.0**0.05
    cut_hz = np.where(rng.random(count) < 0.5, band_hz, 1e6)
    narrow = rng.random(count) < 0.1
    cut_hz = np.where(narrow, np.minimum(cut_hz, 10.0 ** rng.uniform(3.3, 3.85, count)), cut_hz)
    return np.asarray(upper_hz[np.newaxis] > cut_hz[:, np.newaxis])


def random_losses(valid: Bools, rng: np.random.Generator) -> Bools:
    """Validity with lost hops: now and then some at random, now and then all but the newest few."""
    count, hops = valid.shape
    lossy = rng.random((count, 1)) < 0.15
    lost = lossy & (rng.random((count, hops)) < rng.uniform(0.05, 0.3, (count, 1)))
    young = rng.random((count, 1)) < 0.15
    heard_from = hops - np.ceil(hops * rng.random((count, 1)) ** 2).astype(int)
    before = young & (np.arange(hops) < np.minimum(heard_from, hops - 1))
    kept = valid & ~lost & ~before
    kept[:, -1] = valid[:, -1]
    return kept


def _power_sum(first_db: Floats, second_db: Floats) -> Floats:
    louder = np.maximum(first_db, second_db)
    difference = np.minimum(first_db, second_db) - louder
    total: Floats = louder + np.float32(4.3429448) * np.log1p(np.exp(difference * np.float32(0.23025851)))
    return total


def _voice_share(event_db: Floats, bed_db: Floats) -> Floats:
    event = np.exp(event_db[..., _VOICE] * np.float32(0.23025851)).sum(axis=-1)
    bed = np.exp(bed_db[..., _VOICE] * np.float32(0.23025851)).sum(axis=-1)
    share: Floats = event / (event + bed + np.float32(1e-20))
    return share


def _weighted_db(bands_db: Floats, weight_db: Floats) -> Floats:
    power = np.exp((bands_db + weight_db) * np.float32(0.23025851)).sum(axis=-1)
    level_db: Floats = np.float32(4.3429448) * np.log(power + np.float32(1e-18))
    return level_db


def _weighting_db(hz: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """A and C weighting at frequencies, dB (IEC 61672-1 annex E)."""
    squared = hz**2
    ends = 12194.0**2 * squared / ((squared + 20.6**2) * (squared + 12194.0**2))
    middle = squared / np.sqrt((squared + 107.7**2) * (squared + 737.9**2))
    c_db = 20.0 * np.log10(ends) + 0.062
    a_db = 20.0 * np.log10(ends * middle) + 2.0
    return a_db.astype(np.float32), c_db.astype(np.float32)


_A_DB, _C_DB = _weighting_db(BAND_CENTRES_HZ)
assert len(_A_DB) == BAND_COUNT
