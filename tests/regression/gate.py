"""When a model or its decisions got worse on the regression set. Counts alone: the clips are few and fixed.

`alerts`: false alarms that were raised; one more in a kind of sound is worse. `near`: recordings whose
evidence came within a factor of four of the threshold's odds: what a slightly clearer sound would raise; two
more are worse, one is the flicker of a clip at the line. `found`: events raised as what they are; one less is
worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NEAR_SLACK = 1
Counts = Mapping[str, int]
Figures = Mapping[str, Counts]


def worse(before: Figures, now: Figures) -> dict[str, str]:
    """Kinds of sound that got worse, each with what is worse about it; a kind that is gone is worse too."""
    found = {}
    for kind, old in before.items():
        if problems := list(_problems(old, now.get(kind))):
            found[kind] = "; ".join(problems)
    return found


def _problems(old: Counts, new: Counts | None) -> Iterator[str]:
    if new is None:
        yield "is no longer measured"
        return
    if new.get("alerts", 0) > old.get("alerts", 0):
        yield f"{new['alerts']} false alarms, {old['alerts']} before"
    if new.get("near", 0) > old.get("near", 0) + NEAR_SLACK:
        yield f"{new['near']} recordings near an alarm, {old['near']} before"
    if new.get("found", 0) < old.get("found", 0):
        yield f"{new['found']} of {new['events']} events found, {old['found']} before"
