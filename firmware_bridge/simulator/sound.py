"""A sound as a sensor reports it: a run of feature frames with a name, and how to pick and level one.

The simulator does not make frames from waveforms; it is given them, decoded from captures or made elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from firmware_bridge.messages import Features

LEVEL_FLOOR_DB = -124.0
LEVEL_STEP_DB = 0.5
FLOOR_CODE = 0
TOP_CODE = 253
OVERLOAD_CODE = 254
MISSING_CODE = 255
_FLOOR_CDB = -12400
_TOP_CDB = 32767


@dataclass(frozen=True, slots=True)
class Sound:
    """Feature frames of one sound.

    name: unique in its library; label: acoustic event, named negative or "ambience"; features: one a hop;
    full_scale_db: dB SPL of a full-scale sine for the levels in them.
    """

    name: str
    label: str
    features: tuple[Features, ...]
    full_scale_db: float


SoundLibrary = Mapping[str, Sound]
"""Sounds by name."""


class NoSuchSoundError(LookupError):
    """A scenario asks for sounds that the library does not have."""

    def __init__(self, wanted: Sequence[str], library: SoundLibrary) -> None:
        labels = ", ".join(sorted({sound.label for sound in library.values()})) or "none"
        super().__init__(f"no sound named or labelled {' or '.join(wanted)}; labels there are: {labels}")


def library_of(sounds: Iterable[Sound]) -> dict[str, Sound]:
    """A library of these sounds; two of one name are a ValueError."""
    library: dict[str, Sound] = {}
    for sound in sounds:
        if sound.name in library:
            raise ValueError(f"two sounds are named {sound.name}")
        library[sound.name] = sound
    return library


def pick(library: SoundLibrary, wanted: Sequence[str], rng: random.Random) -> Sound:
    """The first of `wanted` that is a name, or one of the sounds with that label; else `NoSuchSoundError`."""
    for word in wanted:
        if word in library:
            return library[word]
        names = sorted(name for name, sound in library.items() if sound.label == word)
        if names:
            return library[rng.choice(names)]
    raise NoSuchSoundError(wanted, library)


def level_code(level_db: float) -> int:
    """Code of a level in dB re a full-scale sine (PROTOCOL.md section 6)."""
    code = round((level_db - LEVEL_FLOOR_DB) / LEVEL_STEP_DB)
    return FLOOR_CODE if code < 1 else min(code, OVERLOAD_CODE)


def shifted(features: Features, gain_db: float) -> Features:
    """The same sound, `gain_db` louder; bands by the nearest 0.5 dB, floor, overload and missing stay."""
    if gain_db == 0:
        return features
    gain_cdb = round(gain_db * 100)
    steps = round(gain_db / LEVEL_STEP_DB)
    return features._replace(
        laeq_cdb=_shifted_cdb(features.laeq_cdb, gain_cdb),
        lafmax_cdb=_shifted_cdb(features.lafmax_cdb, gain_cdb),
        lcpeak_code=_shifted_code(features.lcpeak_code, steps),
        bands=bytes(_shifted_code(code, steps) for code in features.bands),
    )


def _shifted_cdb(level_cdb: int, gain_cdb: int) -> int:
    if level_cdb <= _FLOOR_CDB:
        return level_cdb
    return min(max(level_cdb + gain_cdb, _FLOOR_CDB), _TOP_CDB)


def _shifted_code(code: int, steps: int) -> int:
    if code in (FLOOR_CODE, OVERLOAD_CODE, MISSING_CODE):
        return code
    moved = code + steps
    return OVERLOAD_CODE if moved > TOP_CODE else max(moved, FLOOR_CODE)
