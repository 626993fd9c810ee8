"""What the vetoes do to real sound: how often each fires on what, and what they cost and save in alerts.

    python -m training.veto_figures --features F [--model PACKAGE] [--part tune] [--only siren wind_rain]

Every clip and mixture of the part goes through the gateway's own pipeline, and what that heard through a
second decider that knows no veto; levels as recorded at a full scale of 120 dB. Never the part report. Prints
tables in Markdown.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dsp.layout import HOP_S
from gateway.classifier import Classifier
from gateway.contract.vocabulary import EndReason, Phase, VetoCode
from gateway.decisions.decider import Decider, Decision, Evidence
from gateway.decisions.rules import ClassRule
from gateway.model_setup import DEFAULT, choose_model
from gateway.pipeline import Analysis, SensorPipeline
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from training.labels import POSITIVES
from training.store import Item, Store, load

PARTS = ("train", "tune")
FULL_SCALE_DB = 120.0
WARM_UP_S = 1.5
"""Shares are of the hops after so long: before, nothing is said about the surroundings."""


@dataclass
class Row:
    """One kind of sound. fires: hops by veto; without, with_vetoes: events raised, by class; found: clips
    that raised their own class.
    """

    clips: int = 0
    hops: int = 0
    fires: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)
    with_vetoes: Counter[str] = field(default_factory=Counter)
    found_without: int = 0
    found_with: int = 0
    held_back: Counter[str] = field(default_factory=Counter)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.veto_figures", description=__doc__)
    parser.add_argument("--features", type=Path, required=True, metavar="F", help="from training.extract")
    parser.add_argument("--model", default=DEFAULT, help="a package (default: the supplied one)")
    parser.add_argument("--part", choices=PARTS, default="tune")
    parser.add_argument("--only", nargs="+", metavar="LABEL", help="only these sounds (default: all)")
    args = parser.parse_args()
    model = choose_model(args.model)
    if model.problem is not None or model.classifier is None:
        parser.error(f"no model: {model.problem}")
    rules = rules_in_force(DecisionSettings(), model.thresholds)
    rows: dict[str, Row] = defaultdict(Row)
    store = load(args.features)
    for item in store.items:
        if item.part == args.part and (args.only is None or item.target in args.only):
            _hear(rows[_kind(item)], store, item, model.classifier, rules)
    print(f"Model {model.model_id}, part {args.part}.\n")
    print("\n".join([*_shares(rows), "", *_alerts(rows)]))
    return 0


def _kind(item: Item) -> str:
    if item.kind == "mixture":
        return f"{item.target}, mixed into a street" if item.target in POSITIVES else "other, mixed"
    return item.target if item.target in POSITIVES else item.label


def _hear(row: Row, store: Store, item: Item, classifier: Classifier, rules: dict[str, ClassRule]) -> None:
    row.clips += 1
    watched, plain = SensorPipeline(classifier, rules, full_scale_db=FULL_SCALE_DB), Decider(rules)
    with_vetoes: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for hop, codes in enumerate(store.frames[item.start : item.start + item.count]):
        t_s = (hop + 1) * HOP_S
        analysis = watched.hear(codes, t_s)
        with_vetoes.update(_raised(analysis.decisions))
        without.update(_raised(plain.step(_unweighed(analysis))))
        row.held_back.update(code for held in analysis.held_back for code in held.vetoes)
        is_sound = item.target not in POSITIVES or bool(store.active[item.start + hop])
        if t_s > WARM_UP_S and is_sound:
            row.hops += 1
            row.fires.update(code.value for code in analysis.vetoes)
    watched.close(EndReason.STREAM_ENDED, item.count * HOP_S)
    row.held_back.update(code for held in watched.take_held_back() for code in held.vetoes)
    row.with_vetoes += with_vetoes
    row.without += without
    row.found_with += item.target in with_vetoes
    row.found_without += item.target in without


def _raised(decisions: Iterable[Decision]) -> list[str]:
    return [one.event_class for one in decisions if one.phase is Phase.START]


def _unweighed(heard: Analysis) -> Evidence:
    """The same hop as the decisions would have it if there were no vetoes."""
    return Evidence(
        t_s=heard.t_s,
        hop_s=HOP_S,
        scores=None if heard.scores is None else heard.scores.by_label,
        laeq_db=heard.laeq_db,
        lafmax_db=heard.lafmax_db,
        above_ambient_db=heard.above_ambient_db,
    )


def _shares(rows: dict[str, Row]) -> Iterator[str]:
    codes = [code.value for code in VetoCode if code is not VetoCode.KNOWN_SOUND]
    yield "Share of the time in which each fires, % (of a positive: while it sounds)\n"
    yield f"| sound | clips | min | {' | '.join(codes)} |"
    yield f"|---|---|---|{'---|' * len(codes)}"
    for name in sorted(rows):
        row = rows[name]
        shares = " | ".join(f"{100.0 * row.fires[code] / max(row.hops, 1):.1f}" for code in codes)
        yield f"| {name} | {row.clips} | {row.hops * HOP_S / 60.0:.1f} | {shares} |"


def _alerts(rows: dict[str, Row]) -> Iterator[str]:
    yield "Clips whose own class was raised, and all other events raised, without and with vetoes\n"
    yield "| sound | clips | own, without | own, with | other, without | other, with | held back by |"
    yield "|---|---|---|---|---|---|---|"
    for name in sorted(rows):
        row = rows[name]
        own = name.split(",")[0]
        others = [
            sum(count for label, count in starts.items() if label != own)
            for starts in (row.without, row.with_vetoes)
        ]
        found = (row.found_without, row.found_with) if own in POSITIVES else ("-", "-")
        why = ", ".join(f"{code} {count}" for code, count in sorted(row.held_back.items())) or "-"
        if any(others) or own in POSITIVES or row.held_back:
            yield f"| {name} | {row.clips} | {found[0]} | {found[1]} | {others[0]} | {others[1]} | {why} |"


if __name__ == "__main__":
    raise SystemExit(main())
