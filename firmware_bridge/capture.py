"""The capture file (`.agwcap`): what a port saw, with where it came from. Format and reader.

    magic    8 bytes  b"AGWCAP1\\n"; another digit is another major version
    header   u32 length, u32 CRC-32C of the text, UTF-8 JSON (see `CaptureHeader`), ending in a newline
    chunks   until the end of the file, each
             u8 marker 0xA5, u8 kind (1: bytes from the sensor), u16 length, u64 t_us, u32 CRC-32C, bytes

Little endian. `t_us` is monotonic microseconds since the start; the CRC covers the 12 bytes before it and the
bytes after it. A reader skips kinds it does not know and header fields it does not know, so both may grow.
A file that was cut reads up to the cut and says so: damage is a value here, never an exception. Only the
operating system's own errors (no such file, no permission) are raised, as OSError.
"""

from __future__ import annotations

import enum
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, BinaryIO

from firmware_bridge.checksum import crc32c

SUFFIX = ".agwcap"
MAGIC = b"AGWCAP1\n"
MAX_CHUNK_BYTES = 0xFFFF
KIND_FROM_SENSOR = 1

_MAGIC_STEM = b"AGWCAP"
_MAX_HEADER_BYTES = 64 * 1024
_MARKER = 0xA5
_HEADER_HEAD = struct.Struct("<II")
_CHUNK_HEAD = struct.Struct("<BBHQ")
_CRC = struct.Struct("<I")
_CHUNK_HEAD_BYTES = _CHUNK_HEAD.size + _CRC.size


@dataclass(frozen=True, slots=True)
class Source:
    """One recording that a made capture comes from."""

    dataset: str
    clip: str
    licence: str
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class CaptureHeader:
    """Where a capture comes from.

    what: one line for people; origin: port or data set; licence: of the content; made_by: the command;
    layout: feature layout, None if not known when the file was begun (the hello inside tells);
    sensor: its serial number, "" likewise; name and label: of the sound, for libraries of sounds;
    full_scale_db: dB SPL of a full-scale sine; created_utc: ISO 8601,
    "" in files that must come out the same every time.
    """

    what: str
    origin: str
    licence: str
    made_by: str
    layout: int | None = None
    sensor: str = ""
    name: str = ""
    label: str = ""
    full_scale_db: float | None = None
    sources: tuple[Source, ...] = ()
    created_utc: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that arrived together, `t_us` microseconds after the start."""

    t_us: int
    data: bytes


class Damage(enum.Enum):
    """What is wrong with a capture file."""

    NOT_A_CAPTURE = "not_a_capture"
    OTHER_VERSION = "other_version"
    BAD_HEADER = "bad_header"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class CaptureProblem:
    """Why reading stopped before the end: what kind of damage, at which byte of the file, and the detail."""

    damage: Damage
    offset: int
    detail: str

    def __str__(self) -> str:
        return f"{self.damage.value} at byte {self.offset}: {self.detail}"


class CaptureReader:
    """Chunks of an open capture, in order; iterate once, then look at `problem`."""

    def __init__(self, header: CaptureHeader, file: BinaryIO, offset: int) -> None:
        self.header = header
        self.problem: CaptureProblem | None = None
        self._file = file
        self._offset = offset

    def __enter__(self) -> CaptureReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; reading on is misuse."""
        self._file.close()

    def __iter__(self) -> Iterator[Chunk]:
        while self.problem is None:
            head = self._file.read(_CHUNK_HEAD_BYTES)
            if not head:
                return
            record = self._record(head)
            if isinstance(record, CaptureProblem):
                self.problem = record
                return
            kind, chunk = record
            self._offset += len(head) + len(chunk.data)
            if kind == KIND_FROM_SENSOR:
                yield chunk

    def _record(self, head: bytes) -> tuple[int, Chunk] | CaptureProblem:
        if not any(head):
            # What a journalling file system leaves of the last writes before a power cut.
            return CaptureProblem(Damage.TRUNCATED, self._offset, "zeros to the end")
        if head[0] != _MARKER:
            return CaptureProblem(Damage.CORRUPT, self._offset, f"no chunk marker, but 0x{head[0]:02x}")
        if len(head) < _CHUNK_HEAD_BYTES:
            return CaptureProblem(Damage.TRUNCATED, self._offset, "cut inside a chunk's head")
        _marker, kind, length, t_us = _CHUNK_HEAD.unpack_from(head)
        data = self._file.read(length)
        if len(data) < length:
            return CaptureProblem(Damage.TRUNCATED, self._offset, f"cut after {len(data)} of {length} bytes")
        if _CRC.unpack_from(head, _CHUNK_HEAD.size)[0] != crc32c(head[: _CHUNK_HEAD.size] + data):
            return CaptureProblem(Damage.CORRUPT, self._offset, "checksum of the chunk is wrong")
        return kind, Chunk(t_us, data)


