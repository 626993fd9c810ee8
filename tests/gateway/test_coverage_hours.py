"""Hours of coverage: each told once, no second twice, whatever the clock and the process do."""

from __future__ import annotations

import random

import pytest

from gateway.coverage_hours import GRACE_S, HOUR_S, MOST_DOWN_HOURS, FinishedHour, HourlyCoverage

H0 = 493_000
"""An hour since 1970; in these tests monotonic 0 is its begin unless said otherwise."""
ZERO_S = float(H0 * HOUR_S)


class Life:
    """A run with one sensor that is heard all the time; `utc_minus_s` may be moved."""

    def __init__(self, begun_s: float = 0.0, **past: object) -> None:
        self.hours = HourlyCoverage(("north", "deaf"), begun_s, **past)  # type: ignore[arg-type]
        self.now_s = begun_s
        self.utc_minus_s = ZERO_S
        self.told: list[FinishedHour] = []

    def run(self, until_s: float, *, heard: bool = True, synced: bool = True) -> Life:
        while self.now_s < until_s:
            if heard:
                self.hours.hear("north", int(self.now_s), 8)
            self.now_s += 1.0
            self.told += self.hours.finished(self.now_s, self.now_s + self.utc_minus_s, synced=synced)
        return self

    @property
    def found(self) -> list[tuple[int, float]]:
        return [(one.hour - H0, one.analysed_s["north"]) for one in self.told]


def test_an_hour_is_told_once_after_it_is_over() -> None:
    life = Life().run(HOUR_S + GRACE_S - 1.0)
    assert life.told == []
    life.run(2.5 * HOUR_S)
    assert life.found == [(0, 3600.0), (1, 3600.0)]
    assert life.told[0].analysed_s == {"north": 3600.0, "deaf": 0.0}
    assert life.told[0].sure
    assert life.told[0].begin_utc_s == ZERO_S


def test_a_run_that_begins_within_an_hour_tells_what_it_heard_of_it() -> None:
    assert Life(begun_s=1800.0).run(HOUR_S + 60.0).found == [(0, 1800.0)]


def test_silence_counts_for_nothing() -> None:
    life = Life().run(900.0).run(1800.0, heard=False).run(2 * HOUR_S + 60.0)
    assert life.found == [(0, 2700.0), (1, 3600.0)]


def test_hops_that_are_missing_are_missing() -> None:
    life = Life()
    for number in range(HOUR_S):
        life.hours.hear("north", number, 6)
    life.now_s = HOUR_S + 20.0
    assert life.run(HOUR_S + 30.0).found == [(0, 2700.0)]


def test_what_earlier_runs_heard_of_the_hour_is_in_it() -> None:
    life = Life(begun_s=1800.0, before={H0: {"north": 900.0}})
    assert life.run(HOUR_S + 60.0).found == [(0, 2700.0)]


def test_an_hour_never_has_more_than_its_seconds() -> None:
    life = Life(begun_s=600.0, before={H0: {"north": 3000.0}})
    assert life.run(HOUR_S + 60.0).found == [(0, 3600.0)]


def test_hours_that_ended_while_the_gateway_was_down_are_told_at_its_start() -> None:
    life = Life(
        begun_s=5 * HOUR_S + 60.0, before={H0: {"north": 3600.0}, H0 + 1: {"north": 1200.0}}, reported=[H0]
    )
    assert life.run(5 * HOUR_S + 90.0).found == [(1, 1200.0), (2, 0.0), (3, 0.0), (4, 0.0)]
    assert life.run(6 * HOUR_S + 60.0).found[4:] == [(5, 3540.0)]


def test_downtime_is_not_guessed_while_the_clock_is_not_set() -> None:
    life = Life(begun_s=5 * HOUR_S + 60.0, before={H0: {"north": 1200.0}})
    assert life.run(5 * HOUR_S + 70.0, synced=False).found == [(0, 1200.0)]
    assert [hour for hour, _ in life.run(5 * HOUR_S + 90.0).found] == [0, 1, 2, 3, 4]


def test_downtime_of_years_is_a_week_of_hours() -> None:
    life = Life(begun_s=9000 * HOUR_S + 60.0, before={H0: {"north": 1200.0}})
    life.run(9000 * HOUR_S + 90.0)
    assert len(life.told) == MOST_DOWN_HOURS + 1
    assert life.told[-1].hour == H0 + 8999


