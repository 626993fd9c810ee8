"""Whether a probability means what it says: expected calibration error and the points of a reliability plot.

Over all windows of the clips: those on a sound of the class against all windows of negative clips, weighted
to the prior for which the probabilities are made (`training.calibrate.PRIOR`). In a street the prior is far
lower, and the same score means less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bench.detector import CLASSES
from training.bench.scoring import Scored
from training.bench.truth import Recording
from training.calibrate import PRIOR

BINS = 15


def calibration_figures(recordings: Sequence[Recording], scored: Scored) -> dict[str, Any]:
    """By class: error, and (mean score, share that is true, windows) of each filled bin."""
    figures = {}
    for column, label in enumerate(CLASSES):
        on, off = [], []
        for recording, scores in zip(recordings, scored.scores, strict=True):
            if recording.task == label:
                on.append(_during(recording, scores, scored.hop_s)[:, column])
            elif recording.task not in CLASSES:
                off.append(scores[:, column])
        if on and off:
            figures[label] = calibration_of(np.concatenate(on), np.concatenate(off), PRIOR)
    return figures


def calibration_of(on: NDArray[np.float32], off: NDArray[np.float32], prior: float) -> dict[str, Any]:
    """Error and bins of scores on the class and off it, weighted to a prior."""
    scores = np.concatenate([on, off]).astype(np.float64)
    truth = np.concatenate([np.ones(len(on)), np.zeros(len(off))])
    weight = np.where(truth > 0, prior / max(len(on), 1), (1.0 - prior) / max(len(off), 1))
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    mass = np.bincount(place, weight, BINS)
    stated = np.bincount(place, weight * scores, BINS)
    true = np.bincount(place, weight * truth, BINS)
    filled = mass > 0
    return {
        "prior": prior,
        "windows": [len(on), len(off)],
        "ece": round(float(np.abs(stated - true)[filled].sum() / mass.sum()), 4),
        "bins": [
            [round(float(stated[n] / mass[n]), 4), round(float(true[n] / mass[n]), 4)]
            for n in np.flatnonzero(filled)
        ],
    }


def _during(recording: Recording, scores: NDArray[np.float32], hop_s: float) -> NDArray[np.float32]:
    """The windows that end while the sound is on."""
    sound = recording.sounds[0]
    first = int(sound.onset_s / hop_s)
    return scores[first : max(int(np.ceil(sound.end_s / hop_s)), first + 1)]
