"""A library of sounds from captures: each file is one sound, read through the real decoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from firmware_bridge.capture import CaptureProblem, open_capture
from firmware_bridge.framing import Decoder, Frame
from firmware_bridge.messages import Features, Hello, parse
from firmware_bridge.simulator.sound import Sound

_NOMINAL_FULL_SCALE_DB = 120.0


@dataclass(frozen=True, slots=True)
class LoadedSounds:
    """Sounds by name, and the files that gave none: (file, why)."""

    sounds: dict[str, Sound]
    problems: tuple[tuple[Path, str], ...]


def load_sounds(paths: Iterable[Path]) -> LoadedSounds:
    """Read captures; a file that is damaged, holds no frames or repeats a name is a problem, not an error."""
    sounds: dict[str, Sound] = {}
    problems: list[tuple[Path, str]] = []
    for path in paths:
        sound = load_sound(path)
        if isinstance(sound, str):
            problems.append((path, sound))
        elif sound.name in sounds:
            problems.append((path, f"another capture is named {sound.name} too"))
        else:
            sounds[sound.name] = sound
    return LoadedSounds(sounds, tuple(problems))


def load_sound(path: Path) -> Sound | str:
    """The sound in one capture (named in its header, else as its file), or why there is none.

    Frames are taken in the order in which they came; the hello inside goes before the header for the scale.
    """
    opened = open_capture(path)
    if isinstance(opened, CaptureProblem):
        return str(opened)
    decoder = Decoder()
    features: list[Features] = []
    full_scale_db = opened.header.full_scale_db
    with opened:
        for chunk in opened:
            for item in decoder.feed(chunk.data):
                message = parse(item) if isinstance(item, Frame) else None
                if isinstance(message, Features):
                    features.append(message)
                elif isinstance(message, Hello):
                    full_scale_db = message.full_scale_db
        if opened.problem is not None:
            return str(opened.problem)
    if not features:
        return "no feature frames in it"
    header = opened.header
    scale_db = _NOMINAL_FULL_SCALE_DB if full_scale_db is None else full_scale_db
    return Sound(header.name or path.stem, header.label, tuple(features), scale_db)