def open_capture(path: str | os.PathLike[str]) -> CaptureReader | CaptureProblem:
    """Open a capture for reading; OSError only where the operating system refuses the file itself."""
    file = open(path, "rb")  # noqa: SIM115 - the reader keeps it and is the context manager
    opened = _read_header(file)
    if isinstance(opened, CaptureProblem):
        file.close()
        return opened
    header, offset = opened
    return CaptureReader(header, file, offset)


def encode_header(header: CaptureHeader) -> bytes:
    """Magic and header as they stand at the beginning of the file."""
    text = json.dumps(asdict(header), ensure_ascii=False).encode() + b"\n"
    if len(text) > _MAX_HEADER_BYTES:
        raise ValueError(f"a capture's header is at most {_MAX_HEADER_BYTES} bytes, this one has {len(text)}")
    return MAGIC + _HEADER_HEAD.pack(len(text), crc32c(text)) + text


def encode_chunk(chunk: Chunk, kind: int = KIND_FROM_SENSOR) -> bytes:
    """One chunk as it stands in the file; at most `MAX_CHUNK_BYTES` of data."""
    if len(chunk.data) > MAX_CHUNK_BYTES:
        raise ValueError(f"a chunk holds at most {MAX_CHUNK_BYTES} bytes, not {len(chunk.data)}")
    head = _CHUNK_HEAD.pack(_MARKER, kind, len(chunk.data), chunk.t_us)
    return head + _CRC.pack(crc32c(head + chunk.data)) + chunk.data


def _read_header(file: BinaryIO) -> tuple[CaptureHeader, int] | CaptureProblem:
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        if magic.startswith(_MAGIC_STEM) and len(magic) == len(MAGIC):
            return CaptureProblem(Damage.OTHER_VERSION, 0, f"format version {magic[6:7]!r}, not 1")
        if magic and MAGIC.startswith(magic):
            return CaptureProblem(Damage.TRUNCATED, 0, "cut inside the first bytes")
        detail = f"begins with {magic!r}" if magic else "empty file"
        return CaptureProblem(Damage.NOT_A_CAPTURE, 0, detail)
    start = len(MAGIC)
    head = file.read(_HEADER_HEAD.size)
    if len(head) < _HEADER_HEAD.size:
        return CaptureProblem(Damage.TRUNCATED, start, "cut before the header")
    length, checksum = _HEADER_HEAD.unpack(head)
    if length > _MAX_HEADER_BYTES:
        return CaptureProblem(Damage.BAD_HEADER, start, f"says it has {length} bytes")
    text = file.read(length)
    if len(text) < length:
        return CaptureProblem(Damage.TRUNCATED, start, f"cut after {len(text)} of {length} bytes of header")
    if crc32c(text) != checksum:
        return CaptureProblem(Damage.BAD_HEADER, start, "checksum of the header is wrong")
    header = _parse_header(text)
    if isinstance(header, str):
        return CaptureProblem(Damage.BAD_HEADER, start, header)
    return header, start + _HEADER_HEAD.size + length


def _parse_header(text: bytes) -> CaptureHeader | str:
    """The header, or what is wrong with it."""
    try:
        fields = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        return f"not JSON: {error}"
    if not isinstance(fields, dict):
        return "not a JSON object"
    texts = {}
    for name in ("what", "origin", "licence", "made_by", "sensor", "name", "label", "created_utc", "note"):
        value = fields.get(name, "")
        if not isinstance(value, str):
            return f"{name} is not text"
        texts[name] = value
    layout, full_scale_db = fields.get("layout"), fields.get("full_scale_db")
    if not (layout is None or type(layout) is int):
        return "layout is not a whole number"
    if not (full_scale_db is None or type(full_scale_db) in (int, float)):
        return "full_scale_db is not a number"
    sources = _parse_sources(fields.get("sources", []))
    if isinstance(sources, str):
        return sources
    scale = None if full_scale_db is None else float(full_scale_db)
    return CaptureHeader(**texts, layout=layout, full_scale_db=scale, sources=sources)


def _parse_sources(values: Any) -> tuple[Source, ...] | str:
    if not isinstance(values, list):
        return "sources is not a list"
    sources = []
    for value in values:
        if not isinstance(value, dict):
            return "a source is not an object"
        texts = [value.get(name, "") for name in ("dataset", "clip", "licence", "source_id")]
        if not all(isinstance(text, str) for text in texts):
            return "a source's field is not text"
        sources.append(Source(*texts))
    return tuple(sources)
