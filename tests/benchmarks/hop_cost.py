"""What one hop of one sensor costs from frame to decision, part by part.

    python -m tests.benchmarks.hop_cost [--model default] [--runs 9]

Processor time of this thread. "warm" is the best of several runs without a pause; "woken" is the median when
the thread has slept 2 ms before each hop, as it does between the frames of 64 sensors, so that it finds less
of what it needs in the caches of the processor. That is nearer to the running gateway.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from dsp.background import Background
from dsp.calibration import absolute_levels
from dsp.layout import HOP_S
from dsp.model_input import model_input
from dsp.windows import HopWindow
from firmware_bridge.messages import Features
from gateway.decisions.decider import Decider, Evidence
from gateway.features import codes_of
from gateway.model_setup import ModelSetup, choose_model
from gateway.pipeline import SensorPipeline
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from tests.benchmarks.machine import processor

SENSORS = 64
WARM_HOPS = 2000
WOKEN_HOPS = 1000
ASLEEP_S = 0.002
FULL_SCALE_DB = 120.0

Step = Callable[[int], object]


def frames(count: int) -> list[Features]:
    """Noise around 55 dB(A), seeded."""
    chance = np.random.default_rng(1)
    return [
        Features(
            hop,
            -6500 + int(chance.integers(-300, 300)),
            -6000,
            140,
            35,
            61,
            201,
            9,
            190,
            bytes(chance.integers(60, 120, 24).astype(np.uint8)),
        )
        for hop in range(count)
    ]


def warm_us(step: Step, runs: int) -> float:
    """step: takes the number of the hop."""
    best = float("inf")
    for _ in range(runs):
        begin_s = time.thread_time()
        for hop in range(WARM_HOPS):
            step(hop)
        best = min(best, (time.thread_time() - begin_s) / WARM_HOPS)
    return best * 1e6


def woken_us(step: Step) -> float:
    pause = threading.Event()
    took_s = []
    for hop in range(WOKEN_HOPS):
        pause.wait(ASLEEP_S)
        begin_s = time.thread_time()
        step(hop)
        took_s.append(time.thread_time() - begin_s)
    return statistics.median(took_s) * 1e6


def parts(setup: ModelSetup) -> dict[str, Step]:
    """The steps of one hop, each by itself, and all of it. Every sensor takes its turn."""
    classifier = setup.classifier
    assert classifier is not None, setup.problem
    rules = rules_in_force(DecisionSettings(), setup.thresholds)
    heard = frames(SENSORS)
    codes = [codes_of(one) for one in heard]
    windows = [HopWindow(classifier.window_hops) for _ in codes]
    for window, row in itertools.product(windows, codes):
        window.push(row)
    inputs = [model_input(window.frames, window.valid) for window in windows]
    scores = [classifier.scores(one).by_label for one in inputs]
    backgrounds = [Background() for _ in codes]
    deciders = [Decider(rules) for _ in codes]
    pipelines = [SensorPipeline(classifier, rules, full_scale_db=FULL_SCALE_DB) for _ in codes]
    ticks = itertools.count(1)

    def learn(hop: int) -> None:
        background = backgrounds[hop % SENSORS]
        background.level_db()
        background.hear(55.0 + hop % 7, HOP_S)

    def decide(hop: int) -> None:
        sensor = hop % SENSORS
        deciders[sensor].step(Evidence(next(ticks) * HOP_S, HOP_S, scores[sensor], 55.0, 56.0, 0.0))

    def see(hop: int) -> None:
        window = windows[hop % SENSORS]
        model_input(window.frames, window.valid)

    def hear(hop: int) -> None:
        pipelines[hop % SENSORS].hear(codes_of(heard[hop * 7 % SENSORS]), next(ticks) * HOP_S)

    return {
        "codes from the message": lambda hop: codes_of(heard[hop % SENSORS]),
        "levels": lambda hop: absolute_levels(codes[hop % SENSORS], FULL_SCALE_DB),
        "background": learn,
        "into the window": lambda hop: windows[hop % SENSORS].push(codes[hop % SENSORS]),
        "model input": see,
        "model (invoke, scores by label)": lambda hop: classifier.scores(inputs[hop % SENSORS]),
        "decisions": decide,
        "all of it: codes to decisions": hear,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="default", help='"default" or a folder')
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    setup = choose_model(args.model)
    if setup.classifier is None:
        print(setup.problem, file=sys.stderr)
        return 1
    print(f"{processor()}; model {setup.model_id}, {setup.classifier.runtime}, {SENSORS} sensors in turn")
    print(f"{'us a hop':<34} {'warm':>7} {'woken':>7}")
    for name, step in parts(setup).items():
        print(f"{name:<34} {warm_us(step, args.runs):7.1f} {woken_us(step):7.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
