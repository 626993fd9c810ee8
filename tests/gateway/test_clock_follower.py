"""How good UTC is said to be, sample by sample: synced, held over, lost, set by hand, slewed."""

from __future__ import annotations

import random

import pytest

from gateway.clock_follower import ClockFollower, ClockSample, KernelClock
from gateway.contract.vocabulary import ClockState

ZERO_S = 1_798_761_000.0
YEAR_S = 365.25 * 86_400.0
GOOD = KernelClock(synchronised=True, max_error_s=0.008, estimate_s=0.001)
LOST = KernelClock(synchronised=False, max_error_s=16.0)
SYNCED, HOLDOVER, UNSYNCED = ClockState.SYNCED, ClockState.HOLDOVER, ClockState.UNSYNCED


def at(now_s: float, kernel: KernelClock | None = LOST, wrong_by_s: float = 0.0) -> ClockSample:
    return ClockSample(now_s, ZERO_S + now_s + wrong_by_s, kernel)


def follow(*samples: ClockSample) -> ClockFollower:
    follower = ClockFollower()
    for sample in samples:
        follower.take(sample)
    return follower


def offset_s(follower: ClockFollower, now_s: float) -> float:
    known = follower.known("boot", now_s)
    assert known is not None
    return known.offset_s - ZERO_S


def since_s(follower: ClockFollower) -> float | None:
    known = follower.known("boot", 0.0)
    assert known is not None
    return known.since_s


def test_before_the_first_sample_nothing_is_known() -> None:
    follower = ClockFollower()
    assert follower.state is UNSYNCED
    assert follower.known("boot", 0.0) is None
    assert follower.error_s(0.0) is None


@pytest.mark.parametrize("kernel", [None, LOST])
def test_a_clock_of_which_nobody_knows_is_unsynced(kernel: KernelClock | None) -> None:
    follower = follow(at(0.0, kernel), at(100.0, kernel))
    assert (follower.state, follower.error_s(100.0)) == (UNSYNCED, None)


def test_synced_says_the_kernels_bound() -> None:
    follower = follow(at(50.0, GOOD))
    assert (follower.state, follower.error_s(50.0)) == (SYNCED, 0.008)


def test_a_service_that_claims_to_know_no_error_is_not_taken_at_its_word() -> None:
    follower = follow(at(50.0, KernelClock(synchronised=True, max_error_s=0.0)))
    assert follower.error_s(50.0) == 0.025


def test_between_two_answers_the_error_grows_as_crystals_do_and_not_as_the_kernel_fears() -> None:
    """34 minutes between two answers: the kernel's bound grows to a second."""
    follower = ClockFollower()
    for now_s in range(0, 2049, 8):
        follower.take(at(now_s, KernelClock(True, 500e-6 * now_s)))
    assert follower.state is SYNCED
    assert follower.error_s(2048.0) == pytest.approx(0.025 + 0.2048, abs=0.005)
    follower.take(at(2049.0, KernelClock(True, 0.0)))
    assert follower.error_s(2049.0) == 0.025


def test_a_wider_bound_that_waiting_does_not_explain_is_believed() -> None:
    follower = follow(at(0.0, GOOD), at(64.0, KernelClock(True, 0.240, 0.05)))
    assert follower.error_s(64.0) == pytest.approx(0.240)


def test_holdover_begins_where_sync_ended_and_its_error_grows() -> None:
    follower = follow(at(0.0, GOOD), at(1000.0, LOST))
    assert follower.state is HOLDOVER
    assert follower.error_s(1000.0) == pytest.approx(0.008 + 0.1)
    assert follower.error_s(86_400.0) == pytest.approx(0.008 + 8.64)
    follower.take(at(90_000.0, GOOD))
    assert (follower.state, follower.error_s(90_000.0)) == (SYNCED, 0.008)
    assert since_s(follower) == 90_000.0


def test_a_service_that_died_without_a_word_is_holdover_after_an_hour() -> None:
    """The kernel itself goes on calling that synchronised for nine hours."""
    follower = ClockFollower()
    states = []
    for now_s in range(0, 9 * 3600, 60):
        follower.take(at(now_s, KernelClock(True, 0.005 + 500e-6 * now_s, 0.001)))
        states.append(follower.state)
    assert states == [SYNCED] * 67 + [HOLDOVER] * (9 * 60 - 67)
    assert follower.error_s(9 * 3600) == pytest.approx(0.005 + 1e-4 * 9 * 3600)


