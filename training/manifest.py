"""The manifest of labelled clips: one JSON object a line, as the data set's README describes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled clip. `dur_s` is its length; `source_id` names the recording, speaker or session."""

    path: str
    dataset: str
    dur_s: float
    source_id: str
    label: str
    detail: str
    label_conf: str
    effort: str
    licence: str
    redistributable: str
    band_hz: float

    @property
    def clip_id(self) -> str:
        """Name of the clip inside its data set (the file name without ending)."""
        return Path(self.path).stem


def read_manifest(data_dir: Path) -> list[Clip]:
    """Read `DIR/train/manifest.jsonl` in file order. A line without a field raises ValueError naming it."""
    clips = []
    lines = manifest_path(data_dir).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        row = json.loads(line)
        try:
            clips.append(
                Clip(
                    path=row["path"],
                    dataset=row["dataset"],
                    dur_s=float(row["dur"]),
                    source_id=row["source_id"],
                    label=row["label"],
                    detail=row.get("detail", ""),
                    label_conf=row.get("label_conf", "high"),
                    effort=row.get("effort", ""),
                    licence=row["licence"],
                    redistributable=row["redistributable"],
                    band_hz=float(row["band_hz"]),
                )
            )
        except KeyError as missing:
            raise ValueError(f"{manifest_path(data_dir)}:{number}: field {missing} is missing") from missing
    return clips


def manifest_path(data_dir: Path) -> Path:
    """Where the manifest of a data directory lies."""
    return data_dir / "train" / "manifest.jsonl"


def audio_path(data_dir: Path, clip: Clip) -> Path:
    """Where the clip's audio file lies."""
    return data_dir / "train" / clip.path
