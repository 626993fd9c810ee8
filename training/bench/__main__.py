"""Scores detectors on the same continuous sound and writes the report.

    python -m training.bench --data DIR --work W --detectors NAME=MODULE:ARGUMENT ... [--part tune]
    python -m training.bench --data DIR --work W --detectors ... --part report --read-report

On the part tune it also sets the rivals' thresholds and keeps them in the work folder; the report takes them
from there. What was rendered and scored before is not done again. `--quick` is a smaller bench, for a first
look, and writes nothing. `--only-thresholds` sets those of tune without a report.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.model_setup import DEFAULT, choose_model
from training.bench.catalogue import Catalogue
from training.bench.console import console
from training.bench.detector import Named, parse_name
from training.bench.figures import Bench, Settings, all_figures, settings_from
from training.bench.places import PLACES, responses
from training.bench.recipes import FULL, QUICK, SETS, Amounts, recipes
from training.bench.report import page
from training.bench.scoring import OURS, Scored, fingerprint, frames, progress, score
from training.bench.shelf import RESPONSES_FILE, Shelf, shelve
from training.manifest import Clip, read_manifest
from training.parts import TABLE, clips_of, load_parts

ROOM = Path(__file__).parent
SEED = 2017
THRESHOLDS = "thresholds.json"

Scores = dict[str, dict[str, Scored]]


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments().parse_args(argv)
    try:
        named = [parse_name(text) for text in args.detectors]
        if args.only_thresholds and args.part != "tune":
            raise ValueError("thresholds are set on the part tune alone")
        _thresholds_there(args, named)
        part_of = load_parts(args.parts)
        clips = clips_of(read_manifest(args.data), part_of, [args.part], read_report=args.read_report)
    except (ValueError, PermissionError) as problem:
        print(f"training.bench: {problem}", file=sys.stderr)
        return 2
    if args.only_thresholds:
        print(json.dumps(thresholds_of(args, named, clips), indent=1))
        return 0
    results = results_of(args, named, clips)
    print(console(results))
    if not args.quick:
        _write(args.out, results)
    return 0


def thresholds_of(args: argparse.Namespace, named: Sequence[Named], clips: Sequence[Clip]) -> Settings:
    """The thresholds from tune, without a report: of its sets only the one that sets them is played."""
    args.sets = "rare"
    shelves = _render(args, Catalogue(clips))
    return _settings(args, Bench(shelves, _score(args, named, shelves)))


def results_of(args: argparse.Namespace, named: Sequence[Named], clips: Sequence[Clip]) -> dict[str, Any]:
    """Everything that the report says, as it stands in results.json."""
    began = time.monotonic()
    shelves = _render(args, Catalogue(clips))
    bench = Bench(shelves, _score(args, named, shelves))
    settings = _settings(args, bench)
    clip_frames = frames(shelves["clips"], args.workers) if "clips" in shelves else None
    results = {
        "part": args.part,
        "amount": "quick" if args.quick else "full",
        "seed": args.seed,
        "code": {one.name: fingerprint(one) for one in named},
        "models": _models(named),
        "settings": settings,
        **all_figures(bench, settings, clip_frames),
    }
    progress(f"all done in {time.monotonic() - began:.0f} s")
    return results


def _models(named: Sequence[Named]) -> dict[str, str]:
    """Of our own detectors, which model each ran: a model card takes the figures of its very model."""
    ours = (one for one in named if one.module == "training.bench.ours")
    return {one.name: choose_model(one.argument or DEFAULT).model_id or "" for one in ours}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.bench", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="rendered sound and scores are kept here")
    parser.add_argument("--detectors", nargs="+", required=True, metavar="NAME=MODULE:ARGUMENT")
    parser.add_argument("--part", choices=("tune", "report"), default="tune")
    parser.add_argument("--read-report", action="store_true", help="only for the final report")
    parser.add_argument("--quick", action="store_true", help="fewer mixtures, no streams, nothing written")
    parser.add_argument("--only-thresholds", action="store_true", help="set those of tune, write no report")
    parser.add_argument("--sets", default=",".join(SETS), help="of clips,rare,street,streams")
    parser.add_argument("--rare", type=int, help="rare mixtures of each class at each ratio")
    parser.add_argument("--street", type=int, help="street recordings of ten minutes")
    parser.add_argument("--parts", type=Path, default=TABLE, help="which source is in which part")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=ROOM, help="where RESULTS.md, results.json and plots go")
    return parser


def _render(args: argparse.Namespace, catalogue: Catalogue) -> dict[str, Shelf]:
    ways = responses(args.data, args.work / RESPONSES_FILE)
    counts = [sum(one.place == place for one in ways) for place in PLACES]
    drawn = recipes(catalogue, _amounts(args), counts, args.seed)
    wanted = args.sets.split(",")
    shelves = {}
    for name, own in drawn.items():
        if name in wanted:
            began = time.monotonic()
            shelves[name] = shelve(name, own, args.data, args.work, args.workers)
            hours = shelves[name].hours
            progress(f"{name}: {len(own)} recordings, {hours:.2f} h, {time.monotonic() - began:.0f} s")
    return shelves


def _amounts(args: argparse.Namespace) -> Amounts:
    amounts = QUICK if args.quick else FULL
    rare = amounts.rare if args.rare is None else args.rare
    return replace(amounts, rare=rare, street=amounts.street if args.street is None else args.street)


def _score(args: argparse.Namespace, named: Sequence[Named], shelves: dict[str, Shelf]) -> Scores:
    scored: Scores = {}
    for one in named:
        scored[one.name] = {}
        for name, shelf in shelves.items():
            began = time.monotonic()
            scored[one.name][name] = score(one, shelf, args.work, args.workers)
            progress(f"{one.name} on {name}: {time.monotonic() - began:.0f} s")
    return scored


def _thresholds_there(args: argparse.Namespace, named: Sequence[Named]) -> None:
    """Before the report is looked at: ValueError unless a run on tune has set every rival's thresholds."""
    known = _known_thresholds(args.work)
    lacking = [one.name for one in named if one.module != OURS and one.name not in known]
    if args.part == "report" and lacking:
        raise ValueError(f"no thresholds of {', '.join(lacking)} in {args.work}: run --part tune first")


def _known_thresholds(work: Path) -> Settings:
    kept = work / THRESHOLDS
    known: Settings = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    return known


def _settings(args: argparse.Namespace, bench: Bench) -> Settings:
    """The rivals' thresholds: set now on tune and kept, or those that were kept."""
    known = _known_thresholds(args.work)
    if args.part == "tune" and "rare" in bench.shelves:
        known = {**known, **settings_from(bench)}
        if not args.quick:
            text = json.dumps(known, indent=1) + "\n"
            (args.work / THRESHOLDS).write_text(text, encoding="utf-8")
    return {name: known[name] for name in bench.scored if name in known}


def _write(out: Path, results: dict[str, object]) -> None:
    from training.bench.plots import draw_all  # matplotlib, only for a written report

    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "RESULTS.md").write_text(page(results), encoding="utf-8")
    draw_all(results, out / "plots")


if __name__ == "__main__":
    sys.exit(main())
