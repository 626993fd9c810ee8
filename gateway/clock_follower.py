"""How good UTC is, from samples of the host's clocks. Pure: a sample is an argument.

Theory of operation. UTC minus the monotonic clock (the offset) is constant while nobody sets UTC: what a time
service adjusts by slewing, it adjusts in both. So a change of the offset by more than `STEP_S` between two
samples, however far apart, means that UTC was set: a step.

    unsynced   nobody says how far UTC is off
    synced     the kernel says that a time service disciplines the clock and was heard not too long ago
    holdover   it was synced in this boot and is not any more, and UTC was not set since: it runs on, off by
               no more than when it was last synced and what a free crystal adds, `FREE_DRIFT`

After a step the state is synced only if the kernel says so at that moment; holdover ends, for then the clock
was set by somebody who need not know the time better. The kernel raises its own error bound by 500 ppm
between two answers of the time service, far more than crystals do; here the best bound that was stated grows
by `FREE_DRIFT`.

A time service that slews instead of stepping (systemd-timesyncd below 0.4 s) says how much is still to come.
While it does, that is part of the error. For alerts made before, it is a correction all the same, so it
counts in the offset that is known of the boot from there on. (chrony slews without saying so: let it step.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.contract.vocabulary import ClockState
from gateway.time_labels import FREE_DRIFT, BootOffset

STEP_S: Final = 0.005
"""A larger change of the offset is a step. Reading two clocks one after the other costs microseconds."""

WORST_SYNCED_S: Final = 2.0
"""A bound above this comes of no answer for over an hour (the longest usual interval: 34 min)."""

UNSTATED_ERROR_S: Final = 0.025
"""For a service that claims to know no error at all (systemd-timesyncd says 0): half of a long round trip."""

_KERNEL_GROWTH: Final = 500e-6
_NEWS_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel's clock discipline says (adjtimex).

    max_error_s: bound, which the kernel raises between answers; estimate_s: the service's own estimate, 0 if
    it has none; left_s: adjustment still to be made by slewing.
    """

    synchronised: bool
    max_error_s: float
    estimate_s: float = 0.0
    left_s: float = 0.0

    @property
    def bound_s(self) -> float:
        """How far UTC may be off by what is said here."""
        stated_s = self.max_error_s if self.estimate_s > 0.0 else max(self.max_error_s, UNSTATED_ERROR_S)
        return stated_s + abs(self.left_s)


@dataclass(frozen=True, slots=True)
class ClockSample:
    """Both clocks at one moment, and the kernel's word; None where it is not allowed to be asked."""

    monotonic_s: float
    utc_s: float
    kernel: KernelClock | None


class ClockFollower:
    """Takes samples of one boot in order and keeps a handful of numbers. steps: times that UTC was set."""

    def __init__(self) -> None:
        self.steps = 0
        self._state = ClockState.UNSYNCED
        self._offset_s: float | None = None
        self._since_s = 0.0
        self._to_come_s = 0.0
        self._best: tuple[float, float] | None = None
        self._stated: tuple[float, float] | None = None

    @property
    def state(self) -> ClockState:
        return self._state

    def take(self, sample: ClockSample) -> None:
        now_s, offset_s = sample.monotonic_s, sample.utc_s - sample.monotonic_s
        first = self._offset_s is None
        if self._offset_s is None or abs(offset_s - self._offset_s) > STEP_S:
            self.steps += not first
            self._offset_s, self._since_s, self._to_come_s = offset_s, now_s, 0.0
            self._best = self._stated = None
        before, self._state = self._state, self._judge(now_s, sample.kernel)
        if self._state is ClockState.SYNCED and before is not ClockState.SYNCED:
            self._since_s = now_s
            if before is ClockState.UNSYNCED and sample.kernel is not None and not first:
                self._to_come_s = sample.kernel.left_s

    def error_s(self, now_s: float) -> float | None:
        """How far UTC may be off now; None if nobody knows."""
        if self._best is None:
            return None
        best_at_s, best_s = self._best
        return best_s + FREE_DRIFT * max(0.0, now_s - best_at_s)

    def known(self, boot_id: str, now_s: float) -> BootOffset | None:
        """What is known of this boot's offset now; None before the first sample."""
        if self._offset_s is None:
            return None
        error_s = self.error_s(now_s)
        error_ms = None if error_s is None else error_s * 1000.0
        return BootOffset(boot_id, self._offset_s + self._to_come_s, self._state, error_ms, self._since_s)

    def _judge(self, now_s: float, kernel: KernelClock | None) -> ClockState:
        if kernel is not None and kernel.synchronised:
            self._note_bound(now_s, kernel.bound_s)
            return ClockState.SYNCED if kernel.max_error_s <= WORST_SYNCED_S else ClockState.HOLDOVER
        return ClockState.UNSYNCED if self._best is None else ClockState.HOLDOVER

    def _note_bound(self, now_s: float, bound_s: float) -> None:
        """Keep the tightest bound, unless the newest is wider than mere waiting makes it: then it is news."""
        news = False
        if self._stated is not None:
            stated_at_s, stated_s = self._stated
            news = bound_s > stated_s + _KERNEL_GROWTH * max(0.0, now_s - stated_at_s) + _NEWS_S
        self._stated = (now_s, bound_s)
        best_s = self.error_s(now_s)
        if news or best_s is None or bound_s <= best_s:
            self._best = (now_s, bound_s)
