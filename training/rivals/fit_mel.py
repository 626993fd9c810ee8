"""Train the privacy-free student: the same clips, labels and draws as ours, on 10 ms log-mel (torch).

    python -m training.rivals.fit_mel --features F --mel M --out FOLDER [--steps N] [--minutes N]

F: the store of `training.extract`; M: what `training.rivals.mel_store` wrote. Fitted on train, looked at on
tune. Writes `mel.pt` and `mel.json`. `--minutes` ends it early, its learning rate going down all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from dsp.layout import HOP_S
from training import store as features
from training.labels import LABELS, POSITIVES
from training.rivals import mel_store
from training.rivals.mel import PLAIN_FRAMES_PER_S
from training.rivals.mel_input import cut, mel_input
from training.rivals.mel_network import MelNet
from training.rivals.mel_sampler import MelSampler
from training.rivals.mel_store import POWER_OF_CODE, MelStore
from training.rivals.tuning import figures_of
from training.store import Item, Store

PEAK_RATE, DECAY, WARM_SHARE = 2e-3, 1e-2, 0.1
MINE_AT = 0.45
LOOK_EVERY_HOPS = 6
"""Hops from window to window where the student is looked at (hard negatives, figures)."""


class Lesson:
    """One part of the store with its spectra."""

    def __init__(self, store: Store, mel: MelStore, part: str) -> None:
        self.numbers = np.flatnonzero([item.part == part for item in store.items])
        self.store = store.subset(store.items[number] for number in self.numbers)
        self.mel = mel

    def highest(self, net: MelNet, wanted: Sequence[int]) -> NDArray[np.float32]:
        """Highest probability of each positive in each of the `wanted` items (places in this part)."""
        net.eval()
        rows = []
        for place in wanted:
            item, number = self.store.items[place], self.numbers[place]
            power = POWER_OF_CODE[self.mel.codes[self.mel.first[number] : self.mel.first[number + 1]]]
            rows.append(_scores(net, power, _ends_of(item)).max(axis=0))
        net.train()
        return np.stack(rows)


def fit(train: Lesson, steps: int, size: int, minutes: float, seed: int, start: Path | None = None) -> MelNet:
    """A network trained on one part, at most so long; start: weights to go on from."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sampler = MelSampler(train.store, train.mel, train.numbers, rng)
    net = MelNet(len(LABELS)).to(memory_format=torch.channels_last)  # a quarter less work for a CPU
    if start is not None:
        net.load_state_dict(torch.load(start, weights_only=True))
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=DECAY)
    began, running, done, mined = time.monotonic(), 0.0, 0.0, False
    step = 0
    while done < 1.0:
        step += 1
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * rate_at(done)
        batch = sampler.batch(size)
        logits = net(torch.from_numpy(batch.inputs))
        losses = binary_cross_entropy_with_logits(logits, torch.from_numpy(batch.targets), reduction="none")
        loss = (losses * torch.from_numpy(batch.weights)).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        running += (loss.item() - running) / min(step, 200)
        elapsed_s = time.monotonic() - began
        done = max(step / steps, elapsed_s / (60.0 * minutes))
        if step % 100 == 0:
            print(f"step {step} loss {running:.3f} {elapsed_s:.0f} s", flush=True)
        if done >= MINE_AT and not mined:
            mined = True
            sampler = MelSampler(train.store, train.mel, train.numbers, rng, hardness_of(net, train))
    net.eval()
    return net


def rate_at(done: float) -> float:
    """Learning rate as a share of its peak: up in a straight line, down along half a cosine."""
    if done < WARM_SHARE:
        return 0.04 + 0.96 * done / WARM_SHARE
    return 0.5 + 0.5 * float(np.cos(np.pi * min((done - WARM_SHARE) / (1.0 - WARM_SHARE), 1.0))) + 1e-4


def hardness_of(net: MelNet, lesson: Lesson) -> NDArray[np.float64]:
    """Per item, how much oftener to draw it: negatives that score high on a positive label, up to 6 times."""
    hardness = np.ones(len(lesson.store.items))
    negative = [n for n, item in enumerate(lesson.store.items) if item.target not in POSITIVES]
    hardness[negative] += 5.0 * lesson.highest(net, negative).max(axis=1)
    return hardness


def _ends_of(item: Item) -> NDArray[np.int64]:
    ends = np.arange(min(LOOK_EVERY_HOPS, item.count), item.count + 1, LOOK_EVERY_HOPS)
    return np.rint(ends * HOP_S * PLAIN_FRAMES_PER_S).astype(np.int64)


@torch.no_grad()
def _scores(net: MelNet, power: NDArray[np.float32], ends: NDArray[np.int64]) -> NDArray[np.float32]:
    inputs = torch.from_numpy(mel_input(cut(power, np.minimum(ends, len(power)))))
    logits = torch.cat([net(part) for part in inputs.split(64)])
    scores: NDArray[np.float32] = torch.sigmoid(logits[:, : len(POSITIVES)]).numpy()
    return scores


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.rivals.fit_mel")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--mel", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="go on from the weights of an earlier run")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    store, mel = features.load(args.features), mel_store.load(args.mel)
    train, tune = (Lesson(store, mel, part) for part in ("train", "tune"))
    net = fit(train, args.steps, args.batch, args.minutes, args.seed, args.start)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), args.out / "mel.pt")
    figures = figures_of(tune.highest(net, range(len(tune.store.items))), tune.store.items)
    weights = sum(parameter.numel() for parameter in net.parameters())
    text = json.dumps({"weights": weights, "steps": args.steps, "seed": args.seed, "tune": figures}, indent=1)
    (args.out / "mel.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
