"""Training one network on a store, and scoring items with it (torch)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dsp.model_input import model_input
from dsp.windows import windows_of
from training.distil import Lessons
from training.labels import LABELS, POSITIVES
from training.network import WINDOW_HOPS, Net, fold_hints
from training.sampler import Batch, Sampler, is_lone_cheer
from training.store import Item, Store

CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how to train.

    mine_at: shares of the steps after which hard negatives are looked for; averaging: what is kept of the
    averaged weights at each step; opinion: how much of a target is the teachers' second opinion; hints: what
    their hints weigh beside it.
    """

    steps: int = 8000
    batch: int = 256
    peak_rate: float = 2e-3
    mine_at: tuple[float, ...] = (0.4, 0.7)
    averaging: float = 0.998
    opinion: float = 0.7
    hints: float = 1.5
    seed: int = 1


#: How much of the guessed teachers' scores goes into each label's logit. Found by leaving data sets out.
HINT_SHARES = {"shout": -0.2, "scream": 0.7, "glass_break": 0.8, "gunshot": 0.3}
#: A hint is given where the sound is at least this far above the bed that was laid under it.
HINT_SNR_DB = 8.0


def train(store: Store, schedule: Schedule, threads: int = 1, lessons: Lessons | None = None) -> Net:
    """A network trained on all items of the store; lessons: what teachers make of the same store."""
    torch.set_num_threads(threads)
    torch.manual_seed(schedule.seed)
    rng = np.random.default_rng(schedule.seed)
    sampler = Sampler(store, WINDOW_HOPS, rng)
    net = Net(len(LABELS))
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(schedule.averaging), use_buffers=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=schedule.peak_rate, weight_decay=1e-2)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.peak_rate, total_steps=schedule.steps, pct_start=0.15
    )
    mine_steps = {int(share * schedule.steps) for share in schedule.mine_at}
    began, running = time.monotonic(), 0.0
    net.train()
    for step in range(1, schedule.steps + 1):
        batch = sampler.batch(schedule.batch)
        summary = net.summary(torch.from_numpy(batch.inputs))
        targets = batch.targets if lessons is None else softened(batch, lessons, schedule.opinion)
        losses = binary_cross_entropy_with_logits(
            net.head(summary), torch.from_numpy(targets), reduction="none"
        )
        loss = (losses * torch.from_numpy(batch.weights)).sum(1).mean()
        if lessons is not None and schedule.hints:
            loss = loss + schedule.hints * _hint_loss(net.hint(summary), batch, lessons)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        rates.step()
        averaged.update_parameters(net)
        running += (loss.item() - running) / min(step, 200)
        if step % 250 == 0:
            elapsed_s = time.monotonic() - began
            print(f"step {step}/{schedule.steps} loss {running:.3f} {elapsed_s:.0f} s", flush=True)
        if step in mine_steps:
            sampler = Sampler(store, WINDOW_HOPS, rng, hardness_of(averaged.module, store))
            net.train()
    best: Net = averaged.module
    fold_hints(best, HINT_SHARES if lessons is not None else {})
    return best.eval()


def softened(batch: Batch, lessons: Lessons, share: float) -> NDArray[np.float32]:
    """Targets moved towards the teachers' opinion of the window's sound, where they heard it and it counts.

    A positive label is asked for less where the teachers do not hear it, and a negative window more where
    they do; what a bed holds is added.
    """
    rows = lessons.row_of[batch.ends]
    opinion = np.where(rows[:, np.newaxis] >= 0, lessons.opinion[rows], batch.targets)
    bed_rows = np.where(batch.bed_ends >= 0, lessons.row_of[batch.bed_ends], -1)
    of_bed = np.where(bed_rows[:, np.newaxis] >= 0, lessons.opinion[bed_rows], 0.0)
    opinion = np.maximum(opinion, of_bed * (batch.snr_db < HINT_SNR_DB)[:, np.newaxis])
    soft: NDArray[np.float32] = ((1.0 - share) * batch.targets + share * opinion).astype(np.float32)
    return soft


def _hint_loss(guess: Tensor, batch: Batch, lessons: Lessons) -> Tensor:
    rows = lessons.row_of[batch.ends]
    clear = (rows >= 0) & (batch.snr_db >= HINT_SNR_DB)
    hints = torch.from_numpy(lessons.hints[np.maximum(rows, 0)])
    errors = (guess - hints).square().mean(1) * torch.from_numpy(clear.astype(np.float32))
    return errors.sum() / max(int(clear.sum()), 1)


def hardness_of(net: Net, store: Store) -> NDArray[np.float64]:
    """Per item, how much oftener to draw it: negatives that score high on a positive label, up to 6 times."""
    hardness = np.ones(len(store.items))
    positive = len(POSITIVES)
    numbers = [n for n, item in enumerate(store.items) if item.target not in POSITIVES]
    for number, logits in zip(numbers, logits_of(net, store, [store.items[n] for n in numbers]), strict=True):
        if is_lone_cheer(store.items[number]):
            continue
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
