"""RESULTS.md: the figures as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.bench.detector import CLASSES
from training.bench.goals import goal_lines, main_of
from training.bench.markdown import Lines, share_text, table
from training.bench.report_tables import (
    comparison_lines,
    negative_lines,
    street_lines,
    voice_lines,
)


def page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    names = list(results["detectors"])
    lines = [
        "# Results of the bench",
        "",
        f"Made by `python -m training.bench` on the part `{results['part']}`; do not edit. What the "
        "figures mean "
        "stands in `README.md`. Intervals are 95 %, by drawing whole source recordings again. Remixing "
        "makes no "
        "new sound: the unique minutes behind each figure bound what it can show.",
        "",
        "Detectors: " + ", ".join(f"`{name}`" for name in names) + ".",
        "",
        *_own_models(results),
        "## What was aimed for",
        *goal_lines(results),
        "## What was played",
        *_sets(results["sets"]),
        "## Clips by themselves",
        *_clips(results["detectors"]),
        "## One event in 30 s",
        *_rare(results["detectors"]),
        "## Street soundscapes",
        *street_lines(results["detectors"]),
        "## Ours against the others",
        *comparison_lines(results["comparison"]),
        "## False alarms by kind of sound",
        *negative_lines(results["detectors"]),
        "## Calibration of the probabilities",
        *_calibration(results["detectors"]),
        "## Voices by pitch, age and language",
        *voice_lines(results["detectors"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _own_models(results: Mapping[str, Any]) -> Lines:
    """Which model each of ours ran, and where its details are."""
    models = ", ".join(f"`{name}` is {model}" for name, model in results["models"].items())
    name = main_of(results["detectors"])
    return (
        [f"{models}. Details are of `{name}`; those of the others stand in `results.json`.", ""]
        if models
        else []
    )


def _sets(sets: Mapping[str, Any]) -> Lines:
    head = ("set", "recordings", "hours", "sounds", "events", "clips", "sources", "unique min", "bed sources")
    keys = ("recordings", "hours", "sounds", "events", "clips", "sources", "unique_minutes", "bed_sources")
    return table(head, [(name, *(row[key] for key in keys)) for name, row in sets.items()])


def _clips(detectors: Mapping[str, Any]) -> Lines:
    rows: list[tuple[object, ...]] = []
    datasets: list[tuple[object, ...]] = []
    behind: list[str] = []
    for name, own in detectors.items():
        for label, row in own.get("clips", {}).items():
            strict, loose = (share_text(one) for one in row["found"])
            rows.append((name, label, f"{row['auc']:.3f}", strict, loose))
            if len(behind) < len(CLASSES):
                behind.append(f"{label} {row['clips']} clips, {row['sources']} sources, {row['minutes']} min")
                hours = row["negative_hours"]
            if name == main_of(detectors):
                datasets += [
                    (name, label, d["dataset"], d["clips"], d["sources"], f"{d['found']:.2f}")
                    for d in row["by_dataset"]
                ]
    if not rows:
        return ["", "Not run.", ""]
    return [
        "",
        f"Share of clips found, each class at its own threshold on {hours} h of negative clips (one false "
        "alarm a "
        f"clip at most; thresholds are those of this very part). {'; '.join(behind)}.",
        *table(("detector", "class", "AUC", "at 2.5 false alarms/h", "at 10/h"), rows),
        "By data set, at 2.5 an hour:",
        *table(("detector", "class", "data set", "clips", "sources", "found"), datasets),
    ]


def _rare(detectors: Mapping[str, Any]) -> Lines:
    rows, each = [], []
    for name, own in detectors.items():
        if "rare" not in own:
            continue
        rare = own["rare"]
        rows.append(
            (
                name,
                share_text(rare["macro_f1"]),
                share_text(rare["macro_error_rate"]),
                share_text(rare["macro_f1_all_mixtures"]),
            )
        )
        for label, row in rare["classes"].items():
            by_ratio = ", ".join(f"{ratio}: {found:.2f}" for ratio, found in row["found_by_ratio_db"].items())
            counts = f"{row['hits']:.0f} / {row['false_alarms']:.0f} / {row['misses']:.0f}"
            quartiles = ", ".join(f"{q:.2f}" for q in row["onset_error_s"])
            each.append(
                (name, label, f"{row['f1']:.2f}", f"{row['error_rate']:.2f}", counts, by_ratio, quartiles)
            )
    if not rows:
        return ["", "Not run.", ""]
    head = ("detector", "class", "F1", "ER", "hit/false/miss", "found by ratio, dB", "onset error, s")
    return [
        "",
        "Event-based, onset collar 500 ms, mean over the four classes. A detector with alerts answers with "
        "those "
        "of its default settings, the others with thresholds set on the part tune. In `all mixtures` an "
        "alarm of "
        "a class in the mixtures of another one counts as false too.",
        *table(("detector", "F1", "error rate", "F1, all mixtures"), rows),
        *table(head, each),
    ]


def _calibration(detectors: Mapping[str, Any]) -> Lines:
    rows = [
        (name, label, f"{row['ece']:.3f}", *row["windows"])
        for name, own in detectors.items()
        for label, row in own.get("calibration", {}).items()
    ]
    if not rows:
        return ["", "Not run.", ""]
    return [
        "",
        "Expected calibration error over all windows of the clips, weighted to one window in ten that "
        "holds the "
        "sound (15 bins). In a street it is far less. `plots/reliability.svg` shows the bins.",
        *table(("detector", "class", "ECE", "windows on the sound", "windows off it"), rows),
    ]
