"""A small network on mn04's features, trained with our data: what a user with a GPU camera could build.

`training.rivals.fit_probe` trains it; here it scores, in numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.rivals.hearing import as_recorded_for_ears, ends_of_hops_s

if TYPE_CHECKING:
    from training.rivals.mn04 import Mn04

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Probe:
    """Features (384) to scores (4): standardised, one hidden layer of rectifiers, sigmoids.

    mean, spread: (384,); hidden: (384, h); hidden_bias: (h,); out: (h, 4); out_bias: (4,).
    """

    mean: Floats
    spread: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    def scores(self, features: Floats) -> Floats:
        """(n, 384) to (n, 4), probabilities as trained (balanced classes), in the order of POSITIVES."""
        inner = np.maximum((features - self.mean) / self.spread @ self.hidden + self.hidden_bias, 0.0)
        logits = inner @ self.out + self.out_bias
        return np.asarray(1.0 / (1.0 + np.exp(-logits)), dtype=np.float32)

    def save(self, path: Path) -> None:
        np.savez(path, **{name: getattr(self, name) for name in Probe.__slots__})


def load_probe(path: Path) -> Probe:
    """What `save` wrote."""
    with np.load(path) as arrays:
        return Probe(**{name: arrays[name] for name in Probe.__slots__})


class ProbeDetector:
    """A Detector of the bench, four scores a second."""

    name = "mn04 probe"
    hop_s = 0.25

    def __init__(self, network: Mn04, probe: Probe) -> None:
        self._network, self._probe = network, probe

    def score(self, samples: Floats, full_scale_db: float) -> Floats:
        heard = as_recorded_for_ears(samples, full_scale_db)
        features, _logits = self._network.hear(heard, ends_of_hops_s(len(samples), self.hop_s))
        return self._probe.scores(features)


def load(argument: str) -> ProbeDetector:
    """`probe=training.rivals.probe:PEERS,PROBE.npz`."""
    from training.rivals.mn04 import Mn04

    peers, _, weights = argument.partition(",")
    return ProbeDetector(Mn04(Path(peers)), load_probe(Path(weights)))
