"""Event time against the truth: within 5 ms at 50 ppm, 10 ms of jitter and 1 % loss, and as sure as it says.

Every case is played with many seeds; figures of more of them: `python -m tests.benchmarks.device_clock`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from firmware_bridge.device_clock import ClockState, DeviceClock
from tests.support.sensor_line import (
    HOP,
    RATE_HZ,
    Answer,
    Line,
    Pause,
    half_normal,
    play,
    steady,
    symmetric,
    uniform,
)

SECOND, MINUTE = 8, 8 * 60
PLAIN = Line(steady(50.0), uniform(0.010))
GOAL_S = 0.005


@dataclass(frozen=True)
class Stated:
    """One answer, and how far off the clock said it might be."""

    answer: Answer
    error_s: float

    @property
    def holds(self) -> bool:
        return abs(self.answer.wrong_s) <= self.error_s


def stated(line: Line, hops: int, seed: int, baud: int | None = None) -> tuple[list[Stated], ClockState]:
    clock = DeviceClock(RATE_HZ, HOP, baud)
    answers = [Stated(answer, clock.error_s) for answer in play(line, clock, hops, seed)]
    return answers, clock.state


def share_within(answers: list[Stated], limit_s: float) -> float:
    return sum(abs(one.answer.wrong_s) <= limit_s for one in answers) / len(answers)


def share_that_holds(answers: list[Stated]) -> float:
    return sum(one.holds for one in answers) / len(answers)


LINES = {
    "50 ppm slow": PLAIN,
    "50 ppm fast": replace(PLAIN, drift=steady(-50.0)),
    "100 ppm": replace(PLAIN, drift=steady(100.0)),
    "half-normal jitter": replace(PLAIN, jitter=half_normal(0.010)),
    "no delay but jitter": replace(PLAIN, features_s=0.0, reply_s=0.0, request_s=0.0),
    "20 ms until features are computed": replace(PLAIN, features_s=0.026),
    "a tenth lost": replace(PLAIN, loss=0.1),
    "the sun comes and goes": replace(
        PLAIN, drift=lambda device_s: (40.0 + 10.0 * math.sin(device_s / 190.0)) * 1e-6
    ),
    "a sensor that warms up": replace(PLAIN, drift=lambda device_s: (device_s / 60.0 - 50.0) * 1e-6),
}


@pytest.mark.parametrize("baud", [None, 115_200])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_event_time_is_within_five_milliseconds(line: Line, baud: int | None) -> None:
    warm: list[Stated] = []
    settled: list[Stated] = []
    for seed in range(8):
        answers, state = stated(line, 8 * MINUTE, seed, baud)
        assert state.steps == 0
        warm += [one for one in answers if one.answer.hop < 30 * SECOND]
        settled += [one for one in answers if one.answer.hop >= 30 * SECOND]
    assert max(abs(one.answer.wrong_s) for one in settled) <= GOAL_S
    assert share_within(settled, 0.002) >= 0.99
    assert share_within(warm, GOAL_S) >= 0.99
    assert share_that_holds(warm) == share_that_holds(settled) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_a_fixed_delay_of_the_line_is_seen_by_exchanges(seed: int) -> None:
    """6 ms until features are there, with 10 ms of jitter on top: one way they look like the hop's end."""
    with_exchanges, _ = stated(PLAIN, 5 * MINUTE, seed)
    assert max(abs(one.answer.wrong_s) for one in with_exchanges[30 * SECOND :]) <= 0.003
    without, _ = stated(replace(PLAIN, exchange_s=0.0), 5 * MINUTE, seed)
    assert all(0.005 <= one.answer.wrong_s <= 0.009 for one in without[30 * SECOND :])
    assert share_that_holds(without) == 1.0, "the stated error says so"


def test_jitter_around_a_middle_is_the_hardest() -> None:
    """The sum of many causes has no least delay; nine in ten are still within 3 ms."""
    settled: list[Stated] = []
    for seed in range(8):
        answers, _ = stated(replace(PLAIN, jitter=symmetric(0.015, 0.005)), 8 * MINUTE, seed)
        assert share_that_holds(answers) == 1.0
        settled += answers[30 * SECOND :]
    assert share_within(settled, GOAL_S) >= 0.99
    assert share_within(settled, 0.003) >= 0.9


