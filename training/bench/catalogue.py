"""The clips of one part by what they count as, and seeded draws from them that wear every source alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training.audio import read_clip
from training.labels import target_of
from training.manifest import Clip, audio_path

Samples = NDArray[np.float64]
T = TypeVar("T")
Read = Callable[[Clip], Samples]

BED_SECONDS = 15.0
"""A source with less sound than this is no bed."""


class Catalogue:
    """Clips by target and source, in a fixed order."""

    def __init__(self, clips: Iterable[Clip]) -> None:
        found: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in sorted(clips, key=lambda clip: clip.path):
            target = target_of(clip)
            if target is not None and clip.dur_s > 0.1:
                found[target][clip.source_id].append(clip)
        self._found = {target: dict(sources) for target, sources in found.items()}

    @property
    def targets(self) -> list[str]:
        return sorted(self._found)

    def clips(self, target: str) -> list[Clip]:
        """All clips of a target, source by source."""
        return [clip for own in self._found.get(target, {}).values() for clip in own]

    def sources(self, target: str) -> list[str]:
        return sorted(self._found.get(target, {}))

    def beds(self, target: str) -> list[list[Clip]]:
        """The clips of each source with enough sound to be a background."""
        groups = self._found.get(target, {}).values()
        return [own for own in groups if sum(clip.dur_s for clip in own) >= BED_SECONDS]

    def dealer(self, target: str, rng: np.random.Generator) -> Dealer:
        return Dealer(self._found[target], rng)


class Dealer:
    """Deals the clips of one target: every source once in a random order, then all again."""

    def __init__(self, by_source: dict[str, list[Clip]], rng: np.random.Generator) -> None:
        self._rng = rng
        self._by_source = {source: _shuffled(own, rng) for source, own in sorted(by_source.items())}
        self._dealt: dict[str, int] = defaultdict(int)
        self._order: list[str] = []

    def deal(self) -> Clip:
        if not self._order:
            self._order = _shuffled(list(self._by_source), self._rng)
        source = self._order.pop()
        own = self._by_source[source]
        self._dealt[source] += 1
        return own[(self._dealt[source] - 1) % len(own)]


def reader(data_dir: Path) -> Read:
    """How clips of a data directory are read."""

    def read(clip: Clip) -> Samples:
        return read_clip(audio_path(data_dir, clip))

    return read


def _shuffled(values: Sequence[T], rng: np.random.Generator) -> list[T]:
    return [values[int(number)] for number in rng.permutation(len(values))]
