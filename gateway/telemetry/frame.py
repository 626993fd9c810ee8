"""Bytes of a segment file: frames that begin at block boundaries, each with its own checksum. Pure.

    magic   4 bytes b"AGT1"
    kind    u8      1 head of the segment, 2 chunk of seconds
    spare   3 bytes zero
    length  u32     of the body
    crc     u32     CRC-32 of kind, spare, length and body
    body
    zeros   up to the next multiple of 4096

Little endian. A frame begins on a block of its own, so that writing one never touches a block in which an
older one lies: a power cut can tear the newest frame and no other. A reader that finds a torn one says so and
looks for the next frame at the following block boundaries. Damage is a value here, never an exception.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

BLOCK_BYTES = 4096
MAGIC = b"AGT1"
MOST_BODY_BYTES = 16 * 1024 * 1024
_HEAD = struct.Struct("<4sB3xII")
_CHECKED = slice(4, 12)
HEAD_BYTES = _HEAD.size


class FrameKind(IntEnum):
    SEGMENT = 1
    SECONDS = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose checksum is right. kind may be one that a later release knows."""

    kind: int
    body: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes from `offset` on that are no frame. at_end: no frame follows, as when the power was cut."""

    offset: int
    at_end: bool


def frame_bytes(kind: FrameKind, body: bytes) -> bytes:
    """A whole frame with its padding."""
    if len(body) > MOST_BODY_BYTES:
        raise ValueError(f"a body of {len(body)} bytes; at most {MOST_BODY_BYTES}")
    head = _HEAD.pack(MAGIC, kind, len(body), 0)
    frame = _HEAD.pack(MAGIC, kind, len(body), _checksum(head, body)) + body
    return frame + b"\0" * (-len(frame) % BLOCK_BYTES)


def frames(content: bytes) -> Iterator[Frame | Torn]:
    """All frames of a file in order, and a value for each stretch that is none."""
    offset = 0
    torn_at: int | None = None
    while offset < len(content):
        frame = _frame_at(content, offset)
        if frame is None:
            torn_at = offset if torn_at is None else torn_at
            offset += BLOCK_BYTES
            continue
        if torn_at is not None:
            yield Torn(torn_at, at_end=False)
            torn_at = None
        yield frame
        offset += padded(HEAD_BYTES + len(frame.body))
    if torn_at is not None:
        yield Torn(torn_at, at_end=True)


def padded(size: int) -> int:
    """The size with its padding to whole blocks."""
    return size + -size % BLOCK_BYTES


def body_length(head: bytes) -> int | None:
    """What the first HEAD_BYTES of a frame say of its body's length, unchecked; None if it is no frame."""
    if len(head) < HEAD_BYTES:
        return None
    magic, _, length, _ = _HEAD.unpack_from(head)
    return int(length) if magic == MAGIC and length <= MOST_BODY_BYTES else None


def _frame_at(content: bytes, offset: int) -> Frame | None:
    head = content[offset : offset + HEAD_BYTES]
    length = body_length(head)
    if length is None:
        return None
    body = content[offset + HEAD_BYTES : offset + HEAD_BYTES + length]
    _, kind, _, crc = _HEAD.unpack(head)
    if len(body) < length or crc != _checksum(head, body):
        return None
    return Frame(kind, body, offset)


def _checksum(head: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(head[_CHECKED]))
