"""Every detector over every recording, once: scores and alerts, kept by what made them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import multiprocessing
import sys
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dsp.front_end import frames_of
from dsp.layout import FRAME_DTYPE
from training.bench.alarms import Alarm
from training.bench.detector import RATE_HZ, Detector, Named, load
from training.bench.ours import OurDetector
from training.bench.sensor import FULL_SCALE_DB, to_float
from training.bench.shelf import Shelf, open_shelf

OURS = "training.bench.ours"
#: What our own figures depend on beside the model package.
_OURS = (
    "dsp",
    "gateway/decisions",
    "gateway/vetoes",
    "gateway/pipeline.py",
    "gateway/replay.py",
    "gateway/classifier.py",
)
#: What the rivals of one room share.
_SHARED = ("alarm_classes.py", "hearing.py", "windows.py")
#: What the feature frames depend on.
_FRONT_END = (
    "cascade", "decimation", "front_end", "layout", "levels", "octave_bank", "overload", "resampling",
    "scalars", "weighting",
)  # fmt: skip
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Scored:
    """One detector's scores of one set, (hops, 4) a recording, and its own alerts if it raises any."""

    name: str
    hop_s: float
    scores: tuple[NDArray[np.float32], ...]
    alerts: tuple[tuple[Alarm, ...], ...] | None


@dataclass(frozen=True, slots=True)
class _Job:
    """Names the shelf and does not hold it: its truth would travel to the workers with every recording."""

    named: Named
    set_name: str
    folder: Path
    number: int
    frames_file: Path | None


def score(named: Named, shelf: Shelf, work: Path, workers: int) -> Scored:
    """The detector's scores of the set, from `work` where the same code scored the same sound before."""
    kept = work / "scores" / f"{named.name}-{fingerprint(named)}-{shelf.folder.name}.npz"
    if not kept.exists():
        _score_all(kept, named, shelf, workers)
    with np.load(kept) as arrays:
        facts = json.loads(str(arrays["facts"]))
        scores = np.split(arrays["scores"], np.cumsum(arrays["counts"])[:-1])
    alerts = facts["alerts"]
    return Scored(
        named.name,
        facts["hop_s"],
        tuple(scores),
        None if alerts is None else tuple(tuple(Alarm(**one) for one in own) for own in alerts),
    )


def frames(shelf: Shelf, workers: int) -> list[NDArray[np.void]]:
    """Feature frames of every recording, made once for the front end as it is now."""
    return _read_frames(_frames_file(shelf, workers))


def _frames_file(shelf: Shelf, workers: int) -> Path:
    files = tuple(_ROOT / "dsp" / f"{name}.py" for name in _FRONT_END)
    kept = shelf.folder / f"frames-{_digest_of(files)}.npz"
    if not kept.exists():
        jobs = [(shelf.name, shelf.folder, number) for number in range(len(shelf.recordings))]
        with _pool(workers) as pool:
            made = pool.map(_frames_one, jobs, chunksize=4)
        raw = [rows.view(np.uint8).reshape(-1, FRAME_DTYPE.itemsize) for rows in made]
        np.savez(kept, raw=np.concatenate(raw), counts=np.array([len(rows) for rows in raw]))
    return kept


def _read_frames(kept: Path) -> list[NDArray[np.void]]:
    with np.load(kept) as arrays:
        rows = arrays["raw"].reshape(-1).view(FRAME_DTYPE)
        return np.split(rows, np.cumsum(arrays["counts"])[:-1])


@cache
def fingerprint(named: Named) -> str:
    """A name for this detector's code and data, as they are when first asked for in this run."""
    spec = importlib.util.find_spec(named.module)
    if spec is None or spec.origin is None:
        raise ImportError(f"no module {named.module}, which {named.name} asks for")
    origin = Path(spec.origin)
    paths = [origin, *(origin.parent / name for name in _SHARED if (origin.parent / name).exists())]
    if named.module == OURS:
        paths += [_ROOT / path for path in _OURS]
    named_paths = (Path(part) for part in named.argument.split(",") if part)
    paths += [path for path in named_paths if path.exists()]
    return _digest_of(tuple(paths), named.argument)


def _digest_of(paths: tuple[Path, ...], *more: str) -> str:
    digest = hashlib.sha256("\n".join(more).encode())
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.suffix not in (".pyc", ".md"):
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _score_all(kept: Path, named: Named, shelf: Shelf, workers: int) -> None:
    frames_file = _frames_file(shelf, workers) if named.module == OURS else None
    numbers = range(len(shelf.recordings))
    jobs = [_Job(named, shelf.name, shelf.folder, number, frames_file) for number in numbers]
    with _pool(workers) as pool:
        results = pool.map(_score_one, jobs, chunksize=2)
    own_alerts = [alerts for _, _, alerts in results]
    facts = {"hop_s": results[0][0], "alerts": None if own_alerts[0] is None else own_alerts}
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        kept,
        scores=np.concatenate([scores for _, scores, _ in results]),
        counts=np.array([len(scores) for _, scores, _ in results]),
        facts=np.array(json.dumps(facts)),
    )


def _pool(workers: int) -> Any:
    # Spawned: runtimes with threads of their own do not survive a fork.
    return multiprocessing.get_context("spawn").Pool(workers)


def _score_one(job: _Job) -> tuple[float, NDArray[np.float32], list[dict[str, Any]] | None]:
    detector = _loaded(job.named)
    if job.frames_file is None:
        samples = to_float(_opened(job.set_name, job.folder).samples(job.number))
        return detector.hop_s, _checked(detector, detector.score(samples, FULL_SCALE_DB)), None
    hearing = cast(OurDetector, detector).hear(_frames(job.frames_file)[job.number], FULL_SCALE_DB)
    return detector.hop_s, hearing.scores, [asdict(alarm) for alarm in hearing.alerts]


def _checked(detector: Detector, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    if scores.ndim != 2 or scores.shape[1] != 4 or not np.isfinite(scores).all():
        raise ValueError(f"{detector.name} gave scores of shape {scores.shape}, or some that are not finite")
    return scores.astype(np.float32)


def _frames_one(job: tuple[str, Path, int]) -> NDArray[np.void]:
    set_name, folder, number = job
    return frames_of(to_float(_opened(set_name, folder).samples(number)).astype(np.float64), RATE_HZ)


@lru_cache(maxsize=1)
def _opened(set_name: str, folder: Path) -> Shelf:
    return open_shelf(set_name, folder)


@lru_cache(maxsize=1)
def _loaded(named: Named) -> Detector:
    return load(named)


@lru_cache(maxsize=1)
def _frames(kept: Path) -> list[NDArray[np.void]]:
    return _read_frames(kept)


def progress(text: str) -> None:
    """One line about long work, on stderr."""
    print(text, file=sys.stderr, flush=True)
