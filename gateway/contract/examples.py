"""One valid example of each payload: for the receivers' page, the tests, and people writing a receiver."""

from __future__ import annotations

from gateway.contract.types import (
    Alert,
    Camera,
    Clock,
    CoverageReport,
    DeliveryHealth,
    Fault,
    GatewayHealth,
    GatewayStatus,
    Heartbeat,
    HourCoverage,
    LevelReport,
    LinkQuality,
    PathHealth,
    PathTest,
    Payload,
    PeriodLevel,
    Place,
    Point,
    Receipt,
    Received,
    ReceiverHealth,
    Request,
    Response,
    RunnerUp,
    SensorAvailability,
    SensorContribution,
    SensorCoverage,
    SensorHealth,
    SensorLevel,
    Text,
)
from gateway.contract.vocabulary import (
    SCHEMA_VERSION,
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

_SITE, _GATEWAY, _BOOT = "harbour", "gw-1", "b7f3c2"
_CALIBRATION = "cal-20260301-01"
_MODEL = "street-1"
_NUMBERING = "9c41d07be2a35f68"
_RECEIVER = "meldkamer"
_CLOCK = Clock(state=ClockState.SYNCED, error_ms=12)

PLACE = Place(
    point=Point(coordinates=(4.90041, 52.37403)),
    zone="market square",
    address="Market square 1",
    cameras=(Camera(camera_id="cam-12", distance_m=18.0), Camera(camera_id="cam-07")),
)

ALERT = Alert(
    schema=SCHEMA_VERSION,
    event_id="5d1c7f0be9a24f6c8b3e0a917c64d2f1",
    revision=0,
    incident_id="5d1c7f0be9a24f6c8b3e0a917c64d2f1",
    site=_SITE,
    gateway=_GATEWAY,
    boot_id=_BOOT,
    seq=41,
    lane=Lane.LIVE,
    status=Status.ACTUAL,
    phase=Phase.START,
    priority=Priority.LOOK,
    event_class="scream",
    severity=Severity.MEDIUM,
    score=0.914,
    runners_up=(RunnerUp(event_class="shout", score=0.402),),
    count=1,
    end_reason=None,
    laeq_db=78.2,
    lafmax_db=84.9,
    above_ambient_db=17.4,
    calibrated=True,
    calibration_id=_CALIBRATION,
    sound_onset_utc="2026-03-14T22:41:07.250Z",
    last_evidence_utc="2026-03-14T22:41:08.000Z",
    detected_utc="2026-03-14T22:41:08.000Z",
    published_utc="2026-03-14T22:41:08.021Z",
    clock=Clock(state=ClockState.SYNCED, error_ms=12),
    place=PLACE,
    sensors=(
        SensorContribution(
            sensor_id="square-north",
            serial="AS-00017",
            boot_epoch=212,
            laeq_db=78.2,
            lafmax_db=84.9,
            above_ambient_db=17.4,
            calibrated=True,
            calibration_id=_CALIBRATION,
        ),
    ),
    vetoes=(),
    mode=Mode.FULL,
    model_id=_MODEL,
    numbering=_NUMBERING,
    age_s=0.021,
)

GATEWAY_STATUS = GatewayStatus(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    boot_id=_BOOT,
    state=Presence.ONLINE,
    reason=None,
    since_utc="2026-03-14T18:00:03.500Z",
    version="0.1.0",
)

GATEWAY_HEALTH = GatewayHealth(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    boot_id=_BOOT,
    version="0.1.0",
    published_utc="2026-03-14T22:42:00.000Z",
    clock=Clock(state=ClockState.SYNCED, error_ms=12),
    uptime_s=16916.5,
    mode=Mode.FULL,
    model_id=_MODEL,
    outbox_pending=0,
    coverage=0.998,
    sensors=(
        SensorCoverage(
            sensor_id="square-north",
            state=SensorState.ONLINE,
            window_s=3600.0,
            analysed_s=3592.9,
            coverage=0.998,
        ),
    ),
    faults=(
        Fault(
            code="sensor_lost",
            where="square-south",
            since_utc="2026-03-14T22:40:11.000Z",
            message=Text(en="No data from this sensor", nl="Geen gegevens van deze sensor"),
        ),
    ),
    counters={"alerts_sent": 7},
    delivery=DeliveryHealth(
        confirm=Confirm.RECEIPT,
        paths=(
            PathHealth(path="primary", connected=True, active=True),
            PathHealth(path="backup", connected=True, active=False),
        ),
        receivers=(ReceiverHealth(receiver=_RECEIVER, answers=True, unreceived=0),),
        last_test=PathTest(sent_utc="2026-03-14T18:00:30.000Z", took_ms=48),
    ),
)

SENSOR_AVAILABILITY = SensorAvailability(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    sensor_id="square-north",
    serial="AS-00017",
    state=SensorState.ONLINE,
    reason=None,
    since_utc="2026-03-14T18:00:05.125Z",
    calibrated=True,
    calibration_id=_CALIBRATION,
    place=PLACE,
)

SENSOR_HEALTH = SensorHealth(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    sensor_id="square-north",
    serial="AS-00017",
    boot_epoch=212,
    measured_utc="2026-03-14T22:41:55.000Z",
    uptime_s=16911.0,
    supply_mv=4987,
    temperature_c=11.5,
    overload_count=0,
    dc_offset_fs=0.0004,
    dropped_frames=0,
    self_noise_db=29.5,
    calibrated=True,
    calibration_id=_CALIBRATION,
    link=LinkQuality(frames_delivered=135288, frames_lost=2, bad_frames=2, bad_bytes=114),
    coverage=0.998,
)

SENSOR_LEVEL = SensorLevel(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    sensor_id="square-north",
    measured_utc="2026-03-14T22:41:55.000Z",
    period_s=1.0,
    laeq_db=61.3,
    lafmax_db=63.8,
    ambient_db=58.0,
    calibrated=True,
    calibration_id=_CALIBRATION,
)

HEARTBEAT = Heartbeat(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    boot_id=_BOOT,
    beat=3383,
    interval_s=5.0,
    numbering=_NUMBERING,
    live_seq=41,
    historical_seq=0,
    published_utc="2026-03-14T22:41:10.000Z",
    clock=_CLOCK,
)

RECEIPT = Receipt(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    receiver=_RECEIVER,
    received=(Received(event_id="5d1c7f0be9a24f6c8b3e0a917c64d2f1", revision=0),),
)

REQUEST = Request(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    receiver=_RECEIVER,
    transaction="a3f8e1",
    numbering=_NUMBERING,
    lane=Lane.LIVE,
    first_seq=39,
    last_seq=40,
)

RESPONSE = Response(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    receiver=_RECEIVER,
    transaction="a3f8e1",
    result=Result.OK,
    part=1,
    parts=1,
    resent=2,
)

COVERAGE_REPORT = CoverageReport(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    hour_utc="2026-03-14T22:00:00.000Z",
    clock=_CLOCK,
    sensors=(HourCoverage(sensor_id="square-north", analysed_s=3592.9),),
)

LEVEL_REPORT = LevelReport(
    schema=SCHEMA_VERSION,
    site=_SITE,
    gateway=_GATEWAY,
    start_utc="2026-03-14T22:35:00.000Z",
    period_s=300.0,
    clock=_CLOCK,
    sensors=(
        PeriodLevel(
            sensor_id="square-north", laeq_db=61.3, lafmax_db=74.1, ambient_db=58.0, calibrated=True
        ),
    ),
)

EXAMPLES: tuple[Payload, ...] = (
    ALERT,
    GATEWAY_STATUS,
    GATEWAY_HEALTH,
    SENSOR_AVAILABILITY,
    SENSOR_HEALTH,
    SENSOR_LEVEL,
    HEARTBEAT,
    RECEIPT,
    REQUEST,
    RESPONSE,
    COVERAGE_REPORT,
    LEVEL_REPORT,
)
