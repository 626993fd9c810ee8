"""Sensor sample clock to host monotonic clock: when did a hop end, and how sure is that?

Theory of operation. The sensor's hop counter is the time scale: hop n ended at device time
(n + 1) * hop_samples / sample_rate. The host clock is that plus an offset, which moves slowly because two
crystals differ (`rate`). Three kinds of evidence limit the offset:

    features   received after their hop ended, never before             upper limit
    reply      t4 - t3: the host had it after the sensor sent it        upper limit
    request    t1 - t2: the host sent it before the sensor had it       lower limit

All delays are positive and mostly jitter, so the tightest limits in a window of minutes are nearly free of
it. That needs the rate: it is fitted through the least delayed features, and what is not known of it (the
slack: first 100 ppm, then the fit's own uncertainty and what temperature can do) widens old limits.

Between the limits lie the line's smallest delays. Of them the serial transmission is known, if the line has
the baud rate that it is said to have: it is taken off both sides as far as there is room (a USB device names
a baud rate and is faster), and the middle of what is left is the answer. The truth may lie anywhere between
the plain limits, so the stated error reaches to the farther one. Without an exchange there is no lower limit
but the protocol's: features are complete on the line at most 50 ms after their hop.

A counter that stood still (or a host that did) shifts everything: an arrival before its hop can have ended,
a lower limit above the upper one that a second of arrivals does not refute, or, without exchanges, arrivals
that are all late for seconds. Then everything is learnt anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf
from typing import Final, NamedTuple

from firmware_bridge.offset_evidence import FIRST_SLACK, LATEST_FEATURES_S, LineTimes, OffsetEvidence

TOLERANCE_S: Final = 0.005
"""Limits that contradict each other by less are an imprecise rate, by more a step."""
STEP_S: Final = 0.050
STEP_AFTER_S: Final = 5.0
CONFIRM_HOPS: Final = 8
_IMPLAUSIBLE_S: Final = 0.5

# Bytes on the wire (PROTOCOL.md sections 3 and 5), ten bits each.
_FEATURES_BITS: Final = 560
_REPLY_BITS: Final = 420
_REQUEST_BITS: Final = 260


@dataclass(frozen=True, slots=True)
class ClockState:
    """offset_s: host minus device time; bound_s: width of the interval the exchanges leave, None without one.

    error_s: how far the last answer may be off; rtt_s: round trip of the last exchange less the sensor's own
    time; steps: times that everything was learnt anew; refused: exchanges that contradicted themselves or the
    rest; rate_ppm: host seconds per sensor second less one, None until it is fitted, residual_s: its fit's.
    """

    offset_s: float | None
    bound_s: float | None
    rtt_s: float | None
    exchanges: int
    steps: int
    error_s: float | None = None
    rate_ppm: float | None = None
    residual_s: float | None = None
    refused: int = 0


class _Exchange(NamedTuple):
    """The offset was at least low_s at device time t2_s, and at most high_s at t3_s."""

    t2_s: float
    low_s: float
    t3_s: float
    high_s: float


class DeviceClock:
    """Follows one sensor in one boot; make a new one for each epoch."""

    def __init__(self, sample_rate_hz: int, hop_samples: int, baud: int | None = None) -> None:
        """baud: of a serial line, None where bytes take no time."""
        self._sample_rate_hz = sample_rate_hz
        self._hop_samples = hop_samples
        bit_s = 1.0 / baud if baud else 0.0
        self._line = LineTimes(
            min(_FEATURES_BITS * bit_s, LATEST_FEATURES_S), _REPLY_BITS * bit_s, _REQUEST_BITS * bit_s
        )
        self._known = OffsetEvidence(self._line)
        self._device_s = 0.0
        self._latest_end_s = -inf
        self._offset_s: float | None = None
        self._error_s = inf
        self._rtt_s: float | None = None
        self._exchanges = self._refused = self._steps = 0
        self._doubt: _Exchange | None = None
        self._doubt_hops = 0
        self._late_since_s: float | None = None
        self._least_late = (0.0, inf)

    @property
    def state(self) -> ClockState:
        """What is known now."""
        low_s, high_s = self._known.limits(self._device_s)
        fit = self._known.fit
        return ClockState(
            offset_s=self._offset_s,
            bound_s=None if isinf(low_s) else max(0.0, high_s - low_s),
            rtt_s=self._rtt_s,
            exchanges=self._exchanges,
            steps=self._steps,
            error_s=None if isinf(self._error_s) else self._error_s,
            rate_ppm=None if fit is None else fit.rate * 1e6,
            residual_s=None if fit is None else fit.residual_s,
            refused=self._refused,
        )

    @property
    def known_exchanges(self) -> int:
        """How many exchanges the estimate rests on; begins anew when everything is learnt anew."""
        return self._known.exchanges

    @property
    def error_s(self) -> float:
        """How far the last answer of `end_of_hop_s` may be off, in seconds; infinite before the first."""
        return self._error_s

    def end_of_hop_s(self, hop_index: int, received_s: float) -> float:
        """Host monotonic seconds at which hop `hop_index`, received now, ended; never after `received_s`.

        Call it with rising hop indices; the answers never go back.
        """
        device_s = (hop_index + 1) * self._hop_samples / self._sample_rate_hz
        self._device_s = device_s
        self._look_for_steps(device_s, received_s)
        self._known.take_arrival(device_s, received_s - device_s)
        self._offset_s, error_s = self._known.estimate(device_s)
        if self._late_since_s is not None:  # late, or the counter stood still: not known yet
            error_s = max(error_s, received_s - device_s - self._offset_s)
        wanted_s = device_s + self._offset_s
        self._latest_end_s = max(self._latest_end_s, min(wanted_s, received_s))
        self._error_s = error_s + abs(self._latest_end_s - wanted_s)
        return self._latest_end_s

    def exchange(self, t1_s: float, t2_samples: int, t3_samples: int, t4_s: float) -> bool:
        """Take one time exchange (t1, t4: host seconds). False if it was not used, for now at least.

        One that contradicts itself never is; one that contradicts what is known is once arrivals agree.
        """
        t2_s = t2_samples / self._sample_rate_hz
        t3_s = t3_samples / self._sample_rate_hz
        one = _Exchange(t2_s, t1_s - t2_s, t3_s, t4_s - t3_s)
        self._doubt = None
        if not self._believable(one):
            self._refused += 1
            return False
        self._rtt_s = (t4_s - t1_s) - (t3_s - t2_s)
        self._exchanges += 1
        self._late_since_s = None
        self._known.take_exchange(*one)
        return True

    def _believable(self, one: _Exchange) -> bool:
        within_s = one.t3_s - one.t2_s
        if within_s < 0.0 or one.high_s + FIRST_SLACK * within_s < one.low_s:
            return False
        low_s, high_s = self._known.limits(one.t3_s)
        too_early_s = self._known.features_limit_s(one.t3_s) - one.high_s
        if one.high_s < low_s - TOLERANCE_S or _IMPLAUSIBLE_S < too_early_s < inf:
            return False
        if one.low_s > high_s + TOLERANCE_S:
            self._doubt, self._doubt_hops = one, 0
            return False
        return True

    def _look_for_steps(self, device_s: float, received_s: float) -> None:
        """Learn anew if this arrival cannot be explained by what is known."""
        delay_s = received_s - device_s
        low_s, high_s = self._known.limits(device_s)
        if delay_s < low_s - TOLERANCE_S:
            self._learn_anew()
            return
        if self._doubt is not None:
            self._judge(self._doubt, device_s, delay_s)
        if delay_s <= high_s + STEP_S:
            self._late_since_s = None
        else:
            self._note_late(device_s, received_s)

    def _judge(self, doubt: _Exchange, device_s: float, delay_s: float) -> None:
        """Arrivals decide about an exchange that says that all before it is wrong."""
        if delay_s < doubt.low_s - FIRST_SLACK * abs(device_s - doubt.t2_s) - TOLERANCE_S:
            self._doubt = None
            return
        self._doubt_hops += 1
        if self._doubt_hops >= CONFIRM_HOPS:
            self._learn_anew()
            self._known.take_exchange(*doubt)
            self._exchanges += 1

    def _note_late(self, device_s: float, received_s: float) -> None:
        """Without exchanges: what is late for seconds on end, and not read in one go, is not late."""
        delay_s = received_s - device_s
        if self._late_since_s is None:
            self._late_since_s = received_s
            self._least_late = (device_s, delay_s)
        elif delay_s <= self._least_late[1]:
            self._least_late = (device_s, delay_s)
        if received_s - self._late_since_s >= STEP_AFTER_S:
            least_late = self._least_late
            self._learn_anew()
            self._known.take_arrival(*least_late)

    def _learn_anew(self) -> None:
        self._known = OffsetEvidence(self._line)
        self._steps += 1
        self._doubt = None
        self._late_since_s = None
