"""What a model package makes of the committed captures, in the gateway's own pipeline at default settings.

    python -m training.hear [--package config/models/ear] [--out training/CAPTURES.md]

A look, not a test set: nothing is trained, tuned or chosen by it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsp.layout import HOP_S, LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from gateway.classifier import Classifier
from gateway.decisions.rules import rules_for
from gateway.model_package import load_package
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file

FOLDERS = (Path("config/captures"), Path("tests/captures/events"), Path("tests/captures/silence"))


@dataclass(frozen=True, slots=True)
class Heard:
    """One capture: its line of the index, highest score of each positive, alerts as (class, raised at s)."""

    row: dict[str, Any]
    highest: dict[str, float]
    alerts: tuple[tuple[str, float], ...]


def hear(folder: Path, setup: ReplaySetup, positives: Sequence[str]) -> list[Heard]:
    """Every capture that the folder's index names."""
    heard = []
    for row in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        highest = dict.fromkeys(positives, 0.0)
        alerts = []
        for one in replay_file(folder / row["file"], setup):
            if isinstance(one, Analysis):
                if one.scores is not None:
                    highest = {name: max(highest[name], one.scores.by_label[name]) for name in positives}
            elif one.phase.value == "start":
                alerts.append((str(one.event_class), one.t_s))
        heard.append(Heard(row, highest, tuple(alerts)))
    return heard


def page(model_id: str, sets: dict[Path, list[Heard]]) -> str:
    """The whole page."""
    lines = [
        f"# What `{model_id}` makes of the committed captures",
        "",
        "Written by `python -m training.hear`; do not edit. Default settings, full scale 120 dB SPL. These "
        "sources were kept out of training and tuning; there are too few of them to prove anything.",
        "",
    ]
    for folder, heard in sets.items():
        minutes = sum(float(one.row["minutes"]) for one in heard)
        alarms = sum(len(one.alerts) for one in heard if not one.row["positive"])
        lines += [
            f"## `{folder}`: {len(heard)} captures, {minutes:.1f} minutes",
            "",
            f"Alerts on captures that hold no event: {alarms}.",
            "",
            "| capture | highest scores | alerts (class, s after the onset) |",
            "|---|---|---|",
            *(_line(one) for one in heard if one.row["positive"] or one.alerts),
            "",
        ]
    return "\n".join(lines)


def _line(one: Heard) -> str:
    onset_s = one.row["events"][0]["onset_s"] if one.row["events"] else 0.0
    scores = ", ".join(f"{name} {score:.2f}" for name, score in one.highest.items())
    alerts = ", ".join(f"{name} {at - onset_s:+.2f}" for name, at in one.alerts) or "none"
    return f"| {one.row['file'].removesuffix('.agwcap')} | {scores} | {alerts} |"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.hear", description=__doc__.split("\n")[0])
    parser.add_argument("--package", type=Path, default=Path("config/models/ear"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "CAPTURES.md")
    args = parser.parse_args(argv)
    package = load_package(
        args.package, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    )
    setup = ReplaySetup(Classifier(package), rules_for(package.thresholds))
    sets = {folder: hear(folder, setup, package.positives) for folder in FOLDERS}
    args.out.write_text(page(package.model_id, sets), encoding="utf-8")
    hops = sum(float(one.row["minutes"]) for heard in sets.values() for one in heard) * 60 / HOP_S
    print(f"{hops:.0f} hops heard, written to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
