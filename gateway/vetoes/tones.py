"""A steady siren: by the model's own score where one runs, else by a tone that does not let go. Pure.

A scream may be as tonal as a siren for a second or two, so the tone alone counts only where it is nearly
unbroken and hardly changes in level, and only where no model can say more.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import pstdev

from gateway.vetoes.traits import HopTraits

SIREN_S = 3.0
SIREN_SCORE = 0.3
"""The model's score of a siren, mean over those seconds."""
TONE_HARMONICITY = 0.75
TONE_FLATNESS_DB = -8.0
TONE_SHARE = 0.9
TONE_STEADY_DB = 3.0
"""Standard deviation of LAeq at most this."""


def is_siren(hops: Sequence[HopTraits], siren_score: float | None) -> bool:
    """hops: of the last seconds, not empty. siren_score: None without a model that knows sirens."""
    if siren_score is not None:
        return siren_score >= SIREN_SCORE
    tonal = sum(hop.harmonicity >= TONE_HARMONICITY and hop.flatness_db <= TONE_FLATNESS_DB for hop in hops)
    return tonal >= TONE_SHARE * len(hops) and pstdev(hop.laeq_db for hop in hops) <= TONE_STEADY_DB
