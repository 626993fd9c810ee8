"""The gateway's own way from sound to alerts, as a detector: front end, window, model, decisions.

`load(FOLDER)` gives the model package of a folder (`default` for the one that comes along) with its default
settings. Everything runs through `gateway.replay`, which is what `agw replay` and, past the wire, live
sensors run through; nothing of it is written here again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from gateway.decisions.rules import ClassRule
from gateway.model_setup import choose_model
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_rows
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from training.bench.alarms import Alarm
from training.bench.detector import CLASSES, RATE_HZ


@dataclass(frozen=True, slots=True)
class Hearing:
    """scores: (hops, 4); alerts: those that the pipeline raised, with the onset that they state."""

    scores: NDArray[np.float32]
    alerts: tuple[Alarm, ...]


class OurDetector:
    """One model package in the gateway's pipeline. Its scores are the model's probabilities."""

    hop_s = HOP_S

    def __init__(self, folder: str) -> None:
        """Raises the package's or the runtime's own error when it cannot be had."""
        setup = choose_model(folder)
        if setup.classifier is None:
            raise setup.problem or ValueError(f"{folder!r} names no model")
        self.name = folder
        self.classifier = setup.classifier
        self.rules: dict[str, ClassRule] = rules_in_force(DecisionSettings(), setup.thresholds)
        self.thresholds = setup.thresholds
        self.fingerprint = self.classifier.package.model_id

    def score(self, samples: NDArray[np.float32], full_scale_db: float) -> NDArray[np.float32]:
        """As `Detector.score`."""
        return self.hear(frames_of(samples.astype(np.float64), RATE_HZ), full_scale_db).scores

    def hear(self, frames: NDArray[np.void], full_scale_db: float) -> Hearing:
        """Scores and alerts of one recording from its feature frames (FRAME_DTYPE, one a hop)."""
        setup = ReplaySetup(self.classifier, self.rules, full_scale_db)
        scores, last = [], {}
        for step in replay_rows(iter(frames), setup):
            if isinstance(step, Analysis):
                found = step.scores.by_label if step.scores is not None else {}
                scores.append([found.get(label, 0.0) for label in CLASSES])
            elif step.event_class in CLASSES:
                last[step.event_class, step.onset_s] = Alarm(
                    label=step.event_class,
                    onset_s=step.onset_s,
                    raised_s=step.raised_s,
                    end_s=step.last_evidence_s,
                    severity=step.severity.value,
                )
        rows = np.array(scores, dtype=np.float32).reshape(-1, len(CLASSES))
        return Hearing(rows, tuple(sorted(last.values(), key=lambda alarm: alarm.raised_s)))


def load(argument: str) -> OurDetector:
    """As `training.bench.detector` asks."""
    return OurDetector(argument or "default")
