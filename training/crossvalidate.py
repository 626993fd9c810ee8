"""Results by cross-validation: every clip of train and tune scored by a network that never heard its source.

    python -m training.crossvalidate --features FOLDER --work FOLDER [--steps N] [--threads N] [--only FOLD]

Writes `RESULTS.md` and `results.json` into the work folder, where out-of-fold logits are kept too, so that a
broken-off run goes on where it was. Without the teachers' lessons: those know other folds' labels.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training import store as features
from training.evaluation import Scored, all_figures
from training.fit import Schedule, logits_of, train
from training.results import results_page
from training.store import Store


def out_of_fold(store: Store, schedule: Schedule, work: Path, threads: int) -> list[NDArray[np.float32]]:
    """Scores of every item, each by the network of the fold that its sources are not in."""
    scores: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)] * len(store.items)
    for fold in sorted({item.fold for item in store.items}):
        numbers = [n for n, item in enumerate(store.items) if item.fold == fold]
        logits = logits_of_fold(store, fold, schedule, work, threads)
        for number, piece in zip(numbers, logits, strict=True):
            scores[number] = 1.0 / (1.0 + np.exp(-piece))
    return scores


def logits_of_fold(
    store: Store, fold: int, schedule: Schedule, work: Path, threads: int
) -> list[NDArray[np.float32]]:
    """Logits of the fold's items by a network trained on the others; kept in the work folder."""
    kept = work / f"fold{fold}.npz"
    own = [item for item in store.items if item.fold == fold]
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        net = train(store.subset(i for i in store.items if i.fold != fold), schedule, threads)
        np.savez(kept, logits=np.concatenate(logits_of(net, store, own)))
        print(f"fold {fold} scored", flush=True)
    with np.load(kept) as arrays:
        return np.split(arrays["logits"], np.cumsum([item.count for item in own])[:-1])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.crossvalidate", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=Schedule().steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", type=int, help="train this fold alone, for folds side by side")
    args = parser.parse_args(argv)
    store = features.load(args.features)
    if any(item.part not in ("train", "tune") for item in store.items):
        print("only the parts train and tune are cross-validated", file=sys.stderr)
        return 1
    schedule = Schedule(steps=args.steps)
    if args.only is not None:
        logits_of_fold(store, args.only, schedule, args.work, args.threads)
        return 0
    scores = out_of_fold(store, schedule, args.work, args.threads)
    scored = [
        Scored(item, score, store.active[item.start : item.start + item.count])
        for item, score in zip(store.items, scores, strict=True)
    ]
    results = {"steps": args.steps, "folds": len({i.fold for i in store.items}), **all_figures(scored)}
    (args.work / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (args.work / "RESULTS.md").write_text(results_page(results), encoding="utf-8")
    print(results_page(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
