"""The files of a telemetry folder: their names, and how much recorded time each holds."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.telemetry.chunk import RECORDED_BYTES, recorded_s_of
from gateway.telemetry.frame import BLOCK_BYTES, HEAD_BYTES, body_length, padded

FOLDER_NAME = "telemetry"
"""Inside the gateway's data folder."""
_NAME = re.compile(r"(\d{8,12})\.agwtel")


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """number: counts up with each new file, so that order needs no clock."""

    path: Path
    number: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment in the count of what is kept. recorded_s: how long the gateway ran while it was written."""

    file: SegmentFile
    recorded_s: int


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.agwtel"


def segment_files(folder: Path) -> list[SegmentFile]:
    """All files with a segment's name, oldest first; none if there is no folder. Raises OSError."""
    found = []
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    for name in names:
        number = _NAME.fullmatch(name)
        if number is None:
            continue
        try:
            size_bytes = (folder / name).stat().st_size
        except FileNotFoundError:  # its seven days ended a moment ago
            continue
        found.append(SegmentFile(folder / name, int(number[1]), size_bytes))
    return sorted(found, key=lambda file: file.number)


def measure(file: SegmentFile) -> Kept | None:
    """How much recorded time is in it, from the heads of its chunks alone.

    None for a file that is none of ours; one that a power cut left empty is ours. Raises OSError.
    """
    recorded_s, frames, offset = 0, 0, 0
    with file.path.open("rb", buffering=0) as opened:
        while offset < file.size_bytes:
            start = os.pread(opened.fileno(), HEAD_BYTES + RECORDED_BYTES, offset)
            length = body_length(start)
            if length is None:
                if frames == 0 and start.strip(b"\0"):
                    return None
                offset += BLOCK_BYTES
                continue
            recorded_s += recorded_s_of(start[HEAD_BYTES:]) if frames else 0
            frames += 1
            offset += padded(HEAD_BYTES + length)
    return Kept(file, recorded_s)


def to_shed(kept: Sequence[Kept], most_s: int, most_bytes: int) -> int:
    """How many of the oldest go: while without them there is still most_s of recorded time, or for room.

    The newest is never among them: it is being written.
    """
    recorded_s = sum(one.recorded_s for one in kept)
    size_bytes = sum(one.file.size_bytes for one in kept)
    shed = 0
    for one in kept[:-1]:
        if recorded_s - one.recorded_s < most_s and size_bytes <= most_bytes:
            break
        recorded_s -= one.recorded_s
        size_bytes -= one.file.size_bytes
        shed += 1
    return shed
