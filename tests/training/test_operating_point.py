"""Each class gets the lowest threshold that keeps every rate; what raises alerts is the pipeline itself."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.capture import CaptureProblem, open_capture
from firmware_bridge.events import FeatureFrame
from firmware_bridge.link import SensorLink
from gateway.features import codes_of
from gateway.model_setup import choose_model
from training.bench.detector import CLASSES
from training.bench.truth import Recording, Sound
from training.operating_point import HIGHEST, Heard, false_rates, hear, is_steady, lowest_thresholds, raised

Rates = Mapping[str, float]


def above(place: Mapping[str, float]) -> dict[str, list[float]]:
    """Ten false alarms of each class, with scores that end at its place."""
    return {label: list(np.linspace(place[label] - 0.09, place[label], 10)) for label in CLASSES}


def counter(scores: Mapping[str, list[float]]) -> Callable[[Mapping[str, float]], Rates]:
    def rates(thresholds: Mapping[str, float]) -> Rates:
        return {label: float(sum(s >= thresholds[label] for s in scores[label])) for label in CLASSES}

    return rates


PLACES = dict(zip(CLASSES, (0.5, 0.6, 0.8, 0.95), strict=True))


def test_each_class_gets_the_lowest_threshold_that_keeps_its_rate() -> None:
    found = lowest_thresholds([(counter(above(PLACES)), 1.0)])
    for label, place in PLACES.items():
        # One alarm may be left: the highest. The one below it lies 0.01 lower.
        assert place - 0.01 < found[label] < place - 0.005


def test_the_stricter_of_two_limits_counts() -> None:
    quieter = {label: place + 0.03 for label, place in PLACES.items()}
    found = lowest_thresholds([(counter(above(PLACES)), 1.0), (counter(above(quieter)), 0.0)])
    rates = counter(above(quieter))(found)
    assert all(rate == 0.0 for rate in rates.values())
    assert all(place + 0.03 < found[label] < place + 0.04 for label, place in PLACES.items())


def test_what_cannot_be_kept_gets_the_highest() -> None:
    found = lowest_thresholds([(lambda _: dict.fromkeys(CLASSES, 9.0), 1.0)])
    assert found == {label: pytest.approx(HIGHEST, abs=2e-4) for label in CLASSES}


@pytest.mark.parametrize(
    ("targets", "steady"), [(("ambience", "wind_rain"), True), (("ambience", "speech"), False)]
)
def test_steady_sound_is_all_of_a_recording(targets: tuple[str, ...], steady: bool) -> None:
    sounds = tuple(Sound(target, 0.0, 1.0, "", "", "", target) for target in targets)
    assert is_steady(Recording("one", 10.0, sounds)) is steady


def test_kept_scores_raise_what_the_model_raises() -> None:
    """Alerts from kept scores are the same each time; where nothing sounds that they name, they are false."""
    setup = choose_model("default")
    assert setup.classifier is not None
    frames = frames_of_a_scream()
    seconds = len(frames) / 8
    recording = Recording(
        "one", seconds, tuple(Sound(label, 0.0, seconds, "", "", "", label, 10.0) for label in CLASSES)
    )
    heard = hear(setup.classifier, recording, frames)
    assert len(heard.scores) == len(frames)
    low = dict.fromkeys(CLASSES, 0.05)
    once, again = raised(setup.classifier, heard, low), raised(setup.classifier, heard, low)
    assert once == again
    assert once, "at a threshold of 0.05 some class is raised by a scream"
    unnamed = Heard(Recording("none", recording.duration_s, ()), heard.rows, heard.scores)
    false = false_rates(setup.classifier, [unnamed], low)
    assert sum(false.values()) * recording.duration_s / 3600.0 == pytest.approx(len(once))
    right = false_rates(setup.classifier, [heard], low)
    assert sum(right.values()) == 0.0


def frames_of_a_scream() -> np.ndarray:
    opened = open_capture(Path("config/captures/scream_1.agwcap"))
    assert not isinstance(opened, CaptureProblem)
    link = SensorLink((1,))
    events = list(link.opened(0.0))
    with opened as reader:
        for chunk in reader:
            events += link.feed(chunk.data, chunk.t_us / 1e6)
    return np.array([codes_of(event.features) for event in events if isinstance(event, FeatureFrame)])
