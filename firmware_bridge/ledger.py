"""Two exact ledgers: what became of every byte, and what became of every frame in the sequence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ByteLedger:
    """Every byte received is in exactly one of these counters; `total` is the number of bytes fed.

    delimiter: idle zeros (a frame's own closing zero is counted with the frame); pending: waiting for the
    rest of their frame; cut_off: were waiting when the port closed.
    """

    good_frame: int = 0
    delimiter: int = 0
    too_short: int = 0
    too_long: int = 0
    bad_cobs: int = 0
    bad_checksum: int = 0
    bad_version: int = 0
    bad_flags: int = 0
    bad_length: int = 0
    bad_payload: int = 0
    cut_off: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """Sum of all counters."""
        return self.good_frame + self.delimiter + self.bad + self.cut_off + self.pending

    @property
    def bad(self) -> int:
        """Bytes that formed no acceptable frame."""
        return (
            self.too_short
            + self.too_long
            + self.bad_cobs
            + self.bad_checksum
            + self.bad_version
            + self.bad_flags
            + self.bad_length
            + self.bad_payload
        )

    def book_bad(self, reason: str, count: int) -> None:
        """Add `count` bytes to the counter named `reason`, one of `framing.BadReason`."""
        setattr(self, reason, getattr(self, reason) + count)

    def rebook_bad_payload(self, count: int) -> None:
        """Move a frame whose payload turned out to be bad from `good_frame`."""
        self.good_frame -= count
        self.bad_payload += count
