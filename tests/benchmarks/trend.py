"""Slopes of a soak with their intervals, and what it carried.

A slope is the least-squares line through all samples after the warm-up. Its 95 % interval comes from a
circular block bootstrap of the residuals (blocks of five minutes, 2,000 draws, seeded): neighbouring samples
of a process's memory say nearly the same, so samples taken as independent would give an interval far too
narrow. Memory that only grows in rare large steps is not caught by that; the mean of the first and of the
last quarter stand beside it for the eye.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_S = 300.0
DRAWS = 2000
HOUR_S = 3600.0
SHOWN = (
    ("rss_kb", "RSS", "MB", 1024 / 1e6),
    ("pss_kb", "PSS", "MB", 1024 / 1e6),
    ("private_dirty_kb", "private dirty", "MB", 1024 / 1e6),
    ("descriptors", "descriptors", "", 1.0),
    ("threads", "threads", "", 1.0),
)

Numbers = NDArray[np.float64]
Rows = list[dict[str, Any]]


def slope(t_s: Numbers, values: Numbers) -> tuple[float, float, float]:
    """Units of values an hour: least squares, and both ends of its 95 % interval."""
    hours = t_s / HOUR_S
    centred = hours - hours.mean()
    weights = centred / np.dot(centred, centred)
    found = float(np.dot(weights, values))
    residuals = values - values.mean() - found * centred
    size = len(values)
    block = max(1, min(size // 4, round(BLOCK_S / float(np.median(np.diff(t_s))))))
    rng = np.random.default_rng(1)
    starts = rng.integers(0, size, (DRAWS, -(-size // block)))
    picked = (starts[:, :, None] + np.arange(block)).reshape(DRAWS, -1)[:, :size] % size
    drawn = found + residuals[picked] @ weights
    low, high = np.quantile(drawn, (0.025, 0.975))
    return found, float(low), float(high)


def report(path: Path, warm_up_min: float) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    head = next((row["head"] for row in rows if "head" in row), {})
    samples = [row for row in rows if "t_s" in row]
    kept = [row for row in samples if row["t_s"] >= warm_up_min * 60.0]
    print(f"{head.get('machine')}; commit {head.get('commit')}; started {head.get('started')}")
    if not samples:
        print("no samples")
        return
    last = samples[-1]
    what = f"{last['t_s'] / 60:.1f} minutes, {head.get('sensors')} sensors, {len(samples)} samples"
    print(f"{what}; {_tail(rows)}")
    print(f"carried: {last['health']}, shown {last['shown']}")
    seen = sorted({code for row in samples for code in row["faults"]})
    print(f"faults in the health: {', '.join(seen) or 'none'}")
    for name in ("gateway", "receiver"):
        _process(name, samples, kept, warm_up_min)


def _tail(rows: Rows) -> str:
    over = next((row for row in rows if "gone" in row or "ended" in row), None)
    return "not ended early" if over is None else json.dumps(over)


def _process(
    name: str, samples: list[dict[str, Any]], kept: list[dict[str, Any]], warm_up_min: float
) -> None:
    first, last = samples[0], samples[-1]
    passed_s = last["t_s"] - first["t_s"]
    if passed_s <= 0.0:
        return
    cpu = (last[name]["cpu_s"] - first[name]["cpu_s"]) / passed_s
    written_mb = (last[name]["write_bytes"] - first[name]["write_bytes"]) / 1e6
    print(f"{name}: {cpu:.1%} of a core, {written_mb / passed_s * HOUR_S:.2f} MB written an hour")
    if len(kept) < 12:
        print(f"    too early for slopes: {len(kept)} samples after the first {warm_up_min:g} minutes")
        return
    t_s = np.array([row["t_s"] for row in kept])
    quarter = max(1, len(kept) // 4)
    for key, title, unit, scale in SHOWN:
        values = np.array([row[name][key] for row in kept], dtype=np.float64) * scale
        found, low, high = slope(t_s, values)
        print(
            f"    {title:<14} {values[:quarter].mean():8.2f} -> {values[-quarter:].mean():8.2f} {unit:<2}"
            f" (least {values.min():.2f}, most {values.max():.2f})"
            f"  slope {found:+.3f} {unit}/h, 95 % {low:+.3f} to {high:+.3f}"
        )
