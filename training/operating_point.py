"""Where the default alerts stand on their curve: each class's threshold, from alerts on the part tune.

    python -m training.operating_point --data DIR --work W --package config/models/ear --model M

Of each class the lowest threshold is taken at which the gateway, with its default rules, gates and vetoes,
raises at most STREET_PER_HOUR false alarms an hour in the bench's street soundscapes (a sound every 12 s,
most of them hard negatives), at most HARD_PER_HOUR in recordings of nothing but negatives of every kind, and
at most STEADY_PER_HOUR in those of ambience, traffic, wind and rain alone; for impulses not below what
`training.train` found. It goes into M's `tuned.json`; `training.export` then writes the package again. The
model hears everything once; its scores are played back through the pipeline at every threshold tried.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gateway.classifier import Classifier, Scores
from gateway.decisions.decider import Decision
from gateway.decisions.rules import DEFAULT_RULES
from gateway.model_setup import choose_model
from gateway.replay import ReplaySetup, replay_rows
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from training.bench.__main__ import SEED
from training.bench.alarms import Alarm
from training.bench.catalogue import Catalogue
from training.bench.detector import CLASSES
from training.bench.places import PLACES, responses
from training.bench.recipes import FULL, recipes
from training.bench.scoring import frames
from training.bench.sensor import FULL_SCALE_DB
from training.bench.shelf import RESPONSES_FILE, shelve
from training.bench.street_figures import alert_figures
from training.bench.truth import Recording
from training.calibrate import STEADY_TARGETS
from training.manifest import read_manifest
from training.parts import TABLE, clips_of, load_parts

STREET_PER_HOUR = 1.5
"""Of one class; six an hour from all four, in sound denser than any street's."""
HARD_PER_HOUR = 10.0
STEADY_PER_HOUR = 1.0
KEPT_TO = (
    "alerts on the part tune: of each class the lowest at which the gateway's default rules raise at most "
    f"{STREET_PER_HOUR:g} false alarms an hour in street soundscapes with a sound every 12 s, most of them "
    f"hard negatives, at most {HARD_PER_HOUR:g} an hour of nothing but hard negatives, and at most "
    f"{STEADY_PER_HOUR:g} an hour of ambience, traffic, wind and rain; impulses also at most one an hour "
    "of hard negative clips"
)
HIGHEST = 0.9995
LOWEST = 0.2
ROUNDS = 10

#: By class, false alarms an hour at its threshold.
Rates = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording, its feature frames and what the model made of each hop."""

    recording: Recording
    rows: NDArray[np.void]
    scores: tuple[Scores, ...]


class _Kept:
    """In the classifier's place: keeps what it says, or says again what was kept."""

    def __init__(self, classifier: Classifier, kept: Sequence[Scores] | None = None) -> None:
        self.window_hops = classifier.window_hops
        self.package = classifier.package
        self.said: list[Scores] = []
        self._classifier = classifier
        self._left: Iterator[Scores] | None = None if kept is None else iter(kept)

    def scores(self, model_input: NDArray[np.float32]) -> Scores:
        said = self._classifier.scores(model_input) if self._left is None else next(self._left)
        self.said.append(said)
        return said


def hear(classifier: Classifier, recording: Recording, rows: NDArray[np.void]) -> Heard:
    """The model over one recording."""
    kept = _Kept(classifier)
    setup = ReplaySetup(cast(Classifier, kept), {}, FULL_SCALE_DB)
    for _step in replay_rows(iter(rows), setup):
        pass
    return Heard(recording, rows, tuple(kept.said))


def raised(classifier: Classifier, heard: Heard, thresholds: Mapping[str, float]) -> list[Alarm]:
    """The alerts of one recording at these thresholds and otherwise default settings."""
    kept = cast(Classifier, _Kept(classifier, heard.scores))
    setup = ReplaySetup(kept, rules_in_force(DecisionSettings(), dict(thresholds)), FULL_SCALE_DB)
    last = {
        (step.event_class, step.onset_s): Alarm(
            step.event_class, step.onset_s, step.raised_s, step.last_evidence_s
        )
        for step in replay_rows(iter(heard.rows), setup)
        if isinstance(step, Decision) and step.event_class in CLASSES
    }
    return list(last.values())


