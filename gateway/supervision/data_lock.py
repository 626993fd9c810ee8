"""One gateway for one data folder: a lock that the kernel takes back however its holder ends.

Two gateways on one outbox would both send its alerts and both close the other's open events. The file stays;
what counts is who holds the lock on it, and its content only helps to say who that is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from pathlib import Path

from gateway.errors import GatewayError

LOCK_NAME = "lock"
PATIENCE_S = 1.0
"""So long a gateway that is being replaced may still take to be gone, and a checkup may look."""
_LOOK_S = 0.05
_PID_WIDTH = 20


class DataLock:
    """Held from `take` to `release`, or to the end of the process."""

    def __init__(self, fd: int) -> None:
        """fd: of the file, locked. Use `take`."""
        self._fd: int | None = fd

    @classmethod
    def take(cls, folder: Path, patience_s: float = PATIENCE_S) -> DataLock:
        """Raises GatewayError when another process holds it or the folder takes no file."""
        fd = _open(folder / LOCK_NAME)
        give_up_s = time.monotonic() + patience_s
        pause = threading.Event()
        while not _locked(fd, fcntl.LOCK_EX):
            if time.monotonic() >= give_up_s:
                holder = _pid_in(fd)
                os.close(fd)
                raise GatewayError(
                    "another gateway runs on this data folder" + (f" (process {holder})" if holder else ""),
                    where=str(folder),
                    hint="Stop that one first, or give this one a [gateway] data_dir of its own",
                )
            pause.wait(_LOOK_S)
        # In place and of one length, which needs no room on a disk that is full.
        with contextlib.suppress(OSError):
            os.pwrite(fd, f"{os.getpid():<{_PID_WIDTH}}\n".encode(), 0)
        return cls(fd)

    def release(self) -> None:
        """A second time it does nothing."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with contextlib.suppress(OSError):
                os.pwrite(fd, b" " * _PID_WIDTH, 0)
            os.close(fd)


def holder_of(folder: Path) -> int | None:
    """Process id of the gateway that runs on this data folder; 0 if one does and its id is not known.

    None: none runs, or nobody here may know. Looking takes the lock for a moment, shared.
    """
    try:
        fd = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _locked(fd, fcntl.LOCK_SH) else _pid_in(fd)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise GatewayError(
            f"the lock file cannot be made: {problem.strerror}",
            where=str(path),
            hint="Give the folder to the gateway's user, or set [gateway] data_dir to one it may write to",
        ) from problem


def _locked(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(fd: int) -> int:
    """0 where there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(os.pread(fd, _PID_WIDTH, 0))
    return 0
