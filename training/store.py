"""Extracted features on disk: all frames in one array, and what each stretch of them is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsp.layout import FRAME_DTYPE


@dataclass(frozen=True, slots=True)
class Item:
    """One clip or mixture: `count` frames from `start` on. `sources`: all recordings in it (event, bed)."""

    kind: str
    start: int
    count: int
    target: str
    bed_target: str
    clip: str
    label: str
    dataset: str
    sources: tuple[str, ...]
    part: str
    fold: int
    dur_s: float
    band_hz: float
    snr_db: float | None


@dataclass(frozen=True, slots=True)
class Store:
    """frames: (n,) FRAME_DTYPE; active: (n,) True where the item's own sound is on; items tile both."""

    frames: NDArray[np.void]
    active: NDArray[np.bool_]
    items: tuple[Item, ...]

    def subset(self, items: Iterable[Item]) -> Store:
        """The same arrays with fewer items."""
        return Store(self.frames, self.active, tuple(items))


def save(store: Store, folder: Path) -> None:
    """Write `features.npz` and `items.jsonl` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = np.ascontiguousarray(store.frames).view(np.uint8).reshape(-1, FRAME_DTYPE.itemsize)
    np.savez(folder / "features.npz", frames=raw, active=store.active)
    lines = (json.dumps(asdict(item)) for item in store.items)
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(folder: Path) -> Store:
    """Read what `save` wrote."""
    with np.load(folder / "features.npz") as arrays:
        frames = arrays["frames"].reshape(-1).view(FRAME_DTYPE)
        active = arrays["active"]
    rows = (json.loads(line) for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines())
    items = tuple(Item(**{**row, "sources": tuple(row["sources"])}) for row in rows)
    return Store(frames, active, items)


def join(stores: Sequence[Store]) -> Store:
    """Several stores as one."""
    items: list[Item] = []
    offset = 0
    for store in stores:
        items += [Item(**{**asdict(item), "start": item.start + offset}) for item in store.items]
        offset += len(store.frames)
    return Store(
        np.concatenate([store.frames for store in stores]),
        np.concatenate([store.active for store in stores]),
        tuple(items),
    )
