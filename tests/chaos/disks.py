"""Disks that fill up or fail under the gateway's data. They are mounted, so they need root."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

from tests.chaos.setup import DISK_KB

_FAILING_KB = 4096


class SmallDisk:
    """A tmpfs of a few hundred kB that can be filled to the last byte and emptied again."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._filler = place / "filler"
        place.mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "chaos", str(place))

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as problem:
                    if problem.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        _run("umount", "-l", str(self._place))


class FailingDisk:
    """ext4 on a loop device whose file lies, with holes, on a tmpfs.

    With the tmpfs full, writes to the device end in EIO, and ext4 makes itself read-only, as a worn card's
    does. mend() gives room and a fresh mount, for which nobody may have files open.
    """

    def __init__(self, folder: Path, place: Path) -> None:
        self._backing = folder / "card"
        self._place = place
        self._image = self._backing / "image"
        self._filler = self._backing / "filler"
        self._backing.mkdir()
        place.mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={2 * _FAILING_KB}k", "chaos", str(self._backing))
        with self._image.open("wb") as image:
            image.truncate(_FAILING_KB * 1024)
        # Without a journal of its own and without reserve: every kB of room is the gateway's.
        _run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(self._image))
        self._mount()

    def fail(self) -> None:
        """From now on no new block can be written."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as problem:
                if problem.errno != errno.ENOSPC:
                    raise

    def mend(self) -> None:
        self._filler.unlink(missing_ok=True)
        _run("umount", "-l", str(self._place))
        subprocess.run(["fsck.ext4", "-y", str(self._image)], capture_output=True, check=False)
        self._mount()

    def close(self) -> None:
        _run("umount", "-l", str(self._place))
        _run("umount", "-l", str(self._backing))

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro,sync", str(self._image), str(self._place))


def may_mount() -> bool:
    return os.geteuid() == 0


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
