"""One kind of limit of a clock's offset: every point says "at this device time it was at most so much".

A point ages: between then and now the offset may have moved by the rate that is known, give or take what of
it is not known (the slack). So an old point of luck still counts, a little less every second, until a new one
is tighter. Lower limits are upper limits of the negated offset.

Memory is bounded: the tightest point of each block of time, in a window of so many blocks.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final

BLOCK_S: Final = 4.0
WINDOW_BLOCKS: Final = 64


class OffsetLimit:
    """Upper limit of the offset over device time. Rate and slack: per device second."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW_BLOCKS)
        self._block = -inf
        self._limit_s = inf
        self._device_s = 0.0

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """(device seconds, limit in seconds): the tightest of each block, oldest first."""
        return tuple(self._points)

    def at(self, device_s: float, rate: float, slack: float) -> float:
        """The limit at a device time; infinite without any point."""
        passed_s = device_s - self._device_s
        return self._limit_s + rate * passed_s + slack * abs(passed_s)

    def take(self, device_s: float, limit_s: float, rate: float, slack: float) -> bool:
        """One more point; True if it began a block, after which `refresh` is due."""
        self._limit_s = min(self.at(device_s, rate, slack), limit_s)
        self._device_s = device_s
        block = device_s // BLOCK_S
        if block != self._block:
            self._block = block
            self._points.append((device_s, limit_s))
            return True
        old_s, old_limit_s = self._points[-1]
        if limit_s - rate * device_s < old_limit_s - rate * old_s:
            self._points[-1] = (device_s, limit_s)
        return False

    def refresh(self, device_s: float, rate: float, slack: float) -> None:
        """Draw the limit anew from the window: points grow too old, and the rate is known better."""
        oldest_s = device_s - WINDOW_BLOCKS * BLOCK_S
        while self._points and self._points[0][0] < oldest_s:
            self._points.popleft()
        self._device_s = device_s
        self._limit_s = min(
            (
                limit_s + rate * (device_s - then_s) + slack * abs(device_s - then_s)
                for then_s, limit_s in self._points
            ),
            default=inf,
        )
