"""Which of AudioSet's classes a user of a general sound tagger would take for an alarm of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.bench.detector import CLASSES

Floats = NDArray[np.float32]

#: Children shouting is left out on purpose: a playground is no alarm, and a user would say so too.
ALARM_CLASSES: Mapping[str, tuple[str, ...]] = {
    "shout": ("Shout", "Bellow", "Yell"),
    "scream": ("Screaming",),
    "glass_break": ("Glass", "Shatter", "Breaking", "Smash, crash"),
    "gunshot": (
        "Gunshot, gunfire",
        "Machine gun",
        "Fusillade",
        "Artillery fire",
        "Cap gun",
        "Explosion",
        "Burst, pop",
        "Boom",
    ),
}


def columns_of(class_names: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """For each class of ours the tagger's columns. ValueError names a class that the tagger does not have."""
    missing = {name for names in ALARM_CLASSES.values() for name in names} - set(class_names)
    if missing:
        raise ValueError(f"the tagger has no class {', '.join(sorted(missing))}")
    return tuple(tuple(class_names.index(name) for name in ALARM_CLASSES[label]) for label in CLASSES)


def alarm_scores(tags: Floats, columns: Sequence[Sequence[int]]) -> Floats:
    """The highest tag of each of our classes, (n, 4), from all tags (n, tags)."""
    return np.stack([tags[:, list(of)].max(axis=1) for of in columns], axis=1)
