"""Copies of the model package that comes along, with something about them changed."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from gateway.model_setup import DEFAULT_PACKAGE
from gateway.resources import config_root


class ModelFolder:
    """A whole package in a folder of its own, until a test changes it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        shutil.copytree(config_root() / "models" / DEFAULT_PACKAGE, folder)

    @property
    def toml(self) -> Path:
        return self.path / "model.toml"

    @property
    def tflite(self) -> Path:
        return self.path / "model.tflite"

    def set(self, key: str, value: str | None) -> None:
        """Give a top-level key another TOML value; None: take it out."""
        self._replace(rf"^{key} = (\[\n.*?^\]|[^\n]*)\n", "" if value is None else f"{key} = {value}\n")

    def set_thresholds(self, text: str) -> None:
        """Put other lines in [thresholds]; without lines the table is gone."""
        self._replace(r"^\[thresholds\]\n.*?(?=^\[)", f"[thresholds]\n{text}\n" if text else "")

    def set_content(self, content: bytes) -> None:
        """Another model file, with its SHA-256 stated rightly."""
        self.tflite.write_bytes(content)
        self.set("sha256", f'"{hashlib.sha256(content).hexdigest()}"')

    def _replace(self, pattern: str, by: str) -> None:
        text, count = re.subn(
            pattern, lambda _: by, self.toml.read_text("utf-8"), count=1, flags=re.MULTILINE | re.DOTALL
        )
        assert count == 1, pattern
        self.toml.write_text(text, encoding="utf-8")
