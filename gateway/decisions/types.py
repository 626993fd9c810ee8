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
    above_ambient_db: level above the background judged against, None while too little background was heard;
    above_usual_db: above what is usual at this hour of the week, None while nobody knows. vetoes: what speaks
    against any sound now (codes of the contract).
    """

    t_s: float
    hop_s: float
    scores: Mapping[str, float] | None
    laeq_db: float
    lafmax_db: float
    above_ambient_db: float | None
    above_usual_db: float | None = None
    vetoes: tuple[str, ...] = ()

    @property
    def start_s(self) -> float:
        return self.t_s - self.hop_s


@dataclass(frozen=True, slots=True)
class EventTimeline:
    """Score and level around an event. start_s: stream time; one value a step, the first from start_s on.

    scores: of the event's class, empty where nothing scored it; laeq_db: dB(A). missing: steps that were not
    heard, whose values repeat the step before. rival: the best other label, with its scores.
    """

    start_s: float
    step_s: float
    scores: tuple[float, ...]
    laeq_db: tuple[float, ...]
    missing: tuple[int, ...] = ()
    rival: str | None = None
    rival_scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldBack:
    """An event that would have been raised, had vetoes not spoken against it. t_s: when it would have been.

    score: then, None for a plain level rule.
    """

    event_class: str
    vetoes: tuple[str, ...]
    t_s: float
    score: float | None
    laeq_db: float


@dataclass(frozen=True, slots=True)
class Decision:
    """One revision of one event. All times in seconds of the sensor's stream clock.

    onset_s: estimated start of the sound; raised_s: when the event was raised; last_evidence_s: end of the
    last hop that was evidence; t_s: when this revision was decided. count: impulses (1 for other classes).
    score: best so far, None for a plain level rule; runners_up: the next labels at that moment.
    laeq_db: energy mean over the hops that belong to the sound (from its onset to the first evidence, and all
    evidence); lafmax_db, above_ambient_db and above_usual_db: the highest of those. end_reason: with phase
    `end` only. vetoes: what spoke against its evidence and was weighed; doubted: there is not enough evidence
    yet that stands in spite of them. timeline: around its onset, as far as heard by now.
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
    above_usual_db: float | None = None
    vetoes: tuple[str, ...] = ()
    doubted: bool = False
    timeline: EventTimeline | None = None
