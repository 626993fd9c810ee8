"""Coverage: the share of time in which a sensor's sound was really analysed.

A sensor that is silent, unplugged, refused or scored by nothing lowers it; that is what tells a deaf sensor from a
quiet street.
"""

from __future__ import annotations

from collections import deque

_BUCKET_S = 60.0
_BUCKETS = 60


class Coverage:
    """Analysed seconds over elapsed seconds of the last hour, in buckets of a minute of monotonic time."""

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._buckets: deque[tuple[int, float]] = deque(maxlen=_BUCKETS + 1)

    def analysed(self, duration_s: float, now_s: float) -> None:
        minute = int(now_s // _BUCKET_S)
        if self._buckets and self._buckets[-1][0] == minute:
            self._buckets[-1] = (minute, self._buckets[-1][1] + duration_s)
        else:
            self._buckets.append((minute, duration_s))

    def share(self, now_s: float) -> float:
        """0..1 over the last hour, or since the start when that is shorter; 0 before anything elapsed."""
        first_minute = int(now_s // _BUCKET_S) - _BUCKETS + 1
        begin_s = max(self._start_s, first_minute * _BUCKET_S)
        elapsed_s = now_s - begin_s
        if elapsed_s <= 0.0:
            return 0.0
        heard_s = sum(seconds for minute, seconds in self._buckets if minute >= first_minute)
        return min(1.0, heard_s / elapsed_s)
