"""How much faster than real time the front end is: `python -m tests.benchmarks.front_end_speed`."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from pathlib import Path

import numpy as np

from dsp.front_end import FrontEnd, frames_of

CLIP_S = 60.0


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _times_real_time(rate_hz: int, block_s: float | None, repeats: int) -> float:
    """Best of several runs, in processor time of this one thread."""
    wave = 0.1 * np.random.default_rng(1).standard_normal(round(CLIP_S * rate_hz))
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        if block_s is None:
            frames_of(wave, rate_hz)
        else:
            front_end, size = FrontEnd(rate_hz), round(block_s * rate_hz)
            for start in range(0, wave.size, size):
                front_end.process(wave[start : start + size])
        best = min(best, time.process_time() - started)
    return CLIP_S / best


def main() -> int:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print(
        f"front end, one core of {_processor()}, Python {platform.python_version()}, numpy {np.__version__}"
    )
    frames_of(np.zeros(6000))  # designs the filters, once per process
    for rate_hz in (48_000, 44_100, 16_000, 8_000):
        print(
            f"  {rate_hz:6d} Hz, whole clip      {_times_real_time(rate_hz, None, repeats):6.0f} x real time"
        )
    for block_s in (0.125, 0.02):
        speed = _times_real_time(48_000, block_s, repeats)
        print(f"   48000 Hz, blocks of {1000 * block_s:3.0f} ms {speed:6.0f} x real time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
