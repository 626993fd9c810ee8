"""The scanner finds every leak that is planted, and cries wolf at nothing that may be there."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from dsp.front_end import frames_of
from tests.privacy.scanner import trace_of
from tests.privacy.watermark import RATE_HZ, key, sound

CHIPS = key(12, seed=77)
NOISE = np.random.default_rng(1)


def levels_at(rate_hz: int) -> np.ndarray:
    """Level of the sound in dB, so many times a second."""
    samples = sound(CHIPS)
    block = RATE_HZ // rate_hz
    power = np.square(samples[: len(samples) // block * block]).reshape(-1, block).mean(axis=1)
    return np.asarray(10.0 * np.log10(power + 1e-9))


def random_bytes(count: int) -> bytes:
    return NOISE.integers(0, 256, count, dtype=np.uint8).tobytes()


def waveform(rate_hz: int) -> np.ndarray:
    return sound(CHIPS, rate_hz)


def records(values: np.ndarray, length: int, place: int) -> bytes:
    """One byte of level in each record of otherwise random bytes."""
    rows = NOISE.integers(0, 256, (len(values), length), dtype=np.uint8)
    rows[:, place] = np.clip(2.0 * (values + 124.0), 0, 255).astype(np.uint8)
    return rows.tobytes()


PLANTED: dict[str, Callable[[], bytes]] = {
    "samples of 16 bits": lambda: random_bytes(3001) + (waveform(16_000) * 32767).astype("<i2").tobytes(),
    "samples of 8 bits": lambda: (waveform(8_000) * 127 + 128).astype(np.uint8).tobytes(),
    "samples as floats": lambda: random_bytes(8) + waveform(16_000).astype("<f4").tobytes(),
    "samples in base64": lambda: json.dumps(
        {"note": base64.b64encode((waveform(8_000) * 32767).astype("<i2").tobytes()).decode()}
    ).encode(),
    "one level at 16 a second in records": lambda: records(levels_at(16), 34, 17),
    "one level at 20 a second in records": lambda: random_bytes(77) + records(levels_at(20), 41, 5),
    "levels at 32 a second in hexadecimal": lambda: b"debug: " + records(levels_at(32), 3, 1).hex().encode(),
    "levels at 40 a second in a log": lambda: "\n".join(
        f"INFO hop {number} level {value:.1f}" for number, value in enumerate(levels_at(40))
    ).encode(),
    "levels at 100 a second, compressed": lambda: b"AGT1" + zlib.compress(records(levels_at(100), 2, 0)),
    "seven seconds of samples only": lambda: (
        random_bytes(5000)
        + (waveform(16_000)[: 16_000 * 7] * 32767).astype("<i2").tobytes()
        + random_bytes(5000)
    ),
}


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_leak_is_found(leak: str) -> None:
    assert trace_of(PLANTED[leak](), CHIPS) is not None


def test_another_key_is_not_found() -> None:
    assert trace_of(PLANTED["levels at 40 a second in a log"](), key(12, seed=78)) is None


def test_noise_is_no_leak() -> None:
    assert trace_of(random_bytes(20_000), CHIPS) is None


def test_frames_eight_times_a_second_do_not_show_the_key() -> None:
    assert trace_of(frames_of(sound(CHIPS), RATE_HZ).tobytes(), CHIPS) is None
