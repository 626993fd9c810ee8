"""Waking a thread that waits for a descriptor or for a while."""

from __future__ import annotations

import contextlib
import os
import select


class Waker:
    """Wakes a thread that waits in `wait` or in a line's `read`, from any thread."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def wake(self) -> None:
        """End the present wait, or the next one."""
        os.eventfd_write(self.fd, 1)

    def wait(self, timeout_s: float) -> None:
        """Sleep until woken, at most `timeout_s`."""
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        if poller.poll(timeout_s * 1000):
            self.clear()

    def clear(self) -> None:
        """Forget a wake that has done its work."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.fd)

    def close(self) -> None:
        """Give the descriptor back; no wait may be going on."""
        os.close(self.fd)
