"""Payloads of contract version 1, as frozen structs; JSON on the wire. What they share is in `parts`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from gateway.contract.alert import Alert
from gateway.contract.dialogue import (
    CoverageReport,
    Heartbeat,
    HourCoverage,
    LevelReport,
    PeriodLevel,
    Receipt,
    Received,
    Request,
    Response,
)
from gateway.contract.parts import (
    Camera,
    Clock,
    Code,
    Count,
    Decibel,
    Epoch,
    EventId,
    Id,
    Latitude,
    Longitude,
    Numbering,
    Part,
    Place,
    Point,
    Position,
    Positive,
    RunnerUp,
    SchemaVersion,
    Seconds,
    SensorContribution,
    Share,
    Text,
    Timeline,
    TimelineRival,
    Transaction,
    Utc,
    Veto,
    replace,
)
from gateway.contract.vocabulary import (
    Confirm,
    Mode,
    Presence,
    SensorState,
)


class GatewayStatus(Part, frozen=True, kw_only=True, tag_field="type", tag="gateway_status"):
    """Retained; the same payload with `offline` and `connection_lost` is the last will."""

    schema: SchemaVersion
    site: Id
    gateway: Id
    boot_id: Id
    state: Presence
    reason: Code | None
    since_utc: Utc | None
    version: str


class SensorAvailability(Part, frozen=True, kw_only=True, tag_field="type", tag="sensor_availability"):
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


class LinkQuality(Part, frozen=True, kw_only=True):
    """Counts since the sensor's boot as this gateway saw them; expected = delivered + lost."""

    frames_delivered: Count
    frames_lost: Count
    bad_frames: Count
    bad_bytes: Count


class SensorHealth(Part, frozen=True, kw_only=True, tag_field="type", tag="sensor_health"):
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


class SensorLevel(Part, frozen=True, kw_only=True, tag_field="type", tag="sensor_level"):
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


class SensorCoverage(Part, frozen=True, kw_only=True):
    """Share of `window_s` in which this sensor's sound was really analysed."""

    sensor_id: Id
    state: SensorState
    window_s: Seconds
    analysed_s: Seconds
    coverage: Share


class Fault(Part, frozen=True, kw_only=True):
    code: Code
    where: str
    since_utc: Utc
    message: Text | None = None


class PathHealth(Part, frozen=True, kw_only=True):
    """One way to a broker. active: alerts leave by it now."""

    path: Code
    connected: bool
    active: bool


class ReceiverHealth(Part, frozen=True, kw_only=True):
    """One receiver named in the settings. answers: it answered a heartbeat or an alert of late."""

    receiver: Id
    answers: bool
    unreceived: Count


class PathTest(Part, frozen=True, kw_only=True):
    """The last scheduled test alert. took_ms: until every receiver had it, null while one has not."""

    sent_utc: Utc
    took_ms: Count | None


class DeliveryHealth(Part, frozen=True, kw_only=True):
    """How alerts leave. confirm: what counts as delivered, as the settings chose."""

    confirm: Confirm
    paths: tuple[PathHealth, ...]
    receivers: tuple[ReceiverHealth, ...]
    last_test: PathTest | None = None


class GatewayHealth(Part, frozen=True, kw_only=True, tag_field="type", tag="gateway_health"):
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
    counters: dict[str, int] = field(default_factory=dict)
    delivery: DeliveryHealth | None = None


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

__all__ = [
    "PAYLOAD_TYPES",
    "Alert",
    "Camera",
    "Clock",
    "Code",
    "Count",
    "CoverageReport",
    "Decibel",
    "DeliveryHealth",
    "Epoch",
    "EventId",
    "Fault",
    "GatewayHealth",
    "GatewayStatus",
    "Heartbeat",
    "HourCoverage",
    "Id",
    "Latitude",
    "LevelReport",
    "LinkQuality",
    "Longitude",
    "Numbering",
    "PathHealth",
    "PathTest",
    "Payload",
    "PeriodLevel",
    "Place",
    "Point",
    "Position",
    "Positive",
    "Receipt",
    "Received",
    "ReceiverHealth",
    "Request",
    "Response",
    "RunnerUp",
    "SchemaVersion",
    "Seconds",
    "SensorAvailability",
    "SensorContribution",
    "SensorCoverage",
    "SensorHealth",
    "SensorLevel",
    "Share",
    "Text",
    "Timeline",
    "TimelineRival",
    "Transaction",
    "Utc",
    "Veto",
    "replace",
]