def test_labels_of_a_clock_that_was_not_set_make_an_hour_unsure_and_no_downtime() -> None:
    life = Life(begun_s=5 * HOUR_S + 60.0, before={100: {"north": 60.0}}, unsure=[100])
    life.run(5 * HOUR_S + 90.0)
    assert [(one.hour, one.sure) for one in life.told] == [(100, False)]


def test_what_was_reported_before_a_restart_is_not_told_again() -> None:
    life = Life(begun_s=HOUR_S + 30.0, before={H0: {"north": 3600.0}}, reported=[H0])
    assert life.run(2 * HOUR_S + 60.0).found == [(1, 3570.0)]


def test_a_clock_that_is_put_right_puts_right_what_was_not_told() -> None:
    """At the start the clock is two hours late; after ten minutes it is set."""
    life = Life()
    life.utc_minus_s = ZERO_S - 2 * HOUR_S
    life.run(600.0, synced=False)
    life.utc_minus_s = ZERO_S
    assert life.run(HOUR_S + 60.0).found == [(0, 3600.0)]


def test_a_jump_back_tells_no_hour_twice_and_counts_no_second_twice() -> None:
    life = Life().run(1.5 * HOUR_S)
    assert life.found == [(0, 3600.0)]
    life.utc_minus_s -= HOUR_S  # it is half past zero again
    life.run(2.0 * HOUR_S + 60.0)
    assert life.found == [(0, 3600.0)]
    life.run(3.0 * HOUR_S + 60.0)
    assert life.found == [(0, 3600.0), (1, 3600.0)]


def test_a_jump_ahead_by_years_tells_only_what_was_lived_through() -> None:
    life = Life().run(1800.0)
    life.utc_minus_s += 10 * 365 * 24 * HOUR_S
    life.run(1860.0)
    life.utc_minus_s = ZERO_S
    life.run(HOUR_S + 60.0)
    assert sum(seconds for _, seconds in life.found) <= HOUR_S
    assert life.found[-1][0] == 0


def test_a_small_step_over_the_border_loses_and_doubles_nothing() -> None:
    for step_s in (-2.0, -0.4, 0.4, 2.0):
        life = Life().run(HOUR_S + GRACE_S + 1.0)
        life.utc_minus_s += step_s
        life.run(2 * HOUR_S + GRACE_S + 5.0)
        assert [hour for hour, _ in life.found] == [0, 1]
        assert sum(seconds for _, seconds in life.found) == pytest.approx(2 * HOUR_S, abs=3.0)


def test_any_clock_keeps_the_promises() -> None:
    """Random jumps and restarts: no hour twice, at most 3600 s each, no more in all than was heard."""
    for seed in range(30):
        chance = random.Random(seed)
        reported: list[int] = []
        life = Life()
        heard_s = 0
        for _ in range(25):
            for _ in range(chance.randrange(1, 2000)):
                life.hours.hear("north", int(life.now_s), 8)
                heard_s += 1
                life.now_s += 1.0
            if chance.random() < 0.6:
                life.utc_minus_s += chance.choice((-1, 1)) * chance.choice((0.3, 7.0, 3600.0, 86_400.0, 3e8))
            life.told += life.hours.finished(
                life.now_s, life.now_s + life.utc_minus_s, synced=chance.random() < 0.8
            )
        reported = [one.hour for one in life.told]
        assert len(reported) == len(set(reported)), f"seed {seed}"
        assert all(0.0 <= one.analysed_s["north"] <= HOUR_S for one in life.told), f"seed {seed}"
        assert sum(one.analysed_s["north"] for one in life.told) <= heard_s, f"seed {seed}"


def test_a_clock_that_stands_still_in_its_hour_needs_no_more_memory_than_two_hours() -> None:
    hours = HourlyCoverage(("north",), 0.0)
    for number in range(0, 40 * HOUR_S):
        hours.hear("north", number, 8)
    (told,) = hours.finished(40 * HOUR_S, ZERO_S + HOUR_S + 60.0, synced=True)[-1:]
    assert told.analysed_s["north"] <= HOUR_S


def test_a_sensor_that_nobody_knows_is_passed_over() -> None:
    life = Life()
    life.hours.hear("elsewhere", 5, 8)
    assert set(life.run(HOUR_S + 60.0).told[0].analysed_s) == {"north", "deaf"}
