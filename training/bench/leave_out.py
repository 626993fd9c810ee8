"""Each data set left out in turn: what a network finds in a data set of which it never heard anything.

    python -m training.bench.leave_out --features FOLDER --work W [--steps N] [--most N]
    python -m training.bench.leave_out --features FOLDER --together SET,SET,... --network NET.pt

Slow: one training a data set, on the part train without it. Every class is asked that more than one data set
carries, of the data sets with at least LEAST_CLIPS clips of it; its threshold is that of 2.5 false alarms an
hour on the negatives of the part tune, which the trainings leave out as well. Scores are kept in the work
folder, so that a broken-off run goes on where it was. Writes LEFT_OUT.md and left_out.json beside this file.

`--together` asks one network, trained elsewhere without any of these sets, about all of them: one training in
place of one a set, and the negatives are theirs as well, so even the thresholds are of unknown recorders.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import store as features
from training.bench.bootstrap import share
from training.bench.markdown import share_text, table
from training.labels import LABELS, POSITIVES
from training.metrics import group_of, threshold_at
from training.store import Item, Store

LEAST_CLIPS = 8
PER_HOUR = 2.5
ROOM = Path(__file__).parent


def turns(items: Sequence[Item]) -> dict[str, list[str]]:
    """Data sets to be left out, and the classes asked of each; the largest first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for item in items:
        if item.kind == "clip" and item.target in POSITIVES:
            counts[item.target][item.dataset] += 1
    asked: dict[str, list[str]] = defaultdict(list)
    for label, of_sets in counts.items():
        if len(of_sets) > 1:
            for dataset, clips in of_sets.items():
                if clips >= LEAST_CLIPS:
                    asked[dataset].append(label)
    size = {name: sum(counts[label][name] for label in labels) for name, labels in asked.items()}
    return {name: sorted(asked[name]) for name in sorted(asked, key=lambda name: (-size[name], name))}


def kept_items(items: Sequence[Item], dataset: str) -> list[Item]:
    """What the network may hear: train, without the data set and without mixtures that hold any of it."""
    gone = {source for item in items if item.dataset == dataset for source in item.sources[:1]}
    return [
        item
        for item in items
        if item.part == "train" and item.dataset != dataset and not gone & set(item.sources)
    ]


def asked_items(items: Sequence[Item], dataset: str) -> list[Item]:
    """What it is asked: all clips of the data set, and the clips of tune that are no event."""
    return [
        item
        for item in items
        if item.kind == "clip"
        and (item.dataset == dataset or (item.part == "tune" and item.target not in POSITIVES))
    ]


def together_items(items: Sequence[Item], datasets: Collection[str]) -> list[Item]:
    """All clips of these data sets, events and others."""
    return [item for item in items if item.kind == "clip" and item.dataset in datasets]


def rows_together(items: Sequence[Item], peaks: NDArray[np.float32]) -> list[dict[str, Any]]:
    """One row a class and data set with enough of it, all at the thresholds of their common negatives."""
    counts = Counter((item.target, item.dataset) for item in items if item.target in POSITIVES)
    asked = [(label, dataset) for (label, dataset), count in counts.items() if count >= LEAST_CLIPS]
    return [row for label, dataset in asked for row in rows_of(dataset, [label], items, peaks)]


def rows_of(
    dataset: str, labels: Sequence[str], items: Sequence[Item], peaks: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """One row a class: how much of the left-out data set is found. peaks: (items, labels)."""
    rows = []
    for label in labels:
        column = LABELS.index(label)
        others = [n for n, item in enumerate(items) if item.target not in POSITIVES]
        own = [n for n, item in enumerate(items) if item.target == label and item.dataset == dataset]
        negatives = group_of(
            [float(peaks[n, column]) for n in others],
            [items[n].sources[0] for n in others],
            [items[n].dur_s for n in others],
        )
        hits = peaks[own, column] > threshold_at(negatives, PER_HOUR)
        sources = [items[n].sources[0] for n in own]
        rows.append(
            {
                "dataset": dataset,
                "label": label,
                "clips": len(own),
                "sources": len(set(sources)),
                "negative_hours": round(negatives.hours, 2),
                "found": asdict(share(hits, sources)),
            }
        )
    return rows


def page(rows: Sequence[dict[str, Any]], how: str) -> str:
    """LEFT_OUT.md. how: what the networks were, and where the thresholds come from."""
    body = [
        (row["label"], row["dataset"], row["clips"], row["sources"], share_text(row["found"]))
        for row in sorted(rows, key=lambda row: (POSITIVES.index(row["label"]), row["dataset"]))
    ]
    return "\n".join(
        [
            "# Data sets left out",
            "",
            f"Made by `python -m training.bench.leave_out`; do not edit. {how} Shares of clips found at "
            f"{PER_HOUR} false alarms an hour of the class on those negatives, one a clip at most.",
            *table(("class", "data set left out", "clips", "sources", "found"), body),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.bench.leave_out", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="where scores are kept")
    parser.add_argument("--together", metavar="SET,SET,...", help="data sets that one network never heard")
    parser.add_argument("--network", type=Path, help="its weights, as training.train writes them")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--most", type=int, default=8, help="leave out so many data sets, the largest first")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOM)
    args = parser.parse_args(argv)
    store = features.load(args.features)
    if any(item.part not in ("train", "tune") for item in store.items):
        print("only the parts train and tune are used here", file=sys.stderr)
        return 2
    if args.together:
        rows, how = _one_network(store, args.together.split(","), args.network)
    else:
        rows, how = _one_each(store, args)
    (args.out / "left_out.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (args.out / "LEFT_OUT.md").write_text(page(rows, how), encoding="utf-8")
    return 0


def _one_each(store: Store, args: argparse.Namespace) -> tuple[list[dict[str, Any]], str]:
    rows = []
    for dataset, labels in list(turns(store.items).items())[: args.most]:
        items = asked_items(store.items, dataset)
        rows += rows_of(dataset, labels, items, _peaks(store, dataset, items, args))
        print(f"without {dataset}: {', '.join(labels)}", flush=True)
    return rows, (
        f"One network for each data set, trained for {args.steps} steps on the part train without it; "
        "thresholds by the negatives of the part tune."
    )


def _one_network(store: Store, datasets: Sequence[str], weights: Path) -> tuple[list[dict[str, Any]], str]:
    import torch

    from training.fit import logits_of
    from training.network import Net

    net = Net(len(LABELS), hints=0)
    net.load_state_dict(torch.load(weights, weights_only=True))
    items = together_items(store.items, datasets)
    rows = rows_together(items, np.array([piece.max(axis=0) for piece in logits_of(net, store, items)]))
    return rows, (
        f"One network of the shipped recipe that heard nothing of {', '.join(datasets)}, nor of any source "
        "that is in them; thresholds by the negatives of these same data sets, which it never heard either."
    )


def _peaks(
    store: Store, dataset: str, items: Sequence[Item], args: argparse.Namespace
) -> NDArray[np.float32]:
    """The highest window of every item, by a network that never heard the data set; kept."""
    kept = Path(args.work) / f"without-{dataset}-{args.steps}.npy"
    if not kept.exists():
        from training.fit import Schedule, logits_of, train  # torch, and only here

        net = train(store.subset(kept_items(store.items, dataset)), Schedule(steps=args.steps), args.threads)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.array([piece.max(axis=0) for piece in logits_of(net, store, items)]))
    return np.asarray(np.load(kept))


if __name__ == "__main__":
    sys.exit(main())
