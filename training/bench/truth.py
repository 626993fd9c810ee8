"""What is really in a recording of the bench: each sound with its kind, its time and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from training.labels import POSITIVES

OPEN_PLACE = "as recorded"


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound inside a recording, from its onset to the end of its active part, s from the start.

    target: what it counts as (`training.labels`). snr_db: A-weighted level of its active part minus that of
    the background, at the sensor; in the sets without a background None. distance_m: simulated, else None.
    """

    target: str
    onset_s: float
    end_s: float
    source: str
    dataset: str
    clip: str
    label: str
    snr_db: float | None = None
    place: str = OPEN_PLACE
    distance_m: float | None = None

    @property
    def is_event(self) -> bool:
        return self.target in POSITIVES


@dataclass(frozen=True, slots=True)
class Recording:
    """One continuous recording. beds: sources of its background; task: the class that it asks for, or ""."""

    name: str
    duration_s: float
    sounds: tuple[Sound, ...]
    beds: tuple[str, ...] = ()
    bed_target: str = ""
    bed_db: float | None = None
    task: str = ""

    def events(self, label: str) -> list[Sound]:
        return [sound for sound in self.sounds if sound.target == label]


def as_fields(recording: Recording) -> dict[str, Any]:
    """A recording as plain values."""
    return asdict(recording)


def from_fields(fields: Mapping[str, Any]) -> Recording:
    """Inverse of `as_fields`."""
    sounds = tuple(Sound(**sound) for sound in fields["sounds"])
    return Recording(**{**fields, "sounds": sounds, "beds": tuple(fields["beds"])})
