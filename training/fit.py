"""Training one network on a store, and scoring items with it (torch)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from dsp.model_input import model_input
from dsp.windows import windows_of
from training.labels import LABELS, POSITIVES
from training.network import WINDOW_HOPS, Net
from training.sampler import Sampler
from training.store import Item, Store

CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how to train; `mine_at`: share of the steps after which hard negatives are looked for."""

    steps: int = 3000
    batch: int = 256
    peak_rate: float = 2e-3
    mine_at: tuple[float, ...] = (0.4,)
    seed: int = 1


def train(store: Store, schedule: Schedule, threads: int = 1) -> Net:
    """A network trained on all items of the store."""
    torch.set_num_threads(threads)
    torch.manual_seed(schedule.seed)
    rng = np.random.default_rng(schedule.seed)
    sampler = Sampler(store, WINDOW_HOPS, rng)
    net = Net(len(LABELS))
    optimiser = torch.optim.AdamW(net.parameters(), lr=schedule.peak_rate, weight_decay=1e-2)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.peak_rate, total_steps=schedule.steps, pct_start=0.15
    )
    mine_steps = {int(share * schedule.steps) for share in schedule.mine_at}
    began, running = time.monotonic(), 0.0
    net.train()
    for step in range(1, schedule.steps + 1):
        batch = sampler.batch(schedule.batch)
        logits = net(torch.from_numpy(batch.inputs))
        weights = torch.from_numpy(batch.weights)
        losses = binary_cross_entropy_with_logits(logits, torch.from_numpy(batch.targets), reduction="none")
        loss = (losses * weights).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        rates.step()
        running += (loss.item() - running) / min(step, 200)
        if step % 250 == 0:
            elapsed_s = time.monotonic() - began
            print(f"step {step}/{schedule.steps} loss {running:.3f} {elapsed_s:.0f} s", flush=True)
        if step in mine_steps:
            sampler = Sampler(store, WINDOW_HOPS, rng, hardness_of(net, store))
            net.train()
    net.eval()
    return net


def hardness_of(net: Net, store: Store) -> NDArray[np.float64]:
    """Per item, how much oftener to draw it: negatives that score high on a positive label, up to 6 times."""
    hardness = np.ones(len(store.items))
    positive = len(POSITIVES)
    numbers = [n for n, item in enumerate(store.items) if item.target not in POSITIVES]
    for number, logits in zip(numbers, logits_of(net, store, [store.items[n] for n in numbers]), strict=True):
        highest = 1.0 / (1.0 + np.exp(-logits[:, :positive].max()))
        hardness[number] = 1.0 + 5.0 * highest
    return hardness


def logits_of(net: Net, store: Store, items: Sequence[Item]) -> list[NDArray[np.float32]]:
    """Logits of every window of each item, (hops, labels) a piece; each item starts with nothing heard."""
    net.eval()
    results: list[NDArray[np.float32]] = []
    waiting: list[Item] = []
    count = 0
    for item in items:
        waiting.append(item)
        count += item.count
        if count >= CHUNK:
            results += _logits_together(net, store, waiting)
            waiting, count = [], 0
    if waiting:
        results += _logits_together(net, store, waiting)
    return results


@torch.no_grad()
def _logits_together(net: Net, store: Store, items: Sequence[Item]) -> list[NDArray[np.float32]]:
    inputs = []
    for item in items:
        frames = store.frames[item.start : item.start + item.count]
        windows, valid = windows_of(frames, np.ones(item.count, dtype=bool), WINDOW_HOPS)
        inputs.append(model_input(windows, valid))
    together = torch.from_numpy(np.concatenate(inputs))
    logits = np.concatenate([net(part).numpy() for part in together.split(1024)])
    return np.split(logits, np.cumsum([item.count for item in items])[:-1])
