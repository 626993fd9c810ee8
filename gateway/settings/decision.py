"""The settings of the decisions: how much evidence raises an alert, per class of sound.

The keys are those of `decision_rules.ClassRule`. What is left out keeps the rule that comes with the release,
and `on_score` then comes with the model. A key under [decision] holds for every class, one under
[decision.shout] for that class and before the other.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from gateway.decisions.rules import MAX_HOLD_S, MAX_LEVEL_WINDOW_S, MAX_WINDOW_S, MIN_SCORE, MIN_WINDOW_S

Probability = Annotated[float, Meta(ge=MIN_SCORE, le=1)]
Level = Annotated[float, Meta(ge=0, le=140)]
LONGEST_LOUD_S = MAX_LEVEL_WINDOW_S / 1.25  # loud_rule looks at a stretch a quarter longer
Above = Annotated[float, Meta(ge=-20, le=100)]


class RuleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class of sound; what is left out keeps its built-in value."""

    on_score: Annotated[
        Probability | None,
        Meta(description="Score from which a hop counts towards an alert.", examples=[0.6]),
    ] = None
    off_score: Annotated[
        Probability | None,
        Meta(description="Score that still counts while the event is open. Needs on_score.", examples=[0.4]),
    ] = None
    required_s: Annotated[
        Annotated[float, Meta(ge=0, le=MAX_WINDOW_S)] | None,
        Meta(description="Evidence needed within window_s. 0: a single hop suffices.", examples=[0.5]),
    ] = None
    window_s: Annotated[
        Annotated[float, Meta(ge=MIN_WINDOW_S, le=MAX_WINDOW_S)] | None,
        Meta(description="Stretch of time in which required_s is looked for.", examples=[1.5]),
    ] = None
    hold_s: Annotated[
        Annotated[float, Meta(ge=1, le=MAX_HOLD_S)] | None,
        Meta(description="The event ends this long after its last evidence.", examples=[3.0]),
    ] = None
    min_level_db: Annotated[
        Level | None, Meta(description="LAFmax that the sound must reach, dB(A) SPL.", examples=[50.0])
    ] = None
    min_above_ambient_db: Annotated[
        Annotated[float, Meta(ge=-20, le=60)] | None,
        Meta(description="How far the sound must stand above the background.", examples=[2.0]),
    ] = None
    floor_severity: Annotated[
        Literal["low", "medium", "high"] | None,
        Meta(description="Severity of any event of the class at least.", examples=["medium"]),
    ] = None
    medium_above_db: Annotated[
        Above | None,
        Meta(description="Level above the background from which the severity is medium.", examples=[12.0]),
    ] = None
    high_above_db: Annotated[
        Above | None,
        Meta(description="Level above the background from which the severity is high.", examples=[20.0]),
    ] = None
    medium_level_db: Annotated[
        Annotated[float, Meta(ge=0, le=160)] | None,
        Meta(description="LAFmax for medium severity while the background is unknown.", examples=[75.0]),
    ] = None
    high_level_db: Annotated[
        Annotated[float, Meta(ge=0, le=160)] | None,
        Meta(description="LAFmax for high severity while the background is unknown.", examples=[85.0]),
    ] = None


class ClassSettings(RuleSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class of sound: the keys of [decision], for this class alone, and one more."""

    enabled: Annotated[bool, Meta(description="false: this class raises no alert.")] = True


class LoudSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plainly louder than a level for a time, whatever the sound is. Needs no model."""

    enabled: Annotated[bool, Meta(description="true: raise alerts of class loud.")] = False
    level_db: Annotated[Level, Meta(description="LAeq from which it is loud, dB(A) SPL.")] = 85.0
    for_s: Annotated[
        Annotated[float, Meta(ge=0.125, le=LONGEST_LOUD_S)], Meta(description="How long it must be loud.")
    ] = 3.0
    hold_s: Annotated[
        Annotated[float, Meta(ge=1, le=MAX_HOLD_S)],
        Meta(description="The event ends this long after it was loud."),
    ] = 10.0


class DecisionSettings(RuleSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When evidence becomes an alert. Keys here hold for every class that does not set them itself."""

    shout: ClassSettings = field(default_factory=ClassSettings)
    scream: ClassSettings = field(default_factory=ClassSettings)
    glass_break: ClassSettings = field(default_factory=ClassSettings)
    gunshot: ClassSettings = field(default_factory=ClassSettings)
    loud: LoudSettings = field(default_factory=LoudSettings)
