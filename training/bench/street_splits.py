"""Misses against false alarms in the street by SNR, place and distance, the four classes together.

At a rate each class has its own threshold, which gives so many false alarms of that class an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bench.bootstrap import share
from training.bench.curves import Curve
from training.bench.street_figures import RATES_PER_HOUR
from training.bench.truth import Sound

VIEWS = ("snr_db", "place", "distance_m")
DRAWN_RATES = tuple(round(float(rate), 3) for rate in np.geomspace(0.25, 250.0, 31))
"""The rates at which the pictures' lines have points."""


def misses_by(curves: Mapping[str, Curve]) -> dict[str, list[dict[str, Any]]]:
    """For each view a row a value: misses at RATES_PER_HOUR, and a line through DRAWN_RATES."""
    events = [event for curve in curves.values() for event in curve.events]
    missed = {
        rate: ~np.concatenate([curve.found_at(rate) for curve in curves.values()])
        for rate in (*RATES_PER_HOUR, *DRAWN_RATES)
    }
    return {view: _rows(view, events, missed) for view in VIEWS}


def _rows(
    view: str, events: Sequence[Sound], missed: Mapping[float, NDArray[np.bool_]]
) -> list[dict[str, Any]]:
    values = [getattr(event, view) for event in events]
    rows = []
    for value in sorted({value for value in values if value is not None}):
        own = [n for n, other in enumerate(values) if other == value]
        sources = [events[n].source for n in own]
        clips = {events[n].clip: min(events[n].end_s - events[n].onset_s, 60.0) for n in own}
        rows.append(
            {
                "of": value,
                "events": len(own),
                "sources": len(set(sources)),
                "unique_minutes": round(sum(clips.values()) / 60.0, 2),
                "misses": {str(rate): asdict(share(missed[rate][own], sources)) for rate in RATES_PER_HOUR},
                "curve": [[rate, round(float(missed[rate][own].mean()), 4)] for rate in DRAWN_RATES],
            }
        )
    return rows
