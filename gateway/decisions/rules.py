"""What it takes to raise, hold and rank an event of one class: all in seconds, decibels and probabilities.

Nothing here counts hops: a rule means the same whatever the hop of the stream is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.contract.vocabulary import EventClass, Severity, severity_rank

MIN_SCORE = 0.001
MIN_WINDOW_S = 0.1
MAX_WINDOW_S = 10.0
MAX_LEVEL_WINDOW_S = 3600.0
MAX_HOLD_S = 600.0


@dataclass(frozen=True, slots=True)
class ClassRule:
    """One class's way from evidence to event. Raises ValueError for a value outside its bounds.

    A hop is evidence when the class's score is at least `on_score` (`off_score` while an event is open) and
    the loudest of the last second passes both level gates. The event is raised once `required_s` of evidence
    lie inside the last `window_s`, and ends `hold_s` after its last evidence.
    """

    on_score: float = 0.6
    """Probability at which a hop counts towards raising the event; 0.001..1."""
    off_score: float = 0.4
    """Probability that still counts while the event is open; 0.001..on_score."""
    window_s: float = 1.5
    """n: the stretch of stream time looked at; 0.1..10 s (a plain level rule: ..3600 s)."""
    required_s: float = 0.5
    """k: evidence needed inside the window; 0..window_s. With 0 a single hop suffices."""
    hold_s: float = 4.0
    """The event goes on for this long after its last evidence; 1..600 s."""
    min_level_db: float = 50.0
    """LAFmax the sound must reach, dB re 20 uPa; 0..140."""
    min_above_ambient_db: float = 2.0
    """How far above the background it must be; -20..60 dB. An unknown background lets pass."""
    floor_severity: Severity = Severity.LOW
    """What any event of the class is at least."""
    medium_above_db: float = 12.0
    """Level above the background from which it is at least medium; -20..100 dB."""
    high_above_db: float = 20.0
    """Level above the background from which it is high; medium_above_db..100 dB."""
    medium_level_db: float = 75.0
    """LAFmax from which it is at least medium where the background is unknown; 0..160 dB."""
    high_level_db: float = 85.0
    """LAFmax from which it is high where the background is unknown; medium_level_db..160 dB."""
    impulsive: bool = False
    """Whether single impulses are counted inside the event."""
    refractory_s: float = 0.3
    """Two impulses closer than this count as one; 0.05..10 s."""
    by_level: bool = False
    """A plain level rule: a hop with LAeq of at least min_level_db is evidence, scores do not matter."""

    def __post_init__(self) -> None:
        _bounds("on_score", self.on_score, MIN_SCORE, 1.0)
        _bounds("off_score", self.off_score, MIN_SCORE, self.on_score)
        longest_s = MAX_LEVEL_WINDOW_S if self.by_level else MAX_WINDOW_S
        _bounds("window_s", self.window_s, MIN_WINDOW_S, longest_s)
        _bounds("required_s", self.required_s, 0.0, self.window_s)
        _bounds("hold_s", self.hold_s, 1.0, MAX_HOLD_S)
        _bounds("min_level_db", self.min_level_db, 0.0, 140.0)
        _bounds("min_above_ambient_db", self.min_above_ambient_db, -20.0, 60.0)
        _bounds("medium_above_db", self.medium_above_db, -20.0, 100.0)
        _bounds("high_above_db", self.high_above_db, self.medium_above_db, 100.0)
        _bounds("medium_level_db", self.medium_level_db, 0.0, 160.0)
        _bounds("high_level_db", self.high_level_db, self.medium_level_db, 160.0)
        _bounds("refractory_s", self.refractory_s, 0.05, 10.0)

    def with_threshold(self, on_score: float) -> ClassRule:
        """The same rule with a model's own threshold; off_score keeps its proportion to it."""
        off_score = max(MIN_SCORE, on_score * self.off_score / self.on_score)
        return replace(self, on_score=on_score, off_score=min(off_score, on_score))

    def severity(self, lafmax_db: float, above_ambient_db: float | None) -> Severity:
        """How severe a sound of this class is; by absolute level where the background is unknown."""
        if above_ambient_db is None:
            value, medium, high = lafmax_db, self.medium_level_db, self.high_level_db
        else:
            value, medium, high = above_ambient_db, self.medium_above_db, self.high_above_db
        by_level = Severity.HIGH if value >= high else Severity.MEDIUM if value >= medium else Severity.LOW
        return max(by_level, self.floor_severity, key=severity_rank)


def _bounds(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} = {value}: must be between {low:g} and {high:g}")


DEFAULT_RULES: Mapping[str, ClassRule] = {
    EventClass.SHOUT.value: ClassRule(),
    EventClass.SCREAM.value: ClassRule(floor_severity=Severity.MEDIUM),
    EventClass.GLASS_BREAK.value: ClassRule(
        required_s=0.0, hold_s=3.0, impulsive=True, medium_above_db=10.0, high_above_db=25.0
    ),
    EventClass.GUNSHOT.value: ClassRule(
        required_s=0.0, hold_s=3.0, impulsive=True, floor_severity=Severity.HIGH
    ),
}
"""The rule of each class a model may know; `loud` is off unless settings ask for it (see `loud_rule`)."""


def rules_for(
    thresholds: Mapping[str, float], base: Mapping[str, ClassRule] = DEFAULT_RULES
) -> dict[str, ClassRule]:
    """The base rules with a model's thresholds (class -> on_score) put in where it has one."""
    return {
        name: rule.with_threshold(thresholds[name]) if name in thresholds else rule
        for name, rule in base.items()
    }


def loud_rule(level_db: float, for_s: float, *, hold_s: float = 10.0) -> ClassRule:
    """Louder than `level_db` dB(A) for `for_s` seconds: that much of any stretch a quarter longer.

    The quarter lets a lorry's gear change or a singer's breath pass without starting anew. Needs no model.
    """
    return ClassRule(
        by_level=True,
        min_level_db=level_db,
        min_above_ambient_db=-20.0,
        required_s=for_s,
        window_s=max(for_s * 1.25, MIN_WINDOW_S),
        hold_s=hold_s,
    )
