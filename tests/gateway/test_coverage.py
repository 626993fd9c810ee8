"""Coverage: analysed over elapsed time of the last hour."""

from __future__ import annotations

import pytest

from gateway.coverage import Coverage


def test_nothing_elapsed_is_zero() -> None:
    assert Coverage(start_s=100.0).share(100.0) == 0.0


def test_half_heard() -> None:
    coverage = Coverage(start_s=0.0)
    for second in range(0, 600, 2):
        coverage.analysed(1.0, float(second))
    assert coverage.share(600.0) == pytest.approx(0.5)


def test_deaf_for_an_hour_after_a_good_one_is_nearly_zero() -> None:
    coverage = Coverage(start_s=0.0)
    for second in range(3600):
        coverage.analysed(1.0, float(second))
    assert coverage.share(3600.0) == pytest.approx(1.0, abs=0.02)
    assert coverage.share(5400.0) == pytest.approx(0.5, abs=0.02)
    assert coverage.share(7260.0) == pytest.approx(0.0, abs=0.01)


def test_never_above_one() -> None:
    coverage = Coverage(start_s=0.0)
    for _ in range(100):
        coverage.analysed(1.0, 30.0)
    assert coverage.share(30.0) == 1.0
