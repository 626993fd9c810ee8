"""What a durable alert costs: `python -m tests.benchmarks.outbox_commit [FOLDER on the disk in question]`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from gateway.contract.encoding import encode
from gateway.delivery.outbox import Outbox
from tests.support.alerts import TOPICS, story

ROWS = 2000


def percentiles_ms(durations_s: list[float]) -> str:
    ordered = sorted(durations_s)
    parts = [
        (f"p{part:g}", ordered[min(len(ordered) - 1, int(len(ordered) * part / 100))]) for part in (50, 99)
    ]
    return ", ".join(f"{name} {1000 * value:.2f}" for name, value in [*parts, ("max", ordered[-1])]) + " ms"


def timed(outbox: Outbox, first: int) -> list[float]:
    durations_s = []
    for number in range(first, first + ROWS):
        one = story(number)
        payload = encode(one)
        begin_s = time.perf_counter()
        outbox.commit(payload, one.event_id, one.revision, TOPICS.event(one.event_class), one.phase)
        durations_s.append(time.perf_counter() - begin_s)
    return durations_s


def written_bytes() -> int:
    """What this process made the kernel write to disk so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    return 0


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = Path(made) / "outbox.db"
        size = len(encode(story(0)))
        print(f"{ROWS} alerts of {size} bytes, one commit each, {os.cpu_count()} processors")
        with Outbox.open(path) as outbox:
            before = written_bytes()
            print(f"commit, synchronous FULL:   {percentiles_ms(timed(outbox, 0))}")
            print(f"written to disk:            {(written_bytes() - before) / ROWS / 1000:.1f} kB an alert")
            with Outbox.open(path, check=False, durable=False) as marks:
                durations_s = []
                for row in range(1, ROWS + 1):
                    begin_s = time.perf_counter()
                    marks.mark_acknowledged([row], delivered=True)
                    durations_s.append(time.perf_counter() - begin_s)
                print(f"mark as received, NORMAL:   {percentiles_ms(durations_s)}")
        begin_s = time.perf_counter()
        Outbox.open(path).close()
        print(f"open and check {ROWS} rows:   {1000 * (time.perf_counter() - begin_s):.0f} ms")


if __name__ == "__main__":
    main()
