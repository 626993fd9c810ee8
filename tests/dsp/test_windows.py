"""Windows: the newest hops in order, gaps marked, and the batch form equal to the streaming one."""

import numpy as np
import pytest

from dsp.layout import FRAME_DTYPE
from dsp.windows import HopWindow, windows_of


def _rows(count: int, first: int = 0) -> np.ndarray:
    rows = np.zeros(count, dtype=FRAME_DTYPE)
    rows["laeq_cdb"] = np.arange(first, first + count)
    return rows


def test_a_new_window_has_heard_nothing() -> None:
    window = HopWindow(5)
    assert window.frames.shape == (5,)
    assert not window.valid.any()


def test_the_newest_hops_come_last_and_in_order() -> None:
    window = HopWindow(4)
    for row in _rows(11):
        window.push(row)
    assert window.valid.all()
    assert window.frames["laeq_cdb"].tolist() == [7, 8, 9, 10]


def test_before_the_window_is_full_the_oldest_hops_are_missing() -> None:
    window = HopWindow(4)
    window.push(_rows(1, first=9)[0])
    assert window.valid.tolist() == [False, False, False, True]
    assert window.frames["laeq_cdb"][3] == 9


def test_a_gap_is_missing_hops_and_not_silence() -> None:
    window = HopWindow(5)
    for row in _rows(3, first=1):
        window.push(row)
    window.gap(1)
    window.push(_rows(1, first=8)[0])
    assert window.valid.tolist() == [True, True, True, False, True]
    assert window.frames["laeq_cdb"][window.valid].tolist() == [1, 2, 3, 8]


@pytest.mark.parametrize("hops", [3, 4, 5, 10**9])
def test_a_gap_of_the_windows_length_or_more_empties_it(hops: int) -> None:
    window = HopWindow(3)
    for row in _rows(7):
        window.push(row)
    window.gap(hops)
    assert not window.valid.any()


def test_an_empty_gap_changes_nothing() -> None:
    window = HopWindow(3)
    window.push(_rows(1)[0])
    window.gap(0)
    assert window.valid.tolist() == [False, False, True]


def test_clear_forgets() -> None:
    window = HopWindow(3)
    for row in _rows(3):
        window.push(row)
    window.clear()
    assert not window.valid.any()


def test_misuse_is_an_exception() -> None:
    with pytest.raises(ValueError, match="at least one"):
        HopWindow(0)
    with pytest.raises(ValueError, match="gap"):
        HopWindow(2).gap(-1)


def test_all_windows_of_a_recording_are_those_of_the_stream() -> None:
    rng = np.random.default_rng(5)
    frames = _rows(40)
    valid = rng.random(40) > 0.3
    batch_frames, batch_valid = windows_of(frames, valid, 6)
    window = HopWindow(6)
    for hop in range(40):
        if valid[hop]:
            window.push(frames[hop])
        else:
            window.gap(1)
        assert window.valid.tolist() == batch_valid[hop].tolist()
        heard = window.valid
        assert window.frames[heard].tobytes() == batch_frames[hop][heard].tobytes()
