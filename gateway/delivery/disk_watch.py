"""Which failure of the disk stands: from the first write that it refused until a round without one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.delivery.outbox_fault import OutboxError


class DiskWatch:
    """What the disk refuses is a fault that stands, not an end. The time is monotonic seconds."""

    def __init__(self) -> None:
        self._failed_at_s = float("-inf")
        self.fault: tuple[OutboxError, float] | None = None
        """What failed first, and since when it does."""

    @contextmanager
    def watching(self, now_s: float) -> Iterator[None]:
        """Note what the disk refuses inside; whoever writes tries again in the next round."""
        try:
            yield
        except OutboxError as problem:
            self._failed_at_s = now_s
            if self.fault is None:
                self.fault = (problem, now_s)

    def round_over(self, now_s: float) -> None:
        """Everything that wanted to be written at now_s has been tried."""
        if now_s > self._failed_at_s:
            self.fault = None
