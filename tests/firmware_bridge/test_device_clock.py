"""Device clock against a truth with jitter, drift and loss; the state is asserted, not the wall clock."""

from __future__ import annotations

import random

import pytest

from firmware_bridge.device_clock import DeviceClock

RATE_HZ, HOP = 48_000, 6_000
HOP_S = HOP / RATE_HZ


class Sensor:
    """A sensor whose crystal is off by `drift`, behind a line with a fixed and a random delay."""

    def __init__(self, seed: int, drift: float, delay_s: float = 0.006, jitter_s: float = 0.010) -> None:
        self.rng = random.Random(seed)
        self.drift = drift
        self.delay_s = delay_s
        self.jitter_s = jitter_s
        self.boot_s = 1234.5

    def host_s(self, samples: float) -> float:
        return self.boot_s + samples / RATE_HZ * (1 + self.drift)

    def samples_at(self, host_s: float) -> int:
        return int((host_s - self.boot_s) / (1 + self.drift) * RATE_HZ)

    def truth_s(self, hop: int) -> float:
        return self.host_s((hop + 1) * HOP)

    def received_s(self, hop: int) -> float:
        return self.truth_s(hop) + self.delay_s + self.rng.random() * self.jitter_s


def run(sensor: Sensor, hops: int, *, loss: float = 0.0, exchange_every: int = 0) -> list[float]:
    """Errors of the estimate in seconds (positive: too late), one for each frame that came."""
    clock = DeviceClock(RATE_HZ, HOP)
    errors, received_s = [], 0.0
    for hop in range(hops):
        if sensor.rng.random() < loss:
            continue
        received_s = max(received_s, sensor.received_s(hop))
        if exchange_every and hop % exchange_every == 0:
            asked_s = received_s
            t2 = sensor.samples_at(asked_s + 0.002 + sensor.rng.random() * sensor.jitter_s)
            received_s = sensor.host_s(t2 + 50) + 0.001 + sensor.rng.random() * sensor.jitter_s
            assert clock.exchange(asked_s, t2, t2 + 48, received_s)
        errors.append(clock.end_of_hop_s(hop, received_s) - sensor.truth_s(hop))
    if exchange_every:
        bound_s = clock.state.bound_s
        assert bound_s is not None
        assert 0.0 <= bound_s <= 0.025
    return errors


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drift", [-100e-6, -50e-6, 0.0, 50e-6])
def test_error_after_a_minute_is_the_line_delay_and_a_little(seed: int, drift: float) -> None:
    """10 ms of jitter shrink to 3 ms at most; the fixed 6 ms cannot be seen one way."""
    errors = run(Sensor(seed, drift), 8 * 600, loss=0.01)[8 * 60 :]
    assert min(errors) >= 0.0
    assert max(errors) <= 0.006 + 0.003


@pytest.mark.parametrize("seed", range(5))
def test_exchanges_bound_the_error(seed: int) -> None:
    errors = run(Sensor(seed, 50e-6, delay_s=0.200), 8 * 300, loss=0.01, exchange_every=40)[8 * 60 :]
    assert max(map(abs, errors)) <= 0.010


def test_answers_never_go_back_and_never_lie_in_the_future() -> None:
    sensor = Sensor(9, -80e-6, jitter_s=0.3)
    clock = DeviceClock(RATE_HZ, HOP)
    latest_s, received_s = 0.0, 0.0
    for hop in range(2000):
        received_s = max(received_s, sensor.received_s(hop))
        end_s = clock.end_of_hop_s(hop, received_s)
        assert latest_s <= end_s <= received_s
        latest_s = end_s


def test_a_backlog_read_at_once_heals() -> None:
    """Frames that waited in a buffer all arrive together; the fresh ones soon correct the offset."""
    sensor = Sensor(4, 0.0)
    clock = DeviceClock(RATE_HZ, HOP)
    opened_s = sensor.truth_s(80)
    for hop in range(80):
        assert clock.end_of_hop_s(hop, opened_s) <= opened_s
    for hop in range(80, 96):
        end_s = clock.end_of_hop_s(hop, sensor.received_s(hop))
    assert abs(end_s - sensor.truth_s(95)) <= 0.016


def test_a_counter_that_stood_still_is_followed_after_some_seconds() -> None:
    sensor = Sensor(5, 0.0)
    clock = DeviceClock(RATE_HZ, HOP)
    for hop in range(100):
        clock.end_of_hop_s(hop, sensor.received_s(hop))
    sensor.boot_s += 2.0
    for hop in range(100, 190):
        end_s = clock.end_of_hop_s(hop, sensor.received_s(hop))
    assert abs(end_s - sensor.truth_s(189)) <= 0.016
    assert clock.state.steps == 1


