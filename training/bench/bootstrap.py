"""How sure a figure is: drawn again by source recording, since sounds of one recording hang together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 400


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; low and high are NaN where nothing can be said of it."""

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """As tables show it."""
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


class Sources:
    """Numbers for the names of sources, and draws of them with replacement."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = sorted(set(names))
        self._number = {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def numbers(self, names: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self._number[name] for name in names], dtype=np.int64)

    def weights(self, rng: np.random.Generator) -> Floats:
        """How often each source was drawn, (sources,)."""
        count = len(self.names)
        return np.bincount(rng.integers(0, max(count, 1), count), minlength=count).astype(np.float64)


def interval(value: float, draws: Sequence[float]) -> Interval:
    """The figure with the middle 95 % of its draws; draws that are NaN are left out."""
    good = np.asarray([draw for draw in draws if not np.isnan(draw)])
    if len(good) < 10:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(good, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def share(found: NDArray[np.bool_], names: Sequence[str], seed: int = 3, draws: int = DRAWS) -> Interval:
    """The share that is True, drawn again by source. found: (n,), names: the source of each."""
    if len(found) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    sources = Sources(names)
    numbers = sources.numbers(names)

    def of(weights: Floats) -> float:
        count = weights[numbers]
        return float((found * count).sum() / count.sum()) if count.sum() else float("nan")

    return drawn(of, sources, seed, draws)


def drawn(of: Callable[[Floats], float], sources: Sources, seed: int = 3, draws: int = DRAWS) -> Interval:
    """Any figure that can be had from a weight for each source."""
    rng = np.random.default_rng(seed)
    value = of(np.ones(len(sources)))
    return interval(value, [of(sources.weights(rng)) for _ in range(draws)])
