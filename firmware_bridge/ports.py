"""Opening, reading and writing lines by pyserial URL; the only module that imports `serial`.

pyserial opens and configures; reading and writing go past it to the file descriptor where there is one (ttys,
ptys, `socket://`). Its own calls have traps (3.5): after a hang-up `is_open` stays True and every read raises
at once; `read(n)` on a socket throws away the last bytes when the far end closes; `read_until` is a thousand
times slower. Only lines without a descriptor (`loop://`, `rfc2217://`) are read through pyserial.

A line that breaks or does not open is a value (`HangUp`, `OpenFailure`), not an exception.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import socket
import stat
import termios
from dataclasses import dataclass
from typing import Any, Protocol

import serial

from firmware_bridge.port_states import PortState
from firmware_bridge.waker import Waker

_READ_BYTES = 4096
_UNSELECTABLE_READ_S = 0.05
_DEAD_PEER_S = 10

_STATE_OF_ERRNO = {
    errno.ENOENT: PortState.ABSENT,
    errno.ENXIO: PortState.ABSENT,
    errno.ENODEV: PortState.ABSENT,
    errno.EIO: PortState.ABSENT,
    errno.ECONNREFUSED: PortState.ABSENT,
    errno.ECONNRESET: PortState.ABSENT,
    errno.EHOSTUNREACH: PortState.ABSENT,
    errno.ENETUNREACH: PortState.ABSENT,
    errno.EHOSTDOWN: PortState.ABSENT,
    errno.ETIMEDOUT: PortState.ABSENT,
    errno.EACCES: PortState.DENIED,
    errno.EPERM: PortState.DENIED,
    errno.EBUSY: PortState.BUSY,
    # What flock says of a port that another program has locked.
    errno.EAGAIN: PortState.BUSY,
}


@dataclass(frozen=True, slots=True)
class HangUp:
    """The line broke; detail is the operating system's word."""

    detail: str


@dataclass(frozen=True, slots=True)
class OpenFailure:
    """The line did not open: ABSENT, DENIED, BUSY or FAILED, and the operating system's word."""

    state: PortState
    detail: str


class Line(Protocol):
    """An open line. One thread."""

    def read(self, timeout_s: float) -> bytes | HangUp:
        """Wait for bytes, at most `timeout_s` or until woken; b"" is neither."""

    def write(self, data: bytes) -> HangUp | None:
        """Send without waiting; what the line does not take at once is dropped."""

    def close(self) -> None:
        """Give the line back; never fails."""


def is_path(url: str) -> bool:
    """Whether `url` names a device node and not a pyserial URL with a scheme."""
    return "://" not in url


def open_line(url: str, baud: int, waker: Waker) -> Line | OpenFailure:
    """Open `url` exclusively at `baud`, 8N1. `socket://` to a silent address blocks for up to 5 s."""
    try:
        if is_path(url):
            # Much cheaper than an attempt to open, and most of the time of a missing sensor is spent here.
            os.stat(url)
        port = serial.serial_for_url(
            url, baudrate=baud, timeout=_UNSELECTABLE_READ_S, write_timeout=1.0, exclusive=True
        )
    except (OSError, termios.error) as error:
        # The second where the device goes away while it is being configured.
        return OpenFailure(_state_of(error), str(error))
    except (ValueError, TypeError) as error:
        # What pyserial raises for a scheme it does not know and an address without a port.
        return OpenFailure(PortState.FAILED, str(error))
    try:
        fd = port.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return _UnselectableLine(port)
    if stat.S_ISSOCK(os.fstat(fd).st_mode):
        _notice_dead_peer(fd)
    return _SelectableLine(port, fd, waker)


class _SelectableLine:
    """A tty, a pty or a socket."""

    def __init__(self, port: Any, fd: int, waker: Waker) -> None:
        self._port = port
        self._fd = fd
        self._waker = waker
        self._poller = select.poll()
        self._poller.register(fd, select.POLLIN)
        self._poller.register(waker.fd, select.POLLIN)

    def read(self, timeout_s: float) -> bytes | HangUp:
        ready = dict(self._poller.poll(timeout_s * 1000))
        if self._waker.fd in ready:
            self._waker.clear()
        if self._fd not in ready:
            return b""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            return HangUp(str(error))
        # Ready and yet nothing: the end of a socket, an unplugged adapter, or a thief on the same tty.
        return data or HangUp("end of the line")

    def write(self, data: bytes) -> HangUp | None:
        try:
            os.write(self._fd, data)
        except BlockingIOError:
            return None
        except OSError as error:
            return HangUp(str(error))
        return None

    def close(self) -> None:
        _close(self._port)


class _UnselectableLine:
    """A line that exists only inside pyserial; waking it takes up to its own read time-out."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def read(self, timeout_s: float) -> bytes | HangUp:
        try:
            return bytes(self._port.read(_READ_BYTES))
        except OSError as error:
            return HangUp(str(error))

    def write(self, data: bytes) -> HangUp | None:
        try:
            self._port.write(data)
        except serial.SerialTimeoutException:
            return None
        except OSError as error:
            return HangUp(str(error))
        return None

    def close(self) -> None:
        _close(self._port)


def _close(port: Any) -> None:
    with contextlib.suppress(OSError, termios.error):
        port.close()


def _state_of(error: Exception) -> PortState:
    """pyserial often keeps the error number only in the exception that it was handling."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return PortState.ABSENT
        code = getattr(cause, "errno", None)
        if not isinstance(code, int) and cause.args and isinstance(cause.args[0], int):
            code = cause.args[0]
        if isinstance(code, int) and not isinstance(cause, socket.gaierror):
            return _STATE_OF_ERRNO.get(code, PortState.FAILED)
        cause = cause.__context__
    return PortState.FAILED


def _notice_dead_peer(fd: int) -> None:
    """Make TCP find out within seconds that a serial server lost its power, instead of never."""
    with socket.socket(fileno=os.dup(fd)) as peer:
        if peer.family not in (socket.AF_INET, socket.AF_INET6):
            return
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _DEAD_PEER_S // 2)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _DEAD_PEER_S // 2)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_S * 1000)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
