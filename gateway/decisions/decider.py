"""Scores and levels in, events out: see README.md for the theory of operation."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from gateway.contract.vocabulary import EndReason, Phase, Severity
from gateway.decisions.levels import ONSET_REACH_S, RecentLevels
from gateway.decisions.rules import ClassRule
from gateway.decisions.timeline import History
from gateway.decisions.track import ClassTrack
from gateway.decisions.types import Decision, Evidence, HeldBack

__all__ = ["Decider", "Decision", "EndReason", "Evidence", "HeldBack", "Phase", "Severity"]

_LONGEST_HOP_S = 1.0
_MOST_HELD_BACK = 64


class Decider:
    """Turns one sensor's evidence into events, each class for itself. Pure: time comes with the evidence.

    rules: event class -> rule. A class whose label the scores do not carry never has evidence.
    """

    def __init__(self, rules: Mapping[str, ClassRule]) -> None:
        self._history = History()
        self._held_back: deque[HeldBack] = deque(maxlen=_MOST_HELD_BACK)
        self._tracks = [
            ClassTrack(event_class, rule, self._history, self._held_back)
            for event_class, rule in rules.items()
        ]
        windows_s = [rule.window_s for rule in rules.values() if not rule.by_level]
        self._memory_s = max(windows_s, default=0.0) + ONSET_REACH_S + 2 * _LONGEST_HOP_S
        self._recent = RecentLevels(self._memory_s)
        self._heard_until_s = -math.inf
        self._now_s = -math.inf

    def step(self, hop: Evidence) -> list[Decision]:
        """What one hop decides, in the order of the rules; mostly nothing.

        A hop without a finite level is as one that never came. Raises ValueError when stream time does not
        advance: after a reboot of the sensor, `close` comes first.
        """
        if not hop.t_s > self._heard_until_s or not hop.hop_s > 0.0:
            raise ValueError(f"hop of {hop.hop_s} s ending at {hop.t_s} s after {self._heard_until_s} s")
        self._heard_until_s = hop.t_s
        self._now_s = max(self._now_s, hop.t_s)
        decided: list[Decision] = []
        if not (math.isfinite(hop.laeq_db) and math.isfinite(hop.lafmax_db)):
            return decided
        self._recent.hear(hop)
        self._history.hear(hop)
        for track in self._tracks:
            track.step(hop, self._recent, decided)
        return decided

    def take_held_back(self) -> tuple[HeldBack, ...]:
        """What vetoes held back since this was last asked: ask after each step and close."""
        if not self._held_back:
            return ()
        held = tuple(self._held_back)
        self._held_back.clear()
        return held

    def gap(self, duration_s: float) -> None:
        """Hops that never came: time goes on, and holds with it; what that ends comes with the next hop."""
        self._now_s = max(self._now_s, self._heard_until_s) + duration_s

    def close(self, reason: EndReason, t_s: float) -> list[Decision]:
        """End every open event and forget the stream; the next hop may begin at any stream time.

        t_s: stream time of the ending; never before what was heard already.
        """
        at_s = max(t_s, self._now_s)
        ended: list[Decision] = []
        for track in self._tracks:
            track.close(reason, at_s, ended)
        self._recent = RecentLevels(self._memory_s)
        self._history.clear()
        self._heard_until_s = self._now_s = -math.inf
        return ended
