"""What one simulated sensor hears, hop by hop: a bed that loops, and sounds over it.

While a sound lasts its frames replace those of the bed, because captured sounds contain their own ambience.
The sound begun last is the one heard; when it ends, an earlier one that still lasts is heard again.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.messages import Features
from firmware_bridge.simulator.sound import Sound, shifted


@dataclass(slots=True)
class _Playing:
    sound: Sound
    gain_db: float
    place: int


class Playback:
    """Frames for a sensor of this full scale (SPL) whose microphone reads `mic_error_db` too high."""

    def __init__(
        self, bed: Sound, full_scale_db: float, *, mic_error_db: float = 0.0, offset: int = 0
    ) -> None:
        self._full_scale_db = full_scale_db
        self._mic_error_db = mic_error_db
        self._sounds: list[_Playing] = []
        self.set_bed(bed, offset)

    def set_bed(self, bed: Sound, offset: int = 0) -> None:
        """Change what loops; it begins `offset` frames in."""
        if not bed.features:
            raise ValueError(f"sound {bed.name} has no frames to loop")
        self._bed = _Playing(bed, 0.0, offset % len(bed.features))

    def play(self, sound: Sound, gain_db: float = 0.0) -> None:
        """Let `sound` begin with the next hop, `gain_db` louder than it was captured."""
        self._sounds.append(_Playing(sound, gain_db, 0))

    def next_hop(self) -> Features:
        """The frame of the next hop, with hop index 0."""
        heard = self._frame(self._bed)
        self._bed.place = (self._bed.place + 1) % len(self._bed.sound.features)
        for playing in self._sounds:
            if playing.place < len(playing.sound.features):
                heard = self._frame(playing)
            playing.place += 1
        self._sounds = [p for p in self._sounds if p.place < len(p.sound.features)]
        return heard

    def _frame(self, playing: _Playing) -> Features:
        scale_db = playing.sound.full_scale_db - self._full_scale_db
        return shifted(playing.sound.features[playing.place], playing.gain_db + scale_db + self._mic_error_db)
