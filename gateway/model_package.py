"""The model package: a folder with `model.toml` and the `.tflite` file that it describes.

A package that does not fit is refused by name before the first frame: the file must have the stated SHA-256,
the layout must be the one that sensors send and the input function the one that this release has.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from gateway.decisions.rules import DEFAULT_RULES, MIN_SCORE
from gateway.errors import GatewayError

SCHEMA = 1
_AGAIN = "Install the package again"
_FOR_THIS_RELEASE = "Install a package made for this release"
# What the contract allows as the class of an event.
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """What a classifier must know of its model. input_shape: (window hops, channels)."""

    model_id: str
    tflite_path: Path
    tflite_bytes: bytes
    layout_id: int
    model_input_version: int
    input_shape: tuple[int, int]
    labels: tuple[str, ...]
    positives: tuple[str, ...]
    thresholds: Mapping[str, float]

    @property
    def window_hops(self) -> int:
        return self.input_shape[0]


class ModelError(GatewayError):
    """The model package is missing, damaged or made for another release."""


def load_package(folder: Path, *, layout_id: int, model_input_version: int, channels: int) -> ModelPackage:
    """Read and check a package; raises ModelError that names what does not fit."""
    toml_path = folder / "model.toml"
    table = _read_toml(toml_path)
    if table.get("schema") != SCHEMA:
        raise ModelError(
            f"the model description has schema {table.get('schema')!r}, this gateway reads {SCHEMA}",
            where=str(toml_path),
            hint=_FOR_THIS_RELEASE,
        )
    try:
        package = _from_table(table, folder)
    except (KeyError, TypeError, ValueError) as problem:
        raise ModelError(
            f"the model description lacks or mistypes {problem}", where=str(toml_path), hint=_AGAIN
        ) from problem
    faults = chain(
        _contradictions(package, table.get("sha256")),
        _misfits(package, layout_id, model_input_version, channels),
    )
    for what, hint in faults:
        raise ModelError(f"model {package.model_id!r} is refused: {what}", where=str(toml_path), hint=hint)
    return package


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise ModelError(
            "no model package here (model.toml is missing)",
            where=str(path),
            hint='Set [model] package to a folder with model.toml, or to "none" for level-only mode',
        ) from problem
    except OSError as problem:
        raise ModelError(
            f"cannot be read: {problem.strerror}", where=str(path), hint="Check its permissions"
        ) from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ModelError(
            f"is not TOML: {problem}", where=str(path), hint="Install the model package again"
        ) from problem


def _from_table(table: Mapping[str, Any], folder: Path) -> ModelPackage:
    hops, channels = (_whole(n) for n in table["input_shape"])
    path = folder / _text(table["file"])
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ModelError(
            f"the model file cannot be read: {problem.strerror}",
            where=str(path),
            hint=_AGAIN,
        ) from problem
    return ModelPackage(
        model_id=_text(table["id"]),
        tflite_path=path,
        tflite_bytes=content,
        layout_id=_whole(table["layout"]),
        model_input_version=_whole(table["model_input_version"]),
        input_shape=(hops, channels),
        labels=_texts(table["labels"]),
        positives=_texts(table["positives"]),
        thresholds={label: float(p) for label, p in dict(table["thresholds"]).items()},
    )


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r}: not a whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r}: not text")
    return value


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r}: not a list")
    return tuple(_text(value) for value in values)


def _misfits(
    package: ModelPackage, layout_id: int, model_input_version: int, channels: int
) -> Iterator[tuple[str, str]]:
    """Why this release cannot use the package, each with what to do."""
    if package.layout_id != layout_id:
        yield (
            f"it was trained on feature layout {package.layout_id}, sensors here send layout {layout_id}",
            "Install a model for this layout",
        )
    if package.model_input_version != model_input_version:
        yield (
            f"it needs model input {package.model_input_version}, this release makes {model_input_version}",
            _FOR_THIS_RELEASE,
        )
    if package.window_hops < 1 or package.input_shape[1] != channels:
        yield (
            f"its input has shape {package.input_shape}, this release makes {channels} channels a hop",
            _FOR_THIS_RELEASE,
        )
    if not package.positives:
        yield "it has no positives, so it could raise no alert", _FOR_THIS_RELEASE
    without_rule = sorted(set(package.positives) - set(DEFAULT_RULES))
    if without_rule:
        yield f"its positives {without_rule} raise no alert in this release", _FOR_THIS_RELEASE


def _contradictions(package: ModelPackage, stated_sha256: object) -> Iterator[tuple[str, str]]:
    """Where the package does not agree with itself or with the alerts that its labels are meant for."""
    if hashlib.sha256(package.tflite_bytes).hexdigest() != stated_sha256:
        yield f"{package.tflite_path.name} does not have the stated sha256", _AGAIN
    strange = [label for label in package.labels if not _LABEL.fullmatch(label)]
    if strange:
        yield f"its labels {strange} cannot stand in an alert", "A label is like glass_break"
    if len(set(package.labels)) < len(package.labels):
        yield "some of its labels are the same", _AGAIN
    unknown = sorted(set(package.positives) - set(package.labels))
    if unknown:
        yield f"its positives {unknown} are not among its labels", _AGAIN
    if set(package.thresholds) != set(package.positives):
        yield "its thresholds do not name exactly its positives", _AGAIN
    for label, threshold in package.thresholds.items():
        if not MIN_SCORE <= threshold <= 1.0:
            yield f"its threshold of {label} is {threshold}, not {MIN_SCORE} to 1", _AGAIN
