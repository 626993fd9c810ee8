"""The leak test: `python -m training.leak rebuild|coarser|words|phrases|speakers --data DIR --work FOLDER`.

Each part writes its figures into results.json and the page RESULTS.md beside this file. `page` writes the
page alone: of results.json, and of what parts that ran beside each other wrote elsewhere (--also).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from training.leak.page import page

_HERE = Path(__file__).parent
_PARTS = ("rebuild", "coarser", "words", "phrases", "speakers", "page")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leak", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="+", choices=_PARTS)
    parser.add_argument("--data", type=Path, help="directory that holds train/manifest.jsonl")
    parser.add_argument("--work", type=Path, required=True, help="folder for speech and networks, kept")
    parser.add_argument("--results", type=Path, default=_HERE / "results.json")
    parser.add_argument(
        "--only", nargs="*", default=(), help="of `coarser`: these streams, beside earlier ones"
    )
    parser.add_argument("--also", type=Path, nargs="*", default=(), help="results of other runs to take in")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    for part in args.parts:
        own: dict[str, Any] = {} if part == "page" else {part: _run(part, args)}
        results: dict[str, Any] = {}
        for file in (args.results, *args.also):
            results |= json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        if args.only and part == "coarser":
            own[part] = results.get(part, {}) | own[part]
        results |= own
        args.results.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        args.results.with_name("RESULTS.md").write_text(page(results), encoding="utf-8")
    return 0


def _run(part: str, args: argparse.Namespace) -> dict[str, Any]:
    # Imported here: each part needs other programs and packages.
    if part in ("rebuild", "coarser"):
        from training.leak.rebuild import coarser, rebuilding

        if part == "rebuild":
            return rebuilding(args.data, args.work, _tell)
        return coarser(args.data, args.work, _tell, args.only)
    if part == "words":
        from training.leak.words import word_figures

        return word_figures(_tell)
    if part == "phrases":
        from training.leak.phrases import phrase_figures

        return phrase_figures(args.data, args.work, _tell)
    from training.leak.speakers import speaker_figures

    if args.data is None:
        raise SystemExit("the speaker test needs people: --data DIR")
    return speaker_figures(args.data, _tell)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
