"""Windows of real sound for what is measured on windows: 8-bit ranges, and whether two runtimes agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dsp.model_input import model_input
from training.store import Item, Store

#: Of the windows, how many have hops that were lost on the way, and how many of their hops.
LOST_IN, LOST = 0.2, 0.2


def spread(store: Store, items: Sequence[Item], count: int, hops: int, seed: int = 7) -> NDArray[np.float32]:
    """Model input of `count` windows, as many of each kind of sound; returns (count, hops, channels).

    As in service, a window may begin before its recording does, and hops may be missing. The first two are
    the extremes: nothing heard at all, and the newest hop alone.
    """
    rng = np.random.default_rng(seed)
    of_target: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        of_target[item.target].append(item)
    targets = sorted(of_target)
    rows = np.zeros((count, hops), dtype=np.int64)
    valid = np.zeros((count, hops), dtype=bool)
    for number in range(count):
        own = of_target[targets[number % len(targets)]]
        item = own[int(rng.integers(len(own)))]
        rows[number] = item.start + int(rng.integers(item.count)) + np.arange(1 - hops, 1)
        valid[number] = rows[number] >= item.start
        if rng.random() < LOST_IN:
            valid[number, :-1] &= rng.random(hops - 1) >= LOST
    valid[0] = False
    valid[1, :-1] = False
    return model_input(store.frames[np.maximum(rows, 0)], valid)
