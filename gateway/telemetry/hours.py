"""Analysed seconds by sensor and UTC hour, as the labels of stored seconds say. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dsp.layout import HOP_S
from gateway.telemetry.chunk import Chunk, ChunkHead
from gateway.telemetry.segment import SegmentHead

HOUR_S = 3600
_WIDE = 1 << 40


@dataclass
class HourTotals:
    """Hours are counted since 1970. analysed_s: hour -> sensor -> seconds. on_s: how long the gateway ran.

    unsure: hours of which a part was labelled by a clock that was not set.
    """

    analysed_s: dict[int, dict[str, float]] = field(default_factory=dict)
    on_s: dict[int, float] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)

    def add(self, head: SegmentHead, chunk: Chunk) -> None:
        offset_s = chunk.head.utc_minus_monotonic_s
        touched = set()
        for hour, ran_s in _overlaps(chunk.head):
            touched.add(hour)
            self.on_s[hour] = self.on_s.get(hour, 0.0) + ran_s
        for index, at, heard_s in sums(chunk, offset_s, HOUR_S):
            by_sensor = self.analysed_s.setdefault(at, {})
            by_sensor[head.sensors[index]] = by_sensor.get(head.sensors[index], 0.0) + heard_s
            touched.add(at)
        if chunk.head.clock == "unsynced":
            self.unsure |= touched

    def by_hour(self) -> dict[int, dict[str, float]]:
        """analysed_s, with the hours in which the gateway ran and heard nobody."""
        return {hour: self.analysed_s.get(hour, {}) for hour in self.analysed_s.keys() | self.on_s.keys()}

    def forget(self, hour: int) -> None:
        self.analysed_s.pop(hour, None)
        self.on_s.pop(hour, None)


def sums(chunk: Chunk, shift_s: float, span_s: int) -> list[tuple[int, int, float]]:
    """(sensor's place, span, analysed seconds in it) for each span of span_s in which a sensor was heard.

    shift_s is added to the number of each second before it is counted into spans.
    """
    spans = np.floor((chunk.number + shift_s) / span_s).astype(np.int64)
    unique, place = np.unique(chunk.sensor * _WIDE + (spans + _WIDE // 2), return_inverse=True)
    heard_s = np.bincount(place, chunk.hops * HOP_S, len(unique))
    return [
        (key // _WIDE, key % _WIDE - _WIDE // 2, seconds)
        for key, seconds in zip(unique.tolist(), heard_s.tolist(), strict=True)
    ]


def hour_of(utc_s: float) -> int:
    return int(utc_s // HOUR_S)


def _overlaps(head: ChunkHead) -> list[tuple[int, float]]:
    """How long a chunk lasted in each hour in which it did."""
    begin_s = head.utc_ms / 1000.0
    end_s = begin_s + head.length_s
    spans = [
        (hour, min(end_s, (hour + 1) * HOUR_S) - max(begin_s, hour * HOUR_S))
        for hour in range(hour_of(begin_s), hour_of(end_s) + 1)
    ]
    return [(hour, span_s) for hour, span_s in spans if span_s > 0.0]
