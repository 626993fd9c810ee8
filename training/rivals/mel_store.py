"""The sounds of a feature store once more, as 64 mel bands every 10 ms: what the privacy limit takes away.

    python -m training.rivals.mel_store --data DIR --features F --out FOLDER [--mixtures N] [--workers N]

Offline and for the upper bound alone: no gateway and no sensor makes or sees such a spectrum. Writes
`mel.npy` ((frames, 64) codes) and `first.npy` ((items + 1,) first frame of each item), in the store's order.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.extract import Piece, pieces_of
from training.manifest import read_manifest
from training.parts import clips_of, load_parts
from training.rivals.mel import PLAIN_BANDS, plain_mel_power
from training.teachers import jobs_of, read_items, samples_of

Codes = NDArray[np.uint8]

_SHORTEST = 257
"""Fewer samples cannot be mirrored at the edges of the first spectrum."""

STEP_DB, FLOOR_DB = 0.5, -120.0
POWER_OF_CODE: NDArray[np.float32] = np.where(
    np.arange(256) == 0, 0.0, 10.0 ** ((FLOOR_DB + STEP_DB * np.arange(256)) / 10.0)
).astype(np.float32)
"""Power of each code; code 0 is no sound at all."""


@dataclass(frozen=True, slots=True)
class MelStore:
    """codes: (frames, 64); first: (items + 1,) where each item begins, and the end."""

    codes: Codes
    first: NDArray[np.int64]


def codes_of(samples_16k: NDArray[np.float64]) -> Codes:
    """Codes (1 + n // 160, 64) of a sound; one of fewer than 257 samples is filled up with silence."""
    lacking = _SHORTEST - len(samples_16k)
    if lacking > 0:
        samples_16k = np.pad(samples_16k, (0, lacking))
    power_db = 10.0 * np.log10(plain_mel_power(samples_16k) + np.float32(1e-20))
    return np.clip(np.rint((power_db - FLOOR_DB) / STEP_DB), 0, 255).astype(np.uint8)


def load(folder: Path) -> MelStore:
    """What the command wrote; the codes stay on disk until they are used."""
    return MelStore(np.load(folder / "mel.npy", mmap_mode="r"), np.load(folder / "first.npy"))


def _of_piece(piece: Piece) -> Codes:
    return codes_of(samples_of(piece))


def _with_progress(results: Iterator[Codes], total: int) -> Iterator[Codes]:
    for number, result in enumerate(results, start=1):
        if number % 2000 == 0 or number == total:
            print(f"{number}/{total} items", flush=True)
        yield result


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.rivals.mel_store")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True, help="the store that training.extract wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", default="train,tune", help="as the store was extracted with")
    parser.add_argument("--mixtures", type=int, default=9000, help="as the store was extracted with")
    parser.add_argument("--seed", type=int, default=1, help="as the store was extracted with")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(argv)
    part_of = load_parts()
    clips = clips_of(read_manifest(args.data), part_of, args.parts.split(","))
    pieces = pieces_of(args.data, clips, part_of, args.mixtures, args.seed)
    items = read_items(args.features)
    wanted = [job.piece for job in jobs_of(items, pieces, Path(), 1)]
    with multiprocessing.get_context("fork").Pool(args.workers) as pool:
        parts = list(_with_progress(pool.imap(_of_piece, wanted, chunksize=16), len(wanted)))
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "mel.npy", np.concatenate(parts))
    np.save(args.out / "first.npy", np.cumsum([0, *(len(part) for part in parts)]))
    print(f"{sum(map(len, parts))} frames of {PLAIN_BANDS} bands, {len(items)} items, in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
