"""Named points of a packet's way, and what a gate does to the packets that pass. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.chaos.packets import Kind, Packet


class Way(Enum):
    """UP: from the client (gateway, receiver) to the broker."""

    UP = "up"
    DOWN = "down"


class When(Enum):
    """BEFORE: the packet never arrives, nor anything after it on that connection; MIDDLE: half of it does."""

    BEFORE = "before"
    MIDDLE = "middle"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Point:
    """A moment in the traffic of one gate. about: the topic's label, of a PUBACK that of what it answers.

    skip: how many such packets pass untouched first.
    """

    way: Way
    kind: Kind
    about: str = ""
    when: When = When.AFTER
    skip: int = 0

    def fits(self, way: Way, packet: Packet, about: str) -> bool:
        return way is self.way and packet.kind is self.kind and self.about in ("", about)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What happens to every packet of one way.

    delay_s: it comes so much later; every_s: at most one packet in that time; hold: kept until the treatment
    changes, as by a network that comes back; void: gone for good; copies: how often a PUBLISH about an event
    arrives, the later ones marked as duplicates; lost: labels of which every PUBLISH is gone.
    """

    delay_s: float = 0.0
    every_s: float = 0.0
    hold: bool = False
    void: bool = False
    copies: int = 1
    lost: frozenset[str] = frozenset()

    @property
    def harmless(self) -> bool:
        """Alerts still get through in time."""
        return not (self.hold or self.void or self.lost or self.every_s or self.delay_s > 1.0)


PASS = Treatment()
HOLD = Treatment(hold=True)
VOID = Treatment(void=True)
ONE_A_SECOND = Treatment(every_s=1.0)
