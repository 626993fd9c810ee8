"""Bytes to frames and back: COBS between zero bytes, a checked header with an explicit length, CRC-32C.

The decoder does no I/O, knows no clock and never raises on what it is fed: every run of bytes between two
zeros becomes a `Frame` or a `BadFrame`. It remembers at most `MAX_ENCODED` bytes. PROTOCOL.md sections 2 and
3 are the norm. The only place that imports `cobs`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from cobs import cobs

from firmware_bridge.checksum import RESIDUE, crc32c
from firmware_bridge.ledger import ByteLedger

PROTOCOL_VERSION: Final = 1
FLAG_TAG: Final = 0x01
KNOWN_FLAGS: Final = FLAG_TAG

HEADER_SIZE: Final = 12
TAG_SIZE: Final = 8
CRC_SIZE: Final = 4
MAX_PAYLOAD: Final = 240
MAX_FRAME: Final = HEADER_SIZE + MAX_PAYLOAD + TAG_SIZE + CRC_SIZE
MIN_FRAME: Final = HEADER_SIZE + CRC_SIZE
# COBS adds one byte and one more for each full run of 254.
MAX_ENCODED: Final = MAX_FRAME + MAX_FRAME // 254 + 1
MAX_WIRE: Final = MAX_ENCODED + 1
DELIMITER: Final = b"\0"

_HEADER = struct.Struct("<BBBBII")
_CRC = struct.Struct("<I")
_VERSION_BITS: Final = PROTOCOL_VERSION << 4
_UNTAGGED_OVERHEAD: Final = HEADER_SIZE + CRC_SIZE


class Frame(NamedTuple):
    """One frame that passed every check of framing; its payload is not looked at yet.

    A named tuple and not a dataclass because one is made per frame: it is immutable too and costs a fifth.
    type: message number; flags: low four header bits; address: 0 on a point-to-point line; epoch: the
    sender's boot; seq: its frame count in that boot, modulo 2**32; tag: b"" or eight bytes.
    """

    type: int
    flags: int
    address: int
    epoch: int
    seq: int
    payload: bytes
    tag: bytes = b""


class BadReason(StrEnum):
    """Why bytes were not taken as a frame; also the name of their counter in `ByteLedger`."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    BAD_COBS = "bad_cobs"
    BAD_CHECKSUM = "bad_checksum"
    BAD_VERSION = "bad_version"
    BAD_FLAGS = "bad_flags"
    BAD_LENGTH = "bad_length"
    BAD_PAYLOAD = "bad_payload"


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Bytes that are no frame.

    raw: as received, delimiter included (for `bad_payload`: the frame encoded anew).
    A run longer than `MAX_ENCODED` comes as several `too_long` pieces of at most `MAX_WIRE` bytes.
    """

    reason: BadReason
    raw: bytes


def encode_frame(frame: Frame) -> bytes:
    """The bytes of `frame` on the wire, closing zero included. ValueError if a field does not fit."""
    length = len(frame.payload)
    if length > MAX_PAYLOAD:
        raise ValueError(f"payload of {length} bytes, the limit is {MAX_PAYLOAD}")
    if frame.flags & ~0x0F:
        raise ValueError(f"flags {frame.flags:#x} do not fit in four bits")
    if len(frame.tag) != (TAG_SIZE if frame.flags & FLAG_TAG else 0):
        raise ValueError(f"tag of {len(frame.tag)} bytes with flags {frame.flags:#x}")
    try:
        header = _HEADER.pack(
            _VERSION_BITS | frame.flags, frame.type, length, frame.address, frame.epoch, frame.seq
        )
    except struct.error as error:
        raise ValueError(f"header field out of range in {frame}: {error}") from error
    checked = header + frame.payload + frame.tag
    encoded: bytes = cobs.encode(checked + _CRC.pack(crc32c(checked)))
    return encoded + DELIMITER


def _decode_run(run: bytes) -> Frame | BadReason:
    """Decode the bytes between two delimiters (1..MAX_ENCODED of them)."""
    try:
        raw: bytes = cobs.decode(run)
    except cobs.DecodeError:
        return BadReason.BAD_COBS
    size = len(raw)
    if size < MIN_FRAME:
        return BadReason.TOO_SHORT
    # The checksum comes first: the header of damaged bytes means nothing.
    if crc32c(raw) != RESIDUE:
        return BadReason.BAD_CHECKSUM
    first, kind, length, address, epoch, seq = _HEADER.unpack_from(raw)
    if first == _VERSION_BITS and size == length + _UNTAGGED_OVERHEAD and length <= MAX_PAYLOAD:
        return Frame(kind, 0, address, epoch, seq, raw[HEADER_SIZE:-CRC_SIZE])
    flags = first & 0x0F
    if first >> 4 != PROTOCOL_VERSION:
        return BadReason.BAD_VERSION
    if flags & ~KNOWN_FLAGS:
        return BadReason.BAD_FLAGS
    tag_size = TAG_SIZE if flags & FLAG_TAG else 0
    if length > MAX_PAYLOAD or size != length + _UNTAGGED_OVERHEAD + tag_size:
        return BadReason.BAD_LENGTH
    end = HEADER_SIZE + length
    return Frame(kind, flags, address, epoch, seq, raw[HEADER_SIZE:end], raw[end : end + tag_size])


class Decoder:
    """Cuts a byte stream into frames, however it is chunked, and books every byte in `ledger`."""

    __slots__ = ("_inside_too_long", "_pending", "ledger")

    def __init__(self, ledger: ByteLedger | None = None) -> None:
        self.ledger = ByteLedger() if ledger is None else ledger
        self._pending = b""
        self._inside_too_long = False

    @property
    def pending(self) -> int:
        """Bytes held back because their delimiter has not come yet (at most `MAX_ENCODED`)."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> list[Frame | BadFrame]:
        """Take any bytes; return what they completed, in order. Zeros between frames are not errors."""
        ledger = self.ledger
        runs = (self._pending + chunk).split(DELIMITER)
        self._pending = runs.pop()
        found: list[Frame | BadFrame] = []
        for run in runs:
            size = len(run)
            if self._inside_too_long or size > MAX_ENCODED:
                rest = self._cut_too_long(run, found)
                self._inside_too_long = False
                if rest:
                    self._reject(BadReason.TOO_LONG, rest + DELIMITER, found)
                else:
                    ledger.delimiter += 1
            elif size:
                result = _decode_run(run)
                if isinstance(result, Frame):
                    ledger.good_frame += size + 1
                    found.append(result)
                else:
                    self._reject(result, run + DELIMITER, found)
            else:
                ledger.delimiter += 1
        if len(self._pending) > MAX_ENCODED:
            self._pending = self._cut_too_long(self._pending, found)
        ledger.pending = len(self._pending)
        return found

    def discard_pending(self) -> None:
        """Forget a half-received frame because its port closed; its bytes are booked as `cut_off`."""
        self.ledger.cut_off += len(self._pending)
        self.ledger.pending = 0
        self._pending = b""
        self._inside_too_long = False

    def _cut_too_long(self, run: bytes, found: list[Frame | BadFrame]) -> bytes:
        """Reject whole pieces of `MAX_WIRE` bytes, so that memory stays bounded; return what is left."""
        while len(run) > MAX_ENCODED:
            self._reject(BadReason.TOO_LONG, run[:MAX_WIRE], found)
            run = run[MAX_WIRE:]
            self._inside_too_long = True
        return run

    def _reject(self, reason: BadReason, raw: bytes, found: list[Frame | BadFrame]) -> None:
        self.ledger.book_bad(reason, len(raw))
        found.append(BadFrame(reason, raw))
