"""A wall clock that can be put wrong under a running gateway (libfaketime), and a machine that has rebooted.

The monotonic clock stays true in the first, as it does when a real clock is set. In the second the kernel's
boot id and monotonic clock are another boot's, by namespaces of the process alone; that needs root.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/arm-linux-gnueabihf/faketime/libfaketimeMT.so.1",
)


class ShiftedClock:
    """The environment of a process whose wall clock set() moves."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock-offset"
        self.set("+0")

    def set(self, offset: str) -> None:
        """As libfaketime writes it: "+5y", "-12y"."""
        self._file.write_text(offset + "\n")

    @property
    def environment(self) -> dict[str, str]:
        library = _library()
        assert library is not None, "cells of the clock need libfaketime: apt-get install faketime"
        return {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
        }


def has_libfaketime() -> bool:
    return _library() is not None


def _library() -> str | None:
    return next((path for path in _LIBRARIES if Path(path).exists()), None)


def rebooted(folder: Path, boot: int) -> Sequence[str]:
    """What to put before a command that is to see boot number `boot` of the machine; it keeps its pid."""
    boot_id = folder / f"boot-{boot}"
    boot_id.write_text(f"{boot:08x}-0000-4000-8000-000000000000\n")
    uptime_s = int(time.monotonic())
    script = f'mount --bind {boot_id} /proc/sys/kernel/random/boot_id && exec "$@"'
    return ["unshare", "-m", "-T", "--monotonic", str(60 - uptime_s), "sh", "-c", script, "sh"]
