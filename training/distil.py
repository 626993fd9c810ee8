"""What the student learns from two teachers that hear the waveform: soft labels and hints.

    python -m training.distil --features F --teachers T --peers PEERS --out LESSONS.npz

`training.teachers` kept what EfficientAT mn04 and YAMNet say of windows of every item. Of it are made:

- a *second opinion*: a small network on what the teachers say, fitted to our labels in folds by source, so
  that no item's opinion comes from a network that was shown that item's label; to its logits the teachers'
  own scores of the nearest AudioSet classes are added. Many clips carry a loose label; where the opinion
  differs from the label, the student is asked for something in between;
- *hints*: the principal components of mn04's features, and both teachers' scores of AudioSet's classes that
  are near ours.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from training import store as features
from training.calibrate import logistic
from training.hints import COMPONENTS, NEAR
from training.labels import LABELS, POSITIVES
from training.sampler import recently
from training.store import Item, Store

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Marks = NDArray[np.bool_]

NEAR_WEIGHT = 1.5
AUDIBLE_DB = 4.0
OPINION_PRIOR = 0.12
NEAREST_HOPS = 2
KINDS = ("clips", "mixtures")


@dataclass(frozen=True, slots=True)
class Lessons:
    """row_of: (frames,) row of the arrays for each frame of the store, -1 without one.

    opinion: (rows, labels) probabilities; hints: (rows, COMPONENTS) of unit variance.
    """

    row_of: NDArray[np.int32]
    opinion: Floats
    hints: Floats


@dataclass(frozen=True, slots=True)
class Heard:
    """Teachers' rows: `item` and `hop` (rows,), `features` and `near` (rows, n) for hints, `inputs` (rows, n)
    as the second opinion sees them."""

    item: NDArray[np.int64]
    hop: NDArray[np.int64]
    features: Floats
    near: Floats
    inputs: Floats


def read_heard(folder: Path, names: Mapping[str, Sequence[str]]) -> Heard:
    """All rows that `training.teachers` wrote, clips and mixtures.

    names: by teacher ("mn04", "yamnet") the display names of its classes, in order.
    """
    index, features, logits, scores = [], [], [], []
    for kind in KINDS:
        if (folder / kind / "index.npy").exists():
            index.append(np.load(folder / kind / "index.npy"))
            features.append(np.load(folder / kind / "mn04_features.npy"))
            logits.append(np.load(folder / kind / "mn04_logits.npy"))
            scores.append(np.load(folder / kind / "yamnet_scores.npy"))
    rows = np.concatenate(index).astype(np.int64)
    mn04 = np.concatenate(features).astype(np.float32)
    yamnet = np.clip(np.concatenate(scores).astype(np.float32), 1e-4, 1.0 - 1e-4)
    yamnet_logits = np.log(yamnet / (1.0 - yamnet))
    mn04_logits = np.concatenate(logits).astype(np.float32)
    near = np.concatenate([_near(mn04_logits, names["mn04"]), _near(yamnet_logits, names["yamnet"])], axis=1)
    inputs = np.concatenate([mn04, mn04_logits, yamnet_logits], axis=1)
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    inputs -= mean
    inputs /= spread
    return Heard(rows[:, 0], rows[:, 1], mn04, near, inputs)


def _near(logits: Floats, names: Sequence[str]) -> Floats:
    """(rows, classes) to (rows, len(NEAR)): the highest logit of each group's classes."""
    columns = [[names.index(name) for name in group if name in names] for group in NEAR.values()]
    return np.stack([logits[:, own].max(axis=1) for own in columns if own], axis=1)


