"""What leaves the pipeline: alerts become committed rows, everything else retained state for the publisher.

Belongs to the pipeline thread, with its own connection to the outbox. If a commit fails (full disk, worn
card) the alert is sent at once all the same, marked as the only copy; it waits here, in order, is tried again
with every tick, and a fault stands in the health until it is stored.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from firmware_bridge.events import HealthReceived
from firmware_bridge.link import LinkCounters
from gateway.alerts import AlertFactory, clock_of
from gateway.announcements import (
    GatewayIdentity,
    SensorIdentity,
    availability,
    coverage_report,
    gateway_health,
    level_report,
    sensor_health,
    sensor_level,
)
from gateway.clock import HostClock
from gateway.contract.encoding import BadPayload, decode, encode
from gateway.contract.instants import utc_text
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import (
    Alert,
    DeliveryHealth,
    Fault,
    LinkQuality,
    Payload,
    SensorCoverage,
    Text,
)
from gateway.contract.vocabulary import ClockState, EndReason, SensorState
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.path_faults import PathFault
from gateway.level_history import LevelHistory
from gateway.station import RETIRED, Sighting, Station
from gateway.supervision.shown_file import ShownFile
from gateway.supervision.shown_sensors import ShownSensors
from gateway.time_labels import StoredInstant, relabelled

log = logging.getLogger(__name__)

HEALTH_EVERY_S = 30.0
LEVEL_EVERY_S = 10.0
HISTORY_EVERY_S = 300.0
MOST_WAITING = 10_000
"""Alerts that wait in memory for a disk that takes none; all of them were sent, the oldest are given up."""


class StateSink(Protocol):
    """The publisher, as far as the desk needs it."""

    def put_state(self, topic: str, payload: bytes) -> bool: ...
    def put_record(self, topic: str, payload: bytes) -> bool: ...
    def put_unstored(self, alert: Alert) -> bool: ...
    def wake(self) -> None: ...
    @property
    def faults(self) -> tuple[PathFault, ...]: ...
    @property
    def health(self) -> DeliveryHealth | None: ...


class Desk:
    """Outlets of the station; `tick` from the same thread."""

    def __init__(
        self,
        identity: GatewayIdentity,
        outbox: Outbox,
        sink: StateSink,
        factory: AlertFactory,
        clock: HostClock,
        counters_of: Callable[[str], LinkCounters | None],
        more_counters: Callable[[], dict[str, int]],
        standing_faults: tuple[Fault, ...] = (),
        shown: ShownSensors | None = None,
        shown_file: ShownFile | None = None,
    ) -> None:
        """shown, shown_file: what brokers show, also of earlier runs; None: nothing was, nothing is kept."""
        self._identity = identity
        self._outbox = outbox
        self._sink = sink
        self._factory = factory
        self._clock = clock
        self._counters_of = counters_of
        self._more_counters = more_counters
        self._standing_faults = standing_faults
        self._shown = shown or ShownSensors({})
        self._shown_file = shown_file
        self._topics = TopicBuilder(identity.site, identity.gateway)
        self._begun_s = clock.monotonic_s()
        self._health_due_s = self._begun_s
        self._level_due_s = self._begun_s + LEVEL_EVERY_S
        self._history = LevelHistory()
        self._history_from_s = self._begun_s
        self._waiting: deque[tuple[Alert, StoredInstant]] = deque()
        self._storage_fault: Fault | None = None
        self._told_faults: frozenset[tuple[str, str]] = frozenset()
        self.alerts_committed = 0
        self.alerts_given_up = 0

    def close_orphans(self) -> list[Alert]:
        """End the events that a crash or a power cut left open; their ends."""
        ended = []
        for row in self._outbox.open_events():
            alert = decode(row.alert_json, Alert)
            if isinstance(alert, BadPayload):
                log.error("stored alert %d cannot be read (%s); it stays as it is", row.row_id, alert.reason)
                continue
            made = StoredInstant(row.boot_id, row.monotonic_s, row.utc_offset_s)
            known = self._clock.known()
            quality = self._clock.quality()
            end = self._factory.orphan_end(
                relabelled(alert, made, known, self._outbox.boots()),
                EndReason.GATEWAY_RESTARTED,
                self._clock.utc().timestamp(),
                clock_of(ClockState(quality.state), quality.error_ms),
            )
            self.alert(end)
            ended.append(end)
        return ended

    def alert(self, alert: Alert) -> None:
        self._waiting.append((alert, self._clock.instant()))
        if self._storage_fault is None:
            self._store()  # else with the next tick: a disk that fails may also be slow to say so
        if self._waiting:
            self._sink.put_unstored(alert)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self.alerts_given_up += 1

    def availability(self, sighting: Sighting) -> None:
        topic = self._topics.sensor_availability(sighting.sensor_id)
        if sighting.reason == RETIRED:
            self._wipe(sighting.sensor_id)
            return
        now_s = self._clock.monotonic_s()
        self._shown.show(sighting.sensor_id, away=sighting.state is SensorState.OFFLINE, now_s=now_s)
        self._remember_shown(now_s)
        sensor, now = _identity_of(sighting), self._clock.utc()
        payload = availability(self._identity, sensor, sighting.state, now, sighting.reason, sighting.message)
        self._tell(topic, payload)
        self._record("availability", payload)

    def sensor_health(self, sighting: Sighting, event: HealthReceived, coverage: float | None) -> None:
        counters = None if sighting.port is None else self._counters_of(sighting.port)
        payload = sensor_health(
            self._identity,
            _identity_of(sighting),
            sighting.epoch,
            event.health,
            _link_quality(counters),
            coverage,
            self._clock.utc(),
        )
        self._tell(self._topics.sensor_health(sighting.sensor_id), payload)

    def tick(self, station: Station, now_s: float) -> None:
        """Store what waits; tell levels and health when due, health at once when a fault comes or goes."""
        self._store()
        if now_s >= self._level_due_s:
            self._level_due_s = now_s + LEVEL_EVERY_S
            station.follow_calibrations()
            station.usual.follow(station.live().values())
            self._tell_levels(station)
            if now_s >= self._history_from_s + HISTORY_EVERY_S:
                self._record_levels(now_s)
        self._wipe_retired(station, now_s)
        for hour in station.book.finished_hours(self._clock):
            self._record("coverage", coverage_report(self._identity, hour, self._clock.quality()))
        faults = self._faults(station)
        standing = frozenset((fault.code, fault.where) for fault in faults)
        if now_s >= self._health_due_s or standing != self._told_faults:
            self._health_due_s = now_s + HEALTH_EVERY_S
            self._told_faults = standing
            self._tell_health(station, faults, now_s)

    def _wipe_retired(self, station: Station, now_s: float) -> None:
        """Take off the brokers what is over: of earlier runs, or of sensors without a place."""
        for sensor_id in self._shown.due(now_s):
            log.info("sensor %s is over; its retained messages are wiped", sensor_id)
            if sensor_id in station.sightings:
                station.forget(sensor_id)
            else:
                self._wipe(sensor_id)
        self._remember_shown(now_s)

    def _wipe(self, sensor_id: str) -> None:
        self._shown.retire(sensor_id)
        topics = self._topics
        for topic_of in (topics.sensor_availability, topics.sensor_health, topics.sensor_level):
            self._sink.put_state(topic_of(sensor_id), b"")

    def _remember_shown(self, now_s: float) -> None:
        """Before the brokers are told, so that a crash leaves none that nobody knows of."""
        if self._shown_file is not None:
            self._shown_file.keep(self._shown.to_remember(), now_s)

    def _store(self) -> None:
        while self._waiting:
            alert, made = self._waiting[0]
            try:
                self._commit(alert, made)
            except OutboxError as problem:
                if self._storage_fault is None:
                    log.error("alert %s cannot be stored: %s", alert.event_id, problem)
                    self._storage_fault = _storage_fault(problem, self._clock.utc())
                return
            self._waiting.popleft()
        if self._storage_fault is not None:
            log.warning("the outbox takes alerts again")
            self._storage_fault = None

    def _commit(self, alert: Alert, made: StoredInstant) -> None:
        """made: when the alert was made, and the clock that its times were made with."""
        row_id = self._outbox.commit(
            encode(alert),
            alert.event_id,
            alert.revision,
            self._factory.topic(alert),
            alert.phase.value,
            boot_id=made.boot_id,
            monotonic_s=made.monotonic_s,
            utc_offset_s=made.utc_offset_s,
        )
        if row_id is not None:
            self.alerts_committed += 1
            self._sink.wake()

    def _tell_levels(self, station: Station) -> None:
        for live in station.live().values():
            reading = live.meter.read()
            sighting = station.sightings.get(live.context.sensor_id)
            if reading is not None and sighting is not None and reading[0] >= 1.0:
                payload = sensor_level(self._identity, _identity_of(sighting), *reading, self._clock.utc())
                self._tell(self._topics.sensor_level(sighting.sensor_id), payload)
                self._history.add(sighting.sensor_id, *reading, calibrated=payload.calibrated)

    def _record_levels(self, now_s: float) -> None:
        start = self._clock.utc_at(self._history_from_s)
        payload = level_report(
            self._identity, self._history.take(), start, now_s - self._history_from_s, self._clock.quality()
        )
        self._history_from_s = now_s
        if payload.sensors:
            self._record("level", payload)

    def _tell_health(self, station: Station, faults: tuple[Fault, ...], now_s: float) -> None:
        payload = gateway_health(
            self._identity,
            now=self._clock.utc(),
            quality=self._clock.quality(),
            uptime_s=now_s - self._begun_s,
            model_id=station.model_id,
            outbox_pending=self._pending(),
            sensors=_coverage(station, now_s),
            faults=faults,
            counters={
                "alerts_committed": self.alerts_committed,
                "alerts_waiting_for_disk": len(self._waiting),
                "frames_heard": station.frames_heard,
                "frames_unused": station.frames_unused,
                **station.held_back.counters(),
                **self._more_counters(),
            },
            delivery=self._sink.health,
        )
        self._tell(self._topics.health, payload)

    def _pending(self) -> int:
        try:
            return self._outbox.undelivered_count() + len(self._waiting)
        except OutboxError:
            return len(self._waiting)

    def _faults(self, station: Station) -> tuple[Fault, ...]:
        def utc_of(monotonic_s: float) -> str:
            return utc_text(self._clock.utc_at(monotonic_s).timestamp())

        storage = () if self._storage_fault is None else (self._storage_fault,)
        delivery = [
            Fault(code=fault.code, where=fault.where, since_utc=utc_of(fault.since_s), message=fault.message)
            for fault in self._sink.faults
            if not (storage and fault.code == storage[0].code)
        ]
        return (*self._standing_faults, *storage, *delivery, *station.faults(utc_of))

    def _tell(self, topic: str, payload: Payload) -> None:
        self._sink.put_state(topic, encode(payload))

    def _record(self, what: str, payload: Payload) -> None:
        """History: kept until a broker has it, also of the time without a path."""
        self._sink.put_record(self._topics.record(what), encode(payload))


def _identity_of(sighting: Sighting) -> SensorIdentity:
    return SensorIdentity(
        sighting.sensor_id,
        sighting.serial,
        0.0 if sighting.full_scale_db is None else sighting.full_scale_db,
        sighting.calibration_id,
        sighting.place,
    )


def _link_quality(counters: LinkCounters | None) -> LinkQuality:
    if counters is None:
        return LinkQuality(frames_delivered=0, frames_lost=0, bad_frames=0, bad_bytes=0)
    return LinkQuality(
        frames_delivered=counters.sequence.delivered,
        frames_lost=counters.sequence.lost,
        bad_frames=counters.messages.bad_frames,
        bad_bytes=counters.bytes.bad,
    )


def _coverage(station: Station, now_s: float) -> list[SensorCoverage]:
    found = []
    for sensor_id, coverage in station.coverage.items():
        sighting = station.sightings.get(sensor_id)
        window_s = coverage.window_s(now_s)
        found.append(
            SensorCoverage(
                sensor_id=sensor_id,
                state=SensorState.OFFLINE if sighting is None else sighting.state,
                window_s=round(window_s, 3),
                analysed_s=round(window_s * coverage.share(now_s), 3),
                coverage=round(coverage.share(now_s), 4),
            )
        )
    return found


def _storage_fault(problem: OutboxError, now: datetime) -> Fault:
    return Fault(
        code="outbox_failed",
        where=problem.where,
        since_utc=utc_text(now.timestamp()),
        message=Text(
            en=f"Alerts leave but are not stored ({problem})",
            nl=f"Alarmen gaan uit maar worden niet opgeslagen ({problem.what_nl}): maak ruimte op de schijf",
        ),
    )
