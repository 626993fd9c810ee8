"""What a hop costs from codes to decisions: model input, invoke, and the whole of `SensorPipeline.hear`.

    python -m tests.benchmarks.classifier_invoke [--hops 4000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from dsp.model_input import model_input
from dsp.windows import HopWindow
from gateway.model_setup import DEFAULT, choose_model
from gateway.pipeline import SensorPipeline
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from tests.benchmarks.machine import processor


def timed_us(action: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        begun = time.perf_counter_ns()
        action()
        taken.append((time.perf_counter_ns() - begun) / 1000.0)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hops", type=int, default=4000)
    hops: int = parser.parse_args().hops
    model = choose_model(DEFAULT)
    assert model.classifier is not None, model.problem
    rng = np.random.default_rng(1)
    frames = frames_of(0.05 * rng.standard_normal(48_000 * 10), 48_000)
    window = HopWindow(model.classifier.window_hops)
    for frame in frames:
        window.push(frame)
    classifier, ready = model.classifier, model_input(window.frames, window.valid)
    rules = rules_in_force(DecisionSettings(), model.thresholds)
    pipeline = SensorPipeline(classifier, rules, full_scale_db=120.0)
    counted = iter(range(1, hops + 1))

    def hear() -> None:
        hop = next(counted)
        pipeline.hear(frames[hop % len(frames)], hop * HOP_S)

    print(f"{processor()}; {classifier.runtime}; model {model.model_id}; {hops} times each")
    print("| step | min us | median us | p99 us |\n|---|---|---|---|")
    for name, action in (
        ("model input of one window", lambda: model_input(window.frames, window.valid)),
        ("invoke", lambda: classifier.scores(ready)),
        ("a hop, codes to decisions", hear),
    ):
        taken = timed_us(action, hops)
        print(f"| {name} | {min(taken):.0f} | {median(taken):.0f} | {np.percentile(taken, 99):.0f} |")


if __name__ == "__main__":
    main()
