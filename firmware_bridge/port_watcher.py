"""Which ports to serve: those named outright always, those matching a pattern while they exist.

A pattern (`/dev/serial/by-id/usb-*`, `/dev/ttyUSB*`) finds a sensor again that was plugged in under another
name. One device is served once, whatever number of names and patterns lead to it; a name given outright goes
before a pattern. Who the sensor is, only its hello tells.
"""

from __future__ import annotations

import glob
import math
import os
import threading
from collections.abc import Callable, Sequence

from firmware_bridge.host_time import monotonic_s
from firmware_bridge.port_states import PortChanged, PortState
from firmware_bridge.port_worker import Beat, PortWorker, Sink
from firmware_bridge.ports import is_path

_LOOK_EVERY_S = 0.4
_ROUND_S = 30.0
"""Longest round: workers of ports that are gone are waited for."""
_NO_MATCH = "no device matches"


class PortWatcher:
    """Owns the workers of all ports; `make_worker(url)` builds one, not started."""

    def __init__(
        self,
        ports: Sequence[str],
        make_worker: Callable[[str], PortWorker],
        sink: Sink,
        *,
        monotonic: Callable[[], float] = monotonic_s,
        beat: Beat = lambda within_s: None,
    ) -> None:
        self._beat = beat
        self._ports = tuple(dict.fromkeys(ports))
        self._make_worker = make_worker
        self._sink = sink
        self._monotonic = monotonic
        self._workers: dict[str, PortWorker] = {}
        self._unmatched: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="port-watch", daemon=True)

    def start(self) -> None:
        """Begin to look and to serve."""
        self._thread.start()

    def stop(self, timeout_s: float = 6.0) -> bool:
        """End all workers. False if one did not end in time."""
        deadline_s = self._monotonic() + timeout_s
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        for worker in self._workers.values():
            worker.ask_to_stop()
        ended = [worker.stop(max(0.0, deadline_s - self._monotonic())) for worker in self._workers.values()]
        return all(ended) and not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._beat(_ROUND_S)
            self._serve_what_is_there()
            if not any(map(is_pattern, self._ports)) or self._stopping.wait(_LOOK_EVERY_S):
                self._beat(math.inf)
                return

    def _serve_what_is_there(self) -> None:
        wanted = self._wanted()
        for url in [url for url in self._workers if url not in wanted]:
            self._workers.pop(url).stop()
        for url in wanted:
            if url not in self._workers:
                self._workers[url] = self._make_worker(url)
                self._workers[url].start()

    def _wanted(self) -> list[str]:
        """Ports to serve now, one name a device: outright names, then what is served, then new matches."""
        outright = [port for port in self._ports if not is_pattern(port)]
        matches: list[str] = []
        for pattern in filter(is_pattern, self._ports):
            found = sorted(glob.glob(pattern))
            self._report_match(pattern, found)
            matches += found
        wanted: dict[str, str] = {}
        for url in outright + sorted(matches, key=lambda match: match not in self._workers):
            wanted.setdefault(os.path.realpath(url) if is_path(url) else url, url)
        return list(wanted.values())

    def _report_match(self, pattern: str, found: list[str]) -> None:
        """Say once that nothing matches, and once that something does again."""
        if bool(found) is (pattern not in self._unmatched):
            return
        self._unmatched ^= {pattern}
        state, detail = (PortState.OPENING, found[0]) if found else (PortState.ABSENT, _NO_MATCH)
        self._sink(pattern, PortChanged(pattern, state, detail, self._monotonic()))


def is_pattern(port: str) -> bool:
    """Whether `port` stands for all paths that match it."""
    return is_path(port) and glob.has_magic(port)
