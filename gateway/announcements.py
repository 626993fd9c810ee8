"""The retained state messages of the contract, built from what the station knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from firmware_bridge.messages import NOT_MEASURED_I16, NOT_MEASURED_U16, Health
from gateway.alerts import clock_of
from gateway.clock import ClockQuality
from gateway.contract.instants import utc_text
from gateway.contract.types import (
    CoverageReport,
    DeliveryHealth,
    Fault,
    GatewayHealth,
    GatewayStatus,
    HourCoverage,
    LevelReport,
    LinkQuality,
    PeriodLevel,
    Place,
    SensorAvailability,
    SensorCoverage,
    SensorHealth,
    SensorLevel,
    Text,
)
from gateway.contract.vocabulary import SCHEMA_VERSION, ClockState, Mode, Presence, SensorState
from gateway.coverage_hours import FinishedHour

_HOP_S = 0.125


@dataclass(frozen=True, slots=True)
class GatewayIdentity:
    """What every message of one run of one gateway says of it."""

    site: str
    gateway: str
    boot_id: str
    version: str


@dataclass(frozen=True, slots=True)
class SensorIdentity:
    """A sensor as messages name it. serial: None for a bound place whose sensor was never heard."""

    sensor_id: str
    serial: str | None
    full_scale_db: float
    calibration_id: str | None
    place: Place | None


def gateway_status(
    identity: GatewayIdentity, state: Presence, since: datetime | None, reason: str | None = None
) -> GatewayStatus:
    return GatewayStatus(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        boot_id=identity.boot_id,
        state=state,
        reason=reason,
        since_utc=None if since is None else utc_text(since.timestamp()),
        version=identity.version,
    )


def availability(
    identity: GatewayIdentity,
    sensor: SensorIdentity,
    state: SensorState,
    since: datetime,
    reason: str | None = None,
    message: Text | None = None,
) -> SensorAvailability:
    return SensorAvailability(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        sensor_id=sensor.sensor_id,
        serial=sensor.serial,
        state=state,
        reason=reason,
        since_utc=utc_text(since.timestamp()),
        calibrated=sensor.calibration_id is not None,
        calibration_id=sensor.calibration_id,
        place=sensor.place,
        message=message,
    )


def sensor_health(
    identity: GatewayIdentity,
    sensor: SensorIdentity,
    epoch: int,
    health: Health,
    link: LinkQuality,
    coverage: float | None,
    now: datetime,
) -> SensorHealth:
    """The sensor's own report in units for people; what it does not measure is null."""
    assert sensor.serial is not None
    measured = health.self_noise_cdb != NOT_MEASURED_I16
    return SensorHealth(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        sensor_id=sensor.sensor_id,
        serial=sensor.serial,
        boot_epoch=epoch,
        measured_utc=utc_text(now.timestamp()),
        uptime_s=health.uptime_hops * _HOP_S,
        supply_mv=None if health.supply_mv == NOT_MEASURED_U16 else health.supply_mv,
        temperature_c=None if health.temperature_dc == NOT_MEASURED_I16 else health.temperature_dc / 10,
        overload_count=health.overload_count,
        dc_offset_fs=health.dc_offset / 32768,
        dropped_frames=health.dropped_frames,
        self_noise_db=round(health.self_noise_cdb / 100 + sensor.full_scale_db, 2) if measured else None,
        calibrated=sensor.calibration_id is not None,
        calibration_id=sensor.calibration_id,
        link=link,
        coverage=coverage,
    )


def sensor_level(
    identity: GatewayIdentity,
    sensor: SensorIdentity,
    period_s: float,
    laeq_db: float,
    lafmax_db: float,
    ambient_db: float | None,
    now: datetime,
) -> SensorLevel:
    return SensorLevel(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        sensor_id=sensor.sensor_id,
        measured_utc=utc_text(now.timestamp()),
        period_s=round(period_s, 3),
        laeq_db=round(laeq_db, 1),
        lafmax_db=round(lafmax_db, 1),
        ambient_db=None if ambient_db is None else round(ambient_db, 1),
        calibrated=sensor.calibration_id is not None,
        calibration_id=sensor.calibration_id,
    )


def coverage_report(
    identity: GatewayIdentity, hour: FinishedHour, quality: ClockQuality
) -> CoverageReport:
    """One hour that is over; its clock is unsynced if a part of it was labelled by one that was not set."""
    clock = clock_of(ClockState(quality.state), quality.error_ms)
    return CoverageReport(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        hour_utc=utc_text(hour.begin_utc_s),
        clock=clock if hour.sure else clock_of(ClockState.UNSYNCED, None),
        sensors=tuple(
            HourCoverage(sensor_id=sensor_id, analysed_s=round(analysed_s, 3))
            for sensor_id, analysed_s in hour.analysed_s.items()
        ),
    )


def level_report(
    identity: GatewayIdentity,
    levels: tuple[PeriodLevel, ...],
    start: datetime,
    period_s: float,
    quality: ClockQuality,
) -> LevelReport:
    return LevelReport(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        start_utc=utc_text(start.timestamp()),
        period_s=round(period_s, 3),
        clock=clock_of(ClockState(quality.state), quality.error_ms),
        sensors=levels,
    )


def gateway_health(
    identity: GatewayIdentity,
    *,
    now: datetime,
    quality: ClockQuality,
    uptime_s: float,
    model_id: str | None,
    outbox_pending: int,
    sensors: Iterable[SensorCoverage],
    faults: Iterable[Fault],
    counters: Mapping[str, int],
    delivery: DeliveryHealth | None = None,
) -> GatewayHealth:
    """coverage: the mean over the bound sensors given, null without any."""
    covered = tuple(sensors)
    shares = [sensor.coverage for sensor in covered]
    return GatewayHealth(
        schema=SCHEMA_VERSION,
        site=identity.site,
        gateway=identity.gateway,
        boot_id=identity.boot_id,
        version=identity.version,
        published_utc=utc_text(now.timestamp()),
        clock=clock_of(ClockState(quality.state), quality.error_ms),
        uptime_s=round(uptime_s, 3),
        mode=Mode.LEVEL_ONLY if model_id is None else Mode.FULL,
        model_id=model_id,
        outbox_pending=outbox_pending,
        coverage=round(sum(shares) / len(shares), 4) if shares else None,
        sensors=covered,
        faults=tuple(faults),
        counters=dict(counters),
        delivery=delivery,
    )
