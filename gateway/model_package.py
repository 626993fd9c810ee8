"""The model package: a folder with `model.toml` and the `.tflite` file that it describes.

A package that does not fit is refused by name before the first frame: the file must have the stated SHA-256,
the layout must be the one that sensors send and the input function the one that this release has.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import GatewayError

SCHEMA = 1


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
    try:
        package = _from_table(table, folder)
    except (KeyError, TypeError, ValueError) as problem:
        raise ModelError(
            f"the model description lacks or mistypes {problem}",
            where=str(toml_path),
            hint="Install the model package again",
        ) from problem
    _check(package, table, toml_path, layout_id, model_input_version, channels)
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
    hops, channels = table["input_shape"]
    path = folder / str(table["file"])
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ModelError(
            f"the model file cannot be read: {problem.strerror}",
            where=str(path),
            hint="Install the package again",
        ) from problem
    return ModelPackage(
        model_id=str(table["id"]),
        tflite_path=path,
        tflite_bytes=content,
        layout_id=int(table["layout"]),
        model_input_version=int(table["model_input_version"]),
        input_shape=(int(hops), int(channels)),
        labels=tuple(str(label) for label in table["labels"]),
        positives=tuple(str(label) for label in table["positives"]),
        thresholds={str(label): float(p) for label, p in table["thresholds"].items()},
    )


def _check(
    package: ModelPackage,
    table: Mapping[str, Any],
    where: Path,
    layout_id: int,
    model_input_version: int,
    channels: int,
) -> None:
    def refuse(what: str, hint: str) -> ModelError:
        return ModelError(f"model {package.model_id!r} is refused: {what}", where=str(where), hint=hint)

    if table.get("schema") != SCHEMA:
        raise refuse(
            f"its description has schema {table.get('schema')!r}, this gateway reads {SCHEMA}",
            "Install a package made for this release",
        )
    if hashlib.sha256(package.tflite_bytes).hexdigest() != table.get("sha256"):
        raise refuse(
            f"{package.tflite_path.name} does not have the stated sha256", "Install the package again"
        )
    if package.layout_id != layout_id:
        raise refuse(
            f"it was trained on feature layout {package.layout_id}, sensors here send layout {layout_id}",
            "Install a model for this layout",
        )
    if package.model_input_version != model_input_version:
        raise refuse(
            f"it needs model input {package.model_input_version}, this release makes {model_input_version}",
            "Install a package made for this release",
        )
    if package.window_hops < 1 or package.input_shape[1] != channels:
        raise refuse(
            f"its input has shape {package.input_shape}, this release makes {channels} channels a hop",
            "Install a package made for this release",
        )
    unknown = set(package.positives) - set(package.labels)
    if unknown:
        raise refuse(f"its positives {sorted(unknown)} are not among its labels", "Install the package again")
    if set(package.thresholds) != set(package.positives):
        raise refuse("its thresholds do not name exactly its positives", "Install the package again")
