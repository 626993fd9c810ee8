"""Topics of contract version 1: `aggression/v1/<site>/<gateway>/...`, built and parsed.

State is retained, so that a late joiner sees it; events never are, so that nothing that is over rings again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.contract.vocabulary import Command

ROOT = "aggression/v1"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CLASS = re.compile(r"[a-z][a-z0-9_]{0,31}")


class TopicKind(StrEnum):
    STATUS = "status"
    HEALTH = "health"
    SENSOR_AVAILABILITY = "sensor_availability"
    SENSOR_LEVEL = "sensor_level"
    SENSOR_HEALTH = "sensor_health"
    EVENT = "event"
    HEARTBEAT = "heartbeat"
    RECEIPT = "receipt"
    REQUEST = "request"
    RESPONSE = "response"
    RECORD_STATUS = "record_status"
    RECORD_AVAILABILITY = "record_availability"
    RECORD_COVERAGE = "record_coverage"
    RECORD_LEVEL = "record_level"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a kind of topic is published. qos: MQTT quality of service, 0 or 1."""

    qos: int
    retained: bool


DELIVERY: dict[TopicKind, Delivery] = {
    TopicKind.STATUS: Delivery(qos=1, retained=True),
    TopicKind.HEALTH: Delivery(qos=1, retained=True),
    TopicKind.SENSOR_AVAILABILITY: Delivery(qos=1, retained=True),
    TopicKind.SENSOR_LEVEL: Delivery(qos=0, retained=True),
    TopicKind.SENSOR_HEALTH: Delivery(qos=1, retained=True),
    TopicKind.EVENT: Delivery(qos=1, retained=False),
    TopicKind.HEARTBEAT: Delivery(qos=1, retained=False),
    TopicKind.RECEIPT: Delivery(qos=1, retained=False),
    TopicKind.REQUEST: Delivery(qos=1, retained=False),
    TopicKind.RESPONSE: Delivery(qos=1, retained=False),
    TopicKind.RECORD_STATUS: Delivery(qos=1, retained=False),
    TopicKind.RECORD_AVAILABILITY: Delivery(qos=1, retained=False),
    TopicKind.RECORD_COVERAGE: Delivery(qos=1, retained=False),
    TopicKind.RECORD_LEVEL: Delivery(qos=1, retained=False),
}

_SENSOR_KINDS = {
    "availability": TopicKind.SENSOR_AVAILABILITY,
    "level": TopicKind.SENSOR_LEVEL,
    "health": TopicKind.SENSOR_HEALTH,
}


_RECORD_KINDS = {
    "status": TopicKind.RECORD_STATUS,
    "availability": TopicKind.RECORD_AVAILABILITY,
    "coverage": TopicKind.RECORD_COVERAGE,
    "level": TopicKind.RECORD_LEVEL,
}
_COMMANDS = {command.value: command for command in Command}


@dataclass(frozen=True, slots=True)
class Topic:
    """A parsed topic. sensor_id only for the sensor kinds, event_class for events, command for requests."""

    kind: TopicKind
    site: str
    gateway: str
    sensor_id: str | None = None
    event_class: str | None = None
    command: Command | None = None

    @property
    def delivery(self) -> Delivery:
        return DELIVERY[self.kind]


