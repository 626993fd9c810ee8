"""Windows of the rivals: where they end, and what stands before a young one."""

from __future__ import annotations

import numpy as np
import pytest

from training.rivals.hearing import as_recorded_for_ears, ends_of_hops_s
from training.rivals.windows import ending_at, ends_of


def test_windows_end_at_every_so_many_hops() -> None:
    assert ends_of(13, 4).tolist() == [4, 8, 12]


def test_a_short_sound_has_one_window_at_its_end() -> None:
    assert ends_of(3, 4).tolist() == [3]


def test_a_window_is_the_newest_rows() -> None:
    values = np.arange(20, dtype=np.float32)
    assert ending_at(values, 12, 5, 2).tolist() == [7, 8, 9, 10, 11]
    assert ending_at(values, 99, 5, 2).tolist() == [15, 16, 17, 18, 19]


def test_a_young_window_is_shorter_and_then_mirrored() -> None:
    values = np.arange(20, dtype=np.float32)
    assert ending_at(values, 3, 5, 2).tolist() == [0, 1, 2]
    assert ending_at(values, 2, 5, 4).tolist() == [1, 0, 0, 1]


def test_mirroring_also_covers_more_than_the_sound_has() -> None:
    window = ending_at(np.ones((2, 3), dtype=np.float32), 2, 9, 7)
    assert window.shape == (7, 3)
    assert (window == 1.0).all()


def test_without_a_value_there_is_no_window() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        ending_at(np.zeros(0, dtype=np.float32), 4, 5, 2)


def test_rivals_hear_a_sound_as_if_recorded_for_ears() -> None:
    sine = np.array([1.0, -1.0], dtype=np.float32)
    assert np.allclose(as_recorded_for_ears(sine, 120.0), sine * 100.0, rtol=1e-6)


def test_scores_come_at_the_end_of_whole_hops() -> None:
    assert ends_of_hops_s(16_000 + 3_999, 0.25).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert len(ends_of_hops_s(16_000 * 3, 0.12)) == 25
