"""What goes into the decisions and what comes out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.contract.vocabulary import EndReason, Phase, Severity


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one hop of one sensor's stream has to say.

    t_s: end of the hop on the sensor's stream clock (seconds since its boot); hop_s: its length.
    scores: label -> probability, None in level-only mode. Levels in dB re 20 uPa.
    above_ambient_db: level above the running background, None while too little background was heard.
    """

    t_s: float
    hop_s: float
    scores: Mapping[str, float] | None
    laeq_db: float
    lafmax_db: float
    above_ambient_db: float | None

    @property
    def start_s(self) -> float:
        return self.t_s - self.hop_s


@dataclass(frozen=True, slots=True)
class Decision:
    """One revision of one event. All times in seconds of the sensor's stream clock.

    onset_s: estimated start of the sound; raised_s: when the event was raised; last_evidence_s: end of the
    last hop that was evidence; t_s: when this revision was decided. count: impulses (1 for other classes).
    score: best so far, None for a plain level rule; runners_up: the next labels at that moment.
    laeq_db: energy mean over the hops that belong to the sound (from its onset to the first evidence, and all
    evidence); lafmax_db and above_ambient_db: the highest of those. end_reason: with phase `end` only.
    """

    phase: Phase
    event_class: str
    revision: int
    onset_s: float
    raised_s: float
    last_evidence_s: float
    t_s: float
    severity: Severity
    count: int
    score: float | None
    runners_up: tuple[tuple[str, float], ...]
    laeq_db: float
    lafmax_db: float
    above_ambient_db: float | None
    end_reason: EndReason | None
