"""The model's input: blind to level, bounded, and plain about what is missing."""

import numpy as np
import pytest

from dsp.layout import (
    CENTIDECIBEL_FLOOR,
    FRAME_DTYPE,
    LEVEL_CODE_MISSING,
    centidecibels,
    level_codes,
)
from dsp.model_input import BANDS_USED, CHANNELS, CONTRAST_DB, RANGE_DB, model_input

HOPS = 20
CONTRAST = slice(BANDS_USED, 2 * BANDS_USED)
LAEQ, CARRIED, VALID = 2 * BANDS_USED, CHANNELS - 2, CHANNELS - 1


def _window(seed: int, mean_db: float = -45.0) -> np.ndarray:
    """A window of plausible frames between -75 and -15 dB: far from the floor and from overload."""
    rng = np.random.default_rng(seed)
    frames = np.zeros(HOPS, dtype=FRAME_DTYPE)
    laeq_db = mean_db + rng.uniform(-10.0, 10.0, HOPS)
    frames["laeq_cdb"] = centidecibels(laeq_db)
    frames["lafmax_cdb"] = centidecibels(laeq_db + rng.uniform(0.0, 5.0, HOPS))
    frames["lcpeak_code"] = level_codes(laeq_db + rng.uniform(3.0, 20.0, HOPS))
    frames["bands"] = level_codes(laeq_db[:, np.newaxis] - rng.uniform(0.0, 20.0, (HOPS, 24)))
    for name in ("submax_code", "roughness_code", "harmonicity_code", "flatness_code"):
        frames[name] = rng.integers(0, 97, HOPS)
    frames["pitch_code"] = rng.integers(0, 18, HOPS)
    return frames


def _moved(frames: np.ndarray, level_db: int) -> np.ndarray:
    moved = frames.copy()
    moved["laeq_cdb"] += 100 * level_db
    moved["lafmax_cdb"] += 100 * level_db
    moved["lcpeak_code"] = frames["lcpeak_code"].astype(int) + 2 * level_db
    moved["bands"] = np.where(
        frames["bands"] == LEVEL_CODE_MISSING, LEVEL_CODE_MISSING, frames["bands"].astype(int) + 2 * level_db
    )
    return moved


ALL = np.ones(HOPS, dtype=bool)


@pytest.mark.parametrize("level_db", [-20, -7, 3, 20])
@pytest.mark.parametrize("seed", range(5))
def test_the_input_is_the_same_at_any_level(seed: int, level_db: int) -> None:
    frames = _window(seed)
    valid = np.random.default_rng(seed + 100).random(HOPS) > 0.2
    frames["bands"][:, 20:] = LEVEL_CODE_MISSING
    expected = model_input(frames, valid)
    assert np.array_equal(model_input(_moved(frames, level_db), valid), expected)


def test_shape_type_and_range() -> None:
    given = model_input(_window(1), ALL)
    assert given.shape == (HOPS, CHANNELS)
    assert given.dtype == np.float32
    assert given.min() >= 0.0
    assert given.max() <= 1.4 + 1e-6


def test_any_bytes_give_finite_bounded_numbers() -> None:
    rng = np.random.default_rng(7)
    raw = rng.integers(0, 256, 200 * HOPS * FRAME_DTYPE.itemsize, dtype=np.uint8).tobytes()
    frames = np.frombuffer(raw, dtype=FRAME_DTYPE).reshape(200, HOPS)
    given = model_input(frames, rng.random((200, HOPS)) > 0.5)
    assert np.isfinite(given).all()
    assert given.min() >= 0.0
    assert given.max() <= 1.4 + 1e-6


def test_many_windows_at_once_are_the_same_as_one_by_one() -> None:
    frames = np.stack([_window(seed) for seed in range(6)])
    valid = np.random.default_rng(3).random((6, HOPS)) > 0.3
    together = model_input(frames, valid)
    for row in range(6):
        assert np.array_equal(together[row], model_input(frames[row], valid[row]))


