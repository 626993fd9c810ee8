"""Train the final network: fitted on the part `train`, calibrated and given thresholds on the part `tune`.

    python -m training.train --features FOLDER --out FOLDER [--lessons FILE] [--steps N] [--threads N]

Writes `net.pt`, `calibration.npz` and `tuned.json` (thresholds, and figures on tune).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from training import distil
from training import store as features
from training.calibrate import KEPT_TO, decision_group, fit_calibration, thresholds_of
from training.evaluation import Scored, class_figures, clips_for
from training.fit import Schedule, logits_of, train
from training.labels import LABELS, POSITIVES
from training.metrics import detection
from training.network import Net
from training.store import Item, Store


def scored_items(net: Net, store: Store, items: Sequence[Item]) -> list[Scored]:
    """Items with their logits and active hops."""
    return [
        Scored(item, logits, store.active[item.start : item.start + item.count])
        for item, logits in zip(items, logits_of(net, store, items), strict=True)
    ]


def data_summary(items: Iterable[Item]) -> dict[str, dict[str, float]]:
    """By target: clips, minutes and sources of the clips (mixtures are made of these)."""
    clips: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    sources: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.kind == "clip":
            clips[item.target] += 1
            seconds[item.target] += item.dur_s
            sources[item.target].add(item.sources[0])
    return {
        target: {
            "clips": clips[target],
            "minutes": round(seconds[target] / 60, 1),
            "sources": len(sources[target]),
        }
        for target in (*LABELS, "other")
        if clips[target]
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lessons", type=Path, help="what training.distil wrote for the same features")
    parser.add_argument("--steps", type=int, default=Schedule().steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tune-only", action="store_true", help="keep net.pt, calibrate it again")
    args = parser.parse_args(argv)
    store = features.load(args.features)
    of_train = [item for item in store.items if item.part == "train"]
    of_tune = [item for item in store.items if item.part == "tune"]
    if args.tune_only:
        net = Net(len(LABELS), hints=0)
        net.load_state_dict(torch.load(args.out / "net.pt", weights_only=True))
    else:
        lessons = None if args.lessons is None else distil.load(args.lessons)
        schedule = Schedule(steps=args.steps, seed=args.seed)
        net = train(store.subset(of_train), schedule, args.threads, lessons)
        args.out.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), args.out / "net.pt")
    with_logits = scored_items(net, store, of_tune)
    calibration = fit_calibration(with_logits)
    scored = [Scored(one.item, calibration.scores(one.scores), one.active) for one in with_logits]
    thresholds = thresholds_of(scored)
    tuned = {
        "thresholds": thresholds,
        "thresholds_by": KEPT_TO,
        "raised": {
            label: detection(decision_group(clips_for(scored, label), label), thresholds[label])
            for label in POSITIVES
        },
        "steps": args.steps,
        "train": data_summary(of_train),
        "tune": {
            row.label: {"clips": row.clips, "auc": row.auc, "detection": row.detection[0].value}
            for row in class_figures(scored, np.random.default_rng(1))
        },
    }
    np.savez(args.out / "calibration.npz", scale=calibration.scale, bias=calibration.bias)
    (args.out / "tuned.json").write_text(json.dumps(tuned, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: tuned[name] for name in ("thresholds", "raised", "tune")}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
