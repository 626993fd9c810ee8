"""Writes seconds to segment files: an hour of recorded time each, seven days of them, bounded in bytes.

Recorded time is how long the gateway ran, by its monotonic clock: nothing is kept or thrown away by the wall
clock. A full disk costs the oldest telemetry first, and telemetry leaves a reserve of the disk to the alerts.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from gateway.telemetry.chunk import ChunkHead, PackedSecond, encode_chunk
from gateway.telemetry.files import Kept, SegmentFile, measure, segment_files, segment_path, to_shed
from gateway.telemetry.frame import FrameKind, frame_bytes
from gateway.telemetry.segment import SegmentHead, encode_head

HOUR_S = 3600
MOST_RECORDED_S = 168 * HOUR_S
MOST_RESERVE_BYTES = 16_000_000
RESERVE_SHARE = 0.05
REPORTED_HOURS_KEPT = 200
"""Enough for seven days, and a day more for a clock that was wrong."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def free_and_reserve(folder: Path) -> tuple[int, int]:
    """Free bytes of the disk, and how many of them are left to alerts. Raises OSError."""
    disk = os.statvfs(folder)
    reserve = min(MOST_RESERVE_BYTES, int(disk.f_blocks * disk.f_frsize * RESERVE_SHARE))
    return disk.f_bavail * disk.f_frsize, reserve


class SegmentStore:
    """One folder, one writer, one thread. Every method may raise OSError; what was written before stays.

    shed: segments that went for want of room, before their seven days were over.
    """

    def __init__(
        self,
        folder: Path,
        head: SegmentHead,
        most_bytes: int,
        *,
        most_recorded_s: int = MOST_RECORDED_S,
        room: Callable[[Path], tuple[int, int]] = free_and_reserve,
    ) -> None:
        self.folder = folder
        self._head = head
        self._most_bytes = most_bytes
        self._most_recorded_s = most_recorded_s
        self._room = room
        self._reported = deque(head.reported_hours, maxlen=REPORTED_HOURS_KEPT)
        self._kept: list[Kept] | None = None
        self._fd: int | None = None
        self.shed = 0

    def append(self, head: ChunkHead, seconds: Sequence[PackedSecond]) -> None:
        """Write one chunk and wait until the disk has it."""
        kept = self._opened()
        chunk = frame_bytes(FrameKind.SECONDS, encode_chunk(head, seconds, len(self._head.labels)))
        while True:
            try:
                written_bytes = self._append(kept, chunk)
                break
            except OSError as problem:
                if problem.errno not in _NO_ROOM or not self._shed_oldest(kept):
                    raise
        file = replace(kept[-1].file, size_bytes=kept[-1].file.size_bytes + written_bytes)
        kept[-1] = Kept(file, kept[-1].recorded_s + head.length_s)
        self._reported.extend(head.reported_hours)
        self._throw_out_old(kept)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _opened(self) -> list[Kept]:
        """What is in the folder, looked at once, and again when somebody threw our file away."""
        if self._fd is not None and os.fstat(self._fd).st_nlink == 0:
            self.close()
            self._kept = None
        if self._kept is None:
            self.folder.mkdir(exist_ok=True)
            measured = (measure(file) for file in segment_files(self.folder))
            self._kept = [kept for kept in measured if kept is not None]
        return self._kept

    def _append(self, kept: list[Kept], chunk: bytes) -> int:
        if self._fd is None or self._is_full(kept[-1]):
            self._begin(kept)
        if kept[-1].file.size_bytes == 0:
            head = msgspec.structs.replace(self._head, reported_hours=tuple(self._reported))
            chunk = frame_bytes(FrameKind.SEGMENT, encode_head(head)) + chunk
        self._make_room(kept, len(chunk))
        self._write(kept[-1].file, chunk)
        return len(chunk)

    def _is_full(self, newest: Kept) -> bool:
        return newest.recorded_s >= HOUR_S or newest.file.size_bytes >= self._most_bytes // 4

    def _begin(self, kept: list[Kept]) -> None:
        """Create the next file."""
        self.close()
        number = max((file.number for file in segment_files(self.folder)), default=0) + 1
        path = segment_path(self.folder, number)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        kept.append(Kept(SegmentFile(path, number, 0), 0))
        _sync_folder(self.folder)

    def _write(self, file: SegmentFile, content: bytes) -> None:
        """Behind what is there; a part that was written before an error is taken back."""
        assert self._fd is not None
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(self._fd, content[written:], file.size_bytes + written)
            os.fdatasync(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, file.size_bytes)
            raise

    def _make_room(self, kept: list[Kept], needed_bytes: int) -> None:
        """Leave the reserve free, if need be by shedding; raises OSError when that does not suffice."""
        while True:
            free_bytes, reserve_bytes = self._room(self.folder)
            if free_bytes - needed_bytes >= reserve_bytes:
                return
            if not self._shed_oldest(kept):
                raise OSError(errno.ENOSPC, "the rest of the disk is left to alerts", str(self.folder))

    def _shed_oldest(self, kept: list[Kept]) -> bool:
        """Whether there was one beside the newest."""
        if len(kept) < 2:
            return False
        self._unlink(kept)
        self.shed += 1
        return True

    def _throw_out_old(self, kept: list[Kept]) -> None:
        for _ in range(to_shed(kept, self._most_recorded_s, self._most_bytes)):
            if sum(one.recorded_s for one in kept) - kept[0].recorded_s < self._most_recorded_s:
                self.shed += 1
            self._unlink(kept)

    @staticmethod
    def _unlink(kept: list[Kept]) -> None:
        kept[0].file.path.unlink(missing_ok=True)
        kept.pop(0)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
