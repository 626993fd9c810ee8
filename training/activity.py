"""Where in a clip its sound really is: by level, so that silence inside a clip is not called an event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Steady sounds fill their clips; a quieter moment of rain is still rain.
STEADY = frozenset({"ambience", "wind_rain", "vehicle", "music", "singing", "cheer_crowd", "other"})
#: Loosely cut clips: the named sound is somewhere in ten seconds, so only the loudest moments are trusted.
LOOSE_DATASETS = frozenset({"hemanth_audioset_scream", "urbansound8k_partial", "sonyc_ust"})

_BELOW_LOUDEST_DB = 16.0
_BELOW_LOUDEST_LOOSE_DB = 10.0


def active_hops(laeq_db: NDArray[np.float64], target: str, dataset: str) -> NDArray[np.bool_]:
    """Which hops of a clip carry its sound. laeq_db: (n,) hop levels; returns (n,)."""
    if len(laeq_db) == 0 or target in STEADY:
        return np.ones(len(laeq_db), dtype=bool)
    below_db = _BELOW_LOUDEST_LOOSE_DB if dataset in LOOSE_DATASETS else _BELOW_LOUDEST_DB
    return np.asarray(laeq_db >= laeq_db.max() - below_db)
