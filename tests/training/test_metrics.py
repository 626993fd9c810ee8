"""Thresholds, rates and intervals on cases that can be counted by hand."""

import numpy as np
import pytest

from training.calibrate import raising_score
from training.metrics import (
    alarm_count,
    alarms_per_hour,
    area_under_curve,
    detection,
    detection_at,
    group_of,
    threshold_at,
)

NEGATIVES = group_of([0.9, 0.8, 0.7, 0.1], ["a", "b", "c", "d"], [900.0] * 4)
POSITIVES = group_of([0.95, 0.85, 0.75, 0.05], ["e", "f", "g", "h"], [1.0] * 4)


@pytest.mark.parametrize(
    ("per_hour", "threshold"), [(0.0, 0.9), (1.0, 0.8), (1.9, 0.8), (2.0, 0.7), (9.0, 0.0)]
)
def test_threshold_is_the_lowest_that_keeps_the_rate(per_hour: float, threshold: float) -> None:
    found = threshold_at(NEGATIVES, per_hour)
    assert found == threshold
    assert (NEGATIVES.scores > found).sum() <= per_hour * NEGATIVES.hours + 1e-9


def test_detection_counts_clips_above_the_threshold() -> None:
    assert detection(POSITIVES, 0.8) == 0.5
    assert detection(POSITIVES, 0.85) == 0.25


def test_area_under_the_curve() -> None:
    assert area_under_curve(POSITIVES, NEGATIVES) == pytest.approx((4 + 3 + 2 + 0) / 16)
    assert area_under_curve(NEGATIVES, NEGATIVES) == 0.5


def test_intervals_hold_the_value_and_come_from_sources() -> None:
    rng = np.random.default_rng(1)
    one_source = group_of([0.95, 0.85, 0.1, 0.1], ["e"] * 4, [1.0] * 4)
    rate = detection_at(one_source, NEGATIVES, 1.0, rng)
    assert rate.low <= rate.value <= rate.high
    many = alarms_per_hour(NEGATIVES, 0.75, rng)
    assert many.value == 2.0
    assert many.low <= 2.0 <= many.high
    assert many.low < many.high


def test_alarms_close_together_are_one() -> None:
    above = np.zeros(100, dtype=bool)
    above[[5, 6, 10, 60]] = True
    assert alarm_count(above, hold_hops=24) == 2
    assert alarm_count(above, hold_hops=1) == 3
    assert alarm_count(np.zeros(0, dtype=bool), 24) == 0


@pytest.mark.parametrize(
    ("scores", "needed", "of", "expected"),
    [
        ([0.1, 0.9, 0.2], 1, 3, 0.9),
        ([0.9, 0.1, 0.8, 0.7], 2, 2, 0.7),
        ([0.9, 0.1, 0.8, 0.7], 2, 3, 0.8),
        ([0.9, 0.1, 0.8, 0.7], 3, 3, 0.1),
        ([0.9], 2, 4, 0.0),
    ],
)
def test_the_score_at_which_a_rule_raises(scores: list[float], needed: int, of: int, expected: float) -> None:
    assert raising_score(np.array(scores, dtype=np.float32), needed, of) == pytest.approx(expected)
