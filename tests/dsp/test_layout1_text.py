"""The normative text of layout 1 and the front end give the same integers."""

from __future__ import annotations

import numpy as np
import pytest

from dsp.front_end import frames_of
from tests.dsp import signals
from tests.dsp.layout1_reference import reference_frames

SIGNALS = signals.oracle_signals()


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_text_and_front_end_agree(name: str) -> None:
    wave = SIGNALS[name][: 7 * 6000]
    wave = wave + signals.white_noise(11, 7 * 0.125, 1e-4)  # no field then hangs on rounding of nothing
    frames = frames_of(wave)
    expected = reference_frames(wave)
    assert len(frames) == len(expected) == 7
    for field in frames.dtype.names:
        ours = np.array(frames[field], dtype=int)
        text = np.array([frame[field] for frame in expected], dtype=int)
        # The integers may differ by one where a value lies within rounding of a half.
        assert np.max(np.abs(ours - text)) <= 1, field
        assert np.mean(ours != text) < 0.02, field