def lessons_of(store: Store, heard: Heard, seed: int = 1, fits: Marks | None = None) -> Lessons:
    """Second opinion and hints for every item of the store.

    fits: (items,) whose labels the second opinion is fitted to; those of the part train without it.
    """
    if fits is None:
        fits = np.array([item.part == "train" for item in store.items])
    starts = np.array([item.start for item in store.items])
    row_of = np.full(len(store.frames), -1, dtype=np.int32)
    frames = starts[heard.item] + heard.hop
    counts = np.array([item.count for item in store.items])[heard.item]
    rows = np.arange(len(frames), dtype=np.int32)
    for distance in range(NEAREST_HOPS, -1, -1):
        for step in {distance, -distance}:
            inside = (heard.hop + step >= 0) & (heard.hop + step < counts)
            row_of[frames[inside] + step] = rows[inside]
    centred = heard.features - heard.features.mean(axis=0)
    _values, vectors = np.linalg.eigh(np.cov(centred[:: max(len(centred) // 50_000, 1)].T))
    hints = centred @ vectors[:, -COMPONENTS:].astype(np.float32)
    near = NEAR_WEIGHT * _standard(heard.near)
    opinion = _with_own_words(store, heard, frames, _opinion(store, heard, frames, seed, fits), near, fits)
    hints = np.concatenate([hints / (hints.std(axis=0) + 1e-6), near], axis=1)
    return Lessons(row_of, opinion, hints.astype(np.float32))


def _standard(values: Floats) -> Floats:
    centred: Floats = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-3)
    return centred


class Opinion(nn.Module):
    """A small network on what the teachers say: (n, features) to (n, labels) logits."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(features, 128), nn.ReLU(), nn.Dropout(0.4), nn.Linear(128, len(LABELS))
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.body(inputs)
        return logits


def _opinion(store: Store, heard: Heard, frames: Rows, seed: int, fits: Marks) -> Floats:
    """Cross-fitted over the folds: each fold is judged by a network that was fitted to the others."""
    items = [store.items[n] for n in heard.item]
    fold = np.array([item.fold for item in items])
    targets, weights = _window_targets(store, heard, frames)
    chance = _chances(items, targets, weights)
    opinion = np.zeros((len(items), len(LABELS)), dtype=np.float32)
    for held_out in np.unique(fold):
        own = fold == held_out
        chosen = np.flatnonzero(~own & fits[heard.item] & (chance > 0.0))
        net = _fit_opinion(heard.inputs, targets, weights, chosen, chance[chosen], seed)
        with torch.no_grad():
            opinion[own] = torch.sigmoid(net(torch.from_numpy(heard.inputs[own]))).numpy()
    return opinion


def _with_own_words(
    store: Store, heard: Heard, frames: Rows, opinion: Floats, near: Floats, fits: Marks
) -> Floats:
    """The second opinion and the teachers' own scores of the nearest AudioSet classes, as probabilities.

    What they learnt from AudioSet carries over to other data sets better than what our labels taught. In a
    mixture the event's opinion is at least the best that its clip got alone: the bed hides it from them too.
    """
    starts = np.array([item.start for item in store.items])
    sounding = recently(store.active, starts, 4)[frames]
    targets = np.array([item.target for item in store.items])
    is_clip = np.array([item.kind == "clip" for item in store.items])
    chosen = fits[heard.item] & is_clip[heard.item]
    together = opinion.copy()
    for column, label in enumerate(POSITIVES):
        own = np.clip(opinion[:, column], 1e-5, 1.0 - 1e-5)
        score = np.log(own / (1.0 - own)) + near[:, column] + near[:, len(NEAR) + column]
        on = score[chosen & sounding & (targets[heard.item] == label)]
        off = score[chosen & ~np.isin(targets[heard.item], POSITIVES)]
        scale, bias = logistic(on, off, prior=OPINION_PRIOR)
        together[:, column] = 1.0 / (1.0 + np.exp(-(scale * score + bias)))
        _as_if_alone(together[:, column], store, heard, frames, label)
    return together


def _as_if_alone(score: Floats, store: Store, heard: Heard, frames: Rows, label: str) -> None:
    """Where a mixture's event of this label sounds out, raise its score to the best its clip got alone."""
    starts = np.array([item.start for item in store.items])
    sounding = recently(store.active, starts, 4)[frames]
    is_clip = np.array([item.kind == "clip" for item in store.items])[heard.item]
    own = np.array([item.target == label for item in store.items])[heard.item]
    audible = np.array([item.snr_db is not None and item.snr_db >= AUDIBLE_DB for item in store.items])
    best: dict[str, float] = {}
    for row in np.flatnonzero(is_clip & own):
        clip = store.items[heard.item[row]].clip
        best[clip] = max(best.get(clip, -np.inf), float(score[row]))
    for row in np.flatnonzero(audible[heard.item] & own & sounding):
        score[row] = max(float(score[row]), best.get(store.items[heard.item[row]].clip, -np.inf))


def _fit_opinion(
    inputs: Floats, targets: Floats, weights: Floats, rows: NDArray[np.int64], chance: Floats, seed: int
) -> Opinion:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Opinion(inputs.shape[1])
    steps = 1500
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    edges = np.cumsum(chance, dtype=np.float64)
    for _ in range(steps):
        drawn = rows[np.searchsorted(edges, rng.random(256) * edges[-1])]
        logits = net(torch.from_numpy(inputs[drawn]))
        losses = binary_cross_entropy_with_logits(logits, torch.from_numpy(targets[drawn]), reduction="none")
        loss = (losses * torch.from_numpy(weights[drawn])).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rates.step()
    return net.eval()


def _window_targets(store: Store, heard: Heard, frames: Rows) -> tuple[Floats, Floats]:
    """What the labels say of each row, and which of it counts."""
    starts = np.array([item.start for item in store.items])
    sounding = recently(store.active, starts, 4)[frames]
    targets = np.zeros((len(frames), len(LABELS)), dtype=np.float32)
    weights = np.ones_like(targets)
    weights[:, len(POSITIVES) :] = 0.2
    for row, number in enumerate(heard.item):
        item = store.items[number]
        if item.target in LABELS:
            column = LABELS.index(item.target)
            targets[row, column] = float(sounding[row])
            weights[row, column] *= float(sounding[row])
        if item.kind == "mixture":
            weights[row, len(POSITIVES) :] = 0.0
            if item.snr_db is not None and item.snr_db < 0.0:
                weights[row] *= 0.3
    return targets, weights


def _chances(items: Sequence[Item], targets: Floats, weights: Floats) -> Floats:
    """Even over classes, by the root of the rows over data sets and sources."""
    keys: dict[tuple[str, str, str], int] = {}
    group = np.zeros(len(items), dtype=np.int64)
    classes: dict[str, float] = {}
    for row, item in enumerate(items):
        group[row] = keys.setdefault((item.target, item.dataset, item.sources[0]), len(keys))
    size = np.bincount(group)
    chance = 1.0 / np.sqrt(size[group])
    names = np.array([item.target for item in items])
    for name in set(names):
        classes[name] = float(chance[names == name].sum())
    share = {name: (3.0 if name in POSITIVES else 1.0) for name in classes}
    for name in classes:
        chance[names == name] *= share[name] / classes[name]
    return (chance * (weights.sum(axis=1) > 0.0)).astype(np.float32)


def save(lessons: Lessons, path: Path) -> None:
    """Write lessons to an .npz file."""
    np.savez(path, row_of=lessons.row_of, opinion=lessons.opinion, hints=lessons.hints)


def load(path: Path) -> Lessons:
    """Read what `save` wrote."""
    with np.load(path) as arrays:
        return Lessons(arrays["row_of"], arrays["opinion"], arrays["hints"])


def class_names(peers: Path) -> dict[str, list[str]]:
    """Display names of each teacher's classes, in order, from the lists that come with them."""
    lists = {
        "yamnet": peers / "yamnet" / "yamnet_class_map.csv",
        "mn04": peers / "efficientat_mn04" / "class_labels_indices.csv",
    }
    names = {}
    for teacher, path in lists.items():
        with path.open(encoding="utf-8", newline="") as file:
            names[teacher] = [row["display_name"] for row in csv.DictReader(file)]
    return names


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.distil", description=__doc__.split("\n")[0])
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--teachers", type=Path, required=True)
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    store = features.load(args.features)
    save(lessons_of(store, read_heard(args.teachers, class_names(args.peers))), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
