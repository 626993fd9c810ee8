"""What the bench asks of a detector, and how one is named on the command line.

A detector is written as `NAME=MODULE:ARGUMENT`, for example `ours=training.bench.ours:config/models/ear`.
The bench imports MODULE in each of its worker processes and calls its `load(ARGUMENT)`, which returns a
Detector. So a module that is heavy to import is imported only where it is used.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from training.labels import POSITIVES

CLASSES = POSITIVES
"""The order of the columns of every score."""
RATE_HZ = 16_000
"""The rate of all sound of the bench."""


class Detector(Protocol):
    """One way from sound to scores. Used by one process at a time; keeps nothing from one call to the next.

    name: how it is called in the report. hop_s: seconds from one score to the next.
    """

    name: str
    hop_s: float

    def score(self, samples: NDArray[np.float32], full_scale_db: float) -> NDArray[np.float32]:
        """Scores of one continuous recording, causal: row i may only know sound before (i + 1) * hop_s.

        samples: (n,) one channel at 16 kHz, full scale 1.0. full_scale_db: SPL of a full-scale sine (AES17).
        Returns (hops, 4): a score of each of CLASSES at the end of hop i, t = (i + 1) * hop_s; a higher score
        means that the class is more likely there now. Any scale; those of probabilities lie in 0..1.
        """
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """A detector as the command line names it."""

    name: str
    module: str
    argument: str


def parse_name(text: str) -> Named:
    """`NAME=MODULE:ARGUMENT` or `NAME=MODULE`; raises ValueError that says what is wrong."""
    name, equals, rest = text.partition("=")
    module, _, argument = rest.partition(":")
    if not (name and equals and module):
        raise ValueError(f"{text!r} is no detector: write NAME=MODULE:ARGUMENT")
    return Named(name, module, argument)


def load(named: Named) -> Detector:
    """The detector itself; ImportError or the loader's own error when it cannot be had."""
    detector = cast(Detector, importlib.import_module(named.module).load(named.argument))
    detector.name = named.name
    return detector
