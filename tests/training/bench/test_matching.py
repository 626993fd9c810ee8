"""Pairs, counts, alarms and k of n on cases that can be counted by hand."""

import numpy as np
import pytest

from training.bench.alarms import alarms_above, k_of_n, runs
from training.bench.matching import Counts, matched, pair_up


def test_each_alarm_is_used_once() -> None:
    assert matched([1.0, 1.2], [1.1]) == Counts(1, 0, 1)
    assert matched([1.0], [0.9, 1.1]) == Counts(1, 1, 0)
    assert matched([1.0], [1.5]) == Counts(1, 0, 0)
    assert matched([1.0], [1.51]) == Counts(0, 1, 1)
    assert matched([], [3.0]) == Counts(0, 1, 0)


def test_as_many_pairs_as_can_be() -> None:
    """The alarm at 1.4 fits both events, the one at 0.8 only the first."""
    assert pair_up([1.0, 1.8], [0.8, 1.4]) == [(1.0, 0.8), (1.8, 1.4)]


def test_figures() -> None:
    counts = Counts(hits=3, false_alarms=1, misses=2)
    assert counts.f1 == pytest.approx(6 / 9)
    assert counts.error_rate == pytest.approx(3 / 5)
    assert Counts().f1 == 0.0


def test_runs_within_the_hold_are_one() -> None:
    above = np.zeros(20, dtype=bool)
    above[[2, 3, 6, 15]] = True
    assert runs(above, 3) == [(2, 6), (15, 15)]
    assert runs(above, 1) == [(2, 3), (6, 6), (15, 15)]
    assert runs(np.zeros(5, dtype=bool), 3) == []


def test_alarms_state_the_start_of_their_first_hop() -> None:
    scores = np.zeros((10, 4), dtype=np.float32)
    scores[4:6, 1] = 0.9
    (alarm,) = alarms_above(scores, 0.5, np.full(4, 0.5))
    assert (alarm.label, alarm.onset_s, alarm.raised_s, alarm.end_s) == ("scream", 2.0, 2.5, 3.0)


def test_k_of_n_waits_for_evidence() -> None:
    scores = np.array([0.9, 0.1, 0.8, 0.7], dtype=np.float32)
    assert k_of_n(scores, 2, 3).tolist() == pytest.approx([0.0, 0.1, 0.8, 0.7])
    assert k_of_n(scores, 1, 3).tolist() == scores.tolist()
