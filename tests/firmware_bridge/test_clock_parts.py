"""The parts of the device clock: limits that age, the rate through the least delayed, when to ask."""

from __future__ import annotations

import math
import random

import pytest

from firmware_bridge.messages import TimeReply
from firmware_bridge.offset_limits import BLOCK_S, WINDOW_BLOCKS, OffsetLimit
from firmware_bridge.rate_fit import MOST_RATE, fit_rate
from firmware_bridge.time_asker import EAGER_EXCHANGES, TIME_EXCHANGE_S, TimeAsker


class TestOffsetLimit:
    def test_without_a_point_there_is_no_limit(self) -> None:
        limit = OffsetLimit()
        assert limit.at(100.0, 50e-6, 1e-4) == math.inf
        limit.refresh(100.0, 50e-6, 1e-4)
        assert limit.at(200.0, 50e-6, 1e-4) == math.inf

    def test_the_tightest_counts_and_ages_by_rate_and_slack(self) -> None:
        limit = OffsetLimit()
        for device_s, limit_s in ((0.0, 10.0), (1.0, 4.0), (2.0, 9.0)):
            limit.take(device_s, limit_s, 0.0, 0.0)
        assert limit.at(2.0, 0.0, 0.0) == 4.0
        assert limit.at(102.0, 50e-6, 10e-6) == pytest.approx(4.0 + 100 * 60e-6)

    def test_a_tighter_point_replaces_an_aged_one(self) -> None:
        limit = OffsetLimit()
        limit.take(0.0, 1.0, 0.0, 1e-3)
        limit.take(10.0, 1.009, 0.0, 1e-3)
        assert limit.at(10.0, 0.0, 1e-3) == 1.009
        limit.take(20.0, 1.020, 0.0, 1e-3)
        assert limit.at(20.0, 0.0, 1e-3) == pytest.approx(1.019)

    def test_it_equals_the_least_of_all_points_while_they_are_in_the_window(self) -> None:
        """Seeded: the running limit and the one drawn anew from blocks are the limit of all points."""
        rng = random.Random(5)
        rate, slack = 30e-6, 20e-6
        limit, points = OffsetLimit(), []
        for hop in range(1600):
            device_s = hop * 0.125
            points.append((device_s, rate * device_s + rng.uniform(0.0, 0.01)))
            if limit.take(*points[-1], rate, slack):
                limit.refresh(device_s, rate, slack)
            least_s = min(value + (rate + slack) * (device_s - then_s) for then_s, value in points)
            assert least_s <= limit.at(device_s, rate, slack) + 1e-12
            assert limit.at(device_s, rate, slack) <= least_s + slack * BLOCK_S + 1e-12

    def test_points_leave_the_window(self) -> None:
        limit = OffsetLimit()
        limit.take(0.0, -5.0, 0.0, 0.0)
        for block in range(1, 3 * WINDOW_BLOCKS):
            assert limit.take(block * BLOCK_S, 1.0, 0.0, 0.0)
            limit.refresh(block * BLOCK_S, 0.0, 0.0)
            assert len(limit.points) <= WINDOW_BLOCKS
        assert limit.at(3 * WINDOW_BLOCKS * BLOCK_S, 0.0, 0.0) == 1.0


class TestRateFit:
    @staticmethod
    def points(ppm: float, count: int, seed: int = 1, late_share: float = 0.0) -> list[tuple[float, float]]:
        rng = random.Random(seed)
        return [
            (
                4.0 * n,
                9.0
                + ppm * 1e-6 * 4.0 * n
                + rng.uniform(0.0, 0.0005)
                + (rng.uniform(0.05, 60.0) if rng.random() < late_share else 0.0),
            )
            for n in range(count)
        ]

    def test_too_few_or_too_close_say_nothing(self) -> None:
        assert fit_rate([]) is None
        assert fit_rate(self.points(50.0, 7)) is None
        assert fit_rate([(n * 0.1, 1.0) for n in range(20)]) is None

    @pytest.mark.parametrize("ppm", [-400.0, -50.0, 0.0, 50.0, 100.0])
    def test_the_rate_is_found_within_three_of_its_standard_errors(self, ppm: float) -> None:
        for seed in range(20):
            fit = fit_rate(self.points(ppm, 64, seed))
            assert fit is not None
            assert abs(fit.rate - ppm * 1e-6) <= 4.0 * fit.rate_sigma
            assert fit.rate_sigma <= 1e-6
            assert fit.residual_s <= 0.0003

    def test_a_quarter_that_came_seconds_late_does_not_bend_it(self) -> None:
        for seed in range(20):
            fit = fit_rate(self.points(50.0, 64, seed, late_share=0.25))
            assert fit is not None
            assert fit.rate == pytest.approx(50e-6, abs=3e-6)

    def test_a_rate_that_no_crystal_has_is_none(self) -> None:
        assert fit_rate(self.points(2e6 * MOST_RATE, 64)) is None


class TestTimeAsker:
    @staticmethod
    def asked(asker: TimeAsker, seconds: int, known: int = 0) -> list[int]:
        return [second for second in range(seconds) if asker.question(float(second), known) is not None]

    def test_a_sensor_that_never_answers_is_soon_asked_less_often(self) -> None:
        asker = TimeAsker()
        asker.begin(0.0)
        asked = self.asked(asker, 60)
        assert asked[: EAGER_EXCHANGES + 1] == list(range(EAGER_EXCHANGES + 1))
        assert {
            b - a for a, b in zip(asked[EAGER_EXCHANGES:], asked[EAGER_EXCHANGES + 1 :], strict=False)
        } == {5}

    def test_one_that_is_known_well_is_asked_every_five_seconds(self) -> None:
        asker = TimeAsker()
        asker.begin(0.0)
        assert self.asked(asker, 16, known=EAGER_EXCHANGES) == [0, 5, 10, 15]
        assert TIME_EXCHANGE_S == 5.0

    def test_only_the_open_question_can_be_answered_and_only_once(self) -> None:
        asker = TimeAsker()
        asker.begin(0.0)
        first, second = asker.question(0.5, 0), asker.question(1.5, 0)
        assert first is not None
        assert second is not None
        assert asker.asked_s(TimeReply(first.t1_us, 1, 1)) is None, "too late"
        assert asker.asked_s(TimeReply(second.t1_us, 1, 1)) == 1.5
        assert asker.asked_s(TimeReply(second.t1_us, 1, 1)) is None, "twice"

    def test_an_answer_for_a_sensor_that_is_gone_is_none(self) -> None:
        asker = TimeAsker()
        asker.begin(0.0)
        question = asker.question(0.0, 0)
        assert question is not None
        asker.forget()
        assert asker.asked_s(TimeReply(question.t1_us, 1, 1)) is None
