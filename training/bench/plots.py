"""The report's pictures, as SVG: the one file of the bench that knows matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
# The same figures give the same bytes.
matplotlib.rcParams.update({"svg.hashsalt": "bench", "font.size": 9.0, "axes.grid": True, "grid.alpha": 0.3})

from matplotlib import pyplot as plt  # noqa: E402

from training.bench.detector import CLASSES  # noqa: E402

_METADATA = {"Date": None}
_LEAST_PER_HOUR = 0.1


def draw_all(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw everything that the results hold; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_operating(results, folder / "misses-against-false-alarms.svg")]
    drawn.append(_by_snr(results, folder / "found-by-snr.svg"))
    drawn.append(_by_place(results, folder / "found-by-place-and-distance.svg"))
    drawn.append(_reliability(results, folder / "reliability.svg"))
    drawn.append(_negatives(results, folder / "false-alarms-by-sound.svg"))
    return [path for path in drawn if path is not None]


def _operating(results: Mapping[str, Any], path: Path) -> Path:
    figure, axes = plt.subplots(2, 2, figsize=(9.0, 7.0), sharex=True, sharey=True)
    for axis, label in zip(axes.flat, CLASSES, strict=True):
        for name, own in results["detectors"].items():
            row = own["street"]["classes"][label]
            points = [(max(rate, _LEAST_PER_HOUR), misses) for rate, misses in row["curve"]]
            axis.step([p[0] for p in points], [p[1] for p in points], where="post", label=name)
            if "alerts" in own:
                found = next(r for r in own["alerts"]["found"]["by_class"] if r["of"] == label)
                rate = own["alerts"]["false_alarms"][label] / own["alerts"]["hours"]
                misses = 1.0 - found["share"]["value"]
                axis.plot(max(rate, _LEAST_PER_HOUR), misses, "o", label=f"{name}, alerts")
        axis.set(xscale="log", xlim=(_LEAST_PER_HOUR, 300.0), ylim=(0.0, 1.02), title=label)
    axes[0, 0].legend(fontsize=7)
    for axis in axes[1]:
        axis.set_xlabel("false alarms of the class an hour")
    for axis in axes[:, 0]:
        axis.set_ylabel("share of events missed")
    figure.suptitle("Street soundscapes (left edge: none, or below 0.1 an hour)")
    return _saved(figure, path)


def _by_snr(results: Mapping[str, Any], path: Path) -> Path:
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), sharey=True)
    for name, own in results["detectors"].items():
        rows = own["street"]["at_six_per_hour"]["by_snr_db"]
        _with_intervals(axes[0], [row["of"] for row in rows], rows, name)
        if "alerts" in own:
            for label in CLASSES:
                both = own["alerts"]["found"]["by_class_and_snr_db"]
                rows = [row for row in both if row["of"][0] == label]
                _with_intervals(axes[1], [row["of"][1] for row in rows], rows, f"{name}: {label}")
    axes[0].set(title="six false alarms an hour in all", ylabel="share of events found", ylim=(0.0, 1.02))
    axes[1].set(title="alerts at default settings")
    for axis in axes:
        axis.set_xlabel("SNR, dB")
        axis.legend(fontsize=7)
    return _saved(figure, path)


def _by_place(results: Mapping[str, Any], path: Path) -> Path:
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.0), sharey=True)
    for axis, key in zip(axes, ("by_place", "by_distance_m"), strict=True):
        for name, own in results["detectors"].items():
            rows = [row for row in own["street"]["at_six_per_hour"][key] if row["of"] is not None]
            _with_intervals(axis, [str(row["of"]) for row in rows], rows, name)
    axes[0].set(title="by place", ylabel="share found at six false alarms an hour", ylim=(0.0, 1.02))
    axes[0].tick_params(axis="x", rotation=20)
    axes[1].set(title="by simulated distance", xlabel="m")
    axes[1].legend(fontsize=7)
    return _saved(figure, path)


def _reliability(results: Mapping[str, Any], path: Path) -> Path | None:
    detectors = results["detectors"].items()
    with_bins = {name: own["calibration"] for name, own in detectors if "calibration" in own}
    if not with_bins:
        return None
    figure, axis = plt.subplots(figsize=(4.5, 4.5))
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, classes in with_bins.items():
        for label, row in classes.items():
            points = row["bins"]
            text = f"{name}: {label}, ECE {row['ece']:.3f}"
            axis.plot([p[0] for p in points], [p[1] for p in points], marker="o", markersize=3, label=text)
    axis.set(xlabel="stated probability", ylabel="share that is true", title="one window in ten holds it")
    axis.legend(fontsize=6)
    return _saved(figure, path)


def _negatives(results: Mapping[str, Any], path: Path) -> Path | None:
    own = next((o["negatives"]["table"] for o in results["detectors"].values() if "negatives" in o), None)
    if own is None:
        return None
    figure, axis = plt.subplots(figsize=(8.0, 5.5))
    names = [row["target"] for row in own]
    axis.barh(names, [row["per_minute"] for row in own], label="raised")
    axis.plot([row["upper_per_minute"] for row in own], names, "|", color="black", label="upper bound, 95 %")
    axis.set(xlabel="false alarms per minute of that sound", xlim=(0.0, None))
    axis.legend(fontsize=7)
    return _saved(figure, path)


def _with_intervals(axis: Any, at: Sequence[Any], rows: Sequence[Mapping[str, Any]], name: str) -> None:
    values = [row["share"]["value"] for row in rows]
    low = [max(row["share"]["value"] - row["share"]["low"], 0.0) for row in rows]
    high = [max(row["share"]["high"] - row["share"]["value"], 0.0) for row in rows]
    axis.errorbar(at, values, yerr=[low, high], marker="o", markersize=3, capsize=2, label=name)


def _saved(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, metadata=_METADATA)
    plt.close(figure)
    return path
