"""Train the small network on mn04's features: fitted on train, stopped on tune (torch).

    python -m training.rivals.fit_probe --features F --teachers T --out FOLDER

F: the store of `training.extract`; T: what `training.teachers` wrote for it. Writes `probe.npz` and
`probe.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from training import store as features
from training.labels import POSITIVES
from training.rivals.balance import chances_of
from training.rivals.probe import Probe
from training.rivals.probe_rows import Rows, draw_weights, rows_of
from training.rivals.tuning import figures_of, highest_of, mean_found
from training.store import Item, Store

HIDDEN, DROPOUT, NOISE = 128, 0.3, 0.1
STEPS, BATCH, PEAK_RATE, DECAY = 8000, 512, 2e-3, 1e-2
CHECK_EVERY = 500
Floats = NDArray[np.float32]


class Heard:
    """The rows of one part: mn04's features, and which item and hop they belong to."""

    def __init__(self, folder: Path, store: Store, part: str) -> None:
        index, inputs = _rows_on_disk(folder)
        of_part = np.array([item.part == part for item in store.items])[index[:, 0]]
        self.index, self.inputs = index[of_part], inputs[of_part].astype(np.float32)
        self.items: list[Item] = [store.items[number] for number in np.unique(self.index[:, 0])]


def fit(
    heard: Heard, rows: Rows, chances: NDArray[np.float64], tune: Heard, seed: int
) -> tuple[Probe, dict[str, object]]:
    """The probe that found most on tune, and its figures there."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    mean, spread = heard.inputs.mean(axis=0), heard.inputs.std(axis=0) + np.float32(1e-3)
    net = nn.Sequential(
        nn.Linear(len(mean), HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, len(POSITIVES))
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=STEPS)
    best: tuple[Probe, dict[str, object]] | None = None
    most, cumulative = -1.0, np.cumsum(chances)
    for step in range(1, STEPS + 1):
        drawn = np.searchsorted(cumulative, rng.random(BATCH) * cumulative[-1], side="right")
        batch = (heard.inputs[drawn] - mean) / spread
        batch += rng.normal(0.0, NOISE, batch.shape).astype(np.float32)
        losses = binary_cross_entropy_with_logits(
            net(torch.from_numpy(batch)), torch.from_numpy(rows.targets[drawn]), reduction="none"
        )
        loss = (losses * torch.from_numpy(rows.weights[drawn])).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
        if step % CHECK_EVERY == 0:
            probe = _probe_of(net, mean, spread)
            figures = figures_of(highest_of(probe.scores(tune.inputs), tune.index[:, 0]), tune.items)
            print(f"step {step} loss {loss.item():.3f} {json.dumps(figures)}", flush=True)
            if (found := mean_found(figures)) > most:
                most, best = found, (probe, {"step": step, "tune": figures})
    assert best is not None
    return best


def _probe_of(net: nn.Sequential, mean: Floats, spread: Floats) -> Probe:
    hidden, out = net[0], net[3]
    weights = [hidden.weight.T, hidden.bias, out.weight.T, out.bias]
    return Probe(mean, spread, *(one.detach().numpy().astype(np.float32).copy() for one in weights))


def _rows_on_disk(folder: Path) -> tuple[NDArray[np.int32], NDArray[np.float16]]:
    parts = [folder / name for name in ("clips", "mixtures") if (folder / name / "index.npy").is_file()]
    index = np.concatenate([np.load(part / "index.npy") for part in parts])
    return index, np.concatenate([np.load(part / "mn04_features.npy") for part in parts])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.rivals.fit_probe")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--teachers", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    store = features.load(args.features)
    heard, tune = (Heard(args.teachers, store, part) for part in ("train", "tune"))
    rows = rows_of(heard.index, store.items, store.active)
    of_row = [store.items[number] for number in heard.index[:, 0]]
    chances = chances_of(
        rows.kinds, [item.dataset for item in of_row], [item.sources[0] for item in of_row], draw_weights()
    )
    probe, figures = fit(heard, rows, chances, tune, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    probe.save(args.out / "probe.npz")
    text = json.dumps({"rows": len(rows.kinds), "hidden": HIDDEN, "seed": args.seed, **figures}, indent=1)
    (args.out / "probe.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
