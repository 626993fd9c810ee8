"""A-weighted levels of stretches of sound, and where inside a clip its sound is.

Levels are dB re a full-scale sine (AES17), as everywhere in this repository; plus the full scale they are
dB SPL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from dsp.levels import FULL_SCALE_MEAN_SQUARE
from dsp.weighting import design_goal_db
from training.bench.detector import RATE_HZ

Samples = NDArray[np.float64]

BLOCK = RATE_HZ // 50
_LOWEST = 1e-14


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A cut piece of a clip: its samples, and the active part of its sound in samples [onset, end)."""

    samples: Samples
    onset: int
    end: int


def a_weighted(samples: Samples) -> Samples:
    """The samples after A weighting, of the same length."""
    length = next_fast_len(max(len(samples), 1) + RATE_HZ // 10, real=True)
    hz = np.fft.rfftfreq(length, 1.0 / RATE_HZ)
    gain = 10.0 ** (design_goal_db("A", np.maximum(hz, 1.0)) / 20.0)
    gain[0] = 0.0
    return np.asarray(irfft(rfft(samples, length) * gain, length)[: len(samples)])


def level_db(samples: Samples) -> float:
    """Level of a whole stretch without weighting; never -inf."""
    mean_square = float(np.mean(np.square(samples))) if len(samples) else 0.0
    return float(10.0 * np.log10(max(mean_square, _LOWEST) / FULL_SCALE_MEAN_SQUARE))


def laeq_db(samples: Samples) -> float:
    """A-weighted level of a whole stretch; never -inf."""
    return level_db(a_weighted(samples))


def block_levels_db(samples: Samples) -> Samples:
    """A-weighted level of each whole 20 ms block (of all where there is none), shape (blocks,)."""
    squares = np.square(a_weighted(samples))
    count = len(samples) // BLOCK
    if count == 0:
        squares = np.mean(squares, keepdims=True) if len(squares) else np.zeros(1)
    else:
        squares = np.mean(squares[: count * BLOCK].reshape(count, BLOCK), axis=1)
    return np.asarray(10.0 * np.log10(np.maximum(squares, _LOWEST) / FULL_SCALE_MEAN_SQUARE))


def active_bout(levels_db: Samples, below_loudest_db: float, gap_s: float) -> tuple[int, int]:
    """First and one past the last block of the bout that holds the loudest block.

    Active are blocks at most below_loudest_db under the loudest; pauses up to gap_s do not end a bout.
    """
    active = np.flatnonzero(levels_db >= levels_db.max() - below_loudest_db)
    bouts = np.split(active, np.flatnonzero(np.diff(active) > gap_s * RATE_HZ / BLOCK) + 1)
    loudest = int(np.argmax(levels_db))
    bout = next(bout for bout in bouts if bout[0] <= loudest <= bout[-1])
    return int(bout[0]), int(bout[-1]) + 1


def cut_event(samples: Samples, below_loudest_db: float, longest_s: float) -> Excerpt:
    """The bout of a clip that holds its loudest moment, at most `longest_s` from where it becomes loud."""
    first, last = active_bout(block_levels_db(samples), below_loudest_db, gap_s=0.5)
    last = min(last, first + round(longest_s * RATE_HZ / BLOCK))
    lead, tail = RATE_HZ // 50, RATE_HZ // 5
    begin, stop = max(first * BLOCK - lead, 0), min(last * BLOCK + tail, len(samples))
    piece = samples[begin:stop].copy()
    onset = first * BLOCK - begin
    end = min(max(last * BLOCK - begin, onset + 1), len(piece))
    _fade(piece, min(onset, RATE_HZ // 200), max(len(piece) - end, RATE_HZ // 100))
    return Excerpt(piece, onset, end)


def faded(samples: Samples, seconds: float) -> Samples:
    """A copy that comes up and goes down over `seconds`."""
    piece = samples.copy()
    _fade(piece, round(seconds * RATE_HZ), round(seconds * RATE_HZ))
    return piece


def _fade(piece: Samples, samples_in: int, samples_out: int) -> None:
    samples_in, samples_out = min(samples_in, len(piece) // 2), min(samples_out, len(piece) // 2)
    piece[:samples_in] *= np.linspace(0.0, 1.0, samples_in, endpoint=False)
    if samples_out:
        piece[-samples_out:] *= np.linspace(1.0, 0.0, samples_out)
