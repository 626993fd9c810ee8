"""One class of sound at one sensor: gathers evidence, holds the open event, says what changed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from gateway.contract.vocabulary import EndReason, Phase, Severity, severity_rank
from gateway.decisions.levels import ONSET_REACH_S, RecentLevels
from gateway.decisions.rules import ClassRule
from gateway.decisions.states import OPEN_STATES, TABLE, Action, Signal, State
from gateway.decisions.types import Decision, Evidence

UPDATE_INTERVAL_S = 1.0
"""At most one update of an event in this time."""
LEVEL_HYSTERESIS_DB = 2.0
"""A plain level rule's open event goes on down to this far below the level that raises it."""
SAME_IMPULSES_DB = 15.0
"""A rise that stays this far below the event's loudest moment is not one more of its impulses."""
RUNNERS_UP = 3
_LEAST_RUNNER_UP = 0.01
_TINY_S = 1e-6


class _OpenEvent:
    """What is known of the event that is open."""

    __slots__ = (
        "above_db",
        "best_score",
        "count",
        "counted_s",
        "energy_s",
        "heard_s",
        "lafmax_db",
        "last_evidence_s",
        "onset_s",
        "raised_s",
        "revision",
        "runners_up",
        "severity",
        "told",
        "updated_s",
    )

    def __init__(self, onset_s: float, raised_s: float) -> None:
        self.onset_s = onset_s
        self.raised_s = raised_s
        self.last_evidence_s = raised_s
        self.revision = 0
        self.severity = Severity.LOW
        self.count = 1
        self.counted_s = onset_s
        self.best_score: float | None = None
        self.runners_up: tuple[tuple[str, float], ...] = ()
        self.energy_s = 0.0
        self.heard_s = 0.0
        self.lafmax_db = -math.inf
        self.above_db: float | None = None
        self.told = (Severity.LOW, 0)
        self.updated_s = -math.inf

    def take_level(self, hop: Evidence) -> None:
        self.energy_s += hop.hop_s * 10.0 ** (hop.laeq_db / 10.0)
        self.heard_s += hop.hop_s
        self.lafmax_db = max(self.lafmax_db, hop.lafmax_db)
        if hop.above_ambient_db is not None:
            self.above_db = max(hop.above_ambient_db, -math.inf if self.above_db is None else self.above_db)

    @property
    def laeq_db(self) -> float:
        return 10.0 * math.log10(self.energy_s / self.heard_s)


