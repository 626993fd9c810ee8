"""What sounded against what was committed: sound that fell into a time without ears is *unheard*. Pure.

A sound is heard when an alert of its sensor was raised while it lasted or soon after. One that was not must
lie in a window in which the gateway or its line was down, as known from outside; else it is *missed*, which
is a fault of the gateway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.load import HOP_S, Sounded
from tests.chaos.paths import Window

RAISED_WITHIN_S = 2.0
"""After its end at the latest, on a machine that is busy with everything else here."""
TELLING_S = 2 * HOP_S + 0.3
"""So much of a sound's beginning is needed to raise its alert and to store it."""


@dataclass(slots=True)
class Hearing:
    sounds: int = 0
    heard: int = 0
    unheard: int = 0
    missed: int = 0
    deaf_s: float = 0.0
    examples: list[str] = field(default_factory=list)

    def add(self, other: Hearing) -> None:
        self.sounds += other.sounds
        self.heard += other.heard
        self.unheard += other.unheard
        self.missed += other.missed
        self.deaf_s += other.deaf_s
        self.examples = (self.examples + other.examples)[:5]


def judge(
    sounds: Iterable[Sounded], raised_s: Mapping[str, Sequence[float]], deaf: Mapping[str, Sequence[Window]]
) -> Hearing:
    """raised_s: serial -> when its alerts were made; deaf: serial -> windows without ears."""
    hearing = Hearing(
        deaf_s=sum(min(end_s, 1e12) - start_s for windows in deaf.values() for start_s, end_s in windows)
    )
    for sound in sounds:
        hearing.sounds += 1
        until_s = sound.end_s + RAISED_WITHIN_S
        if any(sound.start_s - HOP_S <= at_s <= until_s for at_s in raised_s.get(sound.serial, ())):
            hearing.heard += 1
        elif any(_touches(sound, window) for window in deaf.get(sound.serial, ())):
            hearing.unheard += 1
        else:
            hearing.missed += 1
            text = f"missed: {sound.pattern} at {sound.serial}, {sound.start_s:.2f} to {sound.end_s:.2f} s"
            hearing.examples = [*hearing.examples, text][:5]
    return hearing


def windows_of(
    downs: Iterable[Window], spoken_s: Sequence[float], settling_s: float = 2 * HOP_S
) -> list[Window]:
    """Windows without ears of one line: each time the gateway was down lasts until it spoke to the sensor.

    downs: (from, started again), monotonic; spoken_s: when the gateway wrote to this sensor, rising.
    """
    windows = []
    for down_s, up_s in downs:
        heard_again_s = next((at_s for at_s in spoken_s if at_s >= up_s), float("inf"))
        windows.append((down_s, heard_again_s + settling_s))
    return windows


def _touches(sound: Sounded, window: Window) -> bool:
    """The window takes away the beginning that would have raised the alert, or its storing."""
    start_s, end_s = window
    return start_s <= sound.start_s + TELLING_S and sound.start_s <= end_s
