"""What a receiver tells besides alerts, as values."""

from __future__ import annotations

from dataclasses import dataclass

from control_room.changes import Step
from control_room.incidents import IncidentStep
from gateway.contract.types import Alert, Text
from gateway.contract.vocabulary import Lane, Status


@dataclass(frozen=True, slots=True)
class Arrival:
    """A revision that moves its event on; each is handed over once.

    first: nothing of this event was known. rings: it is real, and not too old to ring as new. again: it was
    committed before a crash of this program and may have been handed over then. asked: it came as an answer
    to the question what is open. stored: false when this side's disk fails; the gateway is told nothing then.
    payload: as it came. incident: what it means to its incident; None for a test of the path.
    """

    step: Step
    alert: Alert
    payload: bytes
    first: bool = True
    rings: bool = False
    again: bool = False
    asked: bool = False
    stored: bool = True
    incident: IncidentStep | None = None

    @property
    def rings_once(self) -> bool:
        """As `rings`, but once for an incident, and again when its priority or severity rises."""
        step = self.incident
        return self.rings and (step is None or step.first or step.worse)

    @property
    def counts(self) -> bool:
        """Only what is real counts; exercises and tests never do."""
        return self.alert.status is Status.ACTUAL


@dataclass(frozen=True, slots=True)
class GatewaySilent:
    """Three heartbeats of a gateway were missed: nothing can be said of its sensors."""

    site: str
    gateway: str
    silent_s: float


@dataclass(frozen=True, slots=True)
class GatewayHeard:
    """A gateway that was silent is heard again."""

    site: str
    gateway: str
    silent_s: float


@dataclass(frozen=True, slots=True)
class GapFound:
    """Numbers of a lane are missing. asked: the gateway is asked to send them again."""

    site: str
    gateway: str
    lane: Lane
    first: int
    last: int
    asked: bool

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class GapFilled:
    """All numbers of a lane that were missing have come after all."""

    site: str
    gateway: str
    lane: Lane


@dataclass(frozen=True, slots=True)
class GapLost:
    """Numbers that are not to be had any more: their gateway keeps them no longer."""

    site: str
    gateway: str
    lane: Lane
    count: int


@dataclass(frozen=True, slots=True)
class EndUnheard:
    """An open event that its gateway no longer knows as open: it is over, and its end did not come."""

    site: str
    gateway: str
    event_id: str


@dataclass(frozen=True, slots=True)
class ConfirmAnswered:
    """What a gateway says to a person's confirmation of an incident; message: why not, in both languages."""

    site: str
    gateway: str
    event_id: str
    accepted: bool
    message: Text | None = None


@dataclass(frozen=True, slots=True)
class StoreTrouble:
    """This side's store fails (problem) or works again (None): alerts are shown, receipts are held back."""

    problem: str | None


@dataclass(frozen=True, slots=True)
class NotShown:
    """The handler failed on this alert again and again, also after restarts; it is left out from now on."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class NotHeard:
    """The broker refuses what we publish: no gateway will ever hear that we have its alerts."""

    where: str
    reason: int


Notice = (
    GatewaySilent
    | GatewayHeard
    | GapFound
    | GapFilled
    | GapLost
    | EndUnheard
    | ConfirmAnswered
    | StoreTrouble
    | NotShown
    | NotHeard
)
