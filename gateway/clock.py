"""The host's clocks: monotonic seconds to order by, UTC only as a label that says how good it is."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

ClockState = Literal["synced", "holdover", "unsynced"]

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


# The C library that this process runs on; looking one up by name would start other programs for it.
_adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2); only the read-out of maxerror and status matters here."""

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
    """Reads this machine's clocks."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime:
        return datetime.now(UTC)

    def utc_at(self, monotonic_s: float) -> datetime:
        """UTC of a monotonic instant near now, by the clock as it stands now."""
        return self.utc() + timedelta(seconds=monotonic_s - time.monotonic())

    def boot_id(self) -> str:
        """The kernel's id of this boot: monotonic times of different boots do not compare."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return "unknown"

    def quality(self) -> ClockQuality:
        """What the kernel's clock discipline says (adjtimex); unsynced where it says nothing."""
        timex = _Timex(modes=0)
        state = _adjtimex(ctypes.byref(timex))
        if state in (-1, _TIME_ERROR):
            return ClockQuality("unsynced", None)
        return ClockQuality("synced", timex.maxerror / 1000.0)
