"""What a gateway that starts must know of the time before: how long it was deaf, and what it had told.

Seconds of this boot are placed by the monotonic clock. Those of an earlier boot have nothing but their label:
they count in the last hour only if the clock was set then and now and the label lies before this boot; else
that hour begins with this run, for nobody can say how long the machine was off.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gateway.telemetry.chunk import Chunk, ClockWord
from gateway.telemetry.files import FOLDER_NAME, segment_files
from gateway.telemetry.hours import HourTotals, hour_of, sums
from gateway.telemetry.reader import Segment, read_segment
from gateway.telemetry.segment import SegmentHead

log = logging.getLogger(__name__)

READ_BACK_S = 2 * 3600
"""An hour of coverage, and an hour that may not have been reported."""
MOST_FILES = 400
_MINUTE_S = 60
_SAME_INSTANT_S = 1.0


@dataclass(frozen=True, slots=True)
class Present:
    """The moment at which the past is looked at."""

    boot_id: str
    monotonic_s: float
    utc_s: float
    clock: ClockWord


@dataclass
class Past:
    """known_since_s, heard: by sensor, on this boot's monotonic axis (before it: negative).

    heard: (begin of a minute, analysed seconds in it). hours: those that can be told in full.
    last_numbers: the newest second of each sensor in this boot. torn: stretches passed over.
    """

    known_since_s: dict[str, float] = field(default_factory=dict)
    heard: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    hours: HourTotals = field(default_factory=HourTotals)
    reported_hours: list[int] = field(default_factory=list)
    last_numbers: dict[str, int] = field(default_factory=dict)
    torn: int = 0


def read_back(data_dir: Path, now: Present) -> Past:
    """The newest two hours of recorded time. A folder that cannot be read is an empty past, and logged."""
    past = Past()
    try:
        segments, all_read = _newest_segments(data_dir, past)
    except OSError as problem:
        log.error("what was heard before cannot be read: %s", problem)
        return Past()
    shifts_s = _shifts_s(segments, now)
    begun_hour: int | None = None
    for segment in segments:
        assert segment.head is not None
        past.reported_hours += segment.head.reported_hours
        for chunk in segment.chunks:
            if begun_hour is None:
                begun_hour = hour_of(chunk.head.from_s + chunk.head.utc_minus_monotonic_s)
            past.hours.add(segment.head, chunk)
            boot_id = segment.head.boot_id
            _place(past, segment.head, chunk, shifts_s.get(boot_id), this_boot=boot_id == now.boot_id)
            past.reported_hours += chunk.head.reported_hours
    past.reported_hours = list(dict.fromkeys(past.reported_hours))
    if begun_hour is not None and not all_read:
        past.hours.forget(begun_hour)  # it may have begun in a file that was not looked at
    return past


def _newest_segments(data_dir: Path, past: Past) -> tuple[list[Segment], bool]:
    """Oldest first, and whether that is all there is."""
    files = segment_files(data_dir / FOLDER_NAME)
    found: list[Segment] = []
    recorded_s, looked_at = 0, 0
    for file in reversed(files[-MOST_FILES:]):
        if recorded_s >= READ_BACK_S:
            break
        looked_at += 1
        segment = read_segment(file, newest=False)
        if segment is None:
            continue
        past.torn += segment.torn
        if segment.head is not None:
            found.append(segment)
            recorded_s += sum(chunk.head.length_s for chunk in segment.chunks)
    return found[::-1], looked_at == len(files)


def _place(past: Past, head: SegmentHead, chunk: Chunk, shift_s: float | None, *, this_boot: bool) -> None:
    if this_boot:
        for index in np.unique(chunk.sensor).tolist():
            newest = int(chunk.number[chunk.sensor == index].max())
            sensor_id = head.sensors[index]
            past.last_numbers[sensor_id] = max(past.last_numbers.get(sensor_id, -1), newest)
    if shift_s is None:
        return
    since_s = chunk.head.from_s + shift_s
    for sensor_id in head.sensors:
        past.known_since_s[sensor_id] = min(past.known_since_s.get(sensor_id, since_s), since_s)
    for index, minute, heard_s in sums(chunk, shift_s, _MINUTE_S):
        past.heard.setdefault(head.sensors[index], []).append((float(minute * _MINUTE_S), heard_s))


def _shifts_s(segments: list[Segment], now: Present) -> dict[str, float]:
    """What to add to the seconds of each boot to have them on this one's axis.

    An earlier boot is placed by the newest label that its clock, then set, gave it; one that cannot be placed
    is left out.
    """
    shifts_s = {now.boot_id: 0.0}
    ends_s: dict[str, int] = {}
    for segment in segments:
        assert segment.head is not None
        boot_id = segment.head.boot_id
        for chunk in segment.chunks:
            ends_s[boot_id] = max(ends_s.get(boot_id, 0), chunk.head.to_s)
            if boot_id != now.boot_id and "unsynced" not in (chunk.head.clock, now.clock):
                shifts_s[boot_id] = chunk.head.utc_minus_monotonic_s - (now.utc_s - now.monotonic_s)
    return {
        boot_id: shift_s
        for boot_id, shift_s in shifts_s.items()
        if boot_id == now.boot_id or ends_s[boot_id] + shift_s <= _SAME_INSTANT_S
    }
