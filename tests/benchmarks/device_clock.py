"""How well event time is known, per kind of line: the sensor's clock as fitted, and as it was found before.

    python -m tests.benchmarks.device_clock [--seeds N] [--minutes M]

Each line is played with N seeds for M minutes. "first" are the first 30 s, "then" the rest; errors are
absolute, in ms, against the simulated truth. `covered`: share of answers no further off than the clock said
they might be; `stated`: median of what it said. `before`: the lowest arrival so far, let up by 100 ppm and
kept inside the last exchange, with no stated error.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from firmware_bridge.device_clock import DeviceClock
from tests.benchmarks.machine import processor
from tests.support.sensor_line import (
    HOP,
    HOP_S,
    RATE_HZ,
    Clock,
    Line,
    Pause,
    half_normal,
    play,
    steady,
    symmetric,
    uniform,
)

PLAIN = Line(steady(50.0), uniform(0.010))
FIRST_HOPS = round(30.0 / HOP_S)

# name -> line, and the baud rate that the gateway knows of it.
LINES: dict[str, tuple[Line, int | None]] = {
    "UART 115200, uniform 10 ms": (PLAIN, 115_200),
    "the same, baud unknown": (PLAIN, None),
    "half-normal 10 ms": (replace(PLAIN, jitter=half_normal(0.010)), 115_200),
    "normal 15 +- 5 ms": (replace(PLAIN, jitter=symmetric(0.015, 0.005)), 115_200),
    "USB, no delay but jitter": (replace(PLAIN, features_s=0.0, reply_s=0.0, request_s=0.0), 115_200),
    "UART 9600": (replace(PLAIN, features_s=0.0583, reply_s=0.0438, request_s=0.0271), 9_600),
    "features computed in 20 ms": (replace(PLAIN, features_s=0.026), 115_200),
    "sensor cannot hear": (replace(PLAIN, exchange_s=0.0), 115_200),
    "-50 ppm": (replace(PLAIN, drift=steady(-50.0)), 115_200),
    "100 ppm": (replace(PLAIN, drift=steady(100.0)), 115_200),
    "40 +- 10 ppm in 20 min": (
        replace(PLAIN, drift=lambda device_s: (40.0 + 10.0 * math.sin(device_s / 190.0)) * 1e-6),
        115_200,
    ),
    "1 ppm a minute": (replace(PLAIN, drift=lambda device_s: (device_s / 60.0 - 10.0) * 1e-6), 115_200),
    "10 % lost": (replace(PLAIN, loss=0.1), 115_200),
    "counter stood still 2 s at 100 s": (replace(PLAIN, pauses=(Pause(100.0, 2.0),)), 115_200),
    "host stood still 2 s at 100 s": (replace(PLAIN, pauses=(Pause(100.0, -2.0),)), 115_200),
}


class LowestArrival:
    """The clock before the fit, in short."""

    def __init__(self) -> None:
        self._offset_s = math.inf
        self._device_s = 0.0
        self._limits = (-math.inf, math.inf, 0.0)
        self._window_low_s, self._window_hops = math.inf, 0
        self._latest_s = -math.inf

    def end_of_hop_s(self, hop_index: int, received_s: float) -> float:
        device_s = (hop_index + 1) * HOP_S
        delay_s = received_s - device_s
        self._offset_s = min(self._offset_s + 1e-4 * (device_s - self._device_s), delay_s)
        self._device_s = device_s
        self._window_low_s = min(self._window_low_s, delay_s)
        self._window_hops += 1
        if self._window_hops == 40:
            if self._window_low_s > self._offset_s + 0.05:
                self._offset_s = self._window_low_s
            self._window_low_s, self._window_hops = math.inf, 0
        low_s, high_s = self._at(device_s)
        end_s = device_s + min(max(self._offset_s, low_s), high_s)
        self._latest_s = max(self._latest_s, min(end_s, received_s))
        return self._latest_s

    def exchange(self, t1_s: float, t2_samples: int, t3_samples: int, t4_s: float) -> bool:
        t2_s, t3_s = t2_samples / RATE_HZ, t3_samples / RATE_HZ
        low_s, high_s = t1_s - t2_s, t4_s - t3_s
        old_low_s, old_high_s = self._at(t3_s)
        if old_low_s <= high_s and low_s <= old_high_s:
            low_s, high_s = max(low_s, old_low_s), min(high_s, old_high_s)
        self._limits = (low_s, high_s, t3_s)
        return True

    def _at(self, device_s: float) -> tuple[float, float]:
        low_s, high_s, then_s = self._limits
        slack_s = 1e-4 * abs(device_s - then_s)
        return low_s - slack_s, high_s + slack_s


@dataclass
class Errors:
    """Of one clock on one line, in ms."""

    first: list[float]
    then: list[float]
    stated: list[float]
    covered: int
    took_s: float

    def row(self) -> str:
        figures = [percentile(self.first, 0.99), max(self.first)]
        figures += [percentile(self.then, share) for share in (0.5, 0.99)] + [max(self.then)]
        return " ".join(f"{figure:8.2f}" for figure in figures)

    def confidence(self) -> str:
        answers = len(self.first) + len(self.then)
        return f"{percentile(self.stated, 0.5):7.2f} {100.0 * self.covered / answers:8.3f} %"


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(line: Line, fitted: bool, baud: int | None, seeds: int, hops: int) -> Errors:
    errors = Errors([], [], [], 0, 0.0)
    for seed in range(seeds):
        clock: Clock = DeviceClock(RATE_HZ, HOP, baud) if fitted else LowestArrival()
        for answer in play(line, clock, hops, seed):
            off_s = abs(answer.wrong_s)
            (errors.first if answer.hop < FIRST_HOPS else errors.then).append(off_s * 1000.0)
            if isinstance(clock, DeviceClock):
                errors.stated.append(clock.error_s * 1000.0)
                errors.covered += off_s <= clock.error_s
    return errors


def cost_us(hops: int = 40_000) -> float:
    """Microseconds for one hop, its share of exchanges and fits included."""
    clock = DeviceClock(RATE_HZ, HOP, 115_200)
    received = [(hop + 1) * HOP_S + 0.006 + 0.010 * math.modf(hop * 0.618)[0] for hop in range(hops)]
    begun_s = time.process_time()
    for hop, received_s in enumerate(received):
        if hop % 40 == 0:
            samples = round((received_s - 0.005) * RATE_HZ)
            clock.exchange(received_s - 0.01, samples, samples, received_s)
        clock.end_of_hop_s(hop, received_s)
    return (time.process_time() - begun_s) / hops * 1e6


def report(seeds: int, minutes: float, out: TextIO) -> None:
    hops = round(minutes * 60.0 / HOP_S)
    print(f"{processor()}; {seeds} seeds of {minutes:g} minutes, errors in ms", file=out)
    head = f"{'':34}{'clock':>8} {'first p99':>9}{'max':>9}{'then p50':>9}{'p99':>9}{'max':>9}"
    print(f"{head}{'stated':>9}{'covered':>11}", file=out)
    for name, (line, baud) in LINES.items():
        for fitted in (False, True):
            errors = measure(line, fitted, baud, seeds, hops)
            confidence = errors.confidence() if fitted else ""
            print(f"{name:34}{'fitted' if fitted else 'before':>8} {errors.row()} {confidence}", file=out)
    one_us = cost_us()
    print(f"one hop: {one_us:.1f} us; 64 sensors: {one_us * 64 / HOP_S / 1e6:.2%} of a core", file=out)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=10.0)
    args = parser.parse_args(argv)
    report(args.seeds, args.minutes, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