class ClassTrack:
    """The state machine of one class (decision_states.TABLE) with its evidence. One owner: a Decider."""

    __slots__ = ("_event", "_event_class", "_evidence_s", "_hits", "_not_before_s", "_rule", "_state")

    def __init__(self, event_class: str, rule: ClassRule) -> None:
        self._event_class = event_class
        self._rule = rule
        self._state = State.IDLE
        self._hits: deque[Evidence] = deque()
        self._evidence_s = 0.0
        self._event: _OpenEvent | None = None
        self._not_before_s = -math.inf

    def step(self, hop: Evidence, recent: RecentLevels, out: list[Decision]) -> None:
        """One hop, already in `recent`; appends what it decides to `out`."""
        event = self._event
        if event is not None and hop.t_s - hop.hop_s - event.last_evidence_s >= self._rule.hold_s - _TINY_S:
            # The hold ran out where nothing was heard: this hop can only begin something new.
            self._apply(Signal.EXPIRED, hop.t_s - hop.hop_s, out, EndReason.CLEARED)
            event = None
        is_evidence = self._is_evidence(hop, recent)
        if not is_evidence and self._state is State.IDLE:
            return
        signal = self._signal(hop, is_evidence)
        action = self._apply(signal, hop.t_s, out, EndReason.CLEARED)
        if action is Action.RAISE:
            self._raise(hop, recent, out)
        elif action is Action.EXTEND:
            self._extend(hop, recent)
        if self._event is not None:
            self._tell_change(hop.t_s, out)

    def close(self, reason: EndReason, t_s: float, out: list[Decision]) -> None:
        """End the open event, forget gathered evidence."""
        self._apply(Signal.CLOSED, t_s, out, reason)

    def _is_evidence(self, hop: Evidence, recent: RecentLevels) -> bool:
        rule = self._rule
        if rule.by_level:
            slack_db = LEVEL_HYSTERESIS_DB if self._state in OPEN_STATES else 0.0
            above_db = hop.above_ambient_db
            loud_enough = hop.laeq_db >= rule.min_level_db - slack_db
            return loud_enough and (above_db is None or above_db >= rule.min_above_ambient_db)
        if hop.scores is None:
            return False
        score = hop.scores.get(self._event_class, 0.0)
        if not score >= (rule.on_score if self._event is None else rule.off_score):
            return False
        lafmax_db, above_db = recent.loudest()
        if lafmax_db < rule.min_level_db:
            return False
        return above_db is None or above_db >= rule.min_above_ambient_db

    def _signal(self, hop: Evidence, is_evidence: bool) -> Signal:
        if self._event is not None:
            if is_evidence:
                return Signal.HIT
            held_s = hop.t_s - self._event.last_evidence_s
            return Signal.EXPIRED if held_s >= self._rule.hold_s - _TINY_S else Signal.QUIET
        self._drop_old_hits(hop.t_s)
        if not is_evidence:
            return Signal.QUIET if self._hits else Signal.LAPSED
        self._hits.append(hop)
        self._evidence_s += hop.hop_s
        return Signal.ENOUGH if self._evidence_s >= self._rule.required_s - _TINY_S else Signal.HIT

    def _drop_old_hits(self, t_s: float) -> None:
        """Forget evidence that lies wholly before the window; a hop that reaches into it counts in full."""
        oldest_s = t_s - self._rule.window_s + _TINY_S
        while self._hits and self._hits[0].t_s <= oldest_s:
            self._evidence_s -= self._hits.popleft().hop_s
        if not self._hits:
            self._evidence_s = 0.0

    def _apply(self, signal: Signal, t_s: float, out: list[Decision], reason: EndReason) -> Action:
        self._state, action = TABLE[self._state, signal]
        if action is Action.END:
            out.append(self._decision(Phase.END, t_s, reason))
            self._event = None
            self._not_before_s = t_s
        if action in (Action.END, Action.FORGET):
            self._hits.clear()
            self._evidence_s = 0.0
        return action

    def _raise(self, hop: Evidence, recent: RecentLevels, out: list[Decision]) -> None:
        first = self._hits[0]
        onset_s = first.start_s if self._rule.by_level else recent.onset_of(first)
        onset_s = min(max(onset_s, self._not_before_s), first.start_s)
        event = self._event = _OpenEvent(onset_s, hop.t_s)
        for before in recent.between(onset_s, first.start_s):
            event.take_level(before)
        for hit in self._hits:
            self._take(event, hit)
        self._hits.clear()
        self._judge(event, hop.t_s, recent)
        event.told = (event.severity, event.count)
        out.append(self._decision(Phase.START, hop.t_s, None))

    def _extend(self, hop: Evidence, recent: RecentLevels) -> None:
        event = self._event
        assert event is not None
        event.last_evidence_s = hop.t_s
        self._take(event, hop)
        self._judge(event, hop.t_s, recent)

    def _take(self, event: _OpenEvent, hop: Evidence) -> None:
        event.take_level(hop)
        if self._rule.by_level or hop.scores is None:
            return
        score = hop.scores.get(self._event_class, 0.0)
        if event.best_score is None or score > event.best_score:
            event.best_score = score
            event.runners_up = _runners_up(hop.scores, self._event_class)

    def _judge(self, event: _OpenEvent, t_s: float, recent: RecentLevels) -> None:
        now = self._rule.severity(event.lafmax_db, event.above_db)
        event.severity = max(event.severity, now, key=severity_rank)
        if not self._rule.impulsive:
            return
        for start_s, lafmax_db in recent.impulses():
            is_new = start_s >= event.counted_s + self._rule.refractory_s - _TINY_S
            is_near = start_s > t_s - ONSET_REACH_S and lafmax_db >= event.lafmax_db - SAME_IMPULSES_DB
            if is_new and is_near:
                event.count += 1
                event.counted_s = start_s

    def _tell_change(self, t_s: float, out: list[Decision]) -> None:
        """A change waits until an update may be sent again; it is never dropped."""
        event = self._event
        assert event is not None
        if (
            event.told != (event.severity, event.count)
            and t_s - event.updated_s >= UPDATE_INTERVAL_S - _TINY_S
        ):
            event.told = (event.severity, event.count)
            event.updated_s = t_s
            event.revision += 1
            out.append(self._decision(Phase.UPDATE, t_s, None))

    def _decision(self, phase: Phase, t_s: float, reason: EndReason | None) -> Decision:
        event = self._event
        assert event is not None
        return Decision(
            phase=phase,
            event_class=self._event_class,
            revision=event.revision + (phase is Phase.END),
            onset_s=event.onset_s,
            raised_s=event.raised_s,
            last_evidence_s=event.last_evidence_s,
            t_s=t_s,
            severity=event.severity,
            count=event.count,
            score=event.best_score,
            runners_up=event.runners_up,
            laeq_db=event.laeq_db,
            lafmax_db=event.lafmax_db,
            above_ambient_db=event.above_db,
            end_reason=reason,
        )


def _runners_up(scores: Mapping[str, float], event_class: str) -> tuple[tuple[str, float], ...]:
    others = [pair for pair in scores.items() if pair[0] != event_class and pair[1] >= _LEAST_RUNNER_UP]
    return tuple(sorted(others, key=lambda pair: (-pair[1], pair[0]))[:RUNNERS_UP])
