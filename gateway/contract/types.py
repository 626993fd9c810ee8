"""Payloads of contract version 1, as frozen structs; JSON on the wire.

Fields without a default are always sent (null where they do not apply). Fields with a default are optional:
left out while they hold it, and a receiver must not need them. Units are in the names; every `_utc` is
RFC 3339 in UTC with milliseconds; every level is dB re 20 uPa, nominal while `calibrated` is false.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field, structs

from gateway.contract.vocabulary import (
    ClockState,
    Lane,
    Mode,
    Phase,
    Presence,
    Priority,
    SensorState,
    Severity,
    Status,
)

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Code = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
EventId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
SchemaVersion = Annotated[str, Meta(pattern=r"^1\.[0-9]{1,4}$")]
Utc = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Epoch = Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Decibel = Annotated[float, Meta(ge=-200.0, le=250.0)]
Seconds = Annotated[float, Meta(ge=0.0)]
Longitude = Annotated[float, Meta(ge=-180.0, le=180.0)]
Latitude = Annotated[float, Meta(ge=-90.0, le=90.0)]


replace = structs.replace
"""`replace(payload, field=value)`: a payload like this one but for some fields."""


class _Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all parts; unknown fields are ignored when read."""


class Clock(_Part, frozen=True, kw_only=True):
    """How far the `_utc` fields can be trusted; `error_ms` is null when nobody can say."""

    state: ClockState
    error_ms: Count | None


class Point(_Part, frozen=True, kw_only=True, tag_field="type", tag="Point"):
    """GeoJSON point (RFC 7946): longitude, latitude."""

    coordinates: tuple[Longitude, Latitude]


class Camera(_Part, frozen=True, kw_only=True):
    camera_id: str
    distance_m: Seconds | None = None


class Place(_Part, frozen=True, kw_only=True):
    """Where the sensor hangs, as the settings say; cameras nearest first."""

    point: Point | None
    zone: str | None
    address: str | None
    cameras: tuple[Camera, ...]


class RunnerUp(_Part, frozen=True, kw_only=True):
    """What else it could have been, at the moment of the best score."""

    event_class: Code = field(name="class")
    score: Share


class SensorContribution(_Part, frozen=True, kw_only=True):
    """One sensor that heard the event; the first in the list raised it."""

    sensor_id: Id
    serial: str
    boot_epoch: Epoch
    laeq_db: Decibel
    lafmax_db: Decibel
    above_ambient_db: Decibel | None
    calibrated: bool
    calibration_id: str | None


class Veto(_Part, frozen=True, kw_only=True):
    """Something that spoke against the event and was weighed; never a silent drop."""

    code: Code


class Text(_Part, frozen=True, kw_only=True):
    """One text for people, in both languages of the product."""

    en: str
    nl: str


class Timeline(_Part, frozen=True, kw_only=True):
    """Room for a later minor version: score and level around the event, at most ten steps a second."""

    start_utc: Utc
    step_s: Annotated[float, Meta(ge=0.1)]
    scores: tuple[Share, ...]
    laeq_db: tuple[Decibel, ...]


class Alert(_Part, frozen=True, kw_only=True, tag_field="type", tag="alert"):
    """One revision of one event. `event_id` and `revision` together name it; revisions only go up.

    seq and published_utc are null only while the revision waits on the gateway's disk, never on the wire.
    """

    schema: SchemaVersion
    event_id: EventId
    revision: Count
    incident_id: str | None
    site: Id
    gateway: Id
    boot_id: Id
    seq: Count | None
    lane: Lane
    status: Status
    phase: Phase
    priority: Priority
    event_class: Code = field(name="class")
    severity: Severity
    score: Share | None
    runners_up: tuple[RunnerUp, ...]
    count: Positive
    end_reason: Code | None
    laeq_db: Decibel
    lafmax_db: Decibel
    above_ambient_db: Decibel | None
    calibrated: bool
    calibration_id: str | None
    sound_onset_utc: Utc
    last_evidence_utc: Utc
    detected_utc: Utc
    published_utc: Utc | None
    clock: Clock
    place: Place
    sensors: tuple[SensorContribution, ...]
    vetoes: tuple[Veto, ...]
    mode: Mode
    model_id: str | None
    durable: bool = True
    timeline: Timeline | None = None
    prev_hash: str | None = None
    sig: str | None = None


class GatewayStatus(_Part, frozen=True, kw_only=True, tag_field="type", tag="gateway_status"):
    """Retained; the same payload with `offline` and `connection_lost` is the last will."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    boot_id: Id
    state: Presence
    reason: Code | None
    since_utc: Utc | None
    version: str


class SensorAvailability(_Part, frozen=True, kw_only=True, tag_field="type", tag="sensor_availability"):
    """Retained. Holds only while the gateway's own status is online."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    sensor_id: Id
    serial: str | None
    state: SensorState
    reason: Code | None
    since_utc: Utc
    calibrated: bool
    calibration_id: str | None
    place: Place | None
    message: Text | None = None


class LinkQuality(_Part, frozen=True, kw_only=True):
    """Counts since the sensor's boot as this gateway saw them; expected = delivered + lost."""

    frames_delivered: Count
    frames_lost: Count
    bad_frames: Count
    bad_bytes: Count


class SensorHealth(_Part, frozen=True, kw_only=True, tag_field="type", tag="sensor_health"):
    """Retained. What the sensor says of itself, and what its line is like."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    sensor_id: Id
    serial: str
    boot_epoch: Epoch
    measured_utc: Utc
    uptime_s: Seconds
    supply_mv: Count | None
    temperature_c: float | None
    overload_count: Count | None
    dc_offset_fs: float | None
    dropped_frames: Count | None
    self_noise_db: Decibel | None
    calibrated: bool
    calibration_id: str | None
    link: LinkQuality
    coverage: Share | None = None


class SensorLevel(_Part, frozen=True, kw_only=True, tag_field="type", tag="sensor_level"):
    """Retained. Level over the last `period_s` (at least one second), for meters and maps."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    sensor_id: Id
    measured_utc: Utc
    period_s: Annotated[float, Meta(ge=1.0)]
    laeq_db: Decibel
    lafmax_db: Decibel
    ambient_db: Decibel | None
    calibrated: bool
    calibration_id: str | None


class SensorCoverage(_Part, frozen=True, kw_only=True):
    """Share of `window_s` in which this sensor's sound was really analysed."""

    sensor_id: Id
    state: SensorState
    window_s: Seconds
    analysed_s: Seconds
    coverage: Share


class Fault(_Part, frozen=True, kw_only=True):
    code: Code
    where: str
    since_utc: Utc
    message: Text | None = None


class GatewayHealth(_Part, frozen=True, kw_only=True, tag_field="type", tag="gateway_health"):
    """Retained. `coverage` is the mean over the bound sensors; null without any."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    boot_id: Id
    version: str
    published_utc: Utc
    clock: Clock
    uptime_s: Seconds
    mode: Mode
    model_id: str | None
    outbox_pending: Count
    coverage: Share | None
    sensors: tuple[SensorCoverage, ...]
    faults: tuple[Fault, ...]
    counters: dict[str, int] = {}


Payload = Alert | GatewayStatus | GatewayHealth | SensorAvailability | SensorHealth | SensorLevel
PAYLOAD_TYPES: tuple[type[Payload], ...] = (
    Alert,
    GatewayStatus,
    GatewayHealth,
    SensorAvailability,
    SensorHealth,
    SensorLevel,
)
