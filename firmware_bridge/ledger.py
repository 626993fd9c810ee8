"""Two exact ledgers: what became of every byte, and what became of every frame in the sequence."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

_U32 = 0xFFFFFFFF
_HALF = 0x80000000


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


class Arrival(Enum):
    """What `SequenceLedger` made of one frame."""

    IN_ORDER = "in_order"
    LATE = "late"
    NEW_EPOCH = "new_epoch"
    RESTARTED = "restarted"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    STALE_EPOCH = "stale_epoch"
    FUTURE = "future"

    @property
    def accepted(self) -> bool:
        """True if the frame counts as delivered."""
        return self in _ACCEPTED

    @property
    def begins(self) -> bool:
        """True if the frame is the first of a boot as far as can be known."""
        return self is Arrival.NEW_EPOCH or self is Arrival.RESTARTED


_ACCEPTED = frozenset({Arrival.IN_ORDER, Arrival.LATE, Arrival.NEW_EPOCH, Arrival.RESTARTED})


@dataclass(frozen=True, slots=True)
class SequenceCounts:
    """Totals over all boots. `reordered` frames are among the delivered; the rest below were not delivered.

    expected: frames known to have been sent; too_late: repeated or so late that nobody can tell any more;
    restarts: boots whose epoch did not rise although their sequence began again.
    """

    expected: int
    delivered: int
    reordered: int
    duplicate: int
    too_late: int
    stale_epoch: int
    future: int
    epochs: int
    restarts: int

    @property
    def lost(self) -> int:
        """Frames known to have been sent and never delivered."""
        return self.expected - self.delivered


class SequenceLedger:
    """Books every frame of one sender by (epoch, seq), exactly: `expected = delivered + lost`.

    In one epoch, what counts as expected runs from the first to the highest sequence number accepted. A boot
    that is seen to happen begins at 0; where the gateway joins midway, it begins at what is heard first.

    A jump ahead is believed if the sender can have sent that many frames in the time that passed, or if
    `CONFIRM_FRAMES` frames in a row agree on it; until then the frames are `future`. A jump back (a lower
    epoch, or a sequence that begins again) is believed only when the present sequence has been silent for
    `SILENT_S`, so that old frames, late or played again, cannot push out a sensor that is alive. Epochs that
    were left are never taken again.
    """

    WINDOW = 128
    _MASK = (1 << WINDOW) - 1
    MAX_RATE_HZ = 64.0
    SLACK_FRAMES = 64
    CONFIRM_FRAMES = 3
    SILENT_S = 3.0
    RETIRED_EPOCHS = 16

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._first = 0
        self._highest = 0
        self._seen = 0
        self._accepted_s = 0.0
        self._doubt: tuple[int, int, int, float] | None = None
        self._retired: deque[int] = deque(maxlen=self.RETIRED_EPOCHS)
        self._closed_expected = 0
        self._delivered = 0
        self._reordered = 0
        self._duplicate = 0
        self._too_late = 0
        self._stale_epoch = 0
        self._future = 0
        self._epochs = 0
        self._restarts = 0

    @property
    def counts(self) -> SequenceCounts:
        """Totals so far."""
        return SequenceCounts(
            expected=self._closed_expected + self._open_expected(),
            delivered=self._delivered,
            reordered=self._reordered,
            duplicate=self._duplicate,
            too_late=self._too_late,
            stale_epoch=self._stale_epoch,
            future=self._future,
            epochs=self._epochs,
            restarts=self._restarts,
        )

    @property
    def started(self) -> bool:
        """True once a frame of the present sender was accepted."""
        return self._epoch is not None

    def forget_sender(self) -> None:
        """Another sender, or the same after its port was closed: keep the totals, compare with nothing."""
        self._closed_expected += self._open_expected()
        self._epoch = None
        self._doubt = None
        self._retired.clear()

    def observe(self, epoch: int, seq: int, now_s: float) -> Arrival:
        """Book one frame that passed all checks. now_s: monotonic seconds of its arrival."""
        if epoch != self._epoch:
            return self._observe_other_epoch(epoch, seq, now_s)
        step = ((seq - self._highest + _HALF) & _U32) - _HALF
        if step == 1:
            return self._advance(1, now_s)
        if step > 0:
            if step <= self._plausible(now_s - self._accepted_s) or self._confirmed(epoch, seq, now_s):
                return self._advance(step, now_s)
            self._future += 1
            return Arrival.FUTURE
        if -step < self.WINDOW and self._highest + step >= 0:
            return self._fill(-step)
        if self._confirmed(epoch, seq, now_s) and now_s - self._accepted_s >= self.SILENT_S:
            self._restarts += 1
            self._begin(epoch, seq, seq, now_s)
            return Arrival.RESTARTED
        self._too_late += 1
        return Arrival.TOO_LATE

    def _observe_other_epoch(self, epoch: int, seq: int, now_s: float) -> Arrival:
        if self._epoch is None:
            self._begin(epoch, seq, seq, now_s)
            return Arrival.NEW_EPOCH
        went_back = epoch < self._epoch and now_s - self._accepted_s < self.SILENT_S
        if went_back or epoch in self._retired:
            self._stale_epoch += 1
            return Arrival.STALE_EPOCH
        if seq <= self._plausible(now_s - self._accepted_s):
            first = 0
        elif self._confirmed(epoch, seq, now_s):
            first = seq
        else:
            self._future += 1
            return Arrival.FUTURE
        self._retired.append(self._epoch)
        self._begin(epoch, seq, first, now_s)
        return Arrival.NEW_EPOCH

    def _begin(self, epoch: int, seq: int, first: int, now_s: float) -> None:
        self._closed_expected += self._open_expected()
        self._epochs += epoch != self._epoch
        self._epoch = epoch
        self._first = first
        self._highest = seq
        self._seen = 1
        self._delivered += 1
        self._accepted_s = now_s
        self._doubt = None

    def _advance(self, step: int, now_s: float) -> Arrival:
        self._highest += step
        # A step wider than the window leaves only the newest bit.
        self._seen = ((self._seen << step) | 1) & self._MASK if step < self.WINDOW else 1
        self._delivered += 1
        self._accepted_s = now_s
        self._doubt = None
        return Arrival.IN_ORDER

    def _fill(self, age: int) -> Arrival:
        self._doubt = None
        bit = 1 << age
        if self._seen & bit:
            self._duplicate += 1
            return Arrival.DUPLICATE
        self._seen |= bit
        self._first = min(self._first, self._highest - age)
        self._delivered += 1
        self._reordered += 1
        return Arrival.LATE

    def _confirmed(self, epoch: int, seq: int, now_s: float) -> bool:
        """True when this frame is the last of `CONFIRM_FRAMES` in a row that continue one another."""
        count = 1
        if self._doubt is not None:
            doubted_epoch, doubted_seq, doubted_count, doubted_s = self._doubt
            step = (seq - doubted_seq) & _U32
            if epoch == doubted_epoch and 0 < step <= self._plausible(now_s - doubted_s):
                count = doubted_count + 1
        self._doubt = (epoch, seq, count, now_s)
        return count >= self.CONFIRM_FRAMES

    def _plausible(self, elapsed_s: float) -> float:
        """The most frames that can have been sent in `elapsed_s`."""
        return self.SLACK_FRAMES + self.MAX_RATE_HZ * max(0.0, elapsed_s)

    def _open_expected(self) -> int:
        return 0 if self._epoch is None else self._highest - self._first + 1
