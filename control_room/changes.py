"""What a message changes in the control room's view. One message, one value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.contract.types import Alert, Fault, GatewayHealth, GatewayStatus, SensorAvailability
from gateway.contract.vocabulary import Phase, Status


class Step(Enum):
    """How an event's picture moved on. An event may be met in the middle: a receiver can join late."""

    STARTED = "started"
    UPDATED = "updated"
    ENDED = "ended"


class Ignored(Enum):
    """Why a good message changes nothing."""

    REPEATED = "the same revision again"
    LATE = "an older revision than the one known"
    AFTER_END = "a revision after the end"
    RETAINED = "an event that a broker had retained: it is over, and must not ring again"
    SAME_STATE = "the state known already"
    NOT_SHOWN = "a payload that this view does not keep"


def may_ring(alert: Alert, first: bool = False) -> bool:
    """Only what is real rings and did not wait too long;

    an end only if nothing of its event was heard before.
    """
    over = alert.phase is Phase.END and not first
    return alert.status is Status.ACTUAL and not alert.historical and not over


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A newer revision. previous: the one known before, None when this is the first one met."""

    step: Step
    alert: Alert
    previous: Alert | None

    @property
    def first(self) -> bool:
        return self.previous is None

    @property
    def rings(self) -> bool:
        return may_ring(self.alert, self.first)


@dataclass(frozen=True, slots=True)
class GatewayChange:
    """A gateway came or went. sensors: how many sensors of it are known."""

    status: GatewayStatus
    sensors: int


@dataclass(frozen=True, slots=True)
class SensorChange:
    """A sensor came, went, was refused, or is not bound."""

    availability: SensorAvailability


@dataclass(frozen=True, slots=True)
class SensorRemoved:
    """A sensor was taken off the broker on purpose."""

    site: str
    gateway: str
    sensor_id: str


@dataclass(frozen=True, slots=True)
class FaultChange:
    """Faults that a gateway's health began or ceased to report."""

    health: GatewayHealth
    raised: tuple[Fault, ...]
    cleared: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class BadMessage:
    """Bytes or a topic that version 1 of the contract does not allow, and why."""

    topic: str
    reason: str


Change = AlertChange | GatewayChange | SensorChange | SensorRemoved | FaultChange | Ignored | BadMessage
