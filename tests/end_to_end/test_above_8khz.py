"""What no training sound had, a live sensor hears: sound above 8 kHz. It raises nothing and changes no band.

`python -m training.above_8khz` measures on real recordings what such sound costs (training/ABOVE_8KHZ.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from dsp.model_input import BANDS_USED
from firmware_bridge.simulator.library import load_sounds
from gateway.features import codes_of
from gateway.model_setup import SUPPLIED, choose_model
from gateway.replay import ReplaySetup
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force

CAPTURES = Path(__file__).resolve().parents[2] / "config" / "captures"
RATE_HZ = 48_000
FULL_SCALE_DB = 120.0


@pytest.fixture(scope="module", params=sorted(SUPPLIED))
def setup(request: pytest.FixtureRequest) -> ReplaySetup:
    model = choose_model(request.param)
    assert model.problem is None, model.problem
    return ReplaySetup(model.classifier, rules_in_force(DecisionSettings(), model.thresholds))


def heard(setup: ReplaySetup, frames: np.ndarray) -> list[tuple[dict[str, float], tuple]]:
    """Scores and decisions of each hop."""
    pipeline = setup.pipeline(FULL_SCALE_DB)
    steps = [pipeline.hear(frame, (hop + 1) * HOP_S) for hop, frame in enumerate(frames)]
    return [(dict(step.scores.by_label), step.decisions) for step in steps if step.scores is not None]


def test_live_bands_at_8_and_10_khz_change_no_score_and_no_decision(setup: ReplaySetup) -> None:
    """Whatever they hold, in every capture of an event: all that these bands alone could do."""
    rng = np.random.default_rng(8)
    loaded = load_sounds(sorted(CAPTURES.glob("*_1.agwcap")))
    assert len(loaded.sounds) > 15
    for name, sound in loaded.sounds.items():
        frames = np.array([codes_of(frame) for frame in sound.features])
        live = frames.copy()
        live["bands"][:, BANDS_USED:] = rng.integers(0, 256, (len(frames), 24 - BANDS_USED))
        assert heard(setup, live) == heard(setup, frames), name


def bursts(low_hz: float, high_hz: float, level_db: float, on_s: float, off_s: float) -> np.ndarray:
    """Frames of noise between two frequencies that comes and goes, over a quiet street; level in dB SPL."""
    rng = np.random.default_rng(9)
    count = 20 * RATE_HZ
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    high = np.fft.irfft(spectrum * ((hz >= low_hz) & (hz <= high_hz)), count)
    street = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) / np.maximum(hz, 50.0) ** 0.5, count)
    on = (np.arange(count) / RATE_HZ) % (on_s + off_s) < on_s
    return frames_of(_at(high, level_db) * on + _at(street, 50.0), RATE_HZ)


def _at(samples: np.ndarray, level_db: float) -> np.ndarray:
    return samples * 10 ** ((level_db - FULL_SCALE_DB) / 20) / np.sqrt(2) / samples.std()


@pytest.mark.parametrize(
    ("what", "low_hz", "high_hz", "on_s", "off_s"),
    [
        ("insects", 8_500.0, 11_000.0, 0.05, 0.05),
        ("a leaking valve", 9_000.0, 16_000.0, 2.0, 3.0),
        ("a screen's whine", 15_600.0, 15_700.0, 30.0, 0.0),
        ("a marten repeller", 17_000.0, 20_000.0, 0.2, 0.8),
    ],
)
@pytest.mark.parametrize("level_db", [65.0, 85.0])
def test_sounds_that_are_only_up_there_raise_nothing(
    setup: ReplaySetup, what: str, low_hz: float, high_hz: float, on_s: float, off_s: float, level_db: float
) -> None:
    frames = bursts(low_hz, high_hz, level_db, on_s, off_s)
    assert [decided for _, decided in heard(setup, frames) if decided] == [], what
