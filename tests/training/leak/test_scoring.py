"""The leak test's own figures: word errors, intervals, paired tests, equal error rate."""

from __future__ import annotations

import numpy as np
import pytest

from training.leak.scoring import equal_error_rate, mean_figure, paired_p, word_error_rate, word_errors


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("close the door", "close the door", 0),
        ("close the door", "", 3),
        ("close the door", "the door", 1),
        ("close the door", "clothes the old door", 2),
        ("a", "b c d", 3),
    ],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert word_errors(said, heard) == errors


def test_the_rate_is_of_all_words_and_its_interval_holds_it() -> None:
    said = ["one two three four"] * 30 + ["five"] * 30
    heard = ["one two three four"] * 30 + ["six"] * 30
    rate = word_error_rate(said, heard)
    assert rate.value == pytest.approx(30 / 150)
    assert rate.low < rate.value < rate.high


def test_groups_widen_the_interval() -> None:
    values = np.repeat([1.0, 0.0] * 10, 10)
    alone = mean_figure(values)
    together = mean_figure(values, np.repeat(np.arange(20), 10))
    assert together.high - together.low > 2.0 * (alone.high - alone.low)


def test_a_paired_difference_is_seen_and_noise_is_not() -> None:
    rng = np.random.default_rng(4)
    first = rng.normal(0.0, 1.0, 80)
    assert paired_p(first, first + 0.5 + rng.normal(0.0, 0.2, 80)) < 0.001
    assert paired_p(first, first + rng.normal(0.0, 0.2, 80)) > 0.01


def test_equal_error_rate() -> None:
    rng = np.random.default_rng(4)
    assert equal_error_rate(rng.normal(3, 1, 500), rng.normal(-3, 1, 500)) < 0.01
    assert equal_error_rate(rng.normal(0, 1, 500), rng.normal(0, 1, 500)) == pytest.approx(0.5, abs=0.05)
