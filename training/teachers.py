"""What two published networks hear in the sounds of a feature store: targets for distillation.

    python -m training.teachers --data DIR --features F --peers PEERS --out FOLDER [--mixtures N]

For every item of the store, in its order, the waveform is made again as `training.extract` made it (the same
parts, number of mixtures and seed must be given) and heard by EfficientAT mn04 and by YAMNet in windows that
end at every fourth hop. FOLDER/clips is written first, FOLDER/mixtures second; in each, row by row:

    index.npy          (n, 2) int32     item number in the store; newest hop of the window in the item, from 0
    mn04_features.npy  (n, 384) float16
    mn04_logits.npy    (n, 527) float16 take the sigmoid for AudioSet's probabilities
    yamnet_scores.npy  (n, 521) float16

The window ends when its newest hop ends. mn04 hears 2 s, or what there is since the beginning (at least 1 s),
YAMNet 0.975 s; a sound shorter than that is preceded by its own mirrored beginning.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dsp.layout import HOP_S
from training.audio import read_clip, read_response
from training.extract import Piece, pieces_of
from training.manifest import audio_path, read_manifest
from training.mixtures import render
from training.parts import clips_of, load_parts
from training.rivals.windows import ends_of
from training.store import Item

if TYPE_CHECKING:
    from training.rivals.mn04 import Mn04
    from training.rivals.yamnet import Yamnet

Halves = NDArray[np.float16]
KINDS = {"clip": "clips", "mixture": "mixtures"}


class MismatchError(ValueError):
    """The store was not made from these data with these parts, this seed and this number of mixtures."""


@dataclass(frozen=True, slots=True)
class Job:
    """One item's sound, and the hops heard at the end of each window."""

    number: int
    piece: Piece
    peers: Path
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """One item's rows: (n, 2) index, (n, 384) features, (n, 527) logits, (n, 521) scores."""

    index: NDArray[np.int32]
    mn04_features: Halves
    mn04_logits: Halves
    yamnet_scores: Halves


def jobs_of(items: Sequence[Item], pieces: Iterable[Piece], peers: Path, every: int) -> list[Job]:
    """One job for each item. Pieces without a sound have no item and are passed over; others must agree."""
    jobs: list[Job] = []
    for piece in pieces:
        if len(jobs) < len(items) and _is_of(piece, items[len(jobs)]):
            item = items[len(jobs)]
            ends = tuple(int(end) for end in ends_of(item.count, every))
            jobs.append(Job(len(jobs), piece, peers, ends))
    if len(jobs) != len(items):
        missing = items[len(jobs)]
        raise MismatchError(f"item {len(jobs)} ({missing.kind} {missing.clip}) is not made from these data")
    return jobs


def samples_of(piece: Piece) -> NDArray[np.float64]:
    """The waveform of a piece at 16 kHz, as `training.extract` hears it."""
    if piece.mixture is None:
        return read_clip(audio_path(piece.data_dir, piece.clip))
    samples, _onset_s, _end_s = render(
        piece.mixture, lambda clip: read_clip(audio_path(piece.data_dir, clip)), _responses(piece.data_dir)
    )
    return samples


def write(results: Iterable[Heard], folder: Path) -> int:
    """Write the four arrays; returns the number of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = list(results)
    count = 0
    for name in Heard.__slots__:
        together = np.concatenate([getattr(row, name) for row in rows])
        np.save(folder / f"{name}.npy", together)
        count = len(together)
    return count


def _is_of(piece: Piece, item: Item) -> bool:
    if piece.mixture is None:
        return item.kind == "clip" and item.clip == piece.clip.path
    sources = (piece.clip.source_id, piece.mixture.bed.source_id)
    same_snr = item.snr_db == round(piece.mixture.snr_db, 2)
    return item.kind == "mixture" and item.clip == piece.clip.path and item.sources == sources and same_snr


def _hear(job: Job) -> Heard:
    mn04, yamnet = _networks(job.peers)
    samples = samples_of(job.piece)
    ends_s = [end * HOP_S for end in job.ends]
    features, logits = mn04.hear(samples, ends_s)
    return Heard(
        np.array([(job.number, end - 1) for end in job.ends], dtype=np.int32),
        features.astype(np.float16),
        logits.astype(np.float16),
        yamnet.hear(samples, ends_s).astype(np.float16),
    )


@lru_cache(maxsize=1)
def _networks(peers: Path) -> tuple[Mn04, Yamnet]:
    # Here and not above: runtimes are needed where sounds are heard, not where jobs are made or rows written.
    from training.rivals.mn04 import Mn04
    from training.rivals.yamnet import Yamnet

    return Mn04(peers), Yamnet(peers)


@lru_cache(maxsize=1)
def _responses(data_dir: Path) -> list[NDArray[np.float64]]:
    return [read_response(path) for path in sorted((data_dir / "ir").glob("*/*.flac"))]


def _with_progress(results: Iterator[Heard], total: int) -> Iterator[Heard]:
    began = time.monotonic()
    for number, result in enumerate(results, start=1):
        if number % 500 == 0 or number == total:
            print(f"{number}/{total} items, {time.monotonic() - began:.0f} s", flush=True)
        yield result


def read_items(folder: Path) -> list[Item]:
    """The items of a store without its frames."""
    rows = (json.loads(line) for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines())
    return [Item(**{**row, "sources": tuple(row["sources"])}) for row in rows]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.teachers", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True, help="the store that training.extract wrote")
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", default="train,tune", help="as the store was extracted with")
    parser.add_argument("--mixtures", type=int, default=9000, help="as the store was extracted with")
    parser.add_argument("--seed", type=int, default=1, help="as the store was extracted with")
    parser.add_argument("--every", type=int, default=4, help="hops from window to window")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    part_of = load_parts()
    clips = clips_of(read_manifest(args.data), part_of, args.parts.split(","))
    pieces = pieces_of(args.data, clips, part_of, args.mixtures, args.seed)
    jobs = jobs_of(read_items(args.features), pieces, args.peers, args.every)
    for kind, name in KINDS.items():
        wanted = [job for job in jobs if (job.piece.mixture is None) == (kind == "clip")]
        if not wanted:
            continue
        with multiprocessing.get_context("fork").Pool(args.workers) as pool:
            heard = _with_progress(pool.imap(_hear, wanted, chunksize=8), len(wanted))
            rows = write(heard, args.out / name)
        print(f"{rows} windows of {len(wanted)} {name} in {args.out / name}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
