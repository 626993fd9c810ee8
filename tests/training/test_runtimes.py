"""Every supplied model file gives the scores that it should, in whichever runtime is installed here.

The test command runs this twice, each runtime having an environment of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from gateway.classifier import Classifier
from gateway.model_package import load_package
from gateway.model_setup import SUPPLIED, choose_model
from training import parity
from training.check_runtime import FLOAT_TOLERANCE, INT8_MEAN_TOLERANCE

MODELS = Path(__file__).parents[2] / "config" / "models"
PACKAGES = sorted(path.parent for path in MODELS.glob("*/model.toml"))
ROUNDED = 1e-5
#: One window may fall on the other side of a rounding in every layer; the mean may not move.
INT8_LARGEST = 0.15


def scores(folder: Path, inputs: np.ndarray) -> np.ndarray:
    """Of each window by the gateway's own classifier: (windows, labels)."""
    package = load_package(
        folder, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    )
    classifier = Classifier(package)
    return np.array([list(classifier.scores(window).by_label.values()) for window in inputs])


def hops_of(folder: Path) -> int:
    return load_package(
        folder, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    ).window_hops


def test_this_environment_has_the_runtime_that_it_is_for() -> None:
    classifier = choose_model("default").classifier
    assert classifier is not None
    assert classifier.runtime == os.environ.get("EXPECTED_RUNTIME", "ai_edge_litert")


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_float32_scores_are_the_trained_networks(folder: Path) -> None:
    expected = parity.read(folder)
    found = scores(folder, parity.inputs_of(expected.windows, hops_of(folder)))
    assert len(found) > 50
    assert np.abs(found - expected.expected["float32"]).max() <= FLOAT_TOLERANCE + ROUNDED


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_int8_scores_are_near_those_of_the_other_runtime_and_of_float32(folder: Path) -> None:
    expected = parity.read(folder)
    found = scores(folder / "int8", parity.inputs_of(expected.windows, hops_of(folder)))
    apart = np.abs(found - expected.expected["int8"])
    assert apart.mean() <= INT8_MEAN_TOLERANCE
    assert apart.max() <= INT8_LARGEST
    assert np.abs(found - expected.expected["float32"]).mean() <= 0.02


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_the_check_would_see_a_model_that_is_another(folder: Path) -> None:
    """The counter-check: scores differ from window to window by far more than is allowed."""
    expected = parity.read(folder).expected["float32"]
    assert np.abs(expected - np.roll(expected, 1, axis=0)).mean() > 5 * INT8_MEAN_TOLERANCE


@pytest.mark.parametrize("name", sorted(SUPPLIED))
def test_every_supplied_package_can_be_chosen_by_name(name: str) -> None:
    setup = choose_model(name)
    assert setup.problem is None
    assert setup.model_id


def test_each_supplied_package_says_in_alerts_that_it_is_another() -> None:
    ids = [choose_model(name).model_id for name in SUPPLIED]
    assert len(set(ids)) == len(SUPPLIED)