def test_a_process_that_starts_after_the_service_died_says_holdover() -> None:
    follower = follow(at(30_000.0, KernelClock(True, 9.0, 0.001)))
    assert (follower.state, follower.error_s(30_000.0)) == (HOLDOVER, 9.0)


@pytest.mark.parametrize("jump_s", [-10 * YEAR_S, 10 * YEAR_S, 14 * 86_400.0, 3600.0, -1.0, 0.006])
def test_utc_that_was_set_ends_holdover_unless_the_kernel_vouches_for_it(jump_s: float) -> None:
    by_hand = follow(at(0.0, GOOD), at(60.0), at(120.0, LOST, jump_s))
    assert (by_hand.state, by_hand.error_s(120.0), by_hand.steps) == (UNSYNCED, None, 1)
    assert offset_s(by_hand, 120.0) == pytest.approx(jump_s, abs=1e-6)

    put_right = follow(at(0.0, GOOD), at(60.0), at(120.0, GOOD, jump_s))
    assert (put_right.state, put_right.error_s(120.0), put_right.steps) == (SYNCED, 0.008, 1)
    assert since_s(put_right) == 120.0


def test_a_boot_with_a_clock_of_two_weeks_ago_that_finds_time() -> None:
    wrong_by_s = -14 * 86_400.0
    follower = follow(at(5.0, LOST, wrong_by_s), at(600.0, LOST, wrong_by_s), at(602.0, GOOD))
    assert (follower.state, follower.steps, since_s(follower)) == (SYNCED, 1, 602.0)
    assert offset_s(follower, 602.0) == pytest.approx(0.0, abs=1e-6)


def test_small_differences_of_reading_are_no_steps_and_do_not_add_up_unseen() -> None:
    rng = random.Random(7)
    follower = ClockFollower()
    for now_s in range(5000):
        follower.take(at(now_s, GOOD, rng.uniform(-0.002, 0.002)))
    assert follower.steps == 0
    for now_s in range(5000, 5020):
        follower.take(at(now_s, GOOD, (now_s - 5000) * 0.001))
    assert follower.steps > 0
    assert offset_s(follower, 5020.0) == pytest.approx(0.019, abs=0.006)


def test_what_is_still_to_be_slewed_is_error_and_a_correction_of_the_time_before() -> None:
    """The clock was 0.3 s behind; the service slews it, which moves monotonic time along."""
    follower = follow(at(0.0), at(100.0, KernelClock(True, 0.008, 0.001, left_s=0.3)))
    assert follower.error_s(100.0) == pytest.approx(0.308)
    assert offset_s(follower, 100.0) == pytest.approx(0.3)
    follower.take(at(700.0, KernelClock(True, 0.008, 0.001, left_s=0.0)))
    assert follower.error_s(700.0) == pytest.approx(0.008)
    assert offset_s(follower, 700.0) == pytest.approx(0.3), "still, for what was made before second 100"
    assert since_s(follower) == 100.0


def test_a_slew_that_a_new_process_finds_going_on_corrects_nothing() -> None:
    follower = follow(at(100.0, KernelClock(True, 0.008, 0.001, left_s=0.3)))
    assert offset_s(follower, 100.0) == 0.0


def test_the_stated_error_holds_in_random_lives_of_a_clock() -> None:
    """Seeded: a free crystal within 50 ppm, a service that comes, goes and steps; nobody else sets UTC."""
    for seed in range(200):
        rng = random.Random(seed)
        follower, now_s, off_s, synced = ClockFollower(), 0.0, rng.uniform(-1e7, 1e7), False
        rate = rng.uniform(-50e-6, 50e-6)
        bound_s = 0.0
        for _ in range(300):
            passed_s = rng.choice((2.0, 10.0, 64.0, 600.0))
            now_s += passed_s
            if not synced or rng.random() < 0.3:
                synced = rng.random() < 0.6
            if synced:
                error_s, bound_s = rng.uniform(-0.005, 0.005), 0.006
                off_s = error_s if abs(error_s - off_s) > 0.128 or rng.random() < 0.5 else off_s
                bound_s = max(bound_s, abs(off_s))
                kernel = KernelClock(True, bound_s, 0.001)
            else:
                off_s += rate * passed_s
                kernel = KernelClock(False, 16.0)
            follower.take(ClockSample(now_s, ZERO_S + now_s + off_s, kernel))
            stated_s = follower.error_s(now_s)
            assert (stated_s is None) == (follower.state is UNSYNCED)
            if stated_s is not None:
                assert abs(off_s) <= stated_s + 1e-9, (seed, now_s)
