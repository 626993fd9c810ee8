"""Ports opened for a person at a terminal: what comes on them, as a queue. For tools, not for the field."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from types import TracebackType

from dsp.layout import LAYOUT_ID
from firmware_bridge.events import HealthReceived, LinkEvent
from firmware_bridge.link import LinkCounters, SensorLink
from firmware_bridge.port_states import PortChanged
from firmware_bridge.port_watcher import PortWatcher
from firmware_bridge.port_worker import PortWorker
from gateway.settings.schema import PortSettings

PortEvent = tuple[str, LinkEvent | PortChanged]


class PortListener:
    """Opens the ports on entering, closes them on leaving. counters: as of each port's last health report."""

    def __init__(self, ports: Sequence[PortSettings]) -> None:
        self._events: queue.SimpleQueue[PortEvent] = queue.SimpleQueue()
        self._watchers = [self._watcher(port) for port in ports]
        self.counters: dict[str, LinkCounters] = {}

    def __enter__(self) -> PortListener:
        for watcher in self._watchers:
            watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watcher in self._watchers:
            watcher.stop()

    def take(self, timeout_s: float) -> list[PortEvent]:
        """What has come, waiting a moment for the first."""
        taken: list[PortEvent] = []
        try:
            taken.append(self._events.get(timeout=timeout_s))
            while True:
                taken.append(self._events.get_nowait())
        except queue.Empty:
            return taken

    def _watcher(self, port: PortSettings) -> PortWatcher:
        def put(url: str, event: LinkEvent | PortChanged) -> None:
            self._events.put((url, event))

        def worker(url: str) -> PortWorker:
            link = SensorLink((LAYOUT_ID,), baud=port.baud)

            def sink(port_url: str, event: LinkEvent | PortChanged) -> None:
                if isinstance(event, HealthReceived):
                    self.counters[port_url] = link.counters
                put(port_url, event)

            return PortWorker(url, link, sink, baud=port.baud)

        return PortWatcher([port.url], worker, put)
