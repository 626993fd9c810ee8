"""A sensor's crystal and its line, with the truth that a device clock is to find.

Everything is seeded. Device seconds are the sensor's own; the host's clock is true.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.time_asker import EAGER_EXCHANGE_S, EAGER_EXCHANGES

RATE_HZ, HOP = 48_000, 6_000
HOP_S = HOP / RATE_HZ

Jitter = Callable[[random.Random], float]
"""Draws one delay in seconds, never negative."""


class Clock(Protocol):
    def end_of_hop_s(self, hop_index: int, received_s: float) -> float: ...
    def exchange(self, t1_s: float, t2_samples: int, t3_samples: int, t4_s: float) -> bool: ...


def uniform(most_s: float) -> Jitter:
    return lambda rng: rng.uniform(0.0, most_s)


def half_normal(sigma_s: float) -> Jitter:
    return lambda rng: abs(rng.gauss(0.0, sigma_s))


def symmetric(middle_s: float, sigma_s: float) -> Jitter:
    """Around a middle, as the sum of many small causes; there is no least delay."""
    return lambda rng: max(0.0, rng.gauss(middle_s, sigma_s))


@dataclass(frozen=True)
class Pause:
    """At device second `at_s` the sensor's counter stood still for `for_s` of the host's seconds.

    Negative: the host's clock stood still for so many of the sensor's.
    """

    at_s: float
    for_s: float


@dataclass(frozen=True)
class Line:
    """drift(device_s): host seconds per device second less one. *_s: fixed delays, transmission included.

    exchange_s: between exchanges, 0 for none; the first ten come every second, as the link asks.
    """

    drift: Callable[[float], float]
    jitter: Jitter
    features_s: float = 0.006
    reply_s: float = 0.004
    request_s: float = 0.003
    loss: float = 0.01
    exchange_s: float = 5.0
    pauses: tuple[Pause, ...] = ()


def steady(ppm: float) -> Callable[[float], float]:
    return lambda _device_s: ppm * 1e-6


@dataclass(frozen=True)
class Answer:
    """What the clock said of one hop. end_s, truth_s: host seconds."""

    hop: int
    end_s: float
    truth_s: float
    received_s: float

    @property
    def wrong_s(self) -> float:
        """Positive: too late."""
        return self.end_s - self.truth_s


def play(line: Line, clock: Clock, hops: int, seed: int, boot_s: float = 1234.5) -> Iterator[Answer]:
    """Hop by hop, with the exchanges that fall in between; lost frames are lost both ways."""
    rng = random.Random(seed)
    host_s, device_s, received_s = boot_s, 0.0, 0.0
    pauses = list(line.pauses)
    exchange_due_s, frozen_until_s, asked = 0.0, 0.0, 0
    for hop in range(hops):
        rate = 1.0 + line.drift(device_s)
        host_s += rate * HOP_S if device_s >= frozen_until_s else 0.0
        device_s += HOP_S
        if pauses and device_s >= pauses[0].at_s:
            stood_s = pauses.pop(0).for_s
            host_s += max(0.0, stood_s)
            frozen_until_s = device_s - min(0.0, stood_s)
        if line.exchange_s and device_s >= exchange_due_s:
            asked += 1
            exchange_due_s = device_s + (EAGER_EXCHANGE_S if asked <= EAGER_EXCHANGES else line.exchange_s)
            if rng.random() >= line.loss:
                _exchange(line, clock, rng, host_s - rng.uniform(0.01, 0.1), host_s, device_s, rate)
        if rng.random() >= line.loss:
            received_s = max(received_s, host_s + line.features_s + line.jitter(rng))
            yield Answer(hop, clock.end_of_hop_s(hop, received_s), host_s, received_s)


def _exchange(
    line: Line, clock: Clock, rng: random.Random, t1_s: float, hop_s: float, device_s: float, rate: float
) -> None:
    """Asked at t1, between two hops; the delays of both ways are drawn anew."""
    heard_s = t1_s + line.request_s + line.jitter(rng)
    t2 = int((device_s + (heard_s - hop_s) / rate) * RATE_HZ)
    t3 = t2 + 48
    told_s = hop_s + (t3 / RATE_HZ - device_s) * rate
    clock.exchange(t1_s, t2, t3, told_s + line.reply_s + line.jitter(rng))
