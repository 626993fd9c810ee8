"""The long run.

    python -m tests.chaos --seed 1 --kills 1200 --minutes 35 --out kills-1.jsonl
    python -m tests.chaos --seed 100 --cells all --out cells.jsonl
    python -m tests.chaos --list

Each trial appends one JSON line to the results file; `python -m tests.chaos.table FILE...` makes one table of
any number of them. Several runs with different seeds may go on at the same time (--number keeps their network
namespaces apart). Exit code 1 when a trial was not clean.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos import cells_broker, cells_disk, cells_network, cells_processes
from tests.chaos.cells import Cell, table
from tests.chaos.table import Summary, lines
from tests.chaos.trial import Trial, run_cell, run_kills

CELLS = table(cells_processes.cells(), cells_network.cells(), cells_broker.cells(), cells_disk.cells())
_MOST_KILLS = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    # Asked to end, it takes its processes, mounts and namespaces along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if args.list:
        for cell in CELLS.values():
            lacking = f"   (lacks {', '.join(sorted(cell.lacking))})" if cell.lacking else ""
            print(f"{cell.name}{lacking}")
        print(f"{len(CELLS)} faults", file=sys.stderr)
        return 0
    try:
        wanted = _wanted(args.cells)
    except KeyError as problem:
        print(f"no fault is named {problem}; see --list", file=sys.stderr)
        return 2
    summary = Summary()
    over_s = time.monotonic() + 60.0 * args.minutes
    for cell in wanted:
        if time.monotonic() >= over_s:
            break
        if cell.lacking:
            print(f"left out: {cell.name} (needs {', '.join(sorted(cell.lacking))})", file=sys.stderr)
            continue
        _do(lambda cell=cell: run_cell(cell, args.seed, args.number), cell.name, args.out, summary)
    if args.kills or not wanted:
        left = max(0.1, (over_s - time.monotonic()) / 60.0)
        kills = args.kills or _MOST_KILLS
        _do(
            lambda: run_kills(args.seed, kills=kills, minutes=left, number=args.number),
            "kills",
            args.out,
            summary,
        )
    print("\n".join(lines(summary)))
    return 0 if summary.clean else 1


def _do(work: Callable[[], Trial], name: str, out: Path | None, summary: Summary) -> None:
    trial = work()
    told = trial.as_json()
    summary.add(told)
    if out is not None:
        with out.open("a") as file:
            file.write(json.dumps(told) + "\n")
    words = "clean" if trial.clean else "NOT CLEAN"
    print(f"{name}, seed {trial.seed}: {words}, {trial.lasted_s:.0f} s", file=sys.stderr, flush=True)
    for outcome in trial.outcomes:
        for text in [*outcome.problems, *outcome.account.examples]:
            print(f"    {text}", file=sys.stderr, flush=True)
    for text in [*trial.problems, *trial.hearing.examples]:
        print(f"    {text}", file=sys.stderr, flush=True)


def _wanted(names: str) -> list[Cell]:
    if names == "all":
        return list(CELLS.values())
    return [CELLS[name.strip()] for name in names.split(";") if name.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Harm, and the count of it.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="stop after so long")
    parser.add_argument("--cells", default="", help='"all", or names of faults with ; between')
    parser.add_argument("--kills", type=int, default=0, help="random kills; without cells: as many as go")
    parser.add_argument("--number", type=int, default=0, help="another one for each run at the same time")
    parser.add_argument("--out", type=Path, help="results file, appended to")
    parser.add_argument("--list", action="store_true", help="the faults there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
