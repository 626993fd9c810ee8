"""The seconds of all sensors between two writes, as columns of bytes, compressed. Pure.

    from_s       i64  monotonic second of the boot at which this stretch began
    length_s     u32  how long the gateway ran in it, whether a sensor was heard or not
    utc_ms       i64  UTC of from_s as the clock stood when this was written (ms since 1970): a label
    clock        u8   0 synced, 1 holdover, 2 unsynced
    error_ms     i32  how far the label may be off, -1: nobody knows
    reported     u16  how many hours' coverage was reported in it
    runs         u16  how many sensors follow
    records      u32  how many seconds
    hours        i32  each reported hour, in hours since 1970 (UTC)
    columns           LZMA1 (raw, lc 0, lp 0, pb 0, dictionary 64 KiB) of, one after the other:
        u16 sensor, u32 records of each run
        u32 step of the second's number, from from_s - 2^31 at the start of a run
        u8  hops | 0x10 level only | 0x20 calibrated
        u8  LAeq, LAFmax, background, each as the difference to the code before it, modulo 256
        u8  vetoes
        u8  scores, a column for each label

Little endian; quantised.py says what a code stands for. Columns of one kind lie together because that is what
compresses best.
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gateway.telemetry.quantised import NONE_CODE, level_code, level_of, score_code, score_of
from gateway.telemetry.second import Second

ClockWord = Literal["synced", "holdover", "unsynced"]
Bytes = NDArray[np.uint8]

_HEAD = struct.Struct("<qIqBiHHI")
_HOUR = struct.Struct("<i")
_CLOCKS: tuple[ClockWord, ...] = ("synced", "holdover", "unsynced")
_FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": 64 * 1024, "lc": 0, "lp": 0, "pb": 0}]
_RUN = np.dtype([("sensor", "<u2"), ("records", "<u4")])
_STEP = np.dtype("<u4")
_ORIGIN = 1 << 31
_HOPS = 0x0F
_LEVEL_ONLY = 0x10
_CALIBRATED = 0x20
_PLAIN_COLUMNS = 5
_LEVEL_COLUMNS = slice(1, 4)
_MOST_ERROR_MS = 0x7FFF_FFFF
_RECORDED = struct.Struct("<8xI")
RECORDED_BYTES = _RECORDED.size


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """When a chunk's seconds were, and what was reported in that time."""

    from_s: int
    length_s: int
    utc_ms: int
    clock: ClockWord
    error_ms: int | None
    reported_hours: tuple[int, ...] = ()

    @property
    def utc_minus_monotonic_s(self) -> float:
        return self.utc_ms / 1000.0 - self.from_s

    @property
    def to_s(self) -> int:
        return self.from_s + self.length_s


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as read. One row a second, sensors one after the other, seconds of each in order.

    sensor: place in the segment's list; number: monotonic second. codes: hops and flags, LAeq, LAFmax,
    background, vetoes, then the scores: (5 + labels, records).
    """

    head: ChunkHead
    sensor: NDArray[np.int64]
    number: NDArray[np.int64]
    codes: Bytes

    @property
    def hops(self) -> Bytes:
        found: Bytes = self.codes[0] & np.uint8(_HOPS)
        return found

    def of_sensor(self, index: int) -> Chunk:
        """The rows of one sensor alone."""
        rows = self.sensor == index
        return Chunk(self.head, self.sensor[rows], self.number[rows], self.codes[:, rows])

    def seconds(self, sensors: Sequence[str], labels: Sequence[str]) -> Iterator[Second]:
        """Each record in full. Levels that were no number come back as -inf."""
        for row, index in enumerate(self.sensor.tolist()):
            flags, laeq, lafmax, ambient, vetoes, *scores = self.codes[:, row].tolist()
            yield Second(
                sensor_id=sensors[index],
                number=int(self.number[row]),
                hops=flags & _HOPS,
                laeq_db=_level(laeq),
                lafmax_db=_level(lafmax),
                ambient_db=level_of(ambient),
                scores=None if flags & _LEVEL_ONLY else _scores(labels, scores),
                calibrated=bool(flags & _CALIBRATED),
                vetoes=vetoes,
            )


@dataclass(frozen=True, slots=True)
class PackedSecond:
    """A second as it is kept: its sensor's place in the segment's list, its number, its codes."""

    sensor: int
    number: int
    codes: bytes


def pack(second: Second, sensor: int, labels: Sequence[str]) -> PackedSecond:
    level_only = second.scores is None
    flags = second.hops | (_LEVEL_ONLY if level_only else 0) | (_CALIBRATED if second.calibrated else 0)
    scores = second.scores or {}
    codes = bytes(
        (
            flags,
            level_code(second.laeq_db),
            level_code(second.lafmax_db),
            level_code(second.ambient_db),
            second.vetoes,
            *(score_code(scores[label]) if label in scores else NONE_CODE for label in labels),
        )
    )
    return PackedSecond(sensor, second.number, codes)


def encode_chunk(head: ChunkHead, seconds: Sequence[PackedSecond], labels: int) -> bytes:
    """seconds: in any order, each with `labels` scores. Raises ValueError for what has not."""
    ordered = sorted(seconds, key=lambda one: (one.sensor, one.number))
    runs = [(sensor, list(group)) for sensor, group in groupby(ordered, lambda one: one.sensor)]
    table = np.array([(sensor, len(group)) for sensor, group in runs], dtype=_RUN)
    origin_s = head.from_s - _ORIGIN
    steps = [
        np.diff([one.number for one in group], prepend=origin_s).astype(_STEP).tobytes() for _, group in runs
    ]
    codes = np.frombuffer(b"".join(one.codes for one in ordered), np.uint8)
    codes = codes.reshape(len(ordered), _PLAIN_COLUMNS + labels).T.copy()
    codes[_LEVEL_COLUMNS] = np.diff(codes[_LEVEL_COLUMNS], axis=1, prepend=np.uint8(0))
    columns = b"".join([table.tobytes(), *steps, codes.tobytes()])
    hours = b"".join(_HOUR.pack(hour) for hour in head.reported_hours)
    return (
        _packed_head(head, len(runs), len(ordered))
        + hours
        + lzma.compress(columns, lzma.FORMAT_RAW, filters=_FILTERS)
    )


def _packed_head(head: ChunkHead, runs: int, records: int) -> bytes:
    return _HEAD.pack(
        head.from_s,
        head.length_s,
        head.utc_ms,
        _CLOCKS.index(head.clock),
        -1 if head.error_ms is None else min(head.error_ms, _MOST_ERROR_MS),
        len(head.reported_hours),
        runs,
        records,
    )


def recorded_s_of(start: bytes) -> int:
    """How long the gateway ran in a chunk, from its first RECORDED_BYTES, unchecked; 0 if there are fewer."""
    return int(_RECORDED.unpack_from(start)[0]) if len(start) >= RECORDED_BYTES else 0


def decode_head(body: bytes) -> ChunkHead | None:
    """The head alone, which needs no decompression; None for what is no chunk."""
    if len(body) < _HEAD.size:
        return None
    from_s, length_s, utc_ms, clock, error_ms, reported, _, _ = _HEAD.unpack_from(body)
    if clock >= len(_CLOCKS) or len(body) < _HEAD.size + reported * _HOUR.size:
        return None
    return ChunkHead(
        from_s,
        length_s,
        utc_ms,
        _CLOCKS[clock],
        None if error_ms < 0 else error_ms,
        struct.unpack_from(f"<{reported}i", body, _HEAD.size),
    )


def decode_chunk(body: bytes, sensors: int, labels: int) -> Chunk | None:
    """sensors, labels: how many the segment's head names. None for what is no chunk of such a segment."""
    head = decode_head(body)
    if head is None:
        return None
    *_, reported, runs, records = _HEAD.unpack_from(body)
    width = _PLAIN_COLUMNS + labels
    columns = _decompressed(
        body[_HEAD.size + reported * _HOUR.size :],
        runs * _RUN.itemsize + records * (_STEP.itemsize + width),
    )
    if columns is None:
        return None
    table = np.frombuffer(columns, _RUN, runs)
    if int(table["records"].sum()) != records or (runs and int(table["sensor"].max()) >= sensors):
        return None
    steps = np.frombuffer(columns, _STEP, records, table.nbytes)
    codes = np.frombuffer(columns, np.uint8, records * width, table.nbytes + steps.nbytes)
    codes = codes.reshape(width, records).copy()
    codes[_LEVEL_COLUMNS] = np.cumsum(codes[_LEVEL_COLUMNS], axis=1, dtype=np.uint8)
    return Chunk(
        head,
        np.repeat(table["sensor"].astype(np.int64), table["records"]),
        _numbers(table["records"], steps, head.from_s - _ORIGIN),
        codes,
    )


def _numbers(run_lengths: NDArray[np.uint32], steps: NDArray[np.uint32], origin_s: int) -> NDArray[np.int64]:
    found = [
        origin_s + np.cumsum(run.astype(np.int64))
        for run in np.split(steps, np.cumsum(run_lengths.astype(np.int64))[:-1])
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _decompressed(packed: bytes, size: int) -> bytes | None:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    try:
        columns = decompressor.decompress(packed, size + 1)
    except lzma.LZMAError:
        return None
    return columns if len(columns) == size else None


def _level(code: int) -> float:
    level_db = level_of(code)
    return float("-inf") if level_db is None else level_db


def _scores(labels: Sequence[str], codes: Sequence[int]) -> dict[str, float]:
    found = ((label, score_of(code)) for label, code in zip(labels, codes, strict=True))
    return {label: score for label, score in found if score is not None}
