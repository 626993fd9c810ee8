"""Which faults the gateway told of itself: codes in its health messages, as they pass its gate."""

from __future__ import annotations

import json

from tests.chaos.packets import Kind, Packet, label_of


class FaultWatch:
    """told: codes since the last clear()."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def clear(self) -> None:
        self.told = set()

    def take(self, packet: Packet) -> None:
        """Look at a packet that the gateway sent."""
        if packet.kind is not Kind.PUBLISH or label_of(packet.topic) != "health":
            return
        try:
            health = json.loads(packet.raw[packet.raw.index(b"{") :])
            self.told |= {str(fault["code"]) for fault in health["faults"]}
        except (ValueError, LookupError, TypeError):
            return  # not ours to judge here
