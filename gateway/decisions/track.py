"""One class of sound at one sensor: gathers evidence, holds the open event, says what changed."""

from __future__ import annotations

import math
from collections import deque

from gateway.contract.vocabulary import EndReason
from gateway.decisions.gathering import Gathering
from gateway.decisions.levels import RecentLevels
from gateway.decisions.open_event import OpenEvent
from gateway.decisions.rules import ClassRule
from gateway.decisions.states import OPEN_STATES, TABLE, Action, Signal, State
from gateway.decisions.timeline import History
from gateway.decisions.types import Decision, Evidence, HeldBack
from gateway.decisions.vetoes import Weighing

LEVEL_HYSTERESIS_DB = 2.0
"""A plain level rule's open event goes on down to this far below the level that raises it."""
_TINY_S = 1e-6


class ClassTrack:
    """The state machine of one class (decision_states.TABLE) with its evidence. One owner: a Decider."""

    __slots__ = (
        "_event",
        "_event_class",
        "_gathering",
        "_held_back",
        "_history",
        "_not_before_s",
        "_rule",
        "_state",
        "_weighing",
    )

    def __init__(
        self, event_class: str, rule: ClassRule, history: History, held_back: deque[HeldBack]
    ) -> None:
        """history: the owner's, which hears each hop first; held_back: where what vetoes held back is put."""
        self._event_class = event_class
        self._rule = rule
        self._history = history
        self._held_back = held_back
        self._weighing = Weighing(event_class, rule)
        self._gathering = Gathering(event_class, rule, self._weighing)
        self._state = State.IDLE
        self._event: OpenEvent | None = None
        self._not_before_s = -math.inf

    def step(self, hop: Evidence, recent: RecentLevels, out: list[Decision]) -> None:
        """One hop, already in `recent`; appends what it decides to `out`."""
        event = self._event
        if event is not None:
            event.keep_timeline(hop.t_s)
            if hop.t_s - hop.hop_s - event.last_evidence_s >= self._rule.hold_s - _TINY_S:
                # The hold ran out where nothing was heard: this hop can only begin something new.
                self._apply(Signal.EXPIRED, hop.t_s - hop.hop_s, out, EndReason.CLEARED)
        is_evidence = self._is_evidence(hop, recent)
        if not is_evidence and self._state is State.IDLE:
            return
        action = self._apply(self._signal(hop, is_evidence), hop.t_s, out, EndReason.CLEARED)
        if action is Action.RAISE:
            self._raise(hop, recent, out)
        elif action is Action.EXTEND:
            self._extend(hop, recent)
        if self._event is not None:
            news = self._event.changed(hop.t_s)
            if news is not None:
                out.append(news)

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
        self._gathering.drop_before(hop.t_s)
        if not is_evidence:
            return Signal.QUIET if self._gathering else Signal.LAPSED
        return Signal.ENOUGH if self._gathering.take(hop) else Signal.HIT

    def _apply(self, signal: Signal, t_s: float, out: list[Decision], reason: EndReason) -> Action:
        self._state, action = TABLE[self._state, signal]
        if action is Action.END:
            assert self._event is not None
            out.append(self._event.end(t_s, reason))
            self._event = None
            self._not_before_s = t_s
        if action in (Action.END, Action.FORGET):
            held = self._gathering.forget()
            if held is not None:
                self._held_back.append(held)
        return action

    def _raise(self, hop: Evidence, recent: RecentLevels, out: list[Decision]) -> None:
        hits = self._gathering.hops
        first = hits[0]
        onset_s = first.start_s if self._rule.by_level else recent.onset_of(first)
        onset_s = min(max(onset_s, self._not_before_s), first.start_s)
        event = OpenEvent(self._event_class, self._rule, self._weighing, self._history, onset_s, hop.t_s)
        for before in recent.between(onset_s, first.start_s):
            event.take_level(before)
        event.take(hits)
        event.judge(hop.t_s, recent)
        self._gathering.clear()
        self._event = event
        out.append(event.start(hop.t_s))

    def _extend(self, hop: Evidence, recent: RecentLevels) -> None:
        event = self._event
        assert event is not None
        event.last_evidence_s = hop.t_s
        event.take((hop,))
        event.judge(hop.t_s, recent)
