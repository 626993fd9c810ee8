"""Hops become seconds: never more than one a second, in order, no hop counted twice."""

from __future__ import annotations

import random

import pytest

from dsp.layout import HOP_S
from gateway.classifier import Scores
from gateway.pipeline import Analysis
from gateway.telemetry.meter import SecondMeter
from gateway.telemetry.second import Second


def hop(laeq_db: float = 60.0, lafmax_db: float = 65.0, **scores: float) -> Analysis:
    return Analysis(0.0, laeq_db, lafmax_db, 50.0, 10.0, Scores(scores, "m") if scores else None, ())


class Run:
    def __init__(self) -> None:
        self.given: list[Second] = []
        self.meter = SecondMeter("north", self.given.append)

    def hear(self, t_end_s: float, analysis: Analysis | None = None) -> None:
        self.meter.hear(analysis or hop(), t_end_s, calibrated=True)

    @property
    def counts(self) -> list[tuple[int, int]]:
        return [(one.number, one.hops) for one in self.given]


def test_eight_hops_are_a_second_from_its_first_hop_to_its_last() -> None:
    run = Run()
    for number in range(24):
        run.hear(10.0 + (number + 1) * HOP_S)
    run.meter.close()
    assert run.counts == [(10, 8), (11, 8), (12, 8)]


def test_levels_and_scores_of_a_second() -> None:
    run = Run()
    run.hear(5.1, hop(60.0, 66.0, shout=0.2, scream=0.9))
    run.hear(5.2, hop(70.0, 64.0, shout=0.7, scream=0.1))
    run.meter.close()
    (only,) = run.given
    assert only.laeq_db == pytest.approx(67.4, abs=0.01)  # the mean of the energies
    assert (only.lafmax_db, only.ambient_db, only.calibrated) == (66.0, 50.0, True)
    assert only.scores == {"shout": 0.7, "scream": 0.9}
    assert (only.hops, only.analysed_s) == (2, 0.25)


def test_level_only_has_no_scores() -> None:
    run = Run()
    run.hear(5.1)
    run.meter.close()
    assert run.given[0].scores is None


def test_jitter_moves_no_hop_out_of_the_count() -> None:
    """A clock that runs a little fast or slow, and estimates that wander by 20 ms."""
    for seed in range(20):
        chance = random.Random(seed)
        run = Run()
        at_s, latest_s = chance.uniform(0.0, 1.0), 0.0
        rate = HOP_S * (1.0 + chance.uniform(-1e-4, 1e-4))
        for _ in range(8000):
            at_s += rate
            latest_s = max(latest_s, at_s + chance.uniform(-0.02, 0.02))
            run.hear(latest_s)
        run.meter.close()
        numbers = [number for number, _ in run.counts]
        assert numbers == sorted(set(numbers)), f"seed {seed}"
        assert all(1 <= hops <= 8 for _, hops in run.counts), f"seed {seed}"
        assert sum(hops for _, hops in run.counts) >= 0.999 * 8000, f"seed {seed}"


def test_a_burst_that_comes_at_once_is_folded_and_never_runs_ahead() -> None:
    run = Run()
    for _ in range(80):
        run.hear(100.5)
    run.meter.close()
    assert run.counts == [(100, 8), (101, 8)]
    for _ in range(8):
        run.hear(101.6)
    run.meter.close()
    assert run.counts[2:] == [(102, 8)]


def test_what_comes_after_its_second_was_closed_is_late() -> None:
    run = Run()
    run.hear(100.5)
    run.meter.settle(111.5)
    run.meter.settle(111.5)
    run.hear(99.5)
    run.hear(50.0)
    run.meter.close()
    assert run.counts == [(100, 1)]
    assert run.meter.late == 2


def test_a_silent_sensors_last_second_is_closed_in_time() -> None:
    run = Run()
    run.hear(100.5)
    run.meter.settle(110.9)
    assert run.counts == []
    run.meter.settle(111.0)
    assert run.counts == [(100, 1)]


def test_any_order_of_times_gives_each_second_once() -> None:
    for seed in range(50):
        chance = random.Random(seed)
        run = Run()
        for _ in range(300):
            run.hear(chance.uniform(0.0, 60.0))
            if chance.random() < 0.05:
                run.meter.close()
        run.meter.close()
        numbers = [number for number, _ in run.counts]
        assert numbers == sorted(set(numbers)), f"seed {seed}"
