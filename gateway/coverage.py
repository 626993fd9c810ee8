"""Coverage: the share of time in which a sensor's sound was really analysed.

A sensor that is silent, unplugged or refused lowers it, and so does a gateway that was down; that is what
tells a deaf sensor from a quiet street.
"""

from __future__ import annotations

from collections import deque

_BUCKET_S = 60.0
_BUCKETS = 60


class Coverage:
    """Analysed seconds over elapsed seconds of the last hour, in buckets of a minute of monotonic time."""

    def __init__(self, start_s: float) -> None:
        """start_s: since when the sensor should be heard; a run before this one may have begun then.

        Tell with `analysed` what that run heard: what lies between counts as not covered.
        """
        self._start_s = start_s
        self._buckets: deque[tuple[int, float]] = deque(maxlen=_BUCKETS + 1)

    def analysed(self, duration_s: float, now_s: float) -> None:
        minute = int(now_s // _BUCKET_S)
        if self._buckets and self._buckets[-1][0] == minute:
            self._buckets[-1] = (minute, self._buckets[-1][1] + duration_s)
        else:
            self._buckets.append((minute, duration_s))

    def window_s(self, now_s: float) -> float:
        """What `share` speaks of: the last hour in whole minutes, or the time since start_s."""
        return max(0.0, now_s - max(self._start_s, _first_minute(now_s) * _BUCKET_S))

    def share(self, now_s: float) -> float:
        """0..1 of window_s; 0 before anything elapsed."""
        window_s = self.window_s(now_s)
        if window_s <= 0.0:
            return 0.0
        heard_s = sum(seconds for minute, seconds in self._buckets if minute >= _first_minute(now_s))
        return min(1.0, heard_s / window_s)


def _first_minute(now_s: float) -> int:
    return int(now_s // _BUCKET_S) - _BUCKETS + 1
