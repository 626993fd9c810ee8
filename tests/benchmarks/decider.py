"""What one hop costs in the decisions: `python -m tests.benchmarks.decider`."""

from __future__ import annotations

import time

from gateway.decisions.decider import Decider, Evidence
from gateway.decisions.rules import DEFAULT_RULES, ClassRule, loud_rule

HOP_S = 0.125
RULES = {**DEFAULT_RULES, "one_more": ClassRule(), "loud": loud_rule(95.0, 10.0)}
LABELS = (*RULES, *(f"negative_{index}" for index in range(12)))


def cost_us(scores: dict[str, float], level_db: float, hops: int = 100_000) -> float:
    """Microseconds per step for `hops` alike hops; the best of three runs."""
    stream = [
        Evidence((index + 1) * HOP_S, HOP_S, scores, level_db, level_db + 2.0, level_db - 58.0)
        for index in range(hops)
    ]
    runs = []
    for _ in range(3):
        decider = Decider(RULES)
        begin_s = time.perf_counter()
        for hop in stream:
            decider.step(hop)
        runs.append((time.perf_counter() - begin_s) / hops * 1e6)
    return min(runs)


def main() -> None:
    nothing = dict.fromkeys(LABELS, 0.01)
    print(f"{len(RULES)} classes, nothing happens: {cost_us(nothing, 60.0):.1f} us a hop")
    print(f"one class open:                {cost_us({**nothing, 'shout': 0.9}, 80.0):.1f} us a hop")
    everything = nothing | dict.fromkeys(RULES, 0.9)
    print(f"all classes open:              {cost_us(everything, 100.0):.1f} us a hop")


if __name__ == "__main__":
    main()
