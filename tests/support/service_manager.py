"""A stand-in for systemd's end of NOTIFY_SOCKET: writes down what a service tells."""

from __future__ import annotations

import socket
import threading

from tests.support.waiting import Collector


class ListeningManager:
    """address: a path or `@name`. `told` has each line of each message, in order."""

    def __init__(self, address: str, watchdog_s: float | None = None) -> None:
        self.told: Collector[str] = Collector()
        self._address = address
        self._watchdog_s = watchdog_s
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What the service finds in its environment."""
        watchdog = {} if self._watchdog_s is None else {"WATCHDOG_USEC": str(round(self._watchdog_s * 1e6))}
        return {"NOTIFY_SOCKET": self._address, **watchdog}

    def count(self, line: str) -> int:
        return self.told.items.count(line)

    def __enter__(self) -> ListeningManager:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while message := self._socket.recv(4096):
            for line in message.decode().split("\n"):
                self.told.add(line)
