"""Rendered recordings on disk, made once: all samples of a set in one file, and the truth beside it."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bench.catalogue import reader
from training.bench.places import Response, responses
from training.bench.recipes import Recipe, digest
from training.bench.render import render
from training.bench.truth import Recording, as_fields, from_fields

RESPONSES_FILE = "responses.npz"


@dataclass(frozen=True, slots=True)
class Shelf:
    """One set of recordings. starts: (recordings + 1,) where each begins in the samples of the file."""

    name: str
    folder: Path
    recordings: tuple[Recording, ...]
    starts: tuple[int, ...]

    @property
    def hours(self) -> float:
        return sum(recording.duration_s for recording in self.recordings) / 3600.0

    def samples(self, number: int) -> NDArray[np.int16]:
        """The samples of one recording."""
        mapped = np.load(self.folder / "samples.npy", mmap_mode="r")
        return np.array(mapped[self.starts[number] : self.starts[number + 1]])


@dataclass(frozen=True, slots=True)
class _Job:
    data_dir: Path
    cache: Path
    recipe: Recipe


def shelve(name: str, own: Sequence[Recipe], data_dir: Path, work: Path, workers: int) -> Shelf:
    """The set's recordings, rendered unless these very recipes were rendered before."""
    folder = work / "audio" / f"{name}-{digest(own)}-{_digest_of_code()}"
    if not (folder / "truth.jsonl").exists():
        _render_all(folder, own, data_dir, work / RESPONSES_FILE, workers)
    return open_shelf(name, folder)


def _digest_of_code() -> str:
    """Of the code that makes sound from recipes: what it changes is rendered again."""
    code = hashlib.sha256()
    for name in ("render.py", "loudness.py", "sensor.py", "places.py", "air.py"):
        code.update((Path(__file__).parent / name).read_bytes())
    return code.hexdigest()[:6]


def open_shelf(name: str, folder: Path) -> Shelf:
    """A set that was rendered before."""
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + int(row.pop("samples")))
    return Shelf(name, folder, tuple(from_fields(row) for row in rows), tuple(starts))


def _render_all(folder: Path, own: Sequence[Recipe], data_dir: Path, cache: Path, workers: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [_Job(data_dir, cache, recipe) for recipe in own]
    pieces, rows = [], []
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for samples, recording in pool.imap(_render_one, jobs, chunksize=1 if len(jobs) < 100 else 8):
            pieces.append(samples)
            rows.append({**as_fields(recording), "samples": len(samples)})
    np.save(folder / "samples.npy", np.concatenate(pieces))
    # Written last: a broken-off run leaves no truth and is made again.
    text = "\n".join(json.dumps(row) for row in rows) + "\n"
    (folder / "truth.jsonl").write_text(text, encoding="utf-8")


def _render_one(job: _Job) -> tuple[NDArray[np.int16], Recording]:
    return render(job.recipe, reader(job.data_dir), _responses(job.data_dir, job.cache))


@lru_cache(maxsize=1)
def _responses(data_dir: Path, cache: Path) -> list[Response]:
    return responses(data_dir, cache)
