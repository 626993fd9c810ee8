"""What goes into the incidents and what comes out of them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.contract.one_sound import Trace
from gateway.contract.types import Position, SensorContribution
from gateway.contract.vocabulary import Phase, Priority


@dataclass(frozen=True, slots=True)
class Claim:
    """What another gateway says of its own event's incident."""

    incident_id: str
    aliases: tuple[str, ...]
    priority: Priority
    confirmed_by: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.incident_id, *self.aliases))


@dataclass(frozen=True, slots=True)
class Heard:
    """One revision of one event of one sensor.

    source: the sensor's serial number, by which it is independent of others. trace: with times on the
    gateway's own clock (monotonic seconds). t_s: when this was decided, on that clock. doubted: something
    speaks against it, so that it confirms nobody. claim: None for an event of this gateway.
    """

    event_id: str
    source: str
    phase: Phase
    trace: Trace
    t_s: float
    contribution: SensorContribution
    doubted: bool = False
    claim: Claim | None = None

    @property
    def ours(self) -> bool:
        return self.claim is None


@dataclass(frozen=True, slots=True)
class Standing:
    """What an event says of its incident. shift: revisions of it that the incident put in between so far."""

    incident_id: str
    aliases: tuple[str, ...]
    priority: Priority
    confirmed_by: tuple[str, ...]
    sensors: tuple[SensorContribution, ...]
    position: Position | None
    shift: int


@dataclass(frozen=True, slots=True)
class Telling:
    """An event of this gateway that has to tell its standing. anew: a revision that no sensor caused."""

    event_id: str
    standing: Standing
    anew: bool
