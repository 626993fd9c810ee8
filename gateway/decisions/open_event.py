"""What is known of the event that is open: levels, best score, severity, count, what was told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from gateway.contract.vocabulary import EndReason, Phase, Severity, severity_rank
from gateway.decisions.levels import ONSET_REACH_S, RecentLevels
from gateway.decisions.rules import ClassRule
from gateway.decisions.timeline import History, last_of
from gateway.decisions.types import Decision, EventTimeline, Evidence
from gateway.decisions.vetoes import Effect, Weighing

UPDATE_INTERVAL_S = 1.0
"""At most one update of an event in this time."""
SAME_IMPULSES_DB = 15.0
"""A rise that stays this far below the event's loudest moment is not one more of its impulses."""
RUNNERS_UP = 3
_LEAST_RUNNER_UP = 0.01
_TINY_S = 1e-6
_LOWER = {Severity.HIGH: Severity.MEDIUM, Severity.MEDIUM: Severity.LOW, Severity.LOW: Severity.LOW}


class OpenEvent:
    """One event from its start to its end. One owner: a ClassTrack."""

    __slots__ = (
        "_above_db",
        "_above_usual_db",
        "_best_score",
        "_clear_s",
        "_count",
        "_counted_s",
        "_energy_s",
        "_event_class",
        "_heard_s",
        "_history",
        "_lafmax_db",
        "_onset_s",
        "_raised_s",
        "_revision",
        "_rule",
        "_runners_up",
        "_severity",
        "_timeline",
        "_told",
        "_updated_s",
        "_vetoes",
        "_weighing",
        "last_evidence_s",
    )

    def __init__(
        self,
        event_class: str,
        rule: ClassRule,
        weighing: Weighing,
        history: History,
        onset_s: float,
        raised_s: float,
    ) -> None:
        self._event_class = event_class
        self._rule = rule
        self._weighing = weighing
        self._history = history
        self._onset_s = onset_s
        self._raised_s = raised_s
        self.last_evidence_s = raised_s
        self._revision = 0
        self._severity = Severity.LOW
        self._count = 1
        self._counted_s = onset_s
        self._best_score: float | None = None
        self._runners_up: tuple[tuple[str, float], ...] = ()
        self._energy_s = 0.0
        self._heard_s = 0.0
        self._clear_s = 0.0
        self._lafmax_db = -math.inf
        self._above_db: float | None = None
        self._above_usual_db: float | None = None
        self._vetoes: tuple[str, ...] = ()
        self._timeline: EventTimeline | None = None
        self._told = self._story()
        self._updated_s = -math.inf

    def take_level(self, hop: Evidence) -> None:
        """A hop that belongs to the sound, evidence or not."""
        self._energy_s += hop.hop_s * 10.0 ** (hop.laeq_db / 10.0)
        self._heard_s += hop.hop_s
        self._lafmax_db = max(self._lafmax_db, hop.lafmax_db)
        self._above_db = _higher(self._above_db, hop.above_ambient_db)
        self._above_usual_db = _higher(self._above_usual_db, hop.above_usual_db)

    def take(self, hops: Iterable[Evidence]) -> None:
        """Hops of evidence: levels, best score, and what vetoes say of them."""
        for hop in hops:
            self.take_level(hop)
            self._take_score(hop)
            if self._weighing.effect(hop) <= Effect.TELL:
                self._clear_s += hop.hop_s
            if hop.vetoes:
                new = self._weighing.told((hop,))
                self._vetoes += tuple(code for code in new if code not in self._vetoes)

    def judge(self, t_s: float, recent: RecentLevels) -> None:
        """Severity and count as they stand now."""
        now = self._rule.severity(self._lafmax_db, self._above_db)
        if self._is_doubted():
            now = _LOWER[now]
        self._severity = max(self._severity, now, key=severity_rank)
        if not self._rule.impulsive:
            return
        for start_s, lafmax_db in recent.impulses():
            is_new = start_s >= self._counted_s + self._rule.refractory_s - _TINY_S
            is_near = start_s > t_s - ONSET_REACH_S and lafmax_db >= self._lafmax_db - SAME_IMPULSES_DB
            if is_new and is_near:
                self._count += 1
                self._counted_s = start_s

    def start(self, t_s: float) -> Decision:
        self._told = self._story()
        return self._decision(Phase.START, t_s, None)

    def changed(self, t_s: float) -> Decision | None:
        """An update if there is news; news waits until an update may be sent again, it is never dropped."""
        if self._told == self._story() or t_s - self._updated_s < UPDATE_INTERVAL_S - _TINY_S:
            return None
        self._told = self._story()
        self._updated_s = t_s
        self._revision += 1
        return self._decision(Phase.UPDATE, t_s, None)

    def end(self, t_s: float, reason: EndReason) -> Decision:
        self._revision += 1
        return self._decision(Phase.END, t_s, reason)

    def keep_timeline(self, t_s: float) -> None:
        """Keep it once it is complete: the history does not reach back for ever."""
        if self._timeline is None and t_s >= last_of(self._onset_s, self._raised_s) - _TINY_S:
            self._timeline = self._cut()

    def _is_doubted(self) -> bool:
        """Whether there is not enough evidence that stands in spite of all vetoes."""
        return self._clear_s <= 0.0 or self._clear_s < self._rule.required_s - _TINY_S

    def _story(self) -> tuple[Severity, int, tuple[str, ...], bool]:
        """What makes an update. A plain level is what it is: a veto of it is told with the next revision."""
        if self._rule.by_level:
            return self._severity, self._count, (), False
        return self._severity, self._count, self._vetoes, self._is_doubted()

    def _take_score(self, hop: Evidence) -> None:
        if self._rule.by_level or hop.scores is None:
            return
        score = hop.scores.get(self._event_class, 0.0)
        if self._best_score is None or score > self._best_score:
            self._best_score = score
            self._runners_up = _runners_up(hop.scores, self._event_class)

    def _cut(self) -> EventTimeline | None:
        rival = self._runners_up[0][0] if self._runners_up else None
        return self._history.until(last_of(self._onset_s, self._raised_s), self._event_class, rival)

    def _decision(self, phase: Phase, t_s: float, reason: EndReason | None) -> Decision:
        return Decision(
            phase=phase,
            event_class=self._event_class,
            revision=self._revision,
            onset_s=self._onset_s,
            raised_s=self._raised_s,
            last_evidence_s=self.last_evidence_s,
            t_s=t_s,
            severity=self._severity,
            count=self._count,
            score=self._best_score,
            runners_up=self._runners_up,
            laeq_db=10.0 * math.log10(self._energy_s / self._heard_s),
            lafmax_db=self._lafmax_db,
            above_ambient_db=self._above_db,
            end_reason=reason,
            above_usual_db=self._above_usual_db,
            vetoes=self._vetoes,
            doubted=self._is_doubted(),
            timeline=self._timeline or self._cut(),
        )


def _higher(before: float | None, now: float | None) -> float | None:
    if before is None or now is None:
        return now if before is None else before
    return max(before, now)


def _runners_up(scores: Mapping[str, float], event_class: str) -> tuple[tuple[str, float], ...]:
    others = [pair for pair in scores.items() if pair[0] != event_class and pair[1] >= _LEAST_RUNNER_UP]
    return tuple(sorted(others, key=lambda pair: (-pair[1], pair[0]))[:RUNNERS_UP])
