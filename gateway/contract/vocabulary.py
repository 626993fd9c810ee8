"""The closed word lists of contract version 1.

Closed means that a receiver may rely on the list being complete for all of version 1. What may grow within
version 1 (event classes, end reasons, availability reasons, vetoes) travels as an open code; the codes that
this gateway sends are listed here too.
"""

from __future__ import annotations

from enum import StrEnum

SCHEMA_VERSION = "1.2"
"""Major.minor. The major number is also in the topic (`v1`); a higher minor only adds optional fields."""


class Phase(StrEnum):
    START = "start"
    UPDATE = "update"
    END = "end"


class Severity(StrEnum):
    """By class and level above the background. Compare with `severity_rank`, never as text."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_SEVERITY_RANK = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2}


def severity_rank(severity: Severity) -> int:
    """0 for low, 1 for medium, 2 for high."""
    return _SEVERITY_RANK[severity]


class Lane(StrEnum):
    """Each lane has a sequence of its own; live alerts overtake the backlog, which is the historical lane.

    Whether an alert may ring says `historical` alone: a live one can have waited too long as well.
    """

    LIVE = "live"
    HISTORICAL = "historical"


class Status(StrEnum):
    """As `status` in OASIS CAP 1.2; only `Actual` counts in reports."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class Priority(StrEnum):
    """`look` for one uncertain source, `go` once a second sensor or a person confirmed it."""

    LOOK = "look"
    GO = "go"


class ConfirmedBy(StrEnum):
    """What raised an incident's priority to `go` (open code on the wire: accept others)."""

    SENSOR = "sensor"
    PERSON = "person"


class Confirm(StrEnum):
    """What counts as delivered: every named receiver's own receipt, or the broker's acknowledgement."""

    RECEIPT = "receipt"
    PUBACK = "puback"


class Command(StrEnum):
    """What a receiver may ask of a gateway."""

    OPEN = "open"
    RESEND = "resend"
    TEST = "test"
    CONFIRM = "confirm"


class Result(StrEnum):
    OK = "ok"
    REFUSED = "refused"


class Mode(StrEnum):
    """`level_only` when no fitting model runs: levels are measured, sounds are not classified."""

    FULL = "full"
    LEVEL_ONLY = "level_only"


class ClockState(StrEnum):
    SYNCED = "synced"
    HOLDOVER = "holdover"
    UNSYNCED = "unsynced"


class Presence(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"


class SensorState(StrEnum):
    """`unbound`: speaks, but no setting binds its serial number to a place. `refused`: see the reason."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNBOUND = "unbound"
    REFUSED = "refused"


class EndReason(StrEnum):
    """Why an event ended (open code on the wire: accept others)."""

    CLEARED = "cleared"
    SENSOR_LOST = "sensor_lost"
    SENSOR_REBOOTED = "sensor_rebooted"
    GATEWAY_STOPPED = "gateway_stopped"
    GATEWAY_RESTARTED = "gateway_restarted"
    MODEL_CHANGED = "model_changed"
    STREAM_ENDED = "stream_ended"


class EventClass(StrEnum):
    """Acoustic events (open code on the wire: accept others). `loud` is a plain level rule."""

    SHOUT = "shout"
    SCREAM = "scream"
    GLASS_BREAK = "glass_break"
    GUNSHOT = "gunshot"
    LOUD = "loud"


class VetoCode(StrEnum):
    """What can speak against a sound (open code on the wire: accept others).

    The order is that of the bits in the telemetry, so new codes come at the end.
    """

    WIND = "wind"
    RAIN = "rain"
    OVERLOAD = "overload"
    HANDLING = "handling"
    SIREN = "siren"
    KNOWN_SOUND = "known_sound"


PATH_TEST = "test"
"""The class of a scheduled alert that proves the path: no sound, always of status Test."""
