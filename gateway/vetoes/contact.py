"""Somebody or something touches the microphone or its mast: a thump from nowhere, far below any voice. Pure.

A shot and an explosion rumble too, but carry a voice band's worth of power with it; a blow on a mast hardly
does. What rumbles all the time is no blow either: the rumble must have come at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.vetoes.traits import HopTraits
from gateway.vetoes.weather import median

CONTACT_S = 1.0
"""A blow speaks against what is heard within so long after it."""
BEFORE_S = 1.0
"""The stretch before it in which it must have been quieter."""
THUMP_RUMBLE_DB = 20.0
"""50 to 100 Hz this far above 400 Hz to 4 kHz, in one hop."""
THUMP_RISE_DB = 10.0
"""And this far above what it was."""
FEWEST_BEFORE = 2


def is_thump(hop: HopTraits, before: Sequence[HopTraits]) -> bool:
    """before: the hops of the last BEFORE_S, not this one; with too few of them nobody can say."""
    if len(before) < FEWEST_BEFORE or hop.rumble_above_voice_db < THUMP_RUMBLE_DB:
        return False
    return hop.rumble_db - median([one.rumble_db for one in before]) >= THUMP_RISE_DB
