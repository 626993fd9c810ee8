"""Simulated sensors on pseudo-terminals: to the gateway they are serial ports. One thread for all of them.

Each port is a stable name (a symbolic link) in one directory; unplugging takes pty and name away, plugging in
makes a new pty, perhaps under another name. Like a cable, a port that nobody has open loses what is sent.
Flat out, the simulated time waits until every port is open and takes what is sent, as fast as it is read.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firmware_bridge.simulator.world import PortAppeared, PortVanished, Sent, WorldEvent
from firmware_bridge.waker import Waker

_READ_BYTES = 4096
_LONGEST_WAIT_S = 0.5
_WRITE_PATIENCE_MS = 100
_OPENING_LOOK_S = 0.01
_OPENING_TAKES_S = 0.2
_DRAIN_S = 2.0


class World(Protocol):
    """What can be on the ports: a `SimulatedWorld`, or a `RecordedWorld`."""

    @property
    def finished(self) -> bool: ...

    @property
    def due_s(self) -> float: ...

    def advance(self, until_s: float) -> list[WorldEvent]: ...

    def receive(self, serial: str, data: bytes, now_s: float) -> None: ...


@dataclass(slots=True)
class _Pty:
    """The sensor's end of a pseudo-terminal, under its name."""

    serial: str
    master: int
    name: Path
    node: str
    open: bool = False


class PtyPorts:
    """Runs a world on ptys from `start` to its end or `stop`.

    directory: where the names appear; flat_out: as fast as possible instead of in real time; when_open: time
    begins when all ports have been opened, as it does flat out; told: called with every world event on the
    simulator's thread.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        *,
        flat_out: bool = False,
        when_open: bool = False,
        told: Callable[[WorldEvent], None] | None = None,
    ) -> None:
        self._world = world
        self._directory = directory
        self._flat_out = flat_out
        self._when_open = when_open or flat_out
        self._told = told
        self._ptys: dict[str, _Pty] = {}
        self._lost_bytes = 0
        self._started_s = 0.0
        self._first: list[WorldEvent] = []
        self._poller = select.poll()
        self._waker: Waker | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    @property
    def running(self) -> bool:
        """Whether the scenario still goes on."""
        return self._thread.is_alive()

    @property
    def lost_bytes(self) -> int:
        """Bytes sent while nobody had the port open, or that it did not take."""
        return self._lost_bytes

    def start(self) -> None:
        """Begin; the first ports are there when this returns."""
        self._waker = Waker()
        self._poller.register(self._waker.fd, select.POLLIN)
        first = self._world.advance(0.0)
        self._handle([event for event in first if isinstance(event, PortAppeared)])
        self._first = [event for event in first if not isinstance(event, PortAppeared)]
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of the scenario; whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the run and take all ports away. False if the thread did not end in time."""
        self._stopping.set()
        if self._waker is None:
            return True
        self._waker.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._close_all()
        self._waker.close()
        self._waker = None
        return True

    def _run(self) -> None:
        try:
            if self._when_open:
                self._wait_for_readers()
            self._started_s = time.monotonic()
            self._handle(self._first)
            while not (self._stopping.is_set() or self._world.finished):
                self._handle(self._world.advance(self._now_s()))
                wait_s = 0.0 if self._flat_out else self._world.due_s - self._now_s()
                self._listen(min(max(wait_s, 0.0), _LONGEST_WAIT_S))
            self._drain()
        finally:
            self._close_all()

    def _wait_for_readers(self) -> None:
        while not all(pty.open for pty in self._ptys.values()) and not self._stopping.wait(_OPENING_LOOK_S):
            for pty in self._ptys.values():
                self._notice_opening(pty)
        # Opening ends with throwing away what has come by then.
        self._stopping.wait(_OPENING_TAKES_S)

    def _now_s(self) -> float:
        """Where the simulated time should be."""
        return self._world.due_s if self._flat_out else time.monotonic() - self._started_s

    def _handle(self, events: list[WorldEvent]) -> None:
        for event in events:
            match event:
                case PortAppeared():
                    self._open(event.serial, event.port)
                case PortVanished():
                    self._close(event.serial)
                case Sent():
                    self._send(self._ptys[event.serial], event.data)
            if self._told is not None:
                self._told(event)

    def _open(self, serial: str, port: str) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        name, node = self._directory / port, os.ttyname(slave)
        # Once it was open and closed, poll says of the master whether anybody has the other end open.
        os.close(slave)
        os.set_blocking(master, False)
        self._ptys[serial] = _Pty(serial, master, name, node)
        aside = self._directory / f".{port}.new"
        aside.unlink(missing_ok=True)
        aside.symlink_to(node)
        aside.replace(name)

    def _close(self, serial: str) -> None:
        pty = self._ptys.pop(serial)
        if pty.open:
            self._poller.unregister(pty.master)
        pty.name.unlink(missing_ok=True)
        os.close(pty.master)

    def _close_all(self) -> None:
        for serial in list(self._ptys):
            self._close(serial)

    def _drain(self) -> None:
        """Let what was sent last be read: closing a pty throws it away."""
        deadline_s = time.monotonic() + _DRAIN_S
        for pty in self._ptys.values():
            slave = os.open(pty.node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            while pty.open and time.monotonic() < deadline_s and not self._stopping.wait(_OPENING_LOOK_S):
                if not _unread_bytes(slave):
                    break
            os.close(slave)

    def _send(self, pty: _Pty, data: bytes) -> None:
        self._notice_opening(pty)
        while self._flat_out and not pty.open and not self._stopping.wait(_OPENING_LOOK_S):
            self._notice_opening(pty)
        while pty.open and data and not self._stopping.is_set():
            try:
                data = data[os.write(pty.master, data) :]
            except BlockingIOError:
                if not self._flat_out:
                    break
                _wait_writable(pty.master)
                self._notice_opening(pty)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                break
        self._lost_bytes += len(data)

    def _notice_opening(self, pty: _Pty) -> None:
        """Keep in the poll set only ports that somebody has open: the others would wake it all the time."""
        is_open = not _hung_up(pty.master)
        if is_open and not pty.open:
            self._poller.register(pty.master, select.POLLIN)
        elif pty.open and not is_open:
            self._poller.unregister(pty.master)
        pty.open = is_open

    def _listen(self, timeout_s: float) -> None:
        """Wait for the gateway to write, or for `timeout_s`."""
        ready = self._poller.poll(timeout_s * 1000)
        by_fd = {pty.master: pty for pty in self._ptys.values()}
        for fd, happened in ready:
            pty = by_fd.get(fd)
            if pty is None:
                continue
            if happened & select.POLLIN:
                self._world.receive(pty.serial, _read(fd), self._now_s())
            if happened & select.POLLHUP:
                self._notice_opening(pty)


def _hung_up(master: int) -> bool:
    poller = select.poll()
    poller.register(master, 0)
    return any(happened & select.POLLHUP for _fd, happened in poller.poll(0))


def _unread_bytes(slave: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(slave, termios.FIONREAD, count)
    return count[0]


def _wait_writable(master: int) -> None:
    poller = select.poll()
    poller.register(master, select.POLLOUT)
    poller.poll(_WRITE_PATIENCE_MS)


def _read(master: int) -> bytes:
    try:
        return os.read(master, _READ_BYTES)
    except BlockingIOError:
        return b""
    except OSError as error:
        # The last one to have the other end open closed it.
        if error.errno != errno.EIO:
            raise
        return b""
