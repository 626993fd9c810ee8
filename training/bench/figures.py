"""All figures of one part, from what was scored: plain values, as they stand in results.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bench import negative_figures as negatives
from training.bench.calibration_figures import calibration_figures
from training.bench.clip_figures import clip_figures, peaks_of
from training.bench.comparison import comparison
from training.bench.curves import Curve
from training.bench.rare_figures import (
    answers_by_threshold,
    answers_of,
    f1_difference,
    rare_figures,
    tuned,
)
from training.bench.scoring import Scored
from training.bench.shelf import Shelf
from training.bench.street_figures import (
    alert_figures,
    at_no_false_alarm,
    curves_of,
    decided,
    street_figures,
)
from training.bench.street_splits import misses_by
from training.bench.voice_figures import voice_figures

Settings = dict[str, dict[str, dict[str, float]]]
"""By detector and class: threshold and lateness."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What was scored: recordings by set, and each detector's scores of each set."""

    shelves: Mapping[str, Shelf]
    scored: Mapping[str, Mapping[str, Scored]]


def settings_from(bench: Bench) -> Settings:
    """Thresholds from these recordings; only ever those of the part tune.

    Ours has some too, for comparing scores by the same plain decision; its alerts know nothing of them.
    """
    recordings = bench.shelves["rare"].recordings
    return {name: tuned(recordings, sets["rare"]) for name, sets in bench.scored.items()}


def all_figures(
    bench: Bench, settings: Settings, clip_frames: list[NDArray[np.void]] | None
) -> dict[str, Any]:
    """Everything that the report says. clip_frames: feature frames of the clips, for the voices."""
    curves = {
        name: curves_of(bench.shelves["street"].recordings, sets["street"])
        for name, sets in bench.scored.items()
    }
    return {
        "sets": {name: _facts(shelf) for name, shelf in bench.shelves.items()},
        "detectors": {name: _one(bench, name, settings, curves[name], clip_frames) for name in bench.scored},
        "comparison": _comparisons(bench, curves, settings),
    }


def _one(
    bench: Bench,
    name: str,
    settings: Settings,
    curves: dict[str, Curve],
    clip_frames: list[NDArray[np.void]] | None,
) -> dict[str, Any]:
    sets = bench.scored[name]
    shelves = bench.shelves
    figures: dict[str, Any] = {}
    if "clips" in sets:
        peaks = peaks_of(shelves["clips"].recordings, sets["clips"])
        figures["clips"] = clip_figures(peaks)
        if sets["clips"].alerts is not None:
            figures["calibration"] = calibration_figures(shelves["clips"].recordings, sets["clips"])
            if clip_frames is not None:
                figures["voices"] = voice_figures(peaks, clip_frames)
    if "rare" in sets:
        answers = answers_of(sets["rare"], settings.get(name))
        figures["rare"] = rare_figures(shelves["rare"].recordings, answers)
    figures["street"] = {**street_figures(curves), "by": misses_by(curves)}
    if sets["street"].alerts is not None:
        figures["alerts"] = alert_figures(shelves["street"].recordings, sets["street"].alerts)
    if "streams" in sets:
        of_streams = curves_of(shelves["streams"].recordings, sets["streams"])
        figures["lowest_rate"] = at_no_false_alarm(curves, of_streams)
        figures["negatives"] = _negatives(bench, name, settings, of_streams)
    return figures


def _negatives(bench: Bench, name: str, settings: Settings, curves: dict[str, Curve]) -> dict[str, Any]:
    recordings = bench.shelves["streams"].recordings
    scored = bench.scored[name]["streams"]
    alarms = answers_of(scored, settings.get(name))
    kinds = negatives.kinds_of(recordings, alarms)
    loose = negatives.loose_alarms(decided(scored), curves, scored.hop_s)
    return {
        "table": negatives.negative_table(kinds),
        "loose_table": negatives.negative_table(negatives.kinds_of(recordings, loose)),
        "all": negatives.all_row(kinds),
        "background": negatives.background_row(kinds),
        "worst_sources": negatives.causes(recordings, alarms),
    }


def _comparisons(bench: Bench, curves: Mapping[str, dict[str, Curve]], settings: Settings) -> dict[str, Any]:
    """The first detector of ours against every other detector."""
    ours = [name for name, sets in bench.scored.items() if sets["street"].alerts is not None][:1]
    return {
        own: {
            rival: {
                **comparison(curves[own], curves[rival]),
                **_by_threshold(bench, own, rival, settings),
            }
            for rival in bench.scored
            if rival != own
        }
        for own in ours
    }


def _by_threshold(bench: Bench, own: str, rival: str, settings: Settings) -> dict[str, Any]:
    """Event F1 of two detectors by the same decision, where both have thresholds from tune."""
    if "rare" not in bench.shelves or not {own, rival} <= settings.keys():
        return {}
    answers = [answers_by_threshold(bench.scored[name]["rare"], settings[name]) for name in (own, rival)]
    return {"f1_by_threshold": f1_difference(bench.shelves["rare"].recordings, *answers)}


def _facts(shelf: Shelf) -> dict[str, Any]:
    sounds = [sound for recording in shelf.recordings for sound in recording.sounds]
    unique = {sound.clip: min(sound.end_s - sound.onset_s, 600.0) for sound in sounds}
    return {
        "recordings": len(shelf.recordings),
        "hours": round(shelf.hours, 2),
        "sounds": len(sounds),
        "events": sum(sound.is_event for sound in sounds),
        "clips": len(unique),
        "sources": len({sound.source for sound in sounds}),
        "unique_minutes": round(sum(unique.values()) / 60.0, 1),
        "bed_sources": len({bed for recording in shelf.recordings for bed in recording.beds}),
        "recipes": shelf.folder.name.split("-")[1],
    }
