"""Evidence of one class on its way to an event: k of n, and what vetoes leave of it."""

from __future__ import annotations

from collections import deque

from gateway.decisions.rules import ClassRule
from gateway.decisions.types import Evidence, HeldBack
from gateway.decisions.vetoes import LONGER_S, Effect, Weighing

_TINY_S = 1e-6


class Gathering:
    """`take` hops of evidence until it says enough; `forget` what was not enough."""

    __slots__ = ("_event_class", "_evidence_s", "_held_hop", "_hits", "_required_s", "_rule", "_weighing")

    def __init__(self, event_class: str, rule: ClassRule, weighing: Weighing) -> None:
        self._event_class = event_class
        self._rule = rule
        self._required_s = rule.required_s
        self._weighing = weighing
        self._hits: deque[tuple[Evidence, Effect]] = deque()
        self._evidence_s = 0.0
        self._held_hop: tuple[Evidence, tuple[str, ...]] | None = None

    def __bool__(self) -> bool:
        return bool(self._hits)

    @property
    def hops(self) -> list[Evidence]:
        """The evidence inside the window, oldest first."""
        return [hop for hop, _ in self._hits]

    def take(self, hop: Evidence) -> bool:
        """One more hop of evidence; whether k of n is reached by what counts.

        k of n in plain evidence that vetoes leave too little of is noted: see `forget`.
        """
        self._hits.append((hop, self._weighing.effect(hop)))
        self._evidence_s += hop.hop_s
        if self._evidence_s < self._required_s - _TINY_S:
            return False
        in_full_s = self._sum_s(Effect.LOWER)
        if in_full_s > 0.0 and in_full_s >= self._required_s - _TINY_S:
            return True
        lasting_s = min(self._required_s + LONGER_S, self._rule.window_s)
        if self._sum_s(Effect.DELAY) >= lasting_s - _TINY_S:
            return True
        self._note_held(hop)
        return False

    def drop_before(self, t_s: float) -> None:
        """Forget evidence that lies wholly before the window; a hop that reaches into it counts in full."""
        oldest_s = t_s - self._rule.window_s + _TINY_S
        while self._hits and self._hits[0][0].t_s <= oldest_s:
            self._evidence_s -= self._hits.popleft()[0].hop_s
        if not self._hits:
            self._evidence_s = 0.0

    def forget(self) -> HeldBack | None:
        """It came to nothing; what vetoes held back, if they did."""
        held = self._held_hop
        self.clear()
        if held is None:
            return None
        hop, codes = held
        score = None if hop.scores is None else hop.scores.get(self._event_class)
        return HeldBack(self._event_class, codes, hop.t_s, score, hop.laeq_db)

    def clear(self) -> None:
        self._hits.clear()
        self._evidence_s = 0.0
        self._held_hop = None

    def _sum_s(self, at_most: Effect) -> float:
        return sum(hop.hop_s for hop, effect in self._hits if effect <= at_most)

    def _note_held(self, hop: Evidence) -> None:
        """The hop that would have raised it, the first time, and all codes since then."""
        weighed = self._weighing.told(one for one, effect in self._hits if effect >= Effect.DELAY)
        if self._held_hop is None:
            self._held_hop = (hop, weighed)
        else:
            first, codes = self._held_hop
            self._held_hop = (first, codes + tuple(code for code in weighed if code not in codes))
