"""What the kept seconds cost a disk: a day of 20 sensors in fast time.

    python -m tests.benchmarks.telemetry_written [FOLDER on the disk in question] [--days 1] [--sensors 20]
        [--flush-s 60] [--random]

Each minute is made of what the supplied model really says to the captures in this repository, cut into
pieces of 5 to 40 s, every sensor other ones, with some noise on levels (0.4 dB) and on scores (0.1 in log
odds). `--random` has every score at random instead: no compression helps, so nothing can be worse. Bytes are
what the kernel counts for this process (write_bytes), so a tmpfs shows 0. Beside it the same batches as rows
of an SQLite database.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gateway.model_setup import choose_model
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from gateway.settings.schema import StorageSettings
from gateway.telemetry.chunk import ChunkHead, PackedSecond, encode_chunk, pack
from gateway.telemetry.meter import SecondMeter
from gateway.telemetry.second import Second
from gateway.telemetry.segment import SegmentHead
from gateway.telemetry.store import SegmentStore
from tests.benchmarks.machine import processor
from tests.benchmarks.outbox_commit import percentiles_ms, written_bytes

ROOT = Path(__file__).parents[2]
DAY_S = 86_400
EVENTS_SHARE = 0.3
"""Of the pieces, those cut from recordings of events; the others are ambience."""
BATCHES = 120
"""So many different ones are made, and written round and round: each is compressed by itself."""

Batch = list[PackedSecond]


def heard() -> tuple[list[list[Second]], list[list[Second]]]:
    """Seconds of every capture of the repository: (ambience, events)."""
    model = choose_model("default")
    setup = ReplaySetup(model.classifier, rules_in_force(DecisionSettings(), model.thresholds))
    ambience: list[list[Second]] = []
    events: list[list[Second]] = []
    folders = (ROOT / "config" / "captures", ROOT / "tests" / "captures")
    for path in sorted(path for folder in folders for path in folder.rglob("*.agwcap")):
        seconds: list[Second] = []
        meter = SecondMeter("any", seconds.append)
        for item in replay_file(path, setup):
            if isinstance(item, Analysis):
                meter.hear(item, item.t_s, calibrated=True)
        meter.close()
        quiet = "silence" in path.name or "ambience" in path.name
        (ambience if quiet else events).append(seconds)
    return ambience, events


def batches(
    chance: random.Random, sensors: int, seconds: int, labels: Sequence[str], *, at_random: bool
) -> list[Batch]:
    ambience, events = heard()
    made = []
    for _ in range(BATCHES):
        batch: Batch = []
        for sensor in range(sensors):
            piece: list[Second] = []
            shift_db = chance.uniform(-6.0, 6.0)
            while len(piece) < seconds:
                source = chance.choice(events if chance.random() < EVENTS_SHARE else ambience)
                begin = chance.randrange(len(source))
                piece += source[begin : begin + chance.randrange(5, 40)]
            for number, one in enumerate(piece[:seconds]):
                noisy = _noisy(one, chance, shift_db, at_random)
                batch.append(pack(replace(noisy, number=number), sensor, labels))
        made.append(batch)
    return made


def _noisy(one: Second, chance: random.Random, shift_db: float, at_random: bool) -> Second:
    def score(p: float) -> float:
        if at_random:
            return chance.random()
        if not 0.0 < p < 1.0:
            return p
        return 1.0 / (1.0 + math.exp(-(math.log(p / (1.0 - p)) + chance.gauss(0.0, 0.1))))

    shift_db += chance.gauss(0.0, 0.4)
    return replace(
        one,
        laeq_db=one.laeq_db + shift_db,
        lafmax_db=one.lafmax_db + shift_db,
        ambient_db=None if one.ambient_db is None else one.ambient_db + shift_db,
        scores={label: score(p) for label, p in (one.scores or {}).items()},
    )


def moved(batch: Batch, by_s: int) -> Batch:
    return [PackedSecond(one.sensor, one.number + by_s, one.codes) for one in batch]


def to_segments(folder: Path, head: SegmentHead, made: list[Batch], days: float, flush_s: int) -> None:
    store = SegmentStore(folder, head, StorageSettings().telemetry_mb * 1_000_000)
    durations_s = []
    before = written_bytes()
    writes = int(days * DAY_S / flush_s)
    for write in range(writes):
        at_s = write * flush_s
        batch = moved(made[write % len(made)], at_s)
        begin_s = time.perf_counter()
        store.append(ChunkHead(at_s, flush_s, at_s * 1000, "synced", 5), batch)
        durations_s.append(time.perf_counter() - begin_s)
    store.close()
    files = [path.stat().st_size for path in folder.iterdir()]
    print(f"segment files:   {(written_bytes() - before) / days / 1e6:.1f} MB a day written")
    size_mb = sum(files) / 1e6
    print(f"  {len(files)} files of {size_mb:.0f} MB together; {store.shed} shed before seven days were over")
    print(f"  one write: {percentiles_ms(durations_s)}")


def to_sqlite(folder: Path, labels: int, made: list[Batch], days: float, flush_s: int) -> None:
    """The same compressed batches as rows, in the cheapest durable way: WAL, one commit a batch."""
    connection = sqlite3.connect(folder / "telemetry.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE chunks (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    before = written_bytes()
    for write in range(int(days * DAY_S / flush_s)):
        head = ChunkHead(write * flush_s, flush_s, write * flush_s * 1000, "synced", 5)
        body = encode_chunk(head, moved(made[write % len(made)], write * flush_s), labels)
        connection.execute("INSERT INTO chunks (body) VALUES (?)", (body,))
        connection.commit()
    connection.close()
    size = (folder / "telemetry.db").stat().st_size
    print(f"SQLite (WAL):    {(written_bytes() - before) / days / 1e6:.1f} MB a day written")
    print(f"  one file of {size / 1e6:.0f} MB after {days:g} days")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--sensors", type=int, default=20)
    parser.add_argument("--flush-s", type=int, default=60)
    parser.add_argument("--random", action="store_true")
    args = parser.parse_args()
    model = choose_model("default")
    if model.classifier is None:
        sys.exit(f"telemetry_written: {model.problem}")
    labels = model.classifier.package.labels
    made = batches(random.Random(1), args.sensors, args.flush_s, labels, at_random=args.random)
    what = "random scores" if args.random else "scores of the supplied model"
    print(f"{processor()}; {args.sensors} sensors, {len(labels)} scores each, {what}, {args.days:g} days")
    kept = sum(len(one.codes) for one in made[0])
    head = SegmentHead(
        boot_id="benchmark",
        model_id=model.model_id,
        labels=labels,
        sensors=tuple(f"sensor-{number:02d}" for number in range(args.sensors)),
    )
    packed = [len(encode_chunk(ChunkHead(0, args.flush_s, 0, "synced", 5), one, len(labels))) for one in made]
    print(f"a batch of {args.flush_s} s: {kept} bytes of codes, {sum(packed) / len(packed):.0f} compressed")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        os.mkdir(Path(folder) / "segments")
        to_segments(Path(folder) / "segments", head, made, args.days, args.flush_s)
        to_sqlite(Path(folder), len(labels), made, min(args.days, 1.0), args.flush_s)


if __name__ == "__main__":
    main()
