"""RESULTS.md from the figures of a cross-validation: tables only, nothing written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def results_page(results: Figures) -> str:
    """The whole page."""
    strict, loose = results["rates_per_hour"]
    positives = results["positives"]
    negative_min = sum(row["minutes"] for row in results["negatives"])
    negative_clips = sum(row["clips"] for row in results["negatives"])
    parts = [
        "# Results by cross-validation",
        "",
        "Written by `python -m training.crossvalidate`; do not edit.",
        "",
        f"Parts `train` and `tune`, {results['folds']} folds by source recording: every clip was scored by "
        "a network that heard neither its recording nor any mixture made with it. The part `report` was "
        "not read. A clip counts by its highest window, one false alarm a clip at most; scores as the "
        "network gives them, before the decision stage (several hops of evidence, level above background), "
        "so the alerts of a running gateway are fewer. Intervals (95 %) come from drawing whole sources "
        "again.",
        "",
        f"Negatives: {negative_clips} clips, {negative_min:.0f} minutes. With so little sound the threshold "
        f"for {strict} false alarms an hour is set by about {strict * negative_min / 60:.0f} clips.",
        "",
        f"## Detection of whole clips at {strict} and {loose} false alarms an hour",
        "",
        *_table(
            ("class", "clips", "minutes", "sources", "AUC", f"at {strict}/h", f"at {loose}/h"),
            (
                (
                    row["label"],
                    row["clips"],
                    f"{row['minutes']:.1f}",
                    row["sources"],
                    f"{row['auc']:.3f}",
                    *(_share(rate) for rate in row["detection"]),
                )
                for row in results["classes"]
            ),
        ),
        "",
        "## False alarms an hour on each kind of negative",
        "",
        f"At each class's threshold for {strict} an hour over all negatives; in brackets the interval. "
        "`repeated` counts alarms again after 3 s, over the four classes. Where minutes or sources are "
        "few, the figure shows little.",
        "",
        *_table(
            ("sound", "clips", "minutes", "sources", *positives, "repeated"),
            (
                (
                    row["target"],
                    row["clips"],
                    f"{row['minutes']:.1f}",
                    row["sources"],
                    *(_count(rate) for rate in row["per_hour"]),
                    f"{sum(row['excursions_per_hour']):.1f}",
                )
                for row in results["negatives"]
            ),
        ),
        "",
        "## Events found in mixtures, by signal-to-noise ratio",
        "",
        "Events in real beds (ambience, traffic, wind, rain, music, speech, crowds), random equaliser, some "
        "with reverberation; SNR = A-weighted level of the event's loud part less that of the bed. Same "
        "thresholds; an event is found when a window from its onset to 0.5 s after its end is above.",
        "",
        *_table(
            ("class", "SNR dB", "events", "sources", "found"),
            (
                (
                    row["label"],
                    f"{row['low_db']:.0f} to {row['high_db']:.0f}",
                    row["events"],
                    row["sources"],
                    _share(row["found"]),
                )
                for row in results["snr"]
            ),
        ),
        "",
        "## Detection by data set",
        "",
        *_table(
            ("class", "data set", "clips", "sources", "found"),
            (
                (label, dataset, clips, sources, f"{found:.2f}")
                for label, rows in results["datasets"].items()
                for dataset, clips, sources, found in rows
            ),
        ),
        "",
    ]
    return "\n".join(parts)


def _share(rate: Figures) -> str:
    return f"{rate['value']:.2f} ({rate['low']:.2f}-{rate['high']:.2f})"


def _count(rate: Figures) -> str:
    return f"{rate['value']:.1f} ({rate['low']:.1f}-{rate['high']:.1f})"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
