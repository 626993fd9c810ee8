"""Results by pitch range of the voice, by age group and by language, where the data tell.

Pitch is what the feature stream itself says (its median over the loud part of a clip, a third-octave wide).
Age and language are facts about data sets (`VOICES`), not guesses from sound; where nothing is stated,
nothing is claimed. Counted are clips by themselves, at each class's threshold for 2.5 false alarms an hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp.layout import HOP_S, pitch_hz
from training.bench.bootstrap import share
from training.bench.clip_figures import RATES_PER_HOUR, Peaks
from training.bench.detector import CLASSES
from training.bench.truth import Recording
from training.metrics import threshold_at

PITCH_EDGES_HZ = (180.0, 280.0, 450.0, 710.0)
VOICE_CLASSES = ("shout", "scream")
VOICE_NEGATIVES = (
    "speech", "laughter", "cheer_crowd", "children", "singing", "baby_cry", "cough"
)  # fmt: skip
NOT_STATED = "not stated"

#: Data set -> (language, age group), as their publishers state them.
VOICES = {
    "nemo": ("Polish", "adult"),
    "ravdess": ("English", "adult"),
    "ased": ("Amharic", "adult"),
    "alborghetti_soundboard": ("Portuguese", "adult"),
    "alexjones_soundboard": ("English", "adult"),
    "eternalenvy_soundboard": ("English", "adult"),
    "deeply_parentchild": ("Korean", NOT_STATED),
    "pkg_festvox-ru": ("Russian", "adult"),
    "emogator": ("no words", "adult"),
    "deeply_nonverbal": ("no words", NOT_STATED),
    "donateacry": ("no words", "baby"),
}
#: TESS has one younger and one older speaker, by source.
_OF_SOURCE = {"tess_yaf": ("English", "adult, 26"), "tess_oaf": ("English", "adult, 64")}
_OF_TARGET = {"children": "child", "baby_cry": "baby"}


def voice_figures(peaks: Peaks, frames: Sequence[NDArray[np.void]]) -> dict[str, Any]:
    """Tables by pitch range, age group and language: voices found, and false alarms of other voices."""
    pitch = [pitch_range(recording, own) for recording, own in zip(peaks.recordings, frames, strict=True)]
    return {
        "pitch": _tables(peaks, lambda n: pitch[n]),
        "age": _tables(peaks, lambda n: _age(peaks.recordings[n])),
        "language": _tables(peaks, lambda n: _language(peaks.recordings[n])),
    }


def pitch_range(recording: Recording, frames: NDArray[np.void]) -> str:
    """The range of the median pitch over the active part, or `no pitch`."""
    sound = recording.sounds[0]
    own = frames[int(sound.onset_s / HOP_S) : int(np.ceil(sound.end_s / HOP_S))]
    pitches = pitch_hz(own["pitch_code"])
    pitches = pitches[np.isfinite(pitches)]
    if len(pitches) < max(1, len(own) // 4):
        return "no pitch"
    place = int(np.searchsorted(PITCH_EDGES_HZ, float(np.median(pitches))))
    edges = ("", *(f"{edge:.0f}" for edge in PITCH_EDGES_HZ), "")
    if place == 0:
        return f"below {edges[1]} Hz"
    return f"{edges[place]} to {edges[place + 1]} Hz" if edges[place + 1] else f"above {edges[place]} Hz"


def _tables(peaks: Peaks, key: Callable[[int], str]) -> list[dict[str, Any]]:
    negatives = peaks.negatives()
    limits = {
        label: threshold_at(peaks.group(label, negatives), RATES_PER_HOUR[0]) for label in VOICE_CLASSES
    }
    rows = []
    for label in VOICE_CLASSES:
        column = CLASSES.index(label)
        for name, own in _grouped(peaks.of_target(label), key):
            hits = peaks.values[own, column] > limits[label]
            rows.append({"kind": label, "of": name, "figure": "found", **_share(peaks, own, hits)})
    voices = [n for n in negatives if peaks.recordings[n].task in VOICE_NEGATIVES]
    for name, own in _grouped(voices, key):
        hits = np.zeros(len(own), dtype=bool)
        for label in VOICE_CLASSES:
            hits |= peaks.values[own, CLASSES.index(label)] > limits[label]
        rows.append({"kind": "other voices", "of": name, "figure": "false", **_share(peaks, own, hits)})
    return rows


def _grouped(chosen: Sequence[int], key: Callable[[int], str]) -> list[tuple[str, list[int]]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for n in chosen:
        groups[key(n)].append(n)
    return sorted(groups.items())


def _share(peaks: Peaks, own: Sequence[int], hits: NDArray[np.bool_]) -> dict[str, Any]:
    names = [peaks.recordings[n].sounds[0].source for n in own]
    return {
        "clips": len(own),
        "sources": len(set(names)),
        "minutes": round(sum(peaks.recordings[n].duration_s for n in own) / 60.0, 1),
        "share": asdict(share(hits, names, draws=200)),
    }


def _age(recording: Recording) -> str:
    sound = recording.sounds[0]
    known = _OF_SOURCE.get(sound.source) or VOICES.get(sound.dataset)
    return _OF_TARGET.get(sound.target) or (known[1] if known else NOT_STATED)


def _language(recording: Recording) -> str:
    sound = recording.sounds[0]
    if sound.target in ("laughter", "cough", "baby_cry", "cheer_crowd", "scream"):
        return "no words"
    known = _OF_SOURCE.get(sound.source) or VOICES.get(sound.dataset)
    return known[0] if known else NOT_STATED
