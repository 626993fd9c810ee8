"""Is it the same person? Asked of the streams, of pairs of recordings of people the attacker has not met."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.audio import read_clip
from training.labels import target_of
from training.leak.leaving import Derived
from training.leak.scoring import Figure, equal_error_rate
from training.leak.streams import MEL, RATE_HZ, Rows, rows_of
from training.manifest import Clip, audio_path, read_manifest
from training.parts import clips_of, load_parts

DATASETS = ("ravdess", "ased", "nemo")
"""Sets in which `source_id` is a person who says many sentences under the same conditions."""
_CLIPS_EACH = 12
_LEAST_CLIPS = 4
_FOLDS = 3
_LONGEST_S = 5.0
_RIDGE = 0.3
_RESAMPLES = 200

Numbers = NDArray[np.float64]


def speaker_figures(data: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Equal error rate for each stream, by folds of speakers; 0.5 is chance. Parts train and tune alone."""
    clips = _clips(data)
    tell(f"speakers: {len({c.source_id for c in clips})} people, {len(clips)} recordings")
    derived = Derived()
    vectors: dict[str, list[Numbers]] = defaultdict(list)
    for clip in clips:
        samples = read_clip(audio_path(data, clip))[: int(_LONGEST_S * RATE_HZ)]
        for name, rows in {MEL.name: rows_of(MEL, samples), **derived.of(samples)}.items():
            vectors[name].append(_summary(rows))
    people = np.array([clip.source_id for clip in clips])
    sets = np.array([clip.dataset for clip in clips])
    rates = {}
    for name, found in vectors.items():
        rates[name] = _rate(np.array(found), people, sets).rounded()
        tell(f"same speaker by {name}: equal error rate {rates[name]}")
    mixed = np.random.default_rng(9).permutation(people)
    rates["wire_wrong_names"] = _rate(np.array(vectors["wire"]), mixed, sets).rounded()
    return {
        "people": len(set(people)),
        "recordings": len(clips),
        "datasets": {name: int(np.count_nonzero(sets == name)) for name in DATASETS},
        "model": derived.model_id,
        "equal_error_rate": rates,
    }


def _clips(data: Path) -> list[Clip]:
    own = clips_of(read_manifest(data), load_parts(), ("train", "tune"))
    voices = [
        c for c in own if c.dataset in DATASETS and target_of(c) in ("speech", "shout") and c.dur_s > 1.0
    ]
    voices.sort(key=lambda clip: zlib.crc32(clip.path.encode()))
    count: Counter[str] = Counter()
    chosen = []
    for clip in voices:
        count[clip.source_id] += 1
        if count[clip.source_id] <= _CLIPS_EACH:
            chosen.append(clip)
    return [clip for clip in chosen if count[clip.source_id] >= _LEAST_CLIPS]


def _summary(rows: Rows) -> Numbers:
    """Mean and spread of each column over the recording's louder half."""
    loud = rows.mean(axis=1) >= np.median(rows.mean(axis=1))
    part = rows[loud].astype(np.float64)
    return np.concatenate([part.mean(axis=0), part.std(axis=0)])


def _rate(vectors: Numbers, people: NDArray[np.str_], sets: NDArray[np.str_]) -> Figure:
    """Pairs of one data set alone, so that no room or microphone tells two people apart."""
    names = sorted(set(people), key=lambda name: zlib.crc32(str(name).encode()))
    pairs: list[tuple[float, bool, str, str]] = []
    for fold in range(_FOLDS):
        asked = np.isin(people, names[fold::_FOLDS])
        turned = _turned(vectors, people, asked)
        for first, second in combinations(np.flatnonzero(asked), 2):
            if sets[first] == sets[second]:
                alike = float(turned[first] @ turned[second])
                one = bool(people[first] == people[second])
                pairs.append((alike, one, str(people[first]), str(people[second])))
    scores = np.array([pair[0] for pair in pairs])
    same = np.array([pair[1] for pair in pairs])
    owners = np.array([[names.index(pair[2]), names.index(pair[3])] for pair in pairs])
    rng = np.random.default_rng(10)
    drawn = []
    for _ in range(_RESAMPLES):
        weight = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
        times = np.minimum(weight[owners[:, 0]], weight[owners[:, 1]])
        again = np.repeat(np.arange(len(pairs)), times)
        drawn.append(equal_error_rate(scores[again[same[again]]], scores[again[~same[again]]]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Figure(equal_error_rate(scores[same], scores[~same]), float(low), float(high))


def _turned(vectors: Numbers, people: NDArray[np.str_], asked: NDArray[np.bool_]) -> Numbers:
    """Whitened by how recordings of one person differ (learnt from the others), of unit length."""
    spread = vectors[~asked].std(axis=0) + 1e-6
    scaled = (vectors - vectors[~asked].mean(axis=0)) / spread
    within = np.concatenate([_about_mean(scaled[~asked & (people == name)]) for name in set(people[~asked])])
    covariance = within.T @ within / len(within) + _RIDGE * np.eye(vectors.shape[1])
    values, axes = np.linalg.eigh(covariance)
    white = scaled @ axes / np.sqrt(values)
    return np.asarray(white / np.linalg.norm(white, axis=1, keepdims=True))


def _about_mean(rows: Sequence[Numbers] | Numbers) -> Numbers:
    found = np.asarray(rows)
    return np.asarray(found - found.mean(axis=0))
