"""At which times a rival scores, and how loud a sound is for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.bench.detector import RATE_HZ

LISTENING_FULL_SCALE_DB = 80.0
"""SPL of a full-scale sine in the recordings that a tagger hears.

General taggers were trained on recordings made for ears: a street is some 20 dB below full scale, not 60 to
70 as in a measuring microphone that takes shots without clipping. On the part tune 80 dB was better for
YAMNet than 90 dB, and no worse for mn04 (`README.md`). Louder sounds go beyond full scale and are not
clipped: kinder than any device.
"""


def as_recorded_for_ears(samples: NDArray[np.float32], full_scale_db: float) -> NDArray[np.float32]:
    """The same sound where a sine of LISTENING_FULL_SCALE_DB would be full scale."""
    gain_db = full_scale_db - LISTENING_FULL_SCALE_DB
    return np.asarray(samples, dtype=np.float32) * np.float32(10.0 ** (gain_db / 20.0))


def ends_of_hops_s(count_samples: int, hop_s: float) -> NDArray[np.float64]:
    """End of each whole hop of a recording of the bench, s."""
    return np.arange(1, int(count_samples / RATE_HZ / hop_s + 1e-9) + 1).astype(np.float64) * hop_s
