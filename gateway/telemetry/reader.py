"""Reads a telemetry folder, also while a gateway writes to it: in order, passing over what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import GatewayError
from gateway.telemetry.chunk import Chunk, ClockWord, decode_chunk
from gateway.telemetry.files import FOLDER_NAME, SegmentFile, measure, segment_files
from gateway.telemetry.frame import FrameKind, Torn, frames
from gateway.telemetry.second import Second
from gateway.telemetry.segment import SegmentHead, decode_head

MOST_SEGMENT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """One file as read. torn: stretches that could not be read, and passed over.

    head: None for a file that is not ours or whose head is damaged; then it has no chunks.
    """

    file: SegmentFile
    head: SegmentHead | None
    chunks: tuple[Chunk, ...]
    torn: int


@dataclass(frozen=True, slots=True)
class StoredSecond:
    """A second as it comes back, with what its times are worth. utc_s: a label, never to order by."""

    second: Second
    boot_id: str
    utc_s: float
    clock: ClockWord
    error_ms: int | None
    model_id: str | None


class TelemetryError(GatewayError):
    """There is no telemetry to be read."""


def read_segment(file: SegmentFile, *, newest: bool) -> Segment | None:
    """One file; None if it went away meanwhile. newest: its torn end is what is being written.

    Raises OSError.
    """
    try:
        with file.path.open("rb") as opened:
            content = opened.read(MOST_SEGMENT_BYTES)
    except FileNotFoundError:
        return None
    head: SegmentHead | None = None
    chunks: list[Chunk] = []
    torn = 0
    for found in frames(content):
        if isinstance(found, Torn):
            torn += not (newest and found.at_end)
        elif head is None:
            head = decode_head(found.body) if found.kind == FrameKind.SEGMENT else None
            if head is None:
                return Segment(file, None, (), 1)
        elif found.kind == FrameKind.SECONDS:
            chunk = decode_chunk(found.body, len(head.sensors), len(head.labels))
            torn += chunk is None
            chunks += () if chunk is None else (chunk,)
    if head is None and not newest:
        torn = 1
    return Segment(file, head, tuple(chunks), torn)


class TelemetryReader:
    """All that is kept in one data folder, oldest first. torn: passed over so far, by file name."""

    def __init__(self, data_dir: Path) -> None:
        """Raises TelemetryError when there is nothing to read."""
        self._folder = data_dir / FOLDER_NAME
        self.torn: dict[str, int] = {}
        try:
            self.files = segment_files(self._folder)
        except OSError as problem:
            raise _unreadable(self._folder, problem) from problem
        if not self.files:
            raise TelemetryError(
                "no telemetry is kept here",
                where=str(self._folder),
                hint="It is written by a running gateway; is [gateway] data_dir the one that it uses?",
            )

    def segments(self, last_s: int | None = None) -> Iterator[Segment]:
        """Oldest first; last_s: only the chunks of so much recorded time at the end.

        Raises TelemetryError for a file that may not be read.
        """
        files, too_much_s = (self.files, 0) if last_s is None else self._newest(last_s)
        for file in files:
            try:
                segment = read_segment(file, newest=file is self.files[-1])
            except OSError as problem:
                raise _unreadable(file.path, problem) from problem
            if segment is None:
                continue
            if segment.torn:
                self.torn[file.path.name] = segment.torn
            chunks = list(segment.chunks)
            while chunks and 0 < chunks[0].head.length_s <= too_much_s:
                too_much_s -= chunks.pop(0).head.length_s
            too_much_s = 0 if chunks else too_much_s
            yield replace(segment, chunks=tuple(chunks))

    def seconds(self, sensor_id: str | None = None, last_s: int | None = None) -> Iterator[StoredSecond]:
        """Every second of one sensor or of all: in the order of writing, of each sensor in order of time."""
        for segment in self.segments(last_s):
            if segment.head is not None:
                for chunk in segment.chunks:
                    yield from _labelled(segment.head, chunk, sensor_id)

    def _newest(self, last_s: int) -> tuple[list[SegmentFile], int]:
        """The newest files that hold last_s of recorded time, and how much more they hold."""
        count, recorded_s = 0, 0
        for file in reversed(self.files):
            if recorded_s >= last_s:
                break
            count += 1
            try:
                kept = measure(file)
            except OSError:  # reading it will say why
                continue
            recorded_s += 0 if kept is None else kept.recorded_s
        return self.files[len(self.files) - count :], max(0, recorded_s - last_s)


def _labelled(head: SegmentHead, chunk: Chunk, sensor_id: str | None) -> Iterator[StoredSecond]:
    if sensor_id is not None:
        if sensor_id not in head.sensors:
            return
        chunk = chunk.of_sensor(head.sensors.index(sensor_id))
    for second in chunk.seconds(head.sensors, head.labels):
        yield StoredSecond(
            second,
            head.boot_id,
            second.number + chunk.head.utc_minus_monotonic_s,
            chunk.head.clock,
            chunk.head.error_ms,
            head.model_id,
        )


def _unreadable(path: Path, problem: OSError) -> TelemetryError:
    return TelemetryError(
        f"cannot be read: {problem.strerror}",
        where=str(path),
        hint="Run this as the gateway's user, or as root",
    )
