"""The line to one broker as values: how it stands, what came over it, how long the broker keeps for us."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random


class LinePhase(Enum):
    """The value is the key of its text."""

    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UNAUTHORISED = "unauthorised"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class LineState:
    """How the line to the broker stands. retry_in_s: None while it is connected.

    generation counts the attempts; path: which of the receiver's brokers.
    """

    phase: LinePhase
    where: str
    detail: str = ""
    retry_in_s: float | None = None
    generation: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """retained: the broker had stored it; it is not news.

    message_id: names it to the broker, on the connection of that generation; 0: nothing to acknowledge.
    """

    topic: str
    payload: bytes
    retained: bool
    path: str = ""
    generation: int = 0
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of ours on its way: the connection it went out on, and its message id there."""

    path: str
    generation: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The broker's answer to one of ours. reason: MQTT 5 reason code, from 128 a refusal."""

    sent: Sent
    reason: int

    @property
    def refused(self) -> bool:
        return self.reason >= 0x80


@dataclass(frozen=True, slots=True)
class Session:
    """What the broker keeps for us while the line is broken.

    expiry_s: how long. kept: also after stop(); otherwise the goodbye ends it. resume_within_s: after a
    longer absence what the broker kept is thrown away unseen, because nothing would say how old it is (None:
    never). contact_s: when an earlier run of this program was last connected, on the monotonic clock; None:
    unknown.
    """

    expiry_s: int = 300
    kept: bool = False
    resume_within_s: float | None = None
    contact_s: float | None = None

    def is_stale(self, contact_s: float | None, now_s: float) -> bool:
        """Whether too long has passed since the last contact."""
        if self.resume_within_s is None:
            return False
        return contact_s is None or now_s - contact_s > self.resume_within_s


@dataclass(frozen=True, slots=True)
class Patience:
    """Delays between attempts: from first_s, doubling to most_s, +- jitter (0..1): at most 5 s."""

    first_s: float = 1.0
    most_s: float = 4.0
    jitter: float = 0.25

    def delay_s(self, failures: int, random: Random) -> float:
        base_s = min(self.most_s, self.first_s * 2.0 ** min(failures, 30))
        return base_s * random.uniform(1.0 - self.jitter, 1.0 + self.jitter)
