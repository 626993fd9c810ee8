"""What a veto is worth against which class: it may tell, lower, delay or hold back; it never drops unseen.

A veto (`gateway.vetoes` finds them) says that something else explains the sound. Strong evidence stands all
the same: a score that is `STRONGER_LOGIT` further up in log odds than the class needs is not weighed down.
Clipping only tells: events clip far more often than what is taken for them (README.md has the figures).
A siren says nothing against a shot, and rain nothing against a voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import IntEnum

from gateway.contract.vocabulary import EventClass, VetoCode
from gateway.decisions.rules import ClassRule
from gateway.decisions.types import Evidence

STRONGER_LOGIT = 1.5
"""1.5 more in log odds: 0.6 becomes 0.87, 0.9 becomes 0.976."""
LONGER_S = 0.5
"""Evidence that is delayed must last so much longer, as far as the rule's window allows."""


class Effect(IntEnum):
    """What it does to a hop of evidence; the strongest of several vetoes counts."""

    NONE = 0
    TELL = 1
    """It stands in the alert."""
    LOWER = 2
    """And the severity is one step lower, as long as there is not enough evidence without it."""
    DELAY = 3
    """And the evidence must last `LONGER_S` longer."""
    HOLD = 4
    """And such evidence raises nothing; what it held back is counted."""


_VOICES = (EventClass.SHOUT, EventClass.SCREAM)
_BANGS = (EventClass.GLASS_BREAK, EventClass.GUNSHOT)


def _effects(voices: Effect, bangs: Effect, loud: Effect) -> dict[str, Effect]:
    found = {name.value: voices for name in _VOICES} | {name.value: bangs for name in _BANGS}
    return found | {EventClass.LOUD.value: loud}


EFFECTS: Mapping[str, Mapping[str, Effect]] = {
    VetoCode.WIND.value: _effects(Effect.DELAY, Effect.DELAY, Effect.LOWER),
    VetoCode.RAIN.value: _effects(Effect.TELL, Effect.DELAY, Effect.LOWER),
    VetoCode.OVERLOAD.value: _effects(Effect.TELL, Effect.TELL, Effect.TELL),
    VetoCode.HANDLING.value: _effects(Effect.TELL, Effect.DELAY, Effect.LOWER),
    VetoCode.SIREN.value: _effects(Effect.HOLD, Effect.NONE, Effect.LOWER),
    VetoCode.KNOWN_SOUND.value: _effects(Effect.DELAY, Effect.DELAY, Effect.LOWER),
}
"""Veto code -> class -> effect; a code or class that is not here has none."""


class Weighing:
    """What the vetoes of a hop do to it as evidence of one class."""

    __slots__ = ("_by_level", "_effect_of", "_event_class", "_strong_score")

    def __init__(self, event_class: str, rule: ClassRule) -> None:
        self._event_class = event_class
        self._by_level = rule.by_level
        self._effect_of = {
            code: effects[event_class]
            for code, effects in EFFECTS.items()
            if effects.get(event_class, Effect.NONE) is not Effect.NONE
        }
        self._strong_score = strong_score(rule.on_score)

    def effect(self, hop: Evidence) -> Effect:
        if not hop.vetoes:
            return Effect.NONE
        found = max((self._effect_of.get(code, Effect.NONE) for code in hop.vetoes), default=Effect.NONE)
        if found <= Effect.TELL or self._by_level or hop.scores is None:
            return found
        is_strong = hop.scores.get(self._event_class, 0.0) >= self._strong_score
        return Effect.TELL if is_strong else found

    def told(self, hops: Iterable[Evidence]) -> tuple[str, ...]:
        """The codes among them that have any effect on this class, in the order of VetoCode."""
        found = {code for hop in hops for code in hop.vetoes}
        return tuple(code for code in self._effect_of if code in found)


def strong_score(on_score: float) -> float:
    """The score that no veto weighs down, for a class that needs `on_score`."""
    if on_score >= 1.0:
        return 1.0
    return 1.0 / (1.0 + (1.0 - on_score) / on_score * math.exp(-STRONGER_LOGIT))
