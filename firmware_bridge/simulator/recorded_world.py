"""Captures on ports: what a port once received comes again, byte for byte, in the same rhythm or flat out.

The interface is that of `SimulatedWorld`, but nobody answers: what the gateway writes is ignored. Each
capture is one port, named by the caller. A damaged capture ends where the damage begins; its `problem` tells.
"""

from __future__ import annotations

from collections.abc import Mapping

from firmware_bridge.capture import CaptureReader, Chunk
from firmware_bridge.simulator.world import PortAppeared, Sent, WorldEvent

_MICROSECONDS = 1_000_000
_NEVER_S = float("inf")


class RecordedWorld:
    """Open captures by port name; the caller closes them afterwards."""

    def __init__(self, captures: Mapping[str, CaptureReader]) -> None:
        self._chunks = {port: iter(reader) for port, reader in captures.items()}
        self._next: dict[str, Chunk] = {}
        self._opening: list[WorldEvent] = [PortAppeared(0.0, port, port) for port in captures]
        for port in captures:
            self._read(port)

    @property
    def finished(self) -> bool:
        """Whether all captures have been played."""
        return not self._next

    @property
    def due_s(self) -> float:
        """When the next bytes come, in seconds from the start of the captures."""
        return min(map(_time_s, self._next.values()), default=_NEVER_S)

    def advance(self, until_s: float) -> list[WorldEvent]:
        """Everything up to `until_s`, in order of time."""
        events, self._opening = self._opening, []
        while self._next:
            port = min(self._next, key=lambda port: self._next[port].t_us)
            chunk = self._next[port]
            if _time_s(chunk) > until_s:
                break
            events.append(Sent(_time_s(chunk), port, port, chunk.data))
            self._read(port)
        return events

    def receive(self, serial: str, data: bytes, now_s: float) -> None:
        """A recording does not answer."""

    def _read(self, port: str) -> None:
        chunk = next(self._chunks[port], None)
        if chunk is None:
            self._next.pop(port, None)
        else:
            self._next[port] = chunk


def _time_s(chunk: Chunk) -> float:
    return chunk.t_us / _MICROSECONDS
