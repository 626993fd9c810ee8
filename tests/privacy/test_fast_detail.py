"""The small leak test, of every run: a linear attacker learns to draw the 10 ms detail within a hop.

It needs nothing but numpy and babble made on the fly, so it runs with the other tests; the whole test, with a
network, a recogniser and real voices, is `training/leak`. What is guarded here: that the stream does not come
to tell more of what goes on within a hop, by a new scalar, a finer one, or more frames.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from dsp.layout import HOP_S
from tests.privacy.babble import RATE_HZ, babble
from training.leak.streams import WIRE, StreamKind, log_mel, pooled_kind, rows_of

LEARNT_FROM, ASKED_ABOUT = range(100, 106), range(200, 203)
SECONDS = 20.0
MEL_IN_HOP = 12
CONTEXT_S = 0.375
RIDGES = (3.0, 30.0, 300.0, 3000.0)
MOST_FROM_THE_STREAM = 0.34
"""Was 0.29 when this was written: neighbouring hops tell which way the spectrum moves."""
LEAST_FROM_THE_CONTROL = 0.5
CONTROL = pooled_kind(3)

Numbers = NDArray[np.float64]


def detail(samples: Numbers) -> Numbers:
    """Log mel of each hop without the hop's own mean spectrum, (hops, 12 * 16): four bands put together."""
    mel = log_mel(samples)
    mel = np.maximum(mel, mel.max() - 12.0).reshape(len(mel), -1, 4).mean(axis=2)
    hops = int(len(samples) / RATE_HZ / HOP_S)
    starts = np.rint(np.arange(hops) * HOP_S * 100.0).astype(int)
    of_hop = mel[np.minimum(starts[:, None] + np.arange(MEL_IN_HOP), len(mel) - 1)]
    return np.asarray((of_hop - of_hop.mean(axis=1, keepdims=True)).reshape(hops, -1))


def seen(kind: StreamKind, rows: NDArray[np.float32], hops: int) -> Numbers:
    """For each hop all rows from 0.375 s before its middle to 0.375 s after."""
    reach = round(CONTEXT_S / kind.period_s)
    padded = np.pad(rows, ((reach, reach + 1), (0, 0)), mode="edge").astype(np.float64)
    middles = np.floor((np.arange(hops) + 0.5) * HOP_S / kind.period_s).astype(int)
    taken = padded[np.minimum(middles[:, None] + np.arange(2 * reach + 1), len(padded) - 1)]
    return np.asarray(taken.reshape(hops, -1))


@cache
def material(kind: StreamKind, voice: int) -> tuple[Numbers, Numbers]:
    samples = babble(SECONDS, voice)
    wanted = detail(samples)
    return seen(kind, rows_of(kind, samples), len(wanted)), wanted


def explained(kind: StreamKind, *, shuffled: bool = False) -> float:
    """Share of the detail's variance that the best of some ridge regressions explains in other voices."""
    learnt = [material(kind, voice) for voice in LEARNT_FROM]
    asked = [material(kind, voice) for voice in ASKED_ABOUT]
    given, wanted = (np.concatenate(part) for part in zip(*learnt, strict=True))
    if shuffled:
        given = np.random.default_rng(0).permutation(given)
    mean, spread = given.mean(axis=0), given.std(axis=0) + 1e-6
    scaled = np.column_stack([(given - mean) / spread, np.ones(len(given))])
    test = np.concatenate([part[0] for part in asked])
    scaled_test = np.column_stack([(test - mean) / spread, np.ones(len(test))])
    truth = np.concatenate([part[1] for part in asked])
    shares = []
    for ridge in RIDGES:
        weights = np.linalg.solve(scaled.T @ scaled + ridge * np.eye(scaled.shape[1]), scaled.T @ wanted)
        shares.append(1.0 - np.square(truth - scaled_test @ weights).sum() / np.square(truth).sum())
    return float(max(shares))


def test_the_attack_works_on_a_stream_of_33_rows_a_second() -> None:
    assert explained(CONTROL) > LEAST_FROM_THE_CONTROL


def test_our_stream_tells_little_of_what_goes_on_within_a_hop() -> None:
    assert explained(WIRE) < MOST_FROM_THE_STREAM


def test_rows_of_other_moments_tell_nothing() -> None:
    assert explained(WIRE, shuffled=True) < 0.02
