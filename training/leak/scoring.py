"""Figures of the leak test: word errors, intervals, paired tests, equal error rate. numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def rounded(self, digits: int = 3) -> dict[str, float]:
        return {
            "value": round(self.value, digits),
            "low": round(self.low, digits),
            "high": round(self.high, digits),
        }


def word_errors(said: str, heard: str) -> int:
    """Least number of substitutions, deletions and insertions that make `said` of `heard` (Levenshtein)."""
    truth, guess = said.split(), heard.split()
    row = list(range(len(guess) + 1))
    for i, word in enumerate(truth, start=1):
        above, row[0] = row[0], i
        for j, other in enumerate(guess, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (word != other))
    return row[-1]


def word_error_rate(said: Sequence[str], heard: Sequence[str], seed: int = 5) -> Figure:
    """All errors over all words; interval by bootstrap over sentences."""
    errors = np.array([word_errors(s, h) for s, h in zip(said, heard, strict=True)], dtype=np.float64)
    words = np.array([len(s.split()) for s in said], dtype=np.float64)
    picks = np.random.default_rng(seed).integers(0, len(errors), (RESAMPLES, len(errors)))
    rates = errors[picks].sum(axis=1) / words[picks].sum(axis=1)
    return Figure(float(errors.sum() / words.sum()), *_middle(rates))


def mean_figure(values: Numbers, groups: NDArray[np.int64] | None = None, seed: int = 5) -> Figure:
    """Mean with its interval by bootstrap over values, or over groups of them (speakers, sentences)."""
    rng = np.random.default_rng(seed)
    owners = np.arange(len(values)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums = np.bincount(owners, weights=values)
    counts = np.bincount(owners).astype(np.float64)
    picks = rng.integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    return Figure(float(values.mean()), *_middle(means))


def paired_p(first: Numbers, second: Numbers, seed: int = 5) -> float:
    """Chance of so great a mean difference (either way) if the two were exchangeable, pair by pair.

    A permutation test: the signs of the differences are drawn anew.
    """
    difference = first - second
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (10 * RESAMPLES, len(difference)))
    drawn = np.abs((signs * difference).mean(axis=1))
    return float((1 + np.count_nonzero(drawn >= abs(difference.mean()) - 1e-12)) / (1 + len(drawn)))


def equal_error_rate(same: Numbers, different: Numbers) -> float:
    """Where as many pairs of one speaker are refused as pairs of two accepted; the higher, the more alike."""
    thresholds = np.unique(np.concatenate([same, different]))
    missed = np.searchsorted(np.sort(same), thresholds, side="left") / len(same)
    accepted = 1.0 - np.searchsorted(np.sort(different), thresholds, side="left") / len(different)
    at = int(np.argmin(np.abs(missed - accepted)))
    return float((missed[at] + accepted[at]) / 2.0)


def _middle(values: Numbers) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
