"""Nearest known sentence: the warped distance is the textbook's, and what is stretched is still found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.leak.warping import nearest, warped_distances

SENTENCES = 40

Numbers = NDArray[np.float64]


def textbook(first: Numbers, second: Numbers) -> float:
    """Sakoe and Chiba's symmetric form, cell by cell."""
    table = np.full((len(first) + 1, len(second) + 1), np.inf)
    table[0, 0] = 0.0
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            cost = float(np.square(one - other).sum())
            straight = min(table[i, j + 1], table[i + 1, j]) + cost
            table[i + 1, j + 1] = min(straight, table[i, j] + 2.0 * cost)
    return float(table[-1, -1]) / (len(first) + len(second))


def test_the_distance_is_the_textbooks() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(5, 3))
    templates = [rng.normal(size=(length, 3)) for length in (4, 7, 5)]
    lengths = np.array([len(template) for template in templates])
    padded = np.zeros((3, 9, 3))
    for place, template in zip(padded, templates, strict=True):
        place[: len(template)] = template
    expected = [textbook(rows, template) for template in templates]
    assert warped_distances(rows, padded, lengths) == pytest.approx(expected)


def test_stretched_rows_are_told_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    known = [rng.normal(size=(int(rng.integers(6, 12)), 4)).astype(np.float32) for _ in range(SENTENCES)]
    stretched = [np.repeat(rows, 2, axis=0) for rows in known]
    noise = [rng.normal(size=(20, 4)).astype(np.float32) for _ in range(SENTENCES)]
    numbers = np.arange(SENTENCES)
    assert np.mean(nearest(stretched, known, SENTENCES) == numbers) > 0.9
    assert np.mean(nearest(noise, known, SENTENCES) == numbers) < 0.1
