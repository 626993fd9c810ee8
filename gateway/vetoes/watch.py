"""What speaks against a sound now, at one sensor: hop in, veto codes out. Pure.

Each code is a condition of the last seconds. What it is worth against which class is none of this file's
business: `gateway.decisions.vetoes` weighs, and nothing is ever dropped for it without a count.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np

from gateway.contract.vocabulary import VetoCode
from gateway.vetoes.contact import BEFORE_S, CONTACT_S, is_thump
from gateway.vetoes.tones import SIREN_S, is_siren
from gateway.vetoes.traits import HopTraits, traits_of
from gateway.vetoes.weather import WEATHER_S, is_rainy, is_windy

LEAST_HEARD_S = 1.5
"""With less heard in one piece nothing is said about the surroundings."""
OVERLOAD_S = 1.0
KNOWN_SOUND_S = 3.0
KNOWN_SOUND_SCORE = 0.5
SIREN_LABEL = "siren"
WEATHER_LABEL = "wind_rain"
_SAME_INSTANT_S = 1e-6
_LOOK_BACK_S = max(WEATHER_S, SIREN_S, KNOWN_SOUND_S)


class VetoWatch:
    """One sensor. known_sounds: labels of the model that are at home at its place (a carillon, a school).

    ignored: codes that the settings leave out.
    """

    def __init__(self, known_sounds: Iterable[str] = (), ignored: Iterable[str] = ()) -> None:
        self._labels = frozenset({SIREN_LABEL, WEATHER_LABEL, *known_sounds})
        self._known_sounds = tuple(known_sounds)
        self._ignored = frozenset(ignored)
        self._hops: deque[tuple[float, HopTraits, Mapping[str, float] | None]] = deque()
        self._heard_s = 0.0
        self._thump_s = self._overload_s = math.inf

    def hear(self, codes: np.void, hop_s: float, scores: Mapping[str, float] | None) -> tuple[VetoCode, ...]:
        """The next hop, a FRAME_DTYPE row, and its scores (None without a model)."""
        hop = traits_of(codes)
        self._thump_s = 0.0 if is_thump(hop, self._traits(BEFORE_S)) else self._thump_s + hop_s
        self._overload_s = 0.0 if hop.overloaded else self._overload_s + hop_s
        self._remember(hop, hop_s, scores)
        found = {VetoCode.OVERLOAD} if self._overload_s < OVERLOAD_S - _SAME_INSTANT_S else set()
        if self._thump_s < CONTACT_S - _SAME_INSTANT_S:
            found.add(VetoCode.HANDLING)
        if self._heard_s >= LEAST_HEARD_S - _SAME_INSTANT_S:
            found |= self._surroundings()
        return tuple(code for code in VetoCode if code in found and code.value not in self._ignored)

    def gap(self) -> None:
        """Hops that never came: what was heard before them says little about now."""
        self._hops.clear()
        self._heard_s = 0.0
        self._thump_s = self._overload_s = math.inf

    def _surroundings(self) -> set[VetoCode]:
        found = set()
        weather, weather_score = self._traits(WEATHER_S), self._mean_score(WEATHER_LABEL, WEATHER_S)
        if is_windy(weather, weather_score):
            found.add(VetoCode.WIND)
        if is_rainy(weather, weather_score):
            found.add(VetoCode.RAIN)
        if is_siren(self._traits(SIREN_S), self._mean_score(SIREN_LABEL, SIREN_S)):
            found.add(VetoCode.SIREN)
        for label in self._known_sounds:
            score = self._mean_score(label, KNOWN_SOUND_S)
            if score is not None and score >= KNOWN_SOUND_SCORE:
                found.add(VetoCode.KNOWN_SOUND)
        return found

    def _remember(self, hop: HopTraits, hop_s: float, scores: Mapping[str, float] | None) -> None:
        known = None if scores is None else {k: scores[k] for k in self._labels if k in scores}
        self._hops.append((hop_s, hop, known))
        self._heard_s += hop_s
        while self._heard_s - self._hops[0][0] >= _LOOK_BACK_S - _SAME_INSTANT_S:
            self._heard_s -= self._hops.popleft()[0]

    def _traits(self, back_s: float) -> list[HopTraits]:
        """The newest hops that begin within back_s, newest first."""
        return [hop for hop, _ in self._newest(back_s)]

    def _mean_score(self, label: str, back_s: float) -> float | None:
        """None where no score of the label is known."""
        scores = [known[label] for _, known in self._newest(back_s) if known is not None and label in known]
        return sum(scores) / len(scores) if scores else None

    def _newest(self, back_s: float) -> list[tuple[HopTraits, Mapping[str, float] | None]]:
        found: list[tuple[HopTraits, Mapping[str, float] | None]] = []
        for hop_s, hop, known in reversed(self._hops):
            if back_s < _SAME_INSTANT_S:
                break
            back_s -= hop_s
            found.append((hop, known))
        return found
