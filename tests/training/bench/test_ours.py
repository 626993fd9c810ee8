"""Our detector is the gateway's replay: the same sound file gives the same scores and alerts."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from dsp.front_end import frames_of
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file
from training.bench.detector import CLASSES, RATE_HZ
from training.bench.ours import load
from training.bench.sensor import FULL_SCALE_DB, to_float

LENGTH_S = 12


@pytest.mark.parametrize("seed", [1, 2])
def test_as_replay_does(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sound = 0.0005 * rng.standard_normal(LENGTH_S * RATE_HZ)
    for at_s in (4.0, 8.0):
        start = int(at_s * RATE_HZ)
        bang = 0.5 * rng.standard_normal(RATE_HZ) * np.exp(-np.arange(RATE_HZ) / (0.04 * RATE_HZ))
        sound[start : start + RATE_HZ] += bang
    codes = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
    path = tmp_path / "sound.wav"
    soundfile.write(path, to_float(codes), RATE_HZ, subtype="FLOAT")
    detector = load("default")
    hearing = detector.hear(frames_of(to_float(codes).astype(np.float64), RATE_HZ), FULL_SCALE_DB)
    steps = list(replay_file(path, ReplaySetup(detector.classifier, detector.rules, FULL_SCALE_DB)))
    scores = [[s.scores.by_label[c] for c in CLASSES] for s in steps if isinstance(s, Analysis) and s.scores]
    assert np.array_equal(hearing.scores, np.array(scores, dtype=np.float32))
    raised = {(s.event_class, s.onset_s, s.raised_s) for s in steps if not isinstance(s, Analysis)}
    assert {(a.label, a.onset_s, a.raised_s) for a in hearing.alerts} == raised
    assert np.array_equal(detector.score(to_float(codes), FULL_SCALE_DB), hearing.scores)
