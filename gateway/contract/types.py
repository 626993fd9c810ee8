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
    Confirm,
    Lane,
    Mode,
    Phase,
    Presence,
    Priority,
    Result,
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
Numbering = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
Transaction = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
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
    """How far the `_utc` fields can be trusted; `error_ms` is null when nobody can say.

    corrected_ms: the clock was put right after this was stored, and its times were moved by so much (signed).
    """

    state: ClockState
    error_ms: Count | None
    corrected_ms: int | None = None


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

    seq, age_s and published_utc belong to the sending: null while the revision waits on the gateway's disk.
    On the wire seq is null only when `durable` is false (not stored, so not numbered). numbering names the
    store that counted seq. historical: it waited too long to ring as new, age_s says how long (null: nobody
    knows, it is of an earlier boot).
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
    numbering: Numbering | None = None
    historical: bool = False
    age_s: Seconds | None = None
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


class PathHealth(_Part, frozen=True, kw_only=True):
    """One way to a broker. active: alerts leave by it now."""

    path: Code
    connected: bool
    active: bool


class ReceiverHealth(_Part, frozen=True, kw_only=True):
    """One receiver named in the settings. answers: it answered a heartbeat or an alert of late."""

    receiver: Id
    answers: bool
    unreceived: Count


class PathTest(_Part, frozen=True, kw_only=True):
    """The last scheduled test alert. took_ms: until every receiver had it, null while one has not."""

    sent_utc: Utc
    took_ms: Count | None


class DeliveryHealth(_Part, frozen=True, kw_only=True):
    """How alerts leave. confirm: what counts as delivered, as the settings chose."""

    confirm: Confirm
    paths: tuple[PathHealth, ...]
    receivers: tuple[ReceiverHealth, ...]
    last_test: PathTest | None = None


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
    delivery: DeliveryHealth | None = None


class Heartbeat(_Part, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """Every interval_s, not retained: three missed ones mean that the gateway is not heard.

    live_seq, historical_seq: the last number given in each lane, so that a missing last alert shows too.
    """

    schema: SchemaVersion
    site: Id
    gateway: Id
    boot_id: Id
    beat: Count
    interval_s: Annotated[float, Meta(ge=0.1)]
    numbering: Numbering
    live_seq: Count
    historical_seq: Count
    published_utc: Utc
    clock: Clock


class Received(_Part, frozen=True, kw_only=True):
    """One revision of one event, safe in the receiver's own store."""

    event_id: EventId
    revision: Count


class Receipt(_Part, frozen=True, kw_only=True, tag_field="type", tag="receipt"):
    """A receiver's word to one gateway: it has these revisions; beat: it heard this heartbeat."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    receiver: Id
    received: tuple[Received, ...]
    beat: Count | None = None


class Request(_Part, frozen=True, kw_only=True, tag_field="type", tag="request"):
    """A receiver asks one gateway; the command is in the topic. The answer repeats `transaction`.

    resend needs numbering, lane, first_seq and last_seq (inclusive); open and test need none of them.
    """

    schema: SchemaVersion
    site: Id
    gateway: Id
    receiver: Id
    transaction: Transaction
    numbering: Numbering | None = None
    lane: Lane | None = None
    first_seq: Positive | None = None
    last_seq: Positive | None = None


class Response(_Part, frozen=True, kw_only=True, tag_field="type", tag="response"):
    """The answer to one request, in `parts` messages (part counts from 1).

    open: `alerts` are the latest revisions of the events that are open now, and nothing else. resend:
    `resent` come again on their own topics, `gone` are no longer kept. message: why it was refused.
    """

    schema: SchemaVersion
    site: Id
    gateway: Id
    receiver: Id
    transaction: Transaction
    result: Result
    part: Positive
    parts: Positive
    alerts: tuple[Alert, ...] = ()
    resent: Count = 0
    gone: Count = 0
    message: Text | None = None


class HourCoverage(_Part, frozen=True, kw_only=True):
    """Seconds of one hour in which one sensor's sound was analysed."""

    sensor_id: Id
    analysed_s: Annotated[float, Meta(ge=0.0, le=3600.0)]


class CoverageReport(_Part, frozen=True, kw_only=True, tag_field="type", tag="coverage_report"):
    """One hour, not retained. A sensor that is bound and heard nothing has 0."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    hour_utc: Utc
    clock: Clock
    sensors: tuple[HourCoverage, ...]


class PeriodLevel(_Part, frozen=True, kw_only=True):
    sensor_id: Id
    laeq_db: Decibel
    lafmax_db: Decibel
    ambient_db: Decibel | None
    calibrated: bool


class LevelReport(_Part, frozen=True, kw_only=True, tag_field="type", tag="level_report"):
    """Levels of all sensors over one period, not retained: the history that retained levels do not keep."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    start_utc: Utc
    period_s: Annotated[float, Meta(ge=1.0)]
    clock: Clock
    sensors: tuple[PeriodLevel, ...]


Payload = (
    Alert
    | GatewayStatus
    | GatewayHealth
    | SensorAvailability
    | SensorHealth
    | SensorLevel
    | Heartbeat
    | Receipt
    | Request
    | Response
    | CoverageReport
    | LevelReport
)
PAYLOAD_TYPES: tuple[type[Payload], ...] = (
    Alert,
    GatewayStatus,
    GatewayHealth,
    SensorAvailability,
    SensorHealth,
    SensorLevel,
    Heartbeat,
    Receipt,
    Request,
    Response,
    CoverageReport,
    LevelReport,
)
