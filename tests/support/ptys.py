"""Pseudo-terminals as serial devices that can be plugged in, pulled out and written to, without a sensor."""

from __future__ import annotations

import os
import select
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PtyDevice:
    """The sensor's end of a pty that is known by a name."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.node = os.ttyname(slave)
        name.symlink_to(self.node)
        # Held open, so that the device outlives whoever opens and closes it.
        self._slave = slave
        self._plugged = True

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        assert os.write(self.master, data) == len(data)

    def received(self, timeout_s: float = 10.0) -> bytes:
        """The bytes the other side wrote, at least one."""
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        assert ready, "nothing was written to the device"
        return os.read(self.master, 4096)

    def unplug(self) -> None:
        """Take device and name away, as a USB adapter does; whoever has it open is hung up."""
        if self._plugged:
            self._plugged = False
            self.name.unlink()
            os.close(self._slave)
            os.close(self.master)


@contextmanager
def pty_device(name: Path) -> Iterator[PtyDevice]:
    """A device that is gone at the end."""
    device = PtyDevice(name)
    try:
        yield device
    finally:
        device.unplug()
