"""What is known of one sensor clock's offset since it was last learnt anew: limits, rate, best estimate.

See `device_clock` for the theory. Rates are host seconds per device second, less one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import isinf
from typing import Final

from firmware_bridge.offset_limits import OffsetLimit
from firmware_bridge.rate_fit import RateFit, fit_rate

FIRST_SLACK: Final = 100e-6
"""Two crystals of 50 ppm each, against each other."""
WANDER: Final = 5e-6
"""What temperature does to a rate within the window: up to some ppm a minute in the sun."""

LATEST_FEATURES_S: Final = 0.050
"""PROTOCOL.md section 7: complete on the line at most so long after the end of the hop."""
_LEAST_ERROR_S: Final = 0.0002
_RECENT_HOPS: Final = 128
MOST_REQUESTS: Final = 50
"""In one window, at one every five seconds."""


@dataclass(frozen=True, slots=True)
class LineTimes:
    """Seconds that each kind of frame is on the line; zero where bytes take no time."""

    features_s: float
    reply_s: float
    request_s: float


class OffsetEvidence:
    """Limits of three kinds and the rate between the clocks.

    fit: None until the rate is known; exchanges: how many this rests on.
    """

    def __init__(self, line: LineTimes) -> None:
        self._line = line
        self._features, self._replies, self._requests = OffsetLimit(), OffsetLimit(), OffsetLimit()
        self._rate, self._slack = 0.0, FIRST_SLACK
        self.fit: RateFit | None = None
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT_HOPS)
        self.exchanges = 0
        self._luck_s = 0.0

    def take_arrival(self, device_s: float, delay_s: float) -> None:
        """Features whose hop ended at `device_s` came when the host clock was `delay_s` more."""
        self._recent.append((device_s, delay_s))
        if not self._features.take(device_s, delay_s, self._rate, self._slack):
            return
        fit = fit_rate(self._features.points[:-1], self._rate)  # the last block has only begun
        if fit is not None:
            self.fit = fit
            self._rate = fit.rate
            self._slack = min(FIRST_SLACK, WANDER + 3.0 * fit.rate_sigma)
        self._features.refresh(device_s, self._rate, self._slack)
        self._replies.refresh(device_s, self._rate, self._slack)
        self._requests.refresh(device_s, -self._rate, self._slack)
        self._weigh_luck(device_s)

    def take_exchange(self, t2_s: float, low_s: float, t3_s: float, high_s: float) -> None:
        """The offset was at least low_s at device time t2_s, and at most high_s at t3_s."""
        self._requests.take(t2_s, -low_s, -self._rate, self._slack)
        self._replies.take(t3_s, high_s, self._rate, self._slack)
        self.exchanges += 1
        self._weigh_luck(t3_s)

    def features_limit_s(self, device_s: float) -> float:
        """The upper limit by features alone; infinite before the first."""
        return self._features.at(device_s, self._rate, self._slack)

    def limits(self, device_s: float) -> tuple[float, float]:
        """(lower, upper) limit of the offset in seconds, each infinite while nothing says it."""
        low_s = -self._requests.at(device_s, -self._rate, self._slack)
        high_s = self._replies.at(device_s, self._rate, self._slack)
        return low_s, min(high_s, self.features_limit_s(device_s))

    def estimate(self, device_s: float) -> tuple[float, float]:
        """(offset, how far it may be off), in seconds."""
        low_s, high_s = self.limits(device_s)
        if isinf(low_s):
            return high_s - self._line.features_s, LATEST_FEATURES_S
        if high_s < low_s:
            return (low_s + high_s) / 2.0, (low_s - high_s) / 2.0 + _LEAST_ERROR_S
        shift_low_s = self._line.request_s + self._luck_s
        inner_low_s = low_s + shift_low_s
        inner_high_s = min(
            self.features_limit_s(device_s) - self._line.features_s,
            self._replies.at(device_s, self._rate, self._slack) - self._line.reply_s,
        )
        if inner_high_s < inner_low_s:  # no room: the line is faster than its baud rate says
            share = (high_s - low_s) / ((high_s - low_s) + (inner_low_s - inner_high_s))
            inner_low_s = inner_high_s = low_s + share * shift_low_s
        offset_s = (inner_low_s + inner_high_s) / 2.0
        return offset_s, max(high_s - offset_s, offset_s - low_s) + _LEAST_ERROR_S

    def _weigh_luck(self, device_s: float) -> None:
        """How much the least delayed request was probably delayed by jitter.

        There are few requests and many features: if both ways jitter alike, the best of n requests is as late
        as the best nth of the features.
        """
        least_s = self.features_limit_s(device_s)
        excess_s = sorted(delay_s + self._rate * (device_s - then_s) for then_s, delay_s in self._recent)
        count = min(self.exchanges, MOST_REQUESTS)
        if not excess_s or not count:
            return
        self._luck_s = max(0.0, excess_s[len(excess_s) // (count + 1)] - least_s)
