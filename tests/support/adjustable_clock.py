"""A machine's clocks as a test sets them: time passes, UTC is set, the time service comes and goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.clock import HostClock
from gateway.clock_follower import KernelClock

ZERO_UTC = datetime(2026, 12, 31, 23, 50, 0, tzinfo=UTC)
"""True UTC of the boot."""
GOOD = KernelClock(synchronised=True, max_error_s=0.008, estimate_s=0.001)
LOST = KernelClock(synchronised=False, max_error_s=16.0)


class AdjustableClock(HostClock):
    """wrong_by_s: UTC as this machine has it, minus true UTC. word: what its kernel says of the clock."""

    def __init__(
        self, wrong_by_s: float = 0.0, word: KernelClock | None = LOST, boot: str = "boot-1"
    ) -> None:
        super().__init__()
        self.now_s = 0.0
        self.wrong_by_s = wrong_by_s
        self.word = word
        self.boot = boot

    def monotonic_s(self) -> float:
        return self.now_s

    def utc(self) -> datetime:
        return self.true_utc(self.now_s) + timedelta(seconds=self.wrong_by_s)

    def kernel(self) -> KernelClock | None:
        return self.word

    def boot_id(self) -> str:
        return self.boot

    @staticmethod
    def true_utc(monotonic_s: float) -> datetime:
        return ZERO_UTC + timedelta(seconds=monotonic_s)
