"""The host's clocks: monotonic seconds to order by, UTC only as a label that says how good it is.

`clock_follower` decides what the state is; this file reads the clocks for it. Every question takes one
sample, which costs some ten microseconds, so that quality can be asked for with every alert. One HostClock
serves all threads of a process: what it remembers (since when, the best bound) is then the same for all.
"""

from __future__ import annotations

import ctypes
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from firmware_bridge import host_time
from gateway.clock_follower import ClockFollower, ClockSample, KernelClock
from gateway.time_labels import BootOffset, StoredInstant

ClockState = Literal["synced", "holdover", "unsynced"]

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_NANO = 0x2000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_SAME_INSTANT_S = 0.001
_MOST_READS = 5

# The C library that this process runs on; looking one up by name would start other programs for it.
_adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); only the read-out of offset, errors and status matters here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(frozen=True, slots=True)
class ClockQuality:
    """How far UTC may be off; error_ms is None when nobody knows."""

    state: ClockState
    error_ms: float | None


class HostClock:
    """Reads this machine's clocks. A test's clock replaces `monotonic_s`, `utc` and `kernel`."""

    def __init__(self) -> None:
        self._follower = ClockFollower()
        self._lock = threading.Lock()

    def monotonic_s(self) -> float:
        """Seconds since boot, time asleep included; never goes back."""
        return host_time.monotonic_s()

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def utc_at(self, monotonic_s: float) -> datetime:
        """UTC of a monotonic instant near now, by the clock as it stands now."""
        return self.utc() + timedelta(seconds=monotonic_s - self.monotonic_s())

    def boot_id(self) -> str:
        """The kernel's id of this boot: monotonic times of different boots do not compare."""
        return _boot_id()

    def kernel(self) -> KernelClock | None:
        """What the kernel's clock discipline says (adjtimex); None where it may not be asked."""
        timex = _Timex(modes=0)
        state = _adjtimex(ctypes.byref(timex))
        if state == -1:
            return None
        unit_s = 1e-9 if timex.status & _STA_NANO else 1e-6
        return KernelClock(
            synchronised=state != _TIME_ERROR,
            max_error_s=timex.maxerror * 1e-6,
            estimate_s=timex.esterror * 1e-6,
            left_s=timex.offset * unit_s,
        )

    def quality(self) -> ClockQuality:
        """How good UTC is now; unsynced where nobody says anything."""
        known = self.known()
        return ClockQuality(known.state.value, known.error_ms)

    def known(self) -> BootOffset:
        """UTC minus monotonic as best known now, for putting stored times right (`time_labels`)."""
        with self._lock:  # around the reading too: samples must be taken in order
            sample = self._sample()
            self._follower.take(sample)
            known = self._follower.known(self.boot_id(), sample.monotonic_s)
        assert known is not None
        return known

    def instant(self) -> StoredInstant:
        """Now, as it is kept with an alert whose times are made by the clock as it stands now."""
        sample = self._sample()
        return StoredInstant(self.boot_id(), sample.monotonic_s, sample.utc_s - sample.monotonic_s)

    def _sample(self) -> ClockSample:
        """Both clocks at one instant: read again if this thread was held up in between."""
        best: tuple[float, float, float] | None = None
        for _ in range(_MOST_READS):
            before_s = self.monotonic_s()
            utc_s = self.utc().timestamp()
            took_s = self.monotonic_s() - before_s
            if best is None or took_s < best[0]:
                best = (took_s, before_s + took_s / 2.0, utc_s)
            if took_s <= _SAME_INSTANT_S:
                break
        assert best is not None
        return ClockSample(best[1], best[2], self.kernel())


@cache
def _boot_id() -> str:
    """Where the kernel's cannot be read: one for this process, so that no other seems to be of its boot."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown-{secrets.token_hex(8)}"
