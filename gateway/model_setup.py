"""Which model this process runs with; without a fitting one it goes on in level-only mode, saying why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from gateway.classifier import Classifier, RuntimeMissingError
from gateway.model_package import ModelError, load_package
from gateway.resources import config_root

DEFAULT = "default"
NONE = "none"
DEFAULT_PACKAGE = "ear"
SUPPLIED = {
    DEFAULT: DEFAULT_PACKAGE,
    "default-int8": f"{DEFAULT_PACKAGE}/int8",
    "open": "open",
    "open-int8": "open/int8",
}
"""What settings may call the packages that come along, and their folders. `int8`: the same model in 8 bits;
`open`: trained on redistributable recordings alone."""


@dataclass(frozen=True, slots=True)
class ModelSetup:
    """A classifier, or None and the reason; none of both was asked for by "none"."""

    classifier: Classifier | None
    problem: ModelError | RuntimeMissingError | None

    @property
    def model_id(self) -> str | None:
        return None if self.classifier is None else self.classifier.package.model_id

    @property
    def thresholds(self) -> dict[str, float]:
        return {} if self.classifier is None else dict(self.classifier.package.thresholds)


def choose_model(package: str, base: Path = Path()) -> ModelSetup:
    """package: a folder (relative to base), one of SUPPLIED by its name, or "none"."""
    if package == NONE:
        return ModelSetup(None, None)
    folder = config_root() / "models" / SUPPLIED[package] if package in SUPPLIED else base / package
    try:
        classifier = Classifier(
            load_package(
                folder, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
            )
        )
    except (ModelError, RuntimeMissingError) as problem:
        return ModelSetup(None, problem)
    return ModelSetup(classifier, None)
