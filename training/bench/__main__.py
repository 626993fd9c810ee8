"""Scores detectors on the same continuous sound and writes the report.

    python -m training.bench --data DIR --work W --detectors NAME=MODULE:ARGUMENT ... [--part tune]
    python -m training.bench --data DIR --work W --detectors ... --part report --read-report

On the part tune it also sets the rivals' thresholds and keeps them in the work folder; the report takes them
from there. What was rendered and scored before is not done again. `--quick` is a smaller bench, for a first
look, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from training.bench.catalogue import Catalogue
from training.bench.console import console
from training.bench.detector import Named, parse_name
from training.bench.figures import Bench, Settings, all_figures, settings_from
from training.bench.places import PLACES, responses
from training.bench.recipes import FULL, QUICK, SETS, recipes
from training.bench.report import page
from training.bench.scoring import Scored, frames, progress, score
from training.bench.shelf import RESPONSES_FILE, Shelf, shelve
from training.manifest import read_manifest
from training.parts import clips_of, load_parts

ROOM = Path(__file__).parent
SEED = 2017

Scores = dict[str, dict[str, Scored]]


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments().parse_args(argv)
    try:
        named = [parse_name(text) for text in args.detectors]
        clips = clips_of(read_manifest(args.data), load_parts(), [args.part], read_report=args.read_report)
    except (ValueError, PermissionError) as problem:
        print(f"training.bench: {problem}", file=sys.stderr)
        return 2
    began = time.monotonic()
    shelves = _render(args, Catalogue(clips))
    bench = Bench(shelves, _score(args, named, shelves))
    settings = _settings(args, bench)
    clip_frames = frames(shelves["clips"], args.workers) if "clips" in shelves else None
    results = {
        "part": args.part,
        "amount": "quick" if args.quick else "full",
        "seed": args.seed,
        "settings": settings,
        **all_figures(bench, settings, clip_frames),
    }
    progress(f"all done in {time.monotonic() - began:.0f} s")
    print(console(results))
    if args.quick:
        return 0
    _write(args.out, results)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.bench", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="rendered sound and scores are kept here")
    parser.add_argument("--detectors", nargs="+", required=True, metavar="NAME=MODULE:ARGUMENT")
    parser.add_argument("--part", choices=("tune", "report"), default="tune")
    parser.add_argument("--read-report", action="store_true", help="only for the final report")
    parser.add_argument("--quick", action="store_true", help="fewer mixtures, no streams, nothing written")
    parser.add_argument("--sets", default=",".join(SETS), help="of clips,rare,street,streams")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=ROOM, help="where RESULTS.md, results.json and plots go")
    return parser


def _render(args: argparse.Namespace, catalogue: Catalogue) -> dict[str, Shelf]:
    ways = responses(args.data, args.work / RESPONSES_FILE)
    counts = [sum(one.place == place for one in ways) for place in PLACES]
    drawn = recipes(catalogue, QUICK if args.quick else FULL, counts, args.seed)
    wanted = args.sets.split(",")
    shelves = {}
    for name, own in drawn.items():
        if name in wanted:
            began = time.monotonic()
            shelves[name] = shelve(name, own, args.data, args.work, args.workers)
            hours = shelves[name].hours
            progress(f"{name}: {len(own)} recordings, {hours:.2f} h, {time.monotonic() - began:.0f} s")
    return shelves


def _score(args: argparse.Namespace, named: Sequence[Named], shelves: dict[str, Shelf]) -> Scores:
    scored: Scores = {}
    for one in named:
        scored[one.name] = {}
        for name, shelf in shelves.items():
            began = time.monotonic()
            scored[one.name][name] = score(one, shelf, args.work, args.workers)
            progress(f"{one.name} on {name}: {time.monotonic() - began:.0f} s")
    return scored


def _settings(args: argparse.Namespace, bench: Bench) -> Settings:
    """The rivals' thresholds: set now on tune and kept, or those that were kept."""
    kept = args.work / "thresholds.json"
    known: Settings = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if args.part == "tune" and "rare" in bench.shelves:
        known = {**known, **settings_from(bench)}
        if not args.quick:
            kept.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return {name: known[name] for name in bench.scored if name in known}


def _write(out: Path, results: dict[str, object]) -> None:
    from training.bench.plots import draw_all  # matplotlib, only for a written report

    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "RESULTS.md").write_text(page(results), encoding="utf-8")
    draw_all(results, out / "plots")


if __name__ == "__main__":
    sys.exit(main())
