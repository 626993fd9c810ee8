"""The connection to the broker as values: what it needs, how it stands, what the broker answered."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gateway.delivery.backoff import BackoffRule
from gateway.secret import Secret

NO_MATCHING_SUBSCRIBERS = 0x10  # MQTT 5, 3.4.2.1: the broker took it, but nobody listens
FIRST_REFUSAL = 0x80
PRIMARY, BACKUP = "primary", "backup"
"""Names of the two paths, as they stand in health and log."""
PACKET_TOO_LARGE = 0x95


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; ca None: the system's own list. They are read at each attempt, so a renewed one counts."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for us, retained, when we are gone without a goodbye.

    With MQTT 5 it waits for will_delay_s of the options: a connection that is back by then was never gone.
    """

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """Everything the connection needs; no I/O happens here."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: Secret | None = None
    tls: TlsFiles | None = None
    will: Will | None = None
    listen_to: tuple[str, ...] = ()
    listen_also: tuple[str, ...] = ()  # a refusal of these costs no receipt
    path: str = PRIMARY
    keep_alive_s: int = 6
    will_delay_s: int = 4
    mqtt5: bool = True
    session_expiry_s: int = 24 * 3600
    answer_s: float = 10.0  # for TCP, TLS and CONNACK each
    backoff: BackoffRule = field(default_factory=BackoffRule)

    @property
    def where(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


class LinkPhase(enum.Enum):
    """The value is the key of the phase's texts."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UNAUTHORISED = "unauthorised"
    REFUSED = "refused"
    LOST = "lost"
    STOPPED = "stopped"


TEXTS: Mapping[LinkPhase, Mapping[str, str]] = {
    LinkPhase.CONNECTING: {
        "en": "connecting to the broker",
        "nl": "bezig verbinding te maken met de broker",
    },
    LinkPhase.CONNECTED: {
        "en": "connected to the broker",
        "nl": "verbonden met de broker",
    },
    LinkPhase.UNREACHABLE: {
        "en": "the broker cannot be reached: check address, port and network",
        "nl": "de broker is onbereikbaar: controleer adres, poort en netwerk",
    },
    LinkPhase.UNTRUSTED: {
        "en": "no trusted connection to the broker: check the TLS certificates and the clock",
        "nl": "geen vertrouwde verbinding met de broker: controleer de TLS-certificaten en de klok",
    },
    LinkPhase.UNAUTHORISED: {
        "en": "the broker does not let us in: check user name, password and rights",
        "nl": "de broker laat ons niet toe: controleer gebruikersnaam, wachtwoord en rechten",
    },
    LinkPhase.REFUSED: {
        "en": "the broker refuses the connection: does this port speak MQTT 5, does it ask for TLS?",
        "nl": "de broker weigert de verbinding: spreekt deze poort MQTT 5, vraagt hij TLS?",
    },
    LinkPhase.LOST: {
        "en": "the connection to the broker is lost",
        "nl": "de verbinding met de broker is weggevallen",
    },
    LinkPhase.STOPPED: {
        "en": "disconnected from the broker",
        "nl": "verbinding met de broker beëindigd",
    },
}


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the connection stands. generation counts attempts; answers of another generation are history.

    receive_maximum: QoS 1 messages the broker wants in flight at most; maximum_packet_size in bytes. hears:
    false when the broker refused our subscriptions, so that no receipt can come this way. path: which broker.
    """

    phase: LinkPhase
    generation: int
    where: str
    detail: str = ""
    retry_in_s: float | None = None
    session_present: bool = False
    receive_maximum: int = 0xFFFF
    maximum_packet_size: int = 0x0FFF_FFFF
    hears: bool = True
    path: str = PRIMARY

    @property
    def connected(self) -> bool:
        return self.phase is LinkPhase.CONNECTED

    def words(self, language: str = "en") -> str:
        """The phase alone, in "en" or "nl"."""
        return TEXTS[self.phase][language]

    def text(self, language: str = "en") -> str:
        """One line for a person, in "en" or "nl"."""
        line = f"{self.where}: {TEXTS[self.phase][language]}"
        if self.detail:
            line += f" ({self.detail})"
        if self.retry_in_s is not None:
            again = {"en": "next attempt in", "nl": "volgende poging over"}[language]
            line += f"; {again} {self.retry_in_s:.0f} s"
        return line


class Token(NamedTuple):
    """One published message: the connection it went out on, and its message id there."""

    generation: int
    message_id: int
    path: str = PRIMARY


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's PUBACK, or for QoS 0 the moment the bytes were written. reason: MQTT 5 reason code."""

    token: Token
    reason: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came in. retained: the broker had it in store, it is no news."""

    path: str
    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class AnswerTo:
    """Where the receiver of a message may answer (MQTT 5; everything needed is in the payload as well)."""

    topic: str
    correlation: bytes


class NotSent(enum.Enum):
    """Why publish() gave no token."""

    OFFLINE = "there is no connection"
    TOO_LARGE = "the broker takes no message of this size"