def test_a_view_into_a_longer_recording_works_like_a_copy() -> None:
    longer = np.concatenate([_window(1), _window(2)])
    assert np.array_equal(model_input(longer[7:27], ALL), model_input(longer[7:27].copy(), ALL))


def test_missing_hops_are_zero_whatever_their_rows_hold() -> None:
    frames, valid = _window(2), ALL.copy()
    valid[:15] = False
    expected = model_input(frames, valid)
    frames["laeq_cdb"][:15] = 0
    frames["bands"][:15] = LEVEL_CODE_MISSING
    assert np.array_equal(model_input(frames, valid), expected)
    assert not expected[:15].any()
    assert expected[15:, VALID].all()


def test_bands_that_a_source_cannot_carry_are_counted_and_read_like_silence() -> None:
    frames = _window(3)
    assert (model_input(frames, ALL)[:, CARRIED] == 1.0).all()
    silent = frames.copy()
    silent["bands"][:, 20:] = 0
    frames["bands"][:, 20:] = LEVEL_CODE_MISSING
    given = model_input(frames, ALL)
    assert given[:, CARRIED] == pytest.approx(20 / BANDS_USED)
    others = np.delete(np.arange(CHANNELS), CARRIED)
    assert np.array_equal(given[:, others], model_input(silent, ALL)[:, others])


def test_contrast_is_how_far_a_band_stands_out_of_its_own_quiet_level() -> None:
    frames = _window(9)
    frames["laeq_cdb"] = -3000
    frames["bands"] = level_codes(np.full((HOPS, 24), -50.0))
    frames["bands"][13, 5] = level_codes(np.array(-35.0))
    frames["bands"][14, 6] = level_codes(np.array(-50.0 + CONTRAST_DB + 8.0))
    frames["bands"][15, 7] = level_codes(np.array(-60.0))
    contrast = model_input(frames, ALL)[:, CONTRAST]
    assert contrast[13, 5] == pytest.approx(15.0 / CONTRAST_DB)
    assert contrast[14, 6] == 1.0
    assert contrast[15, 7] == 0.0
    assert np.count_nonzero(contrast) == 2


def test_missing_hops_have_no_part_in_the_quiet_level() -> None:
    frames = _window(10)
    valid = np.random.default_rng(4).random(HOPS) > 0.4
    expected = model_input(frames, valid)
    frames["bands"][~valid] = 253
    assert np.array_equal(model_input(frames, valid), expected)


def test_bands_above_six_kilohertz_do_not_matter() -> None:
    frames = _window(4)
    expected = model_input(frames, ALL)
    for codes in (0, 200, LEVEL_CODE_MISSING):
        frames["bands"][:, BANDS_USED:] = codes
        assert np.array_equal(model_input(frames, ALL), expected)


def test_what_lies_below_the_range_is_not_told_apart() -> None:
    frames = _window(5)
    loudest_db = frames["laeq_cdb"].max() / 100.0
    frames["bands"][6] = level_codes(np.full(24, loudest_db - RANGE_DB - 1.0))
    expected = model_input(frames, ALL)
    frames["bands"][6] = 0
    assert np.array_equal(model_input(frames, ALL), expected)


def test_a_window_at_the_floor_is_defined_and_quiet() -> None:
    frames = np.zeros(HOPS, dtype=FRAME_DTYPE)
    frames["laeq_cdb"] = frames["lafmax_cdb"] = CENTIDECIBEL_FLOOR
    given = model_input(frames, ALL)
    assert np.isfinite(given).all()
    assert given[:, VALID].all()
    assert given[:, :BANDS_USED].max() == 0.0


def test_nothing_heard_is_all_zero() -> None:
    assert not model_input(_window(6), np.zeros(HOPS, dtype=bool)).any()


def test_the_loudest_hop_is_the_reference() -> None:
    frames = _window(8)
    given = model_input(frames, ALL)
    assert given[frames["laeq_cdb"].argmax(), LAEQ] == pytest.approx(1.0)
    below_db = (frames["laeq_cdb"].max() - frames["laeq_cdb"]) / 100.0
    assert given[:, LAEQ] == pytest.approx(1.0 - below_db / RANGE_DB, abs=1e-5)
