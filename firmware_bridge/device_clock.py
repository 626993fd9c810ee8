"""Sensor sample clock to host monotonic clock: when did a hop end?

Theory of operation. The sensor's hop counter is the time scale: hop n ended at device time
(n + 1) * hop_samples / sample_rate. The host clock is that plus an offset, which wanders slowly because two
crystals differ (50 ppm is usual, at most `MAX_DRIFT`). A frame is received after its hop ended, never before,
so every arrival gives an upper limit of the offset, and the least delayed arrivals come closest. The estimate
is therefore the lowest arrival so far, let up by `MAX_DRIFT` per second so that it follows a slow sensor.

One-way arrivals cannot tell the smallest delay itself. A time exchange can bound it: the sensor took sample
count t2 after the host asked (t1), and t3 before the host had the answer (t4), so the offset lies between
t1 - t2 and t4 - t3. The estimate is kept inside. (A fit of offset and rate comes later.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_DRIFT: Final = 100e-6
# A lasting shift of all arrivals by more than this means that the sensor's counter stood still.
STEP_S: Final = 0.05
STEP_WINDOW_HOPS: Final = 40


@dataclass(frozen=True, slots=True)
class ClockState:
    """offset_s: host minus device time; bound_s: width of the interval the exchanges leave, None without one.

    rtt_s: round trip of the last exchange less the sensor's own time; steps: times the offset was set anew.
    """

    offset_s: float | None
    bound_s: float | None
    rtt_s: float | None
    exchanges: int
    steps: int


class DeviceClock:
    """Follows one sensor in one boot; make a new one for each epoch."""

    def __init__(self, sample_rate_hz: int, hop_samples: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._hop_samples = hop_samples
        self._offset_s: float | None = None
        self._device_s = 0.0
        self._latest_end_s = float("-inf")
        self._window_low_s = float("inf")
        self._window_hops = 0
        self._low_s = float("-inf")
        self._high_s = float("inf")
        self._bounds_device_s = 0.0
        self._rtt_s: float | None = None
        self._exchanges = 0
        self._steps = 0

    @property
    def state(self) -> ClockState:
        """What is known now."""
        bound_s = self._high_s - self._low_s if self._exchanges else None
        return ClockState(self._offset_s, bound_s, self._rtt_s, self._exchanges, self._steps)

    def end_of_hop_s(self, hop_index: int, received_s: float) -> float:
        """Host monotonic seconds at which hop `hop_index`, received now, ended; never after `received_s`.

        Call it with rising hop indices; the answers never go back.
        """
        device_s = (hop_index + 1) * self._hop_samples / self._sample_rate_hz
        offset_s = self._follow(received_s - device_s, device_s)
        low_s, high_s = self._bounds_at(device_s)
        end_s = device_s + min(max(offset_s, low_s), high_s)
        self._latest_end_s = max(self._latest_end_s, min(end_s, received_s))
        return self._latest_end_s

    def exchange(self, t1_s: float, t2_samples: int, t3_samples: int, t4_s: float) -> bool:
        """Take one time exchange (t1, t4: host seconds). False if it contradicts itself and was not used."""
        t2_s = t2_samples / self._sample_rate_hz
        t3_s = t3_samples / self._sample_rate_hz
        low_s, high_s = t1_s - t2_s, t4_s - t3_s
        if t3_s < t2_s or high_s < low_s:
            return False
        old_low_s, old_high_s = self._bounds_at(t3_s)
        if old_low_s <= high_s and low_s <= old_high_s:
            low_s, high_s = max(low_s, old_low_s), min(high_s, old_high_s)
        self._low_s, self._high_s, self._bounds_device_s = low_s, high_s, t3_s
        self._rtt_s = (t4_s - t1_s) - (t3_s - t2_s)
        self._exchanges += 1
        return True

    def _follow(self, delay_s: float, device_s: float) -> float:
        if self._offset_s is None:
            self._offset_s = delay_s
        else:
            passed_s = max(0.0, device_s - self._device_s)
            self._offset_s = min(self._offset_s + MAX_DRIFT * passed_s, delay_s)
        self._device_s = device_s
        self._window_low_s = min(self._window_low_s, delay_s)
        self._window_hops += 1
        if self._window_hops == STEP_WINDOW_HOPS:
            if self._window_low_s > self._offset_s + STEP_S:
                self._offset_s = self._window_low_s
                self._steps += 1
            self._window_low_s = float("inf")
            self._window_hops = 0
        return self._offset_s

    def _bounds_at(self, device_s: float) -> tuple[float, float]:
        """The exchange's interval, widened by the drift since."""
        slack_s = MAX_DRIFT * abs(device_s - self._bounds_device_s)
        return self._low_s - slack_s, self._high_s + slack_s
