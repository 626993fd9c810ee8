"""Files as a power cut may leave them: torn or garbled at any byte after the last sync.

    python -m tests.chaos.torn --seed 1 --images 100000

The gateway's outbox and the receiver's store do real work; at each sync and after each piece of work (a
commit that appends to the WAL, one that begins the WAL anew over old bytes, commits that are not synced, a
checkpoint into the database) both files are copied. An image is the files with the new bytes up to some
place; what comes after it is missing, zeros, random, or what was there before. Every image must open as
whole, hold every row whose commit had returned, in order and byte for byte, and no row that was never
committed.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from control_room.ledger_error import LedgerError
from gateway.delivery.outbox_fault import OutboxError
from tests.chaos.torn_stores import STORES, Row, Store

PAGE = 1024
TRUNCATED, ZEROS, RANDOM, OLD = "truncated", "zeros", "random", "old bytes"
KINDS = (TRUNCATED, ZEROS, RANDOM, OLD)
_FASTEST = Path("/dev/shm")
_GO_ON_EVERY = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work. file: which of both was written since the last sync; rows: all that were ever

    committed, in order; acked: how many of these had been promised before it began.
    """

    store: str
    name: str
    file: str
    before: tuple[bytes, bytes]
    after: tuple[bytes, bytes]
    rows: tuple[Row, ...]
    acked: int

    @property
    def places(self) -> list[int]:
        """Every byte after the last sync, in the order in which they were written."""
        old, new = self._written
        if self.file == "wal":
            first = next(
                (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), len(old)
            )
            last = len(new)
            while last > first and last <= len(old) and old[last - 1] == new[last - 1]:
                last -= 1
            return list(range(first, last))
        pages = range(0, len(new), PAGE)
        changed = [at for at in pages if old[at : at + PAGE] != new[at : at + PAGE]]
        return [at + byte for at in changed for byte in range(PAGE)]

    def image(self, place: int, kind: str, random: Random) -> tuple[bytes, bytes]:
        """(database, WAL) torn at this place."""
        old, new = self._written
        torn = (
            _torn_wal(old, new, self.places_end, place, kind, random)
            if self.file == "wal"
            else _torn_pages(old, new, place, kind, random)
        )
        return (self.after[0], torn) if self.file == "wal" else (torn, self.before[1])

    @property
    def places_end(self) -> int:
        return self.places[-1] + 1

    @property
    def _written(self) -> tuple[bytes, bytes]:
        number = 1 if self.file == "wal" else 0
        return self.before[number], self.after[number]


def _torn_wal(old: bytes, new: bytes, end: int, place: int, kind: str, random: Random) -> bytes:
    """Written from front to back; beyond `end` the file was not touched."""
    if kind == TRUNCATED and place >= len(old):
        return new[:place]
    rest = {ZEROS: bytes(end - place), RANDOM: random.randbytes(end - place)}.get(kind)
    if rest is None:
        return new[:place] + old[place:]
    return new[:place] + rest + old[end:]


def _torn_pages(old: bytes, new: bytes, place: int, kind: str, random: Random) -> bytes:
    """Pages before this one are written, those after it not yet, and this one up to the place."""
    page = place - place % PAGE
    if kind == TRUNCATED and place >= len(old):
        return new[:place]
    rest = {ZEROS: bytes(page + PAGE - place), RANDOM: random.randbytes(page + PAGE - place)}.get(kind)
    if rest is None:
        rest = old[place : page + PAGE]
    return new[:place] + rest + old[page + PAGE :]


@dataclass(slots=True)
class Tally:
    """How many images of each step were tried, and what was wrong with which."""

    images: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.images += other.images
        self.wrong += other.wrong


def steps(store: Store, seed: int) -> list[Step]:
    """The store at work, from its first commit on."""
    found: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="torn-", dir=_fastest()) as name:
        path = Path(name) / "store.db"
        work = store.open(path, Random(f"{seed}/{store.name}"))

        synced = _files(path)

        def step(name: str, file: str, *pieces: Callable[[], None], keep: bool = True) -> None:
            nonlocal synced
            acked = len(work.rows)
            for do in pieces:
                do()
            now = _files(path)
            if keep:
                found.append(Step(store.name, name, file, synced, now, tuple(work.rows), acked))
            if pieces[-1] != work.mark:
                synced = now

        step("first commits", "wal", *[work.commit] * 6, keep=False)
        step("commit appended to the WAL", "wal", work.commit)
        step("commit appended to the WAL", "wal", work.commit)
        step("checkpoint", "db", work.checkpoint)
        step("commit that begins the WAL anew", "wal", work.commit)
        step("commit over old bytes of the WAL", "wal", work.commit)
        step("more commits", "wal", *[work.commit] * 5, keep=False)
        step("marks, not synced", "wal", work.mark)
        step("marks and a commit after them", "wal", work.commit)
        step("checkpoint that makes the database grow", "db", work.checkpoint)
        work.close()
    return found


