from __future__ import annotations

import numpy as np
import pytest

from dsp.calibration import absolute_bands_db, absolute_levels, tone_offset_db
from dsp.layout import BAND_COUNT, FRAME_DTYPE, LEVEL_CODE_MISSING, LEVEL_FLOOR_DB, level_codes


def frame(laeq_db: float, lafmax_db: float, band_db: float = -60.0) -> np.ndarray:
    row = np.zeros((), dtype=FRAME_DTYPE)
    row["laeq_cdb"], row["lafmax_cdb"] = round(laeq_db * 100), round(lafmax_db * 100)
    row["bands"] = level_codes(np.full(BAND_COUNT, band_db))
    return row


def test_levels_are_shifted_by_the_full_scale() -> None:
    levels = absolute_levels(frame(-50.25, -47.5)[()], 120.0)
    assert levels.laeq_db == pytest.approx(69.75)
    assert levels.lafmax_db == pytest.approx(72.5)


def test_an_offset_is_added_to_the_full_scale() -> None:
    offset_db = tone_offset_db(94.0, -27.5, 120.0)
    assert offset_db == pytest.approx(1.5)
    assert absolute_levels(frame(-27.5, -27.5)[()], 120.0 + offset_db).laeq_db == pytest.approx(94.0)


@pytest.mark.parametrize("microphone_db", [-6.0, -0.3, 0.0, 6.0])
@pytest.mark.parametrize("reference_db", [94.0, 114.0, 93.97])
def test_a_microphone_that_is_off_reads_right_afterwards(microphone_db: float, reference_db: float) -> None:
    tone_db = reference_db - 120.0 + microphone_db
    offset_db = tone_offset_db(reference_db, np.full(6, tone_db), 120.0)
    assert offset_db == pytest.approx(-microphone_db)


def test_the_floor_is_not_loud() -> None:
    levels = absolute_levels(frame(LEVEL_FLOOR_DB, LEVEL_FLOOR_DB)[()], 120.0)
    assert levels.laeq_db == pytest.approx(-4.0)


def test_bands_keep_their_shape_and_missing_stays_missing() -> None:
    rows = np.stack([frame(-50, -50), frame(-50, -50, -30.0)])
    rows["bands"][:, -1] = LEVEL_CODE_MISSING
    bands_db = absolute_bands_db(rows, 118.5)
    assert bands_db.shape == (2, BAND_COUNT)
    assert np.allclose(bands_db[:, 0], [58.5, 88.5])
    assert np.isnan(bands_db[:, -1]).all()
