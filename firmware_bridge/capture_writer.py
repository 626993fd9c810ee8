"""Writing captures so that a crash, a full disk or a power cut costs the last second at most.

The header appears whole or not at all (written aside, synced, renamed). Chunks are appended whole, one write
each, and synced at most once in `SYNC_INTERVAL_S` and on close. If a write fails, the file is cut back to its
last whole chunk and the OSError goes to the caller.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from firmware_bridge.capture import MAX_CHUNK_BYTES, CaptureHeader, Chunk, encode_chunk, encode_header

SYNC_INTERVAL_S = 1.0


class CaptureWriter:
    """An open capture; made by `create_capture`. One thread."""

    def __init__(self, fd: int, size: int, monotonic: Callable[[], float]) -> None:
        self._fd = fd
        self._size = size
        self._monotonic = monotonic
        self._synced_s = monotonic()
        self._dirty = False
        self._last_t_us = 0

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        """Bytes of the file that are whole: header and chunks."""
        return self._size

    def write(self, t_us: int, data: bytes) -> None:
        """Append bytes that arrived `t_us` microseconds after the start; OSError leaves the file whole.

        t_us must not go back (ValueError). More than a chunk can hold becomes several with the same time.
        """
        if self._fd < 0:
            raise ValueError("this capture is closed")
        if t_us < self._last_t_us:
            raise ValueError(f"time in a capture goes forward: {t_us} us after {self._last_t_us} us")
        self._last_t_us = t_us
        for start in range(0, len(data), MAX_CHUNK_BYTES):
            self._append(encode_chunk(Chunk(t_us, data[start : start + MAX_CHUNK_BYTES])))
        if self._monotonic() - self._synced_s >= SYNC_INTERVAL_S:
            self.sync()

    def sync(self) -> None:
        """Put on disk what was written."""
        if self._dirty:
            os.fdatasync(self._fd)
            self._dirty = False
        self._synced_s = self._monotonic()

    def close(self) -> None:
        """Sync and close; a second call does nothing."""
        if self._fd < 0:
            return
        try:
            self.sync()
        finally:
            os.close(self._fd)
            self._fd = -1

    def _append(self, record: bytes) -> None:
        try:
            _write_all(self._fd, record, self._size)
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(record)
        self._dirty = True


def create_capture(
    path: str | os.PathLike[str],
    header: CaptureHeader,
    *,
    overwrite: bool = False,
    monotonic: Callable[[], float] = time.monotonic,
) -> CaptureWriter:
    """Begin a capture file. FileExistsError if it exists and is not to be overwritten; else OSError."""
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    content = encode_header(header)
    if not overwrite:
        # Takes the name, or finds it taken; a rename alone would go over another file.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    try:
        fd = _write_aside(aside, content)
    except OSError:
        aside.unlink(missing_ok=True)
        if not overwrite:
            target.unlink(missing_ok=True)
        raise
    aside.replace(target)
    _sync_directory(target.parent)
    return CaptureWriter(fd, len(content), monotonic)


def write_capture(
    path: str | os.PathLike[str], header: CaptureHeader, chunks: Iterable[Chunk], *, overwrite: bool = True
) -> None:
    """Write a whole capture at once."""
    with create_capture(path, header, overwrite=overwrite) as writer:
        for chunk in chunks:
            writer.write(chunk.t_us, chunk.data)


def _write_aside(aside: Path, content: bytes) -> int:
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write_all(fd, content, 0)
        os.fsync(fd)
    except OSError:
        os.close(fd)
        raise
    return fd


def _write_all(fd: int, content: bytes, offset: int) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(fd, content[written:], offset + written)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
