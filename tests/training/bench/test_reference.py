"""The bench's metrics against what `sed_scores_eval` and `sed_eval` computed (`training.bench.reference`)."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.bench.alarms import runs
from training.bench.curves import curve_of
from training.bench.matching import Counts, matched, total
from training.bench.reference import HOP_S, HOPS, made_up
from training.bench.truth import Recording, Sound

REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text(encoding="utf-8"))


def own_counts(threshold: float) -> Counts:
    counted = []
    for scores, events in made_up():
        alarms = [first * HOP_S for first, _ in runs(scores >= threshold, 1)]
        counted.append(matched([onset for onset, _ in events], alarms))
    return total(counted)


@pytest.mark.parametrize(("threshold", "hits", "false_alarms", "misses", "f1"), REFERENCE["collar"])
def test_counts_with_an_onset_collar(
    threshold: float, hits: float, false_alarms: float, misses: float, f1: float
) -> None:
    counts = own_counts(threshold)
    assert counts == Counts(hits, false_alarms, misses)
    assert counts.f1 == pytest.approx(f1)


@pytest.mark.parametrize(("threshold", "f1", "error_rate"), REFERENCE["sed_eval"])
def test_f1_and_error_rate(threshold: float, f1: float, error_rate: float) -> None:
    counts = own_counts(threshold)
    assert counts.f1 == pytest.approx(f1)
    assert counts.error_rate == pytest.approx(error_rate)


@pytest.mark.parametrize(("threshold", "found", "false_alarms"), REFERENCE["overlap"])
def test_curve_by_overlap(threshold: float, found: float, false_alarms: float) -> None:
    recordings, scores = [], []
    for number, (own, events) in enumerate(made_up()):
        sounds = tuple(Sound("shout", *event, f"e{number}", "made", "", "shout") for event in events)
        recordings.append(Recording(f"r{number}", HOPS * HOP_S, sounds, beds=(f"bed{number}",)))
        scores.append(own.astype(np.float32))
    grid = np.array([threshold])
    curve = curve_of("shout", recordings, scores, HOP_S, hold_s=HOP_S, late_s=0.0, thresholds=grid)
    events = len(curve.events)
    assert events - round(curve.miss_rate()[0] * events) == found
    assert curve.false_alarms.sum() == false_alarms
