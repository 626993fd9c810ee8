"""Codes and decibels of layout 1."""

from __future__ import annotations

import numpy as np
import pytest

from dsp import layout


def test_frame_is_34_packed_bytes_without_padding() -> None:
    assert layout.FRAME_DTYPE.itemsize == 34
    offsets = [layout.FRAME_DTYPE.fields[name][1] for name in layout.FRAME_DTYPE.names]
    assert offsets == [0, 2, 4, 5, 6, 7, 8, 9, 10]
    assert layout.FRAME_DTYPE["bands"].shape == (24,)


def test_hop_is_an_eighth_of_a_second() -> None:
    assert layout.HOP_S == 0.125
    assert layout.HOP_SAMPLES % layout.SUBBLOCKS_PER_HOP == 0


def test_bands_are_the_nominal_ones_and_meet_edge_to_edge() -> None:
    assert len(layout.BAND_NOMINALS_HZ) == layout.BAND_COUNT == 24
    assert np.allclose(layout.BAND_CENTRES_HZ / layout.BAND_NOMINALS_HZ, 1.0, atol=0.016)
    assert np.allclose(layout.BAND_UPPER_HZ[:-1], layout.BAND_LOWER_HZ[1:])
    assert layout.BAND_CENTRES_HZ[13] == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("level", "code"),
    [
        (-np.inf, 0),
        (-500.0, 0),
        (-124.0, 0),
        (-123.5, 1),
        (-123.3, 1),
        (-94.0, 60),
        (0.0, 248),
        (2.5, 253),
        (2.8, 254),
        (40.0, 254),
        (np.inf, 254),
        (np.nan, 255),
    ],
)
def test_level_codes(level: float, code: int) -> None:
    assert layout.level_codes(level) == code


def test_level_codes_round_trip_and_missing_is_nan() -> None:
    codes = np.arange(254, dtype=np.uint8)
    assert np.array_equal(layout.level_codes(layout.level_db(codes)), codes)
    assert layout.level_db(0) == -124.0
    assert np.isnan(layout.level_db(255))
    assert layout.level_db(254) > 2.5


def test_level_error_is_at_most_half_a_step() -> None:
    levels = np.linspace(-124.0, 2.5, 4001)
    assert np.max(np.abs(layout.level_db(layout.level_codes(levels)) - levels)) <= 0.25 + 1e-9


def test_centidecibels_have_a_floor_and_keep_hundredths() -> None:
    sent = layout.centidecibels([-np.inf, -200.0, -124.0, -33.337, 0.0, 2.118, 1e6])
    assert sent.tolist() == [-12400, -12400, -12400, -3334, 0, 212, 32767]
    assert sent.dtype == np.int16
    assert layout.centidecibels_to_db(sent)[3] == pytest.approx(-33.34)


def test_submax_steps_and_clipping() -> None:
    assert layout.submax_codes([0.0, 0.0626, 12.04, 100.0]).tolist() == [0, 1, 96, 255]
    assert layout.submax_db(96) == 12.0


def test_ratio_codes_clip() -> None:
    assert layout.ratio_codes([-0.1, 0.0, 0.5, 1.0, 3.0]).tolist() == [0, 0, 128, 255, 255]
    assert layout.ratios([0, 255]).tolist() == [0.0, 1.0]


def test_pitch_codes_are_third_octaves_from_80_hz() -> None:
    pitches = [np.nan, 0.0, 20.0, 71.4, 80.0, 440.0, 1000.0, 3000.0, 9000.0]
    assert layout.pitch_codes(pitches).tolist() == [0, 0, 1, 1, 1, 8, 12, 17, 17]
    assert np.isnan(layout.pitch_hz(0))
    codes = np.arange(1, 18, dtype=np.uint8)
    assert np.array_equal(layout.pitch_codes(layout.pitch_hz(codes)), codes)


def test_flatness_codes_are_eighths_of_a_decibel_below_flat() -> None:
    assert layout.flatness_codes([0.0, -2.5, -31.875, -90.0, 3.0]).tolist() == [255, 235, 0, 0, 255]
    assert layout.flatness_db([255, 235]).tolist() == [0.0, -2.5]


def test_functions_keep_the_shape() -> None:
    assert layout.level_codes(np.zeros((5, 24))).shape == (5, 24)
    assert layout.level_db(np.zeros((5, 24), np.uint8)).shape == (5, 24)
