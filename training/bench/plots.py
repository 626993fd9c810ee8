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
from training.bench.goals import main_of  # noqa: E402

_METADATA = {"Date": None}
_LEAST_PER_HOUR = 0.1
_VERDICTS = {"within": "C2", "above": "C3", "not shown": "grey"}


def draw_all(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw everything that the results hold; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_operating(results, folder / "misses-against-false-alarms.svg")]
    drawn.append(_split_curves(results, folder / "misses-by-snr-place-distance.svg"))
    drawn.append(_by_snr(results, folder / "found-by-snr.svg"))
    drawn.append(_by_place(results, folder / "found-by-place-and-distance.svg"))
    drawn.append(_reliability(results, folder / "reliability.svg"))
    drawn.append(_negatives(results, folder / "false-alarms-by-sound.svg"))
    return [path for path in drawn if path is not None]


def _style(results: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The first of ours black and thick, its sisters grey and dashed, each rival in its own colour."""
    detectors = results["detectors"]
    ours = [one for one in detectors if "alerts" in detectors[one]]
    if name in ours:
        first = name == ours[0]
        style = {"linestyle": "-" if first else ("--", ":", "-.")[ours.index(name) % 3 - 1]}
        colour = ("black", "0.45", "0.65")[min(ours.index(name), 2)]
        return {**style, "color": colour, "linewidth": 2.2 if first else 1.2, "zorder": 3}
    rivals = [one for one in detectors if one not in ours]
    return {"color": f"C{rivals.index(name)}", "linewidth": 1.3}


def _operating(results: Mapping[str, Any], path: Path) -> Path:
    main = main_of(results["detectors"])
    figure, axes = plt.subplots(2, 2, figsize=(9.0, 7.6), sharex=True, sharey=True)
    for axis, label in zip(axes.flat, CLASSES, strict=True):
        for name, own in results["detectors"].items():
            row = own["street"]["classes"][label]
            points = [(max(rate, _LEAST_PER_HOUR), misses) for rate, misses in row["curve"]]
            style = _style(results, name)
            axis.step([p[0] for p in points], [p[1] for p in points], where="post", label=name, **style)
            if name == main:
                found = next(r for r in own["alerts"]["found"]["by_class"] if r["of"] == label)
                rate = own["alerts"]["false_alarms"][label] / own["alerts"]["hours"]
                misses = 1.0 - found["share"]["value"]
                at = max(rate, _LEAST_PER_HOUR)
                axis.plot(at, misses, "o", color="red", zorder=4, clip_on=False, label=f"{name}: alerts")
        row = next(iter(results["detectors"].values()))["street"]["classes"][label]
        title = f"{label}: {row['events']} events, {row['sources']} sources, {row['hours']} h"
        axis.set(xscale="log", xlim=(_LEAST_PER_HOUR, 300.0), ylim=(0.0, 1.02), title=title)
    for axis in axes[1]:
        axis.set_xlabel("false alarms of the class an hour")
    for axis in axes[:, 0]:
        axis.set_ylabel("share of events missed")
    figure.suptitle("Street soundscapes (left edge: none, or below 0.1 an hour)")
    _legend_below(figure, axes[0, 0])
    return _saved(figure, path, below=0.07)


def _split_curves(results: Mapping[str, Any], path: Path) -> Path | None:
    name = main_of(results["detectors"])
    if name is None:
        return None
    figure, axes = plt.subplots(1, 3, figsize=(12.0, 4.4), sharex=True, sharey=True)
    titles = {"snr_db": "SNR, dB", "place": "place", "distance_m": "simulated distance, m"}
    for axis, (view, title) in zip(axes, titles.items(), strict=True):
        for place, row in enumerate(results["detectors"][name]["street"]["by"][view]):
            value = row["of"] if isinstance(row["of"], str) else f"{row['of']:.0f}"
            text = f"{value} ({row['events']} events, {row['sources']} sources)"
            points = row["curve"]
            axis.step(
                [p[0] for p in points], [p[1] for p in points], where="post", color=f"C{place}", label=text
            )
        axis.set(xscale="log", ylim=(0.0, 1.02), title=f"by {title}")
        axis.set_xlabel("false alarms of each class an hour")
        axis.legend(fontsize=7, loc="lower left")
    axes[0].set_ylabel("share of events missed")
    figure.suptitle(f"Street soundscapes, {name}, the four classes together")
    return _saved(figure, path)


def _by_snr(results: Mapping[str, Any], path: Path) -> Path:
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.8), sharey=True)
    count = len(results["detectors"])
    for place, (name, own) in enumerate(results["detectors"].items()):
        rows = own["street"]["at_six_per_hour"]["by_snr_db"]
        at = [row["of"] + 0.25 * (place - count / 2) for row in rows]
        _with_intervals(axes[0], at, rows, label=name, **_style(results, name))
    main = main_of(results["detectors"])
    for place, label in enumerate(CLASSES if main else ()):
        both = results["detectors"][main]["alerts"]["found"]["by_class_and_snr_db"]
        rows = [row for row in both if row["of"][0] == label]
        _with_intervals(axes[1], [row["of"][1] + 0.35 * (place - 2) for row in rows], rows, label=label)
    axes[0].set(title="six false alarms an hour in all", ylabel="share of events found", ylim=(0.0, 1.02))
    axes[1].set(title=f"{main}: alerts at default settings")
    axes[1].legend(fontsize=7, loc="upper left")
    for axis in axes:
        axis.set_xlabel("SNR, dB")
    _legend_below(figure, axes[0])
    return _saved(figure, path, below=0.1)


def _by_place(results: Mapping[str, Any], path: Path) -> Path:
    """Bars would hide the intervals: points beside each other, one a detector."""
    figure, axes = plt.subplots(1, 2, figsize=(11.0, 4.8), sharey=True)
    count = len(results["detectors"])
    for axis, key in zip(axes, ("by_place", "by_distance_m"), strict=True):
        for place, (name, own) in enumerate(results["detectors"].items()):
            rows = [row for row in own["street"]["at_six_per_hour"][key] if row["of"] is not None]
            at = [n + 0.7 * ((place + 0.5) / count - 0.5) for n in range(len(rows))]
            _with_intervals(axis, at, rows, label=name, **{**_style(results, name), "linestyle": "none"})
        names = [f"{row['of']:.0f} m" if key == "by_distance_m" else str(row["of"]) for row in rows]
        axis.set_xticks(range(len(rows)), names)
    axes[0].set(title="by place", ylabel="share found at six false alarms an hour", ylim=(0.0, 1.02))
    axes[1].set(title="by simulated distance, at equal SNR")
    _legend_below(figure, axes[0])
    return _saved(figure, path, below=0.1)


def _reliability(results: Mapping[str, Any], path: Path) -> Path | None:
    name = next((name for name, own in results["detectors"].items() if "calibration" in own), None)
    if name is None:
        return None
    figure, axis = plt.subplots(figsize=(5.0, 5.0))
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for label, row in results["detectors"][name]["calibration"].items():
        points = row["bins"]
        text = f"{label}, ECE {row['ece']:.3f}"
        axis.plot([p[0] for p in points], [p[1] for p in points], marker="o", markersize=3, label=text)
    title = f"{name}: one window in ten holds the sound"
    axis.set(xlabel="stated probability", ylabel="share that is true", title=title)
    axis.legend(fontsize=7)
    return _saved(figure, path)


def _negatives(results: Mapping[str, Any], path: Path) -> Path | None:
    own = next((o["negatives"] for o in results["detectors"].values() if "negatives" in o), None)
    if own is None:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(11.0, 6.0), sharey=True)
    titles = {"table": "alerts at default settings", "loose_table": "five false alarms an hour of each class"}
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        rows = own[key][::-1]
        names = [f"{row['target']} ({row['minutes']} min, {row['sources']} sources)" for row in rows]
        colours = [_VERDICTS[row["verdict"]] for row in rows]
        # A bound far outside says only that there is little sound: it does not set the scale.
        widest = max(3.0, 1.2 * max(row["per_minute"] for row in rows if row["minutes"] >= 1.0))
        axis.barh(names, [row["per_minute"] for row in rows], color=colours)
        for name, row, colour in zip(names, rows, colours, strict=True):
            axis.plot([row["per_minute"], row["upper_per_minute"]], [name, name], color=colour, linewidth=1.0)
            axis.plot(row["upper_per_minute"], name, "|", color=colour)
        axis.set(title=title, xlabel="false alarms a minute of that sound, with its 95 % bound")
        axis.set_xlim(0.0, widest)
    handles = [plt.Line2D([], [], color=colour, linewidth=5) for colour in _VERDICTS.values()]
    axes[1].legend(handles, [f"three times the mean: {word}" for word in _VERDICTS], fontsize=7)
    return _saved(figure, path)


def _with_intervals(axis: Any, at: Sequence[Any], rows: Sequence[Mapping[str, Any]], **style: Any) -> None:
    values = [row["share"]["value"] for row in rows]
    low = [max(row["share"]["value"] - row["share"]["low"], 0.0) for row in rows]
    high = [max(row["share"]["high"] - row["share"]["value"], 0.0) for row in rows]
    axis.errorbar(at, values, yerr=[low, high], marker="o", markersize=3, capsize=2, elinewidth=0.8, **style)


def _legend_below(figure: Any, axis: Any) -> None:
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncol=5, fontsize=8, frameon=False)


def _saved(figure: Any, path: Path, below: float = 0.0) -> Path:
    figure.tight_layout(rect=(0.0, below, 1.0, 1.0))
    figure.savefig(path, metadata=_METADATA)
    plt.close(figure)
    return path
