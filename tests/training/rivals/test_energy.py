"""The energy threshold: above what was, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from training.bench.detector import CLASSES
from training.rivals.energy import excess_db, load


def test_excess_is_above_the_median_of_the_past_alone() -> None:
    laeq = np.array([50.0, 50.0, 50.0, 80.0, 50.0])
    assert excess_db(laeq, laeq + 1.0).tolist() == [0.0, 1.0, 1.0, 31.0, 1.0]


def test_the_background_forgets_after_thirty_seconds() -> None:
    laeq = np.concatenate([np.full(100, 40.0), np.full(300, 60.0)])
    excess = excess_db(laeq, laeq)
    assert excess[100] == 20.0
    assert excess[-1] == 0.0


def test_no_sound_has_no_scores() -> None:
    assert excess_db(np.zeros(0), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_a_burst_stands_out_alike_in_every_class_at_any_level(gain: float) -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.003, 16_000 * 8)
    noise[16_000 * 5 : 16_000 * 5 + 8000] *= 30.0
    scores = load("").score((gain * noise).astype(np.float32), 120.0)
    assert scores.shape == (64, len(CLASSES))
    assert (scores == scores[:, :1]).all()
    assert scores[40:43].max() == pytest.approx(20 * np.log10(30.0), abs=3.0)
    assert scores[8:39].max() < 5.0
