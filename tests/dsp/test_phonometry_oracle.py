"""Our tables and levels against those that the package phonometry gave (see oracle_phonometry.py)."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import level_db
from dsp.levels import level_of
from tests.dsp import limits, signals
from tests.dsp.chain import band_squares_in_hops
from tests.dsp.oracle_phonometry import ORACLE_FILE

ORACLE: dict[str, Any] = json.loads(ORACLE_FILE.read_text(encoding="utf-8"))
SIGNALS = signals.oracle_signals()

# phonometry's A filter reads 0.13 dB too little for white noise up to 24 kHz; ours is 0.03 dB off the formula
# (test_front_end holds it against that). Where nothing lies above 20 kHz both agree.
WHITE = {"white noise", "decaying bang"}


def _limit(value: float) -> float | None:
    return value if math.isfinite(value) else None


def test_signals_are_those_that_the_oracle_heard() -> None:
    assert set(ORACLE["levels"]) == set(SIGNALS)


def test_weighting_table_is_the_same() -> None:
    ours = [[float(f), a, c, up, _limit(low)] for f, a, c, up, low in limits.WEIGHTING]
    assert ours == ORACLE["tables"]["weighting"]


def test_third_octave_mask_is_the_same() -> None:
    tables = ORACLE["tables"]
    least, greatest = limits.third_octave_mask(np.array(tables["mask_ratios"]))
    assert least == pytest.approx(tables["mask_least_db"], abs=1e-6)
    theirs = [math.inf if x is None else x for x in tables["mask_greatest_db"]]
    assert greatest == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_broadband_levels_agree(name: str) -> None:
    oracle, frames = ORACLE["levels"][name], frames_of(SIGNALS[name])
    tolerance = 0.2 if name in WHITE else 0.05
    laeq = 10.0 * np.log10(np.mean(10.0 ** (frames["laeq_cdb"] / 1000.0)))
    assert laeq == pytest.approx(oracle["laeq_db"], abs=tolerance)
    assert frames["lafmax_cdb"].max() / 100.0 == pytest.approx(oracle["lafmax_db"], abs=tolerance)
    assert level_db(frames["lcpeak_code"]).max() == pytest.approx(oracle["lcpeak_db"], abs=0.3)


@pytest.mark.parametrize("name", ["white noise", "pink noise", "steep noise"])
def test_third_octave_levels_of_noise_agree(name: str) -> None:
    oracle = ORACLE["levels"][name]
    ours = level_of(band_squares_in_hops(SIGNALS[name], list(range(24))).mean(axis=0))
    assert len(oracle["bands_db"]) == 24
    difference = ours - np.array(oracle["bands_db"])
    # Two seconds of noise in 12 Hz of bandwidth still depend on the skirts and the start-up of the filters.
    assert np.max(np.abs(difference[:3])) < 0.35
    assert np.max(np.abs(difference[3:])) < 0.12


@pytest.mark.parametrize(("name", "band"), [("tone 1 kHz", 13), ("tone 4 kHz", 19), ("tone 100 Hz", 3)])
def test_third_octave_levels_of_tones_agree(name: str, band: int) -> None:
    ours = level_of(band_squares_in_hops(SIGNALS[name], [band]).mean(axis=0)[band])
    assert float(ours) == pytest.approx(ORACLE["levels"][name]["bands_db"][band], abs=0.06)