def test_a_slow_line_is_known_by_its_baud_rate() -> None:
    """At 9600 baud features take 58 ms, a reply 44 ms, a request 27 ms."""
    line = replace(PLAIN, features_s=0.0583, reply_s=0.0438, request_s=0.0271)
    answers, _ = stated(line, 5 * MINUTE, 1, baud=9600)
    assert share_within(answers[30 * SECOND :], 0.003) >= 0.99
    assert share_that_holds(answers) == 1.0


def test_a_usb_device_is_faster_than_its_baud_rate_says() -> None:
    line = replace(PLAIN, features_s=0.001, reply_s=0.0005, request_s=0.0005)
    for baud in (9600, 115_200):
        answers, _ = stated(line, 5 * MINUTE, 2, baud=baud)
        assert share_within(answers[60 * SECOND :], 0.003) >= 0.99
        assert share_that_holds(answers) == 1.0


@pytest.mark.parametrize("ppm", [-90.0, -50.0, 0.0, 50.0])
def test_the_rate_is_found_and_said(ppm: float) -> None:
    line = replace(PLAIN, drift=steady(ppm))
    assert stated(line, 20 * SECOND, 1)[1].rate_ppm is None
    _, state = stated(line, 6 * MINUTE, 1)
    assert state.rate_ppm == pytest.approx(ppm, abs=1.0)
    assert state.residual_s is not None
    assert state.residual_s <= 0.001
    assert state.error_s is not None
    assert state.error_s <= 0.006


def test_answers_never_go_back_nor_lie_in_the_future() -> None:
    pauses = (Pause(60.0, -3.0), Pause(120.0, 2.0), Pause(150.0, -0.4))
    for seed in range(5):
        answers, _ = stated(replace(PLAIN, pauses=pauses), 4 * MINUTE, seed)
        assert all(a.answer.end_s <= b.answer.end_s for a, b in pairwise(answers))
        assert all(one.answer.end_s <= one.answer.received_s for one in answers)


class TestSteps:
    """The counter stood still, or the host did: known again, and until then the stated error says so."""

    @pytest.mark.parametrize("for_s", [0.06, 0.5, 2.0, 3600.0])
    def test_a_counter_that_stood_still(self, for_s: float) -> None:
        answers, state = stated(replace(PLAIN, pauses=(Pause(100.0, for_s),)), 4 * MINUTE, 3)
        assert state.steps == 1
        assert max(abs(one.answer.wrong_s) for one in answers[107 * SECOND :]) <= GOAL_S
        assert share_that_holds(answers) >= 0.995

    def test_without_exchanges_it_takes_as_long(self) -> None:
        answers, state = stated(replace(PLAIN, exchange_s=0.0, pauses=(Pause(100.0, 2.0),)), 3 * MINUTE, 3)
        assert state.steps == 1
        assert max(abs(one.answer.wrong_s) for one in answers[107 * SECOND :]) <= 0.009
        assert share_that_holds(answers) == 1.0

    def test_a_small_step_is_seen_by_the_next_exchange(self) -> None:
        answers, state = stated(replace(PLAIN, pauses=(Pause(100.0, 0.030),)), 3 * MINUTE, 4)
        assert state.steps == 1
        assert max(abs(one.answer.wrong_s) for one in answers[107 * SECOND :]) <= GOAL_S

    @pytest.mark.parametrize("for_s", [-0.2, -2.0, -600.0])
    def test_a_host_that_stood_still(self, for_s: float) -> None:
        line = replace(PLAIN, pauses=(Pause(100.0, for_s),))
        answers, state = stated(line, round(4 * MINUTE - for_s * SECOND), 3)
        assert state.steps >= 1
        after = [one for one in answers if one.answer.hop >= (107.0 - for_s) * SECOND]
        assert max(abs(one.answer.wrong_s) for one in after) <= GOAL_S
        assert share_that_holds(answers) >= 0.99