def try_images(step: Step, places: Sequence[int], kinds: Sequence[str], seed: int) -> Tally:
    """Open these images; kinds: all of them at each place."""
    tally, store = Tally(), STORES[step.store]
    random = Random(f"{seed}/{step.name}/{places[0] if places else 0}")
    with tempfile.TemporaryDirectory(prefix="torn-", dir=_fastest()) as name:
        path = Path(name) / "store.db"
        for place in places:
            for kind in kinds:
                tally.images[f"{step.store}: {step.name}"] += 1
                go_on = random.randrange(_GO_ON_EVERY) == 0
                problem = _problem(store, step, path, step.image(place, kind, random), go_on=go_on)
                if problem:
                    tally.wrong.append(f"{step.store}, {step.name}, byte {place}, {kind}: {problem}")
    return tally


def _problem(store: Store, step: Step, path: Path, image: tuple[bytes, bytes], *, go_on: bool) -> str:
    for old in path.parent.iterdir():
        old.unlink()
    path.write_bytes(image[0])
    path.with_name(path.name + "-wal").write_bytes(image[1])
    try:
        rows = store.read(path, go_on=go_on)
    except (OSError, sqlite3.Error, OutboxError, LedgerError, LookupError, ValueError) as problem:
        return f"{type(problem).__name__}: {problem}"
    if isinstance(rows, str):
        return rows
    if list(rows) != list(step.rows[: len(rows)]):
        return "rows that were never committed, or not in order"
    if len(rows) < step.acked:
        return f"{len(rows)} rows, {step.acked} had been promised"
    return ""


def chosen(all_steps: Sequence[Step], images: int, seed: int) -> Iterator[tuple[Step, list[int], list[str]]]:
    """Which places and kinds to try: every byte of every step if `images` allows, else a seeded sample."""
    random = Random(f"{seed}/places")
    wanted = [
        (step, place, kind) for step in all_steps for place in step.places for kind in _kinds(step, place)
    ]
    if images < len(wanted):
        wanted = sorted(
            random.sample(wanted, images), key=lambda one: (all_steps.index(one[0]), one[1], one[2])
        )
    by_step: dict[tuple[int, str], list[int]] = {}
    for step, place, kind in wanted:
        by_step.setdefault((all_steps.index(step), kind), []).append(place)
    for (number, kind), places in by_step.items():
        for start in range(0, len(places), 500):
            yield all_steps[number], places[start : start + 500], [kind]


def _kinds(step: Step, place: int) -> tuple[str, ...]:
    """Cutting a file off inside what it had before is no power cut; the bytes stay."""
    old = step.before[1 if step.file == "wal" else 0]
    return KINDS if place >= len(old) else KINDS[1:]


def run(images: int, seed: int, processes: int = 1) -> Tally:
    """Rounds of all stores, each with another seed, until so many images were tried."""
    tally, round_number = Tally(), 0
    while sum(tally.images.values()) < images:
        round_seed = seed + round_number
        all_steps = [step for store in STORES.values() for step in steps(store, round_seed)]
        left = images - sum(tally.images.values())
        work = list(chosen(all_steps, left, round_seed))
        if processes == 1:
            for one in work:
                tally.add(try_images(*one, round_seed))
        else:
            with ProcessPoolExecutor(processes) as pool:
                for part in pool.map(try_images, *zip(*work, strict=True), [round_seed] * len(work)):
                    tally.add(part)
        round_number += 1
    return tally


def _files(path: Path) -> tuple[bytes, bytes]:
    wal = path.with_name(path.name + "-wal")
    return path.read_bytes(), wal.read_bytes() if wal.exists() else b""


def _fastest() -> str | None:
    return str(_FASTEST) if _FASTEST.is_dir() else None


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.torn", description="Files torn by a power cut."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    tally = run(args.images, args.seed, args.processes)
    for name, count in sorted(tally.images.items()):
        print(f"{count:8d}  {name}")
    print(f"{sum(tally.images.values()):8d}  images, seed {args.seed}; wrong: {len(tally.wrong)}")
    for text in tally.wrong[:20]:
        print(f"! {text}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