def false_rates(classifier: Classifier, heard: Sequence[Heard], thresholds: Mapping[str, float]) -> Rates:
    """False alarms an hour by class; an alert that names one event as another is not counted here."""
    recordings = [one.recording for one in heard]
    figures = alert_figures(recordings, [raised(classifier, one, thresholds) for one in heard])
    hours = sum(recording.duration_s for recording in recordings) / 3600.0
    return {label: figures["false_alarms"][label] / hours for label in CLASSES}


def lowest_thresholds(
    limits: Sequence[tuple[Callable[[Mapping[str, float]], Rates], float]],
) -> dict[str, float]:
    """Halves the interval of each class, in logits, all classes in the same run.

    limits: functions from thresholds to rates, each with the rate that must be kept. The result keeps them
    all, unless even HIGHEST does not.
    """
    low, high = dict.fromkeys(CLASSES, _logit(LOWEST)), dict.fromkeys(CLASSES, _logit(HIGHEST))
    for _ in range(ROUNDS):
        middle = {label: (low[label] + high[label]) / 2 for label in CLASSES}
        tried = {label: 1.0 / (1.0 + math.exp(-place)) for label, place in middle.items()}
        rates = [(rate_of(tried), most) for rate_of, most in limits]
        for label in CLASSES:
            kept = all(rate[label] <= most + 1e-9 for rate, most in rates)
            (high if kept else low)[label] = middle[label]
    # Rounded up, so that what was kept stays kept.
    return {label: math.ceil(1e4 / (1.0 + math.exp(-place))) / 1e4 for label, place in high.items()}


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _shelves(args: argparse.Namespace, classifier: Classifier) -> tuple[list[Heard], list[Heard]]:
    """Street soundscapes, and negatives alone, kind by kind, both of the part tune."""
    clips = clips_of(read_manifest(args.data), load_parts(TABLE), ["tune"])
    ways = responses(args.data, args.work / RESPONSES_FILE)
    drawn = recipes(Catalogue(clips), FULL, [sum(w.place == place for w in ways) for place in PLACES], SEED)
    sets = []
    for name in ("street", "streams"):
        shelf = shelve(name, drawn[name], args.data, args.work, args.workers)
        both = zip(shelf.recordings, frames(shelf, args.workers), strict=True)
        sets.append([hear(classifier, recording, rows) for recording, rows in both])
    return sets[0], sets[1]


def is_steady(recording: Recording) -> bool:
    """A recording of steady sound alone: what a sensor hears most of the time."""
    return {sound.target for sound in recording.sounds} <= set(STEADY_TARGETS)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.operating_point", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="the bench's work folder")
    parser.add_argument("--package", required=True, help="the exported model")
    parser.add_argument("--model", type=Path, required=True, help="folder that training.train wrote")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    setup = choose_model(args.package)
    if setup.classifier is None:
        print(f"operating_point: {args.package}: {setup.problem or 'names no model'}", file=sys.stderr)
        return 1
    model = setup.classifier
    street, hard = _shelves(args, model)
    steady = [one for one in hard if is_steady(one.recording)]
    if not (street and steady):
        print(f"operating_point: part tune of {args.data}: no street or no steady sound", file=sys.stderr)
        return 1
    limits = ((street, STREET_PER_HOUR), (hard, HARD_PER_HOUR), (steady, STEADY_PER_HOUR))
    thresholds = lowest_thresholds([(partial(false_rates, model, heard), most) for heard, most in limits])
    tuned = args.model / "tuned.json"
    kept = json.loads(tuned.read_text(encoding="utf-8"))
    by_clips = kept.setdefault("clip_thresholds", kept["thresholds"])
    for label in CLASSES:
        if DEFAULT_RULES[label].impulsive:
            # One hop raises these, so what a lost frame does to a hop must not: the stricter rule stands.
            thresholds[label] = max(thresholds[label], round(by_clips[label], 4))
    sets = {"street": street, "hard": hard, "steady": steady}
    rates = {name: false_rates(model, heard, thresholds) for name, heard in sets.items()}
    alerts = [raised(model, one, thresholds) for one in street]
    found = alert_figures([one.recording for one in street], alerts)["found"]
    kept |= {"thresholds": thresholds, "thresholds_by": KEPT_TO}
    tuned.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"thresholds": thresholds, "false_per_hour": rates, "found": found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
