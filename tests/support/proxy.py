"""A TCP proxy between a client and a broker that can be cut at any byte, closed, or told to refuse."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

HOST = "127.0.0.1"


class CuttingProxy:
    """Forwards to `target_port`; `budget()` gives how many bytes each new connection may carry, both ways
    together, before it is cut in the middle of whatever passes (None: no limit)."""

    def __init__(self, target_port: int, budget: Callable[[], int | None] = lambda: None) -> None:
        self._target_port = target_port
        self._budget = budget
        self._server = socket.create_server((HOST, 0))
        self.port: int = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut every connection now."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _close(pair)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def __enter__(self) -> CuttingProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                server = socket.create_connection((HOST, self._target_port))
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            with self._lock:
                self._pairs.append(pair)
            left = _Budget(self._budget())
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._forward, args=(source, sink, pair, left), daemon=True).start()

    def _forward(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, ...], left: _Budget
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                allowed = left.take(len(data))
                sink.sendall(data[:allowed])
                if allowed < len(data):
                    self.cuts += 1
                    break
        _close(pair)


class _Budget:
    def __init__(self, size: int | None) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        with self._lock:
            if self._left is None:
                return wanted
            taken = min(wanted, self._left)
            self._left -= taken
            return taken


def _close(pair: tuple[socket.socket, ...]) -> None:
    for end in pair:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
