"""What the service manager is told: sd_notify(3) and its watchdog, without a library.

Nobody listens where NOTIFY_SOCKET is not set. Nothing here waits or fails: a service manager that misses a
word may end a gateway that works, but one that is waited for would stop it surely.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"


def status(text: str) -> str:
    """One line for `systemctl status`."""
    return f"STATUS={' '.join(text.split())}"


class ServiceManager:
    """address: a path or the `@name` of an abstract socket; None: nobody listens.

    watchdog_s: WATCHDOG is expected more often than this; None: there is no watchdog.
    """

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        self._address = _socket_address(address)
        self.watchdog_s = watchdog_s

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> ServiceManager:
        """As systemd.exec(5) says it."""
        return cls(environment.get("NOTIFY_SOCKET"), _watchdog_s(environment))

    def tell(self, *lines: str) -> bool:
        """All lines in one message. False: it did not arrive, say it again; True too if nobody listens."""
        if self._address is None:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as way:
                way.setblocking(False)
                way.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def _socket_address(text: str | None) -> str | None:
    if not text or text[0] not in "/@":
        return None  # of a kind that is for virtual machines
    return "\0" + text[1:] if text[0] == "@" else text


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """WATCHDOG_USEC in seconds, if it is meant for this process."""
    microseconds, meant_for = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if meant_for is not None and meant_for != str(os.getpid()):
        return None
    return int(microseconds) / 1e6
