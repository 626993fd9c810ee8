"""A line that loses, repeats, reorders and damages what passes over it, by a seed. No I/O."""

from __future__ import annotations

import random
from dataclasses import dataclass

_NOISE_BYTES_MAX = 40


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Probabilities, 0..1: per frame, but `flip` per byte (one of its bits changes).

    noise: that 1..40 random bytes come before a frame; reorder: that a frame comes after the next one.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    flip: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("drop", "duplicate", "reorder", "flip", "noise"):
            rate = getattr(self, name)
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} is a probability, 0 to 1, not {rate}")


@dataclass(slots=True)
class LineTruth:
    """What the line really did; frames, bits and bytes since it was made."""

    frames: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0
    flipped_bits: int = 0
    noise_bytes: int = 0
    garbled: int = 0


class FaultyLine:
    """Passes encoded frames on, with faults. `wrong_baud`: what comes out is not what went in."""

    def __init__(self, rng: random.Random) -> None:
        self.rates = FaultRates()
        self.wrong_baud = False
        self.truth = LineTruth()
        self._rng = rng
        self._held = b""

    def carry(self, frame: bytes) -> bytes:
        """The bytes that leave the line when `frame` enters it."""
        truth, rates, rng = self.truth, self.rates, self._rng
        truth.frames += 1
        if self.wrong_baud:
            truth.garbled += 1
            return rng.randbytes(len(frame))
        if rates == FaultRates():
            return self._release(frame)
        if rng.random() < rates.drop:
            truth.dropped += 1
            return self._release(b"")
        if rng.random() < rates.duplicate:
            truth.duplicated += 1
            frame += frame
        if not self._held and rng.random() < rates.reorder:
            truth.reordered += 1
            self._held = frame
            return b""
        return self._noise() + self._damaged(self._release(frame))

    def clear(self) -> None:
        """Forget what is still on the line, as an unplugged cable does; it counts as dropped."""
        if self._held:
            self.truth.dropped += 1
            self._held = b""

    def _release(self, frame: bytes) -> bytes:
        held, self._held = self._held, b""
        return frame + held

    def _noise(self) -> bytes:
        if self._rng.random() >= self.rates.noise:
            return b""
        noise = self._rng.randbytes(self._rng.randint(1, _NOISE_BYTES_MAX))
        self.truth.noise_bytes += len(noise)
        return noise

    def _damaged(self, data: bytes) -> bytes:
        if not self.rates.flip:
            return data
        damaged = bytearray(data)
        for place in range(len(damaged)):
            if self._rng.random() < self.rates.flip:
                damaged[place] ^= 1 << self._rng.randrange(8)
                self.truth.flipped_bits += 1
        return bytes(damaged)
