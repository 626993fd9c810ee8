"""UTC labels put right after the fact: what an alert's times would be by what is known now.

Theory of operation. Order and age come from one clock that never jumps (monotonic, of one boot). UTC is a
label on top of it: monotonic + offset, with the offset as it stood when the alert was made. When the gateway
booted with a clock that was wrong and time is found later, the offset jumps, and every alert of that boot
that still waits is wrong by exactly that jump. So the row keeps its boot, its monotonic instant and the
offset that its labels were made with, and at sending the labels are moved by (offset known now - offset
then). Between two boots only a kept final offset of the earlier one (`BootOffset`) can do that.

A label is never exchanged for a worse one: an alert that was made while the clock was synchronised keeps its
times when the clock is lost afterwards, whatever the clock says then. Moves of at most `UNMARKED_MS` are
left alone. What cannot be put right (a boot that nobody kept, a year that cannot be written) leaves as it
was stored, which says of itself how good it was.

What remains after a move: while nothing disciplined it, the monotonic clock itself ran as fast as its
crystal, so an alert made `t` seconds before time was found is off by up to `FREE_DRIFT` * t. The stated error
holds that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from gateway.alerts import clock_of
from gateway.contract.instants import utc_seconds, utc_text
from gateway.contract.types import Alert, Clock, Timeline, replace
from gateway.contract.vocabulary import ClockState

UNMARKED_MS: Final = 5
"""A smaller change of the offset moves nothing and is not marked."""

FREE_DRIFT: Final = 100e-6
"""How fast a clock that nothing disciplines may run off: twice what crystals are sold with (50 ppm)."""

_RANK = {ClockState.UNSYNCED: 0, ClockState.HOLDOVER: 1, ClockState.SYNCED: 2}


@dataclass(frozen=True, slots=True)
class StoredInstant:
    """When an alert was made: monotonic_s on the clock of that boot, and UTC minus monotonic then."""

    boot_id: str
    monotonic_s: float
    utc_offset_s: float


@dataclass(frozen=True, slots=True)
class BootOffset:
    """UTC minus monotonic of one boot, in seconds, as best known. error_ms: None if nobody knows.

    since_s: monotonic instant of that boot from which this holds, None if that was not kept. What was made
    after it was labelled with it; if its label is worse, then because the clock was lost again.
    """

    boot_id: str
    offset_s: float
    state: ClockState
    error_ms: float | None
    since_s: float | None = None


def age_s(stored: StoredInstant, boot_id: str, monotonic_s: float) -> float | None:
    """Seconds since then, by the monotonic clock of boot `boot_id`; None for another boot's instant."""
    if stored.boot_id != boot_id:
        return None
    return max(0.0, monotonic_s - stored.monotonic_s)


def worth_keeping(kept: BootOffset | None, now: BootOffset) -> bool:
    """Whether `now` should replace what is kept of this boot: better or moved, and never worse."""
    if kept is None:
        return True
    if kept.state is not now.state:
        return _RANK[now.state] > _RANK[kept.state]
    return now.state is not ClockState.HOLDOVER and _moved_ms(kept.offset_s, now.offset_s) is not None


def relabelled(
    alert: Alert, stored: StoredInstant, now: BootOffset, boots: Mapping[str, BootOffset]
) -> Alert:
    """The alert with its times by the best offset known: `now` for this boot, else `boots`. Never raises.

    `published_utc` is not a stored time and stays as it is.
    """
    known = now if stored.boot_id == now.boot_id else boots.get(stored.boot_id)
    if known is None or not isfinite(known.offset_s) or _made_since(stored, known):
        return alert
    if _RANK[known.state] < _RANK[alert.clock.state]:
        return alert
    moved_ms = _moved_ms(stored.utc_offset_s, known.offset_s)
    if known.state is alert.clock.state and (moved_ms is None or known.state is ClockState.HOLDOVER):
        return alert
    quality = clock_of(known.state, _error_ms(known, stored, alert.clock))
    if moved_ms is None:
        return replace(alert, clock=quality)
    try:
        return _moved(alert, moved_ms, replace(quality, corrected_ms=moved_ms))
    except ValueError:  # beyond the years 1 to 9999, or a stored time that is none
        return alert


def _made_since(stored: StoredInstant, known: BootOffset) -> bool:
    return known.since_s is not None and stored.monotonic_s > known.since_s


def _moved_ms(from_s: float, to_s: float) -> int | None:
    """By how much a change of offset moves a label; None if it is not worth it."""
    moved_ms = round((to_s - from_s) * 1000.0)
    return moved_ms if abs(moved_ms) > UNMARKED_MS else None


def _error_ms(known: BootOffset, stored: StoredInstant, then: Clock) -> float | None:
    """How good a label of then is by what is known: that offset's own error, and the drift until it held."""
    if known.error_ms is None:
        return None
    left_alone_ms = UNMARKED_MS if _moved_ms(stored.utc_offset_s, known.offset_s) is None else 0
    if then.state is ClockState.SYNCED or known.since_s is None:
        return known.error_ms + left_alone_ms
    return known.error_ms + left_alone_ms + FREE_DRIFT * 1000.0 * max(0.0, known.since_s - stored.monotonic_s)


def _moved(alert: Alert, by_ms: int, clock: Clock) -> Alert:
    return replace(
        alert,
        sound_onset_utc=_later(alert.sound_onset_utc, by_ms),
        last_evidence_utc=_later(alert.last_evidence_utc, by_ms),
        detected_utc=_later(alert.detected_utc, by_ms),
        timeline=None if alert.timeline is None else _later_timeline(alert.timeline, by_ms),
        clock=clock,
    )


def _later_timeline(timeline: Timeline, by_ms: int) -> Timeline:
    return replace(timeline, start_utc=_later(timeline.start_utc, by_ms))


def _later(utc: str, by_ms: int) -> str:
    return utc_text(utc_seconds(utc) + by_ms / 1000.0)
