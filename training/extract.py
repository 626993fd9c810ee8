"""Sound to features: every usable clip and the mixtures, through the one front end, into a folder.

    python -m training.extract --data DIR --out FOLDER [--mixtures N] [--workers N] [--parts train,tune]

The report part is not read here; `--read-report` is for the final report alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsp.front_end import frames_of
from dsp.layout import FRAME_DTYPE, HOP_S
from training.activity import active_hops
from training.audio import CLIP_RATE_HZ, read_clip, read_response
from training.labels import target_of
from training.manifest import Clip, audio_path, read_manifest
from training.mixtures import Mixture, plan, render
from training.parts import clips_of, deal, load_parts
from training.store import Item, Store, save

FOLDS = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """One job of a worker, and what is known of it before its sound is read."""

    data_dir: Path
    clip: Clip
    mixture: Mixture | None
    part: str
    fold: int


def pieces_of(
    data_dir: Path, clips: Sequence[Clip], part_of: dict[str, str], mixtures: int, seed: int
) -> list[Piece]:
    """Jobs for all usable clips, and for mixtures whose event and bed share a part and a fold."""
    used = [clip for clip in clips if target_of(clip) is not None]
    fold_of = deal(used, {}, {str(fold): 1.0 / FOLDS for fold in range(FOLDS)})
    pieces = []
    groups: dict[tuple[str, int], list[Clip]] = defaultdict(list)
    for clip in used:
        part, fold = part_of[clip.source_id], int(fold_of[clip.source_id])
        pieces.append(Piece(data_dir, clip, None, part, fold))
        groups[part, fold].append(clip)
    rng = np.random.default_rng(seed)
    responses = len(_response_paths(data_dir))
    for (part, fold), own in sorted(groups.items()):
        share = round(mixtures * len(own) / max(len(used), 1))
        for mixture in plan(own, share, responses, rng):
            pieces.append(Piece(data_dir, mixture.event, mixture, part, fold))
    return pieces


Extracted = tuple[NDArray[np.void], NDArray[np.bool_], Item]


def extract(pieces: Iterable[Piece], workers: int) -> Iterator[Extracted]:
    """Frames, active hops and item (its start not yet set) of each piece, in order."""
    if workers <= 1:
        yield from map(_extract_one, pieces)
        return
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        yield from pool.imap(_extract_one, pieces, chunksize=8)


def gather(results: Iterable[Extracted]) -> Store:
    """One store of all results that have at least one frame."""
    frames, active, items = [], [], []
    start = 0
    for own_frames, own_active, item in results:
        if len(own_frames) == 0:
            continue
        frames.append(own_frames)
        active.append(own_active)
        items.append(_placed(item, start))
        start += len(own_frames)
    if not frames:
        return Store(np.zeros(0, dtype=FRAME_DTYPE), np.zeros(0, dtype=bool), ())
    return Store(np.concatenate(frames), np.concatenate(active), tuple(items))


def _extract_one(piece: Piece) -> Extracted:
    clip, target = piece.clip, target_of(piece.clip)
    assert target is not None
    if piece.mixture is None:
        frames = frames_of(read_clip(audio_path(piece.data_dir, clip)), CLIP_RATE_HZ)
        active = active_hops(frames["laeq_cdb"] / 100.0, target, clip.dataset)
        sources: tuple[str, ...] = (clip.source_id,)
    else:
        samples, onset_s, end_s = render(
            piece.mixture, lambda c: read_clip(audio_path(piece.data_dir, c)), _responses(piece.data_dir)
        )
        frames = frames_of(samples, CLIP_RATE_HZ)
        active = _mixture_activity(piece, frames, onset_s, end_s)
        sources = (clip.source_id, piece.mixture.bed.source_id)
    item = Item(
        kind="clip" if piece.mixture is None else "mixture",
        start=0,
        count=len(frames),
        target=target,
        bed_target="" if piece.mixture is None else target_of(piece.mixture.bed) or "",
        clip=clip.path,
        label=clip.label,
        dataset=clip.dataset,
        sources=sources,
        part=piece.part,
        fold=piece.fold,
        dur_s=round(len(frames) * HOP_S, 3) if piece.mixture else clip.dur_s,
        band_hz=clip.band_hz,
        snr_db=None if piece.mixture is None else round(piece.mixture.snr_db, 2),
    )
    return frames, active, item


def _mixture_activity(
    piece: Piece, frames: NDArray[np.void], onset_s: float, end_s: float
) -> NDArray[np.bool_]:
    """Hops that hold at least 30 ms of the event."""
    hop_start_s = np.arange(len(frames)) * HOP_S
    overlap_s = np.minimum(hop_start_s + HOP_S, end_s) - np.maximum(hop_start_s, onset_s)
    return np.asarray(overlap_s >= min(0.03, end_s - onset_s))


def _placed(item: Item, start: int) -> Item:
    return Item(**{name: getattr(item, name) for name in Item.__slots__} | {"start": start})


def _response_paths(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "ir").glob("*/*.flac"))


@lru_cache(maxsize=1)
def _responses(data_dir: Path) -> list[NDArray[np.float64]]:
    return [read_response(path) for path in _response_paths(data_dir)]


def _with_progress(results: Iterator[Extracted], total: int) -> Iterator[Extracted]:
    began = time.monotonic()
    seconds = 0.0
    for number, result in enumerate(results, start=1):
        seconds += len(result[0]) * HOP_S
        if number % 200 == 0 or number == total:
            speed = seconds / max(time.monotonic() - began, 1e-9)
            print(f"{number}/{total} pieces, {seconds / 3600:.2f} h, {speed:.0f} times real time", flush=True)
        yield result


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.extract", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", default="train,tune")
    parser.add_argument("--read-report", action="store_true", help="only for the final report")
    parser.add_argument("--mixtures", type=int, default=4500)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    part_of = load_parts()
    wanted = args.parts.split(",")
    clips = clips_of(read_manifest(args.data), part_of, wanted, read_report=args.read_report)
    pieces = pieces_of(args.data, clips, part_of, args.mixtures, args.seed)
    store = gather(_with_progress(extract(pieces, args.workers), len(pieces)))
    save(store, args.out)
    print(f"{len(store.items)} items, {len(store.frames) * HOP_S / 3600:.2f} h of features in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