def test_an_exchange_that_contradicts_itself_is_not_used() -> None:
    clock = DeviceClock(RATE_HZ, HOP)
    assert not clock.exchange(10.0, 48_000, 47_000, 10.1)
    assert not clock.exchange(10.0, 48_000, 96_000, 10.1)
    assert clock.state.exchanges == 0
    assert clock.state.bound_s is None


def test_a_later_exchange_that_disagrees_counts_once_a_second_of_arrivals_agrees() -> None:
    """The counter stood still. Until arrivals say so too, it may be the exchange that is wrong."""
    clock = DeviceClock(RATE_HZ, HOP)
    assert clock.exchange(10.0, 48_000, 48_000, 10.010)
    assert clock.end_of_hop_s(8, 10.130) == pytest.approx(10.130, abs=0.006)
    assert not clock.exchange(20.0, 60_000, 60_000, 20.004)
    for hop in range(9, 17):
        end_s = clock.end_of_hop_s(hop, 19.878 + (hop - 8) * HOP_S)
    assert clock.state.steps == 1
    assert clock.state.bound_s == pytest.approx(0.004, abs=0.001)
    assert end_s == pytest.approx(19.878 + 8 * HOP_S, abs=0.004)


def test_an_exchange_that_arrivals_refute_is_never_used() -> None:
    """A firmware that counts samples wrongly in its replies: as good as none."""
    for wrong_samples in (-480_000, -4_800, 480_000):
        sensor = Sensor(6, 50e-6)
        clock, alone = DeviceClock(RATE_HZ, HOP), DeviceClock(RATE_HZ, HOP)
        for hop in range(100, 900):
            received_s = sensor.received_s(hop)
            if hop > 108 and hop % 40 == 0:
                t2 = sensor.samples_at(received_s + 0.01) + wrong_samples
                assert not clock.exchange(received_s, t2, t2, received_s + 0.020)
            ends_s = clock.end_of_hop_s(hop, received_s + 0.020), alone.end_of_hop_s(hop, received_s + 0.020)
            assert ends_s[0] == ends_s[1]
        assert (clock.state.steps, clock.state.exchanges, clock.state.refused) == (0, 0, 20)


def test_a_stopped_process_that_reads_its_backlog_at_once_sees_no_step() -> None:
    """Stopped for a minute: the oldest nine seconds wait in the kernel, what came later is lost."""
    sensor = Sensor(8, 20e-6)
    clock = DeviceClock(RATE_HZ, HOP)
    for hop in range(800):
        clock.end_of_hop_s(hop, sensor.received_s(hop))
    woken_s = sensor.truth_s(800 + 480)
    for hop in range(800, 873):
        end_s = clock.end_of_hop_s(hop, woken_s)
        assert abs(end_s - sensor.truth_s(hop)) <= 0.010
        assert clock.error_s >= abs(end_s - sensor.truth_s(hop))
    for hop in range(1280, 1400):
        end_s = clock.end_of_hop_s(hop, sensor.received_s(hop))
        assert abs(end_s - sensor.truth_s(hop)) <= 0.010
    assert clock.state.steps == 0


def test_memory_is_bounded_by_the_window() -> None:
    sensor = Sensor(3, 30e-6)
    clock = DeviceClock(RATE_HZ, HOP)
    for hop in range(0, 8 * 4000, 3):
        received_s = sensor.received_s(hop)
        if hop % 9 == 0:
            t2 = sensor.samples_at(received_s - 0.005)
            clock.exchange(received_s - 0.010, t2, t2, received_s)
        clock.end_of_hop_s(hop, received_s)
    known = clock._known
    for limit in (known._features, known._replies, known._requests):
        assert 60 <= len(limit.points) <= 64
    assert len(known._recent) == 128


def test_a_sensor_that_is_silent_for_long_is_found_again_within_its_stated_error() -> None:
    sensor = Sensor(2, 90e-6)
    clock = DeviceClock(RATE_HZ, HOP)
    for hop in (*range(2400), *range(2400 + 8 * 3600, 4800 + 8 * 3600)):
        received_s = sensor.received_s(hop)
        if hop % 40 == 0:
            t2 = sensor.samples_at(received_s - 0.005)
            clock.exchange(received_s - 0.008, t2, t2, received_s - 0.002)
        end_s = clock.end_of_hop_s(hop, received_s)
        assert abs(end_s - sensor.truth_s(hop)) <= clock.error_s
    assert clock.state.steps == 0
