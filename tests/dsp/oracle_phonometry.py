"""Writes phonometry_oracle.json: what the independent package phonometry says, for tests to compare with.

phonometry needs Python 3.13, the product runs on 3.11; so this is run by hand, from the repository root:

    python3.13 -m venv /some/venv && /some/venv/bin/pip install phonometry
    /some/venv/bin/python -m tests.dsp.oracle_phonometry
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.dsp import signals

ORACLE_FILE = Path(__file__).with_name("phonometry_oracle.json")
MASK_RATIOS = np.round(np.exp(np.linspace(-2.0, 2.0, 161)), 9)
SINE_DB = 10.0 * np.log10(2.0)
"""phonometry's 0 dB is an RMS of 1.0, ours a sine of amplitude 1.0."""


def tables() -> dict[str, Any]:
    """phonometry's own copies of the tables, and its evaluation of the third-octave mask."""
    from phonometry import class_limits, weighting_class_limits
    from phonometry.metrology import compliance

    _, lower, upper = weighting_class_limits(1)
    least, greatest = class_limits(3, 1, MASK_RATIOS)
    return {
        "weighting": [
            [row[0], row[1], row[2], high, _finite(low)]
            for row, low, high in zip(compliance._WEIGHTING_TABLE3, lower, upper, strict=True)
        ],
        "mask_ratios": MASK_RATIOS.tolist(),
        "mask_least_db": least.tolist(),
        "mask_greatest_db": [_finite(value) for value in greatest],
    }


def levels(wave: np.ndarray) -> dict[str, Any]:
    """Levels of one signal in dB re a full-scale sine."""
    from phonometry import laeq, lc_peak, octave_filter, time_weighting, weighting_filter

    fast = time_weighting(weighting_filter(wave, signals.RATE_HZ, "A"), signals.RATE_HZ, mode="fast")
    bands, centres = octave_filter(
        wave, signals.RATE_HZ, fraction=3, limits=[48.0, 11_000.0], detrend=False, dbfs=True
    )
    return {
        "laeq_db": float(laeq(wave, signals.RATE_HZ, dbfs=True) + SINE_DB),
        "lafmax_db": float(10.0 * np.log10(np.max(fast)) + SINE_DB),
        "lcpeak_db": float(lc_peak(wave, signals.RATE_HZ, dbfs=True) + SINE_DB),
        "band_centres_hz": [float(c) for c in centres],
        "bands_db": [float(b) + float(SINE_DB) for b in bands],
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def main() -> int:
    """Measure with phonometry and write the file."""
    oracle = {
        "phonometry": version("phonometry"),
        "tables": tables(),
        "levels": {name: levels(wave) for name, wave in signals.oracle_signals().items()},
    }
    ORACLE_FILE.write_text(json.dumps(oracle, indent=1) + "\n")
    print(f"wrote {ORACLE_FILE.name}: {len(oracle['levels'])} signals, phonometry {oracle['phonometry']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
