"""Reference numbers for the bench's own metrics, computed by `sed_scores_eval` and `sed_eval`.

    python -m training.bench.reference          # writes tests/training/bench/reference.json

The tests compare the bench's metrics with the file, so that they need neither library. Seeded scores and
events. `sed_scores_eval` 0.0.4 needs setuptools below 81 (`dcase_util` imports pkg_resources) and pandas
below 3.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOP_S = 0.125
HOPS = 480
FILES = 12
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
OUT = Path(__file__).parents[2] / "tests" / "training" / "bench" / "reference.json"

Files = list[tuple[NDArray[np.float64], list[tuple[float, float]]]]


def made_up(seed: int = 11) -> Files:
    """Scores of one class, (HOPS,), and its events (onset, end) in s, of FILES recordings of a minute."""
    rng = np.random.default_rng(seed)
    files = []
    for _ in range(FILES):
        events = [(at + float(rng.uniform(0, 8)), float(rng.uniform(0.4, 3.0))) for at in (5.0, 25.0, 43.0)]
        chosen = [(start, start + length) for start, length in events[: int(rng.integers(0, 4))]]
        scores = rng.beta(1.2, 4.0, HOPS)
        scores = np.convolve(scores, np.ones(3) / 3, mode="same") * 1.3
        for start, end in chosen:
            late = float(rng.normal(0.15, 0.25))
            first, last = int((start + late) / HOP_S), int((end + late) / HOP_S) + 1
            scores[max(first, 0) : last] += rng.uniform(0.1, 0.7)
        files.append((np.clip(scores, 0.0, 1.0), chosen))
    return files


def computed() -> dict[str, Any]:
    """What the two libraries say: counts with an onset collar of 0.5 s, and found events by overlap."""
    return {"collar": _collar(), "overlap": _overlap(), "sed_eval": _sed_eval()}


def _tables(files: Files) -> tuple[dict[str, Any], dict[str, Any]]:
    from sed_scores_eval.base_modules.scores import create_score_dataframe

    edges = np.arange(HOPS + 1) * HOP_S
    scores = {
        f"file{n}": create_score_dataframe(own[:, np.newaxis], edges, ["event"])
        for n, (own, _) in enumerate(files)
    }
    truth = {
        f"file{n}": [(start, end, "event") for start, end in events] for n, (_, events) in enumerate(files)
    }
    return scores, truth


def _collar() -> list[list[float]]:
    from sed_scores_eval import collar_based

    scores, truth = _tables(made_up())
    rows = []
    for threshold in THRESHOLDS:
        f1, _, _, stats = collar_based.fscore(
            scores, truth, threshold={"event": threshold},
            onset_collar=0.5, offset_collar=1000.0, offset_collar_rate=0.0,
        )  # fmt: skip
        own = stats["event"]
        tps, fps = own["tps"], own["fps"]
        rows.append([threshold, float(tps), float(fps), float(own["n_ref"] - tps), float(f1["event"])])
    return rows


def _overlap() -> list[list[float]]:
    from sed_scores_eval import intersection_based

    scores, truth = _tables(made_up())
    rows = []
    for threshold in THRESHOLDS:
        _, _, _, stats = intersection_based.fscore(
            scores, truth, threshold={"event": threshold}, dtc_threshold=0.001, gtc_threshold=0.001
        )
        rows.append([threshold, float(stats["event"]["tps"]), float(stats["event"]["fps"])])
    return rows


def _sed_eval() -> list[list[float]]:
    import sed_eval

    from training.bench.alarms import runs

    rows = []
    for threshold in THRESHOLDS:
        metrics = sed_eval.sound_event.EventBasedMetrics(
            event_label_list=["event"], t_collar=0.5, evaluate_onset=True, evaluate_offset=False,
            event_matching_type="optimal",
        )  # fmt: skip
        for n, (scores, events) in enumerate(made_up()):
            alarms = [(a * HOP_S, (b + 1) * HOP_S) for a, b in runs(scores >= threshold, 1)]
            metrics.evaluate(_listed(events, n), _listed(alarms, n))
        overall = metrics.results_overall_metrics()
        rows.append(
            [
                threshold,
                float(overall["f_measure"]["f_measure"]),
                float(overall["error_rate"]["error_rate"]),
            ]
        )
    return rows


def _listed(stretches: list[tuple[float, float]], file: int) -> Any:
    import dcase_util

    return dcase_util.containers.MetaDataContainer(
        [
            {"filename": f"file{file}", "onset": start, "offset": end, "event_label": "event"}
            for start, end in stretches
        ]
    )


def main() -> int:
    OUT.write_text(json.dumps(computed(), indent=1) + "\n", encoding="utf-8")
    print(f"{OUT} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