@dataclass(frozen=True, slots=True)
class TopicBuilder:
    """All topics of one gateway. Raises ValueError for an id that a topic must not carry."""

    site: str
    gateway: str

    def __post_init__(self) -> None:
        check_id(self.site, "site")
        check_id(self.gateway, "gateway")

    @property
    def base(self) -> str:
        return f"{ROOT}/{self.site}/{self.gateway}"

    @property
    def status(self) -> str:
        return f"{self.base}/status"

    @property
    def health(self) -> str:
        return f"{self.base}/health"

    @property
    def heartbeat(self) -> str:
        return f"{self.base}/heartbeat"

    @property
    def receipt(self) -> str:
        return f"{self.base}/receipt"

    def request(self, command: Command) -> str:
        return f"{self.base}/request/{command.value}"

    def response(self, command: Command) -> str:
        return f"{self.base}/response/{command.value}"

    def record(self, what: str) -> str:
        """what: status, availability, coverage or level. Raises ValueError for anything else."""
        if what not in _RECORD_KINDS:
            raise ValueError(f"record {what!r}: one of {', '.join(_RECORD_KINDS)}")
        return f"{self.base}/record/{what}"

    def sensor_availability(self, sensor_id: str) -> str:
        return f"{self.base}/sensor/{check_id(sensor_id, 'sensor id')}/availability"

    def sensor_level(self, sensor_id: str) -> str:
        return f"{self.base}/sensor/{check_id(sensor_id, 'sensor id')}/level"

    def sensor_health(self, sensor_id: str) -> str:
        return f"{self.base}/sensor/{check_id(sensor_id, 'sensor id')}/health"

    def event(self, event_class: str) -> str:
        if not _CLASS.fullmatch(event_class):
            raise ValueError(f"event class {event_class!r}: lower-case letters, digits, _; 1 to 32 long")
        return f"{self.base}/event/{event_class}"


def parse_topic(topic: str) -> Topic:
    """The parts of a topic. Raises ValueError, saying why, for anything that version 1 does not define."""
    parts = topic.split("/")
    if len(parts) < 5 or "/".join(parts[:2]) != ROOT:
        raise ValueError(f"topic {topic!r}: not below {ROOT}/<site>/<gateway>/")
    site, gateway, rest = check_id(parts[2], "site"), check_id(parts[3], "gateway"), parts[4:]
    match rest:
        case ["status"]:
            return Topic(TopicKind.STATUS, site, gateway)
        case ["health"]:
            return Topic(TopicKind.HEALTH, site, gateway)
        case ["sensor", sensor_id, leaf] if leaf in _SENSOR_KINDS:
            return Topic(_SENSOR_KINDS[leaf], site, gateway, sensor_id=check_id(sensor_id, "sensor id"))
        case ["event", event_class] if _CLASS.fullmatch(event_class):
            return Topic(TopicKind.EVENT, site, gateway, event_class=event_class)
        case ["heartbeat"]:
            return Topic(TopicKind.HEARTBEAT, site, gateway)
        case ["receipt"]:
            return Topic(TopicKind.RECEIPT, site, gateway)
        case ["request", command] if command in _COMMANDS:
            return Topic(TopicKind.REQUEST, site, gateway, command=_COMMANDS[command])
        case ["response", command] if command in _COMMANDS:
            return Topic(TopicKind.RESPONSE, site, gateway, command=_COMMANDS[command])
        case ["record", what] if what in _RECORD_KINDS:
            return Topic(_RECORD_KINDS[what], site, gateway)
    raise ValueError(f"topic {topic!r}: version 1 does not know {'/'.join(rest)!r}")


def subscription(site: str | None = None, gateway: str | None = None, rest: str = "#") -> str:
    """Topic filter for one site or gateway, or for all (None). rest: e.g. `#`, `status`, `event/+`."""
    site_level = "+" if site is None else check_id(site, "site")
    gateway_level = "+" if gateway is None else check_id(gateway, "gateway")
    return f"{ROOT}/{site_level}/{gateway_level}/{rest}"


def check_id(value: str, what: str) -> str:
    """The value itself if a topic may carry it as an id; raises ValueError otherwise."""
    if not _ID.fullmatch(value):
        raise ValueError(f"{what} {value!r}: letters, digits, _ and - only, 1 to 64 long")
    return value


def provisional_id(state: str, label: str) -> str:
    """Topic id for a sensor that has no sensor id of its own.

    state: `unbound` or `refused`; label: its serial number or port. Stable for the same label; a label with
    characters that an id must not carry gets them replaced and a short digest, so that no two labels meet.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", label)
    if plain != label or len(plain) > 40 or not plain:
        digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        plain = f"{plain[:31]}-{digest}"
    return check_id(f"{state}-{plain}", "sensor id")
