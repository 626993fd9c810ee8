"""The committed model in the default runtime: level-blind, prompt, and untouched by what it never saw."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsp.layout import FRAME_DTYPE, LAYOUT_ID, LEVEL_CODE_MISSING
from dsp.model_input import BANDS_USED, CHANNELS, MODEL_INPUT_VERSION, model_input
from dsp.windows import HopWindow, windows_of
from firmware_bridge.simulator.library import load_sounds
from gateway.classifier import Classifier
from gateway.features import codes_of
from gateway.model_package import load_package
from training.labels import POSITIVES

ROOT = Path(__file__).parents[2]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(
        load_package(
            ROOT / "config" / "models" / "ear",
            layout_id=LAYOUT_ID,
            model_input_version=MODEL_INPUT_VERSION,
            channels=CHANNELS,
        )
    )


@pytest.fixture(scope="module")
def captures() -> dict[str, np.ndarray]:
    loaded = load_sounds(sorted((ROOT / "config" / "captures").glob("*.agwcap")))
    return {name: np.array([codes_of(f) for f in sound.features]) for name, sound in loaded.sounds.items()}


def _scores(classifier: Classifier, frames: np.ndarray, valid: np.ndarray) -> np.ndarray:
    by_label = classifier.scores(model_input(frames, valid)).by_label
    return np.array([by_label[label] for label in classifier.package.labels])


def _all_scores(classifier: Classifier, frames: np.ndarray) -> np.ndarray:
    windows, valid = windows_of(frames, np.ones(len(frames), dtype=bool), classifier.window_hops)
    return np.stack([_scores(classifier, *pair) for pair in zip(windows, valid, strict=True)])


@pytest.mark.parametrize("level_db", [-20, 20])
def test_scores_do_not_follow_the_level(
    classifier: Classifier, captures: dict[str, np.ndarray], level_db: int
) -> None:
    compared = 0
    for frames in captures.values():
        highest = int(max(frames["lcpeak_code"].max(), frames["bands"][:, :BANDS_USED].max()))
        lowest = int(frames["bands"][:, :BANDS_USED].min())
        if lowest + 2 * level_db <= 0 or highest + 2 * level_db >= 254:
            continue
        moved = frames.copy()
        moved["laeq_cdb"] += 100 * level_db
        moved["lafmax_cdb"] += 100 * level_db
        moved["lcpeak_code"] = frames["lcpeak_code"].astype(int) + 2 * level_db
        bands = frames["bands"]
        moved["bands"] = np.where(
            bands == LEVEL_CODE_MISSING, LEVEL_CODE_MISSING, bands.astype(int) + 2 * level_db
        )
        difference = np.abs(_all_scores(classifier, moved) - _all_scores(classifier, frames))
        assert difference.max() <= 0.02
        compared += 1
    assert compared >= 5


def test_bands_that_no_training_sound_had_do_not_matter(
    classifier: Classifier, captures: dict[str, np.ndarray]
) -> None:
    frames = captures["glass_break_1"]
    expected = _all_scores(classifier, frames)
    for codes in (0, 120, 253):
        changed = frames.copy()
        changed["bands"][:, BANDS_USED:] = codes
        assert np.array_equal(_all_scores(classifier, changed), expected)


def test_scores_are_probabilities_in_every_state_of_a_window(
    classifier: Classifier, captures: dict[str, np.ndarray]
) -> None:
    window = HopWindow(classifier.window_hops)
    rng = np.random.default_rng(1)
    for frame in captures["scream_1"]:
        scores = _scores(classifier, window.frames, window.valid)
        assert np.isfinite(scores).all()
        assert scores.min() >= 0.0
        assert scores.max() <= 1.0
        if rng.random() < 0.8:
            window.push(frame)
        else:
            window.gap(1)


def test_nothing_heard_and_a_dead_microphone_are_no_event(classifier: Classifier) -> None:
    frames = np.zeros(classifier.window_hops, dtype=FRAME_DTYPE)
    frames["laeq_cdb"] = frames["lafmax_cdb"] = -12400
    for valid in (np.zeros(len(frames), dtype=bool), np.ones(len(frames), dtype=bool)):
        scores = dict(zip(classifier.package.labels, _scores(classifier, frames, valid), strict=True))
        for label in POSITIVES:
            assert scores[label] < classifier.package.thresholds[label]


def test_steady_noise_at_any_level_is_no_event(classifier: Classifier) -> None:
    rng = np.random.default_rng(2)
    for level_code in (20, 100, 200):
        frames = np.zeros(80, dtype=FRAME_DTYPE)
        frames["bands"] = level_code + rng.integers(-1, 2, (80, 24))
        frames["laeq_cdb"] = 50 * level_code - 12400 + 1200 + rng.integers(-20, 21, 80)
        frames["lafmax_cdb"] = frames["laeq_cdb"] + 50
        frames["lcpeak_code"] = level_code + 48
        frames["submax_code"] = rng.integers(4, 12, 80)
        frames["roughness_code"] = 60
        frames["harmonicity_code"] = 30
        frames["flatness_code"] = 245
        scores = _all_scores(classifier, frames)
        for label in POSITIVES:
            column = classifier.package.labels.index(label)
            assert scores[8:, column].max() < classifier.package.thresholds[label]


@pytest.mark.parametrize(("name", "label"), [("glass_break_2", "glass_break"), ("gunshot_1", "gunshot")])
def test_an_impulse_scores_in_the_first_hops_that_hold_it(
    classifier: Classifier, captures: dict[str, np.ndarray], name: str, label: str
) -> None:
    """With ambience before it, and with nothing before it."""
    frames = captures[name]
    column = classifier.package.labels.index(label)
    before = _all_scores(classifier, frames[:23])[:, column].max()
    onset = int(np.argmax(np.diff(frames["laeq_cdb"][20:40].astype(int)))) + 21
    in_ambience = _all_scores(classifier, frames[: onset + 2])[-2:, column].max()
    alone = _all_scores(classifier, frames[onset : onset + 2])[:, column].max()
    assert in_ambience > before
    assert alone > 0.3
