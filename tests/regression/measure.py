"""What a model package makes of the regression set, in the gateway's own pipeline at default settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log
from pathlib import Path
from typing import Any

import numpy as np

from dsp.layout import HOP_S
from gateway.decisions.decider import Decision, Phase
from gateway.decisions.rules import ClassRule
from gateway.model_setup import choose_model
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from training.calibrate import raising_score
from training.labels import POSITIVES

HERE = Path(__file__).parent
CAPTURES = HERE / "captures"
SILENCE = HERE.parent / "captures" / "silence"
NEAR_ODDS = 4.0
LATE_S = 2.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One capture: scores by positive class, one a hop, and what was raised, as (class, when in s)."""

    row: Mapping[str, Any]
    scores: dict[str, np.ndarray]
    raised: tuple[tuple[str, float], ...]


def set_digest() -> str:
    """SHA-256 over all captures of the set: figures of different sets cannot be compared."""
    whole = hashlib.sha256()
    for path in sorted([*CAPTURES.glob("*.agwcap"), *SILENCE.glob("*.agwcap")]):
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def setup_of(package: Path) -> ReplaySetup:
    """The package as `agw replay` runs it."""
    model = choose_model(str(package))
    assert model.problem is None, model.problem
    return ReplaySetup(model.classifier, rules_in_force(DecisionSettings(), model.thresholds))


def figures_of(setup: ReplaySetup) -> dict[str, dict[str, int]]:
    """Kind of sound -> counts; see `gate`."""
    of_kind: dict[str, list[Heard]] = {}
    for folder in (CAPTURES, SILENCE):
        for row in json.loads((folder / "index.json").read_text(encoding="utf-8")):
            of_kind.setdefault(row["target"], []).append(_hear(folder / row["file"], row, setup))
    return {
        kind: _of_positive(kind, heard) if kind in POSITIVES else _of_negative(heard, setup.rules)
        for kind, heard in sorted(of_kind.items())
    }


def _hear(path: Path, row: Mapping[str, Any], setup: ReplaySetup) -> Heard:
    scores: dict[str, list[float]] = {label: [] for label in POSITIVES}
    raised = []
    for step in replay_file(path, setup):
        if isinstance(step, Analysis) and step.scores is not None:
            for label in POSITIVES:
                scores[label].append(step.scores.by_label[label])
        elif isinstance(step, Decision) and step.phase is Phase.START:
            raised.append((step.event_class, step.raised_s))
    return Heard(row, {label: np.array(values) for label, values in scores.items()}, tuple(raised))


def _of_positive(kind: str, heard: Sequence[Heard]) -> dict[str, int]:
    events = [(one, event) for one in heard for event in one.row["events"]]
    found = sum(
        any(
            label == kind and event["onset_s"] <= at_s <= event["end_s"] + LATE_S
            for label, at_s in one.raised
        )
        for one, event in events
    )
    return {"events": len(events), "found": found}


def _of_negative(heard: Sequence[Heard], rules: Mapping[str, ClassRule]) -> dict[str, int]:
    stretches = [(one, begin, end) for one in heard for begin, end in _stretches(one)]
    near = sum(
        any(_is_near(one.scores[label][begin:end], rules[label]) for label in POSITIVES)
        for one, begin, end in stretches
    )
    return {"clips": len(stretches), "alerts": sum(len(one.raised) for one in heard), "near": near}


def _stretches(one: Heard) -> list[tuple[int, int]]:
    """Hops from each recording's onset to the next one's; the whole where one recording fills the capture."""
    hops = len(one.scores[POSITIVES[0]])
    onsets = [int(event["onset_s"] / HOP_S) for event in one.row["events"]] or [0]
    return list(zip(onsets, [*onsets[1:], hops], strict=True))


def _is_near(scores: np.ndarray, rule: ClassRule) -> bool:
    needed, of = max(1, ceil(rule.required_s / HOP_S)), max(1, round(rule.window_s / HOP_S))
    return bool(_logit(raising_score(scores, needed, of)) >= _logit(rule.on_score) - log(NEAR_ODDS))


def _logit(p: float) -> float:
    bounded = min(max(p, 1e-6), 1.0 - 1e-6)
    return log(bounded / (1.0 - bounded))
