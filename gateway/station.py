"""The pipeline thread's work: port events in; alerts to be committed and retained state messages out.

No thread and no I/O of its own: what leaves goes through the functions in `Outlets`. The station owns every
sensor's DSP state, window, open events and coverage, so nothing here is shared or locked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from firmware_bridge.events import (
    FeatureFrame,
    Gap,
    HealthReceived,
    LinkChanged,
    LinkEvent,
    LinkState,
    LostReason,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.port_states import PortChanged, PortState
from gateway.alerts import AlertFactory, SensorContext
from gateway.calibration.applied import AppliedCalibration
from gateway.clock import HostClock
from gateway.contract.topics import provisional_id
from gateway.contract.types import Alert, Fault, Place, Text
from gateway.contract.vocabulary import EndReason, Mode, SensorState
from gateway.coverage_book import CoverageBook
from gateway.decisions.decider import Decision
from gateway.decisions.rules import ClassRule
from gateway.incident_teller import IncidentTeller, PersonConfirms
from gateway.live_sensor import LiveSensor
from gateway.model_setup import ModelSetup
from gateway.pipeline import SensorPipeline
from gateway.sensors import BoundSensor, Seated, SensorRegistry, Standing
from gateway.station_words import DISABLED, DUPLICATE, LINK_FAULTS, REFUSED_NL, UNBOUND, port_words
from gateway.usual_book import UsualBook
from gateway.vetoes.tally import VetoTally
from gateway.vetoes.watch import VetoWatch

log = logging.getLogger(__name__)

StationEvent = LinkEvent | PortChanged | PersonConfirms | Alert
"""An Alert is a neighbouring gateway's."""

FAULT_AFTER_S = 1.0
RETIRED = "retired"
"""Reason of a provisional name that is over: its retained messages are to be wiped."""


class Calibrations(Protocol):
    """Which calibration holds for a sensor now."""

    def current(self, serial: str, full_scale_db: float) -> AppliedCalibration: ...


class Outlets(Protocol):
    """Where the station's results go; each returns quickly."""

    def alert(self, alert: Alert) -> None: ...
    def availability(self, sighting: Sighting) -> None: ...
    def sensor_health(self, sighting: Sighting, event: HealthReceived, coverage: float | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Sighting:
    """How one sensor is shown now. serial and full_scale_db: None where no sensor has spoken."""

    sensor_id: str
    state: SensorState
    reason: str | None = None
    message: Text | None = None
    serial: str | None = None
    epoch: int = 0
    full_scale_db: float | None = None
    calibration_id: str | None = None
    place: Place | None = None
    port: str | None = None


class Station:
    """All sensors of one gateway. `take` events and `tick` from one thread."""

    def __init__(
        self,
        bound: Mapping[str, BoundSensor],
        model: ModelSetup,
        rules: Mapping[str, ClassRule],
        factory: AlertFactory,
        calibrations: Calibrations,
        outlets: Outlets,
        clock: HostClock,
        book: CoverageBook | None = None,
        usual: UsualBook | None = None,
    ) -> None:
        """book: None counts coverage from now on and keeps no seconds. usual: None learns for this run."""
        self._bound = bound
        self._model = model
        self._rules = rules
        self.incidents = IncidentTeller(factory, clock)
        self._calibrations = calibrations
        self._outlets = outlets
        self._clock = clock
        self._registry = SensorRegistry({sensor.sensor_id: sensor.serial for sensor in bound.values()})
        self._live: dict[str, LiveSensor] = {}
        self.sightings: dict[str, Sighting] = {}
        self.ports: dict[str, PortChanged] = {}
        self.links: dict[str, LinkChanged] = {}
        self.book = book or CoverageBook(bound, clock.monotonic_s())
        self.coverage = self.book.last_hour
        self.frames_heard = 0
        self.frames_unused = 0
        self.held_back = VetoTally()
        self.usual = usual or UsualBook(bound, clock)

    def begin(self) -> None:
        """Show every bound place before its sensor has spoken: silence must be seen, not guessed."""
        for sensor in self._bound.values():
            self._show(
                Sighting(
                    sensor.sensor_id,
                    SensorState.OFFLINE,
                    "not_seen",
                    serial=sensor.serial,
                    place=sensor.place,
                )
            )

    def take(self, port: str, event: StationEvent) -> None:
        """One event of one port, in the order in which the port gave it."""
        match event:
            case FeatureFrame():
                self._hear(port, event)
            case Gap():
                if port in self._live:
                    self._live[port].miss(event.hops)
            case SensorReady():
                self._seat(port, event)
            case SensorLost():
                self._lose(port, event.reason)
            case SensorRefused():
                self._refuse(port, event)
            case HealthReceived():
                self._report_health(port, event)
            case LinkChanged():
                self._follow_link(port, event)
            case PortChanged():
                self._follow_port(event)
            case PersonConfirms():
                self._tell(self.incidents.confirm(event.event_id))
            case Alert():
                self._tell(self.incidents.neighbour(event))
            case _:
                pass  # calibration reports concern `agw calibrate`

    def follow_calibrations(self) -> None:
        """Use a calibration from its stated instant on, also for a sensor that streams already."""
        for port, live in self._live.items():
            seated = self._registry.at(port)
            if seated is None:
                continue
            calibration = self._calibrations.current(seated.serial, seated.hello.full_scale_db)
            if calibration.calibration_id != live.context.calibration_id:
                full_scale_db = seated.hello.full_scale_db + calibration.offset_db
                live.recalibrate(full_scale_db, calibration.calibration_id)
                shown = self.sightings[seated.sensor_id]
                self._show(
                    replace(shown, full_scale_db=full_scale_db, calibration_id=calibration.calibration_id)
                )

    def live(self) -> Mapping[str, LiveSensor]:
        """The sensors that stream now, by port."""
        return self._live

    @property
    def model_id(self) -> str | None:
        return self._model.model_id

    def faults(self, utc_of: Callable[[float], str]) -> list[Fault]:
        """Ports and lines of no use and seconds that are not kept; utc_of: monotonic seconds to UTC text.

        What lasts less than a second (a cable that is moved to another port) is no fault to anybody.
        """
        settled_s = self._clock.monotonic_s() - FAULT_AFTER_S
        lines = [
            Fault(
                code=f"link_{link.state.value}",
                where=port,
                since_utc=utc_of(link.now_s),
                message=LINK_FAULTS[link.state],
            )
            for port, link in self.links.items()
            if link.state in LINK_FAULTS and link.now_s <= settled_s
        ]
        ports = [
            Fault(
                code=f"port_{changed.state.value}",
                where=changed.url,
                since_utc=utc_of(changed.now_s),
                message=port_words(changed),
            )
            for changed in self.ports.values()
            if changed.state not in _QUIET_PORT_STATES and changed.now_s <= settled_s
        ]
        return [*self.book.faults(), *lines, *ports]

    def stop(self) -> None:
        """End every open event: the gateway stops on purpose."""
        for port in tuple(self._live):
            self._end(port, EndReason.GATEWAY_STOPPED)
        self.book.close()

    def _hear(self, port: str, frame: FeatureFrame) -> None:
        live = self._live.get(port)
        if live is None:
            self.frames_unused += 1
            return
        self.frames_heard += 1
        analysis = live.hear(frame)
        context = live.context
        self.book.hear(
            context.sensor_id,
            analysis,
            frame.t_end_s,
            frame.received_s,
            calibrated=context.calibration_id is not None,
        )
        self.held_back.count(analysis.held_back)
        for decision in analysis.decisions:
            self._raise(live, decision)

    def _raise(self, live: LiveSensor, decision: Decision) -> None:
        self._tell(self.incidents.decided(live, decision))

    def _tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._outlets.alert(alert)

    def _seat(self, port: str, ready: SensorReady) -> None:
        # A hello at a port where another sensor still counts as live would leave its events open.
        self._end(port, EndReason.SENSOR_LOST)
        self._admit(self._registry.seat(port, ready.hello, ready.epoch))

    def _admit(self, seated: Seated) -> None:
        bound = self._bound.get(seated.sensor_id)
        calibration = self._calibrations.current(seated.serial, seated.hello.full_scale_db)
        sighting = Sighting(
            seated.sensor_id,
            SensorState.ONLINE,
            serial=seated.serial,
            epoch=seated.epoch,
            full_scale_db=seated.hello.full_scale_db + calibration.offset_db,
            calibration_id=calibration.calibration_id,
            place=None if bound is None else bound.place,
            port=seated.port,
        )
        if seated.standing is Standing.DUPLICATE:
            self._show_duplicate(seated, sighting)
        elif bound is None or seated.standing is Standing.UNBOUND:
            log.warning(
                "sensor %s at %s is not bound to a place and raises no alert", seated.serial, seated.port
            )
            self._show(replace(sighting, state=SensorState.UNBOUND, message=UNBOUND))
        elif not bound.enabled:
            self._show(replace(sighting, state=SensorState.REFUSED, reason="disabled", message=DISABLED))
        else:
            self._live[seated.port] = self._listen_to(bound, seated, calibration)
            self._show(sighting)

    def _listen_to(self, bound: BoundSensor, seated: Seated, calibration: AppliedCalibration) -> LiveSensor:
        context = SensorContext(
            sensor_id=bound.sensor_id,
            serial=seated.serial,
            epoch=seated.epoch,
            place=bound.place,
            calibration_id=calibration.calibration_id,
            mode=Mode.LEVEL_ONLY if self._model.classifier is None else Mode.FULL,
            model_id=self._model.model_id,
        )
        pipeline = SensorPipeline(
            self._model.classifier,
            self._rules,
            full_scale_db=seated.hello.full_scale_db + calibration.offset_db,
            usual=self.usual.of[bound.sensor_id],
            vetoes=VetoWatch(bound.known_sounds, bound.ignored_vetoes),
        )
        return LiveSensor(context, pipeline)

    def _show_duplicate(self, seated: Seated, sighting: Sighting) -> None:
        log.error("a second sensor says it is %s, at %s; refused", seated.serial, seated.port)
        self._show(
            replace(
                sighting,
                sensor_id=provisional_id("refused", seated.port),
                state=SensorState.REFUSED,
                reason="duplicate_serial",
                message=DUPLICATE,
            )
        )

    def _lose(self, port: str, reason: LostReason) -> None:
        rebooted = reason is LostReason.REBOOTED
        self._end(port, EndReason.SENSOR_REBOOTED if rebooted else EndReason.SENSOR_LOST)
        gone, waiting = self._registry.leave(port)
        if gone is None:
            return
        sensor_id = provisional_id("refused", port) if gone.standing is Standing.DUPLICATE else gone.sensor_id
        shown = self.sightings.get(sensor_id)
        if shown is not None:
            log.warning("sensor %s (%s) is gone: %s", sensor_id, gone.serial, reason.value)
            self._show(replace(shown, state=SensorState.OFFLINE, reason=reason.value, message=None))
        if waiting is not None:
            self.forget(provisional_id("refused", waiting.port))
            self._admit(waiting)

    def _end(self, port: str, reason: EndReason) -> None:
        live = self._live.pop(port, None)
        if live is not None:
            for decision in live.close(reason):
                self._raise(live, decision)
            self.held_back.count(live.pipeline.take_held_back())

    def _refuse(self, port: str, refused: SensorRefused) -> None:
        self._end(port, EndReason.SENSOR_LOST)
        bound = next((s for s in self._bound.values() if s.serial == refused.serial), None)
        sensor_id = bound.sensor_id if bound else provisional_id("unbound", refused.serial)
        log.error("sensor %s at %s is refused: %s", refused.serial, port, refused.hint)
        self._show(
            Sighting(
                sensor_id,
                SensorState.REFUSED,
                refused.reason.value,
                message=Text(en=refused.hint, nl=REFUSED_NL),
                serial=refused.serial,
                place=bound.place if bound else None,
                port=port,
            )
        )

    def _report_health(self, port: str, event: HealthReceived) -> None:
        seated = self._registry.at(port)
        if seated is None or seated.standing is Standing.DUPLICATE:
            return
        sighting = self.sightings.get(seated.sensor_id)
        if sighting is not None:
            coverage = self.coverage.get(seated.sensor_id)
            share = None if coverage is None else coverage.share(self._clock.monotonic_s())
            self._outlets.sensor_health(sighting, event, share)

    def _follow_link(self, port: str, changed: LinkChanged) -> None:
        self.links[port] = changed
        log.info("port %s: %s %s", port, changed.state.value, changed.detail)
        if changed.state in _NOBODY_THERE:
            for shown in tuple(self.sightings.values()):
                if shown.port == port and shown.state is SensorState.REFUSED:
                    reason = _NOBODY_THERE[changed.state].value
                    self._show(replace(shown, state=SensorState.OFFLINE, reason=reason, message=None))

    def _follow_port(self, changed: PortChanged) -> None:
        self.ports[changed.url] = changed
        text = changed.text("en")
        level = logging.INFO if changed.state in _QUIET_PORT_STATES else logging.WARNING
        log.log(level, "port %s: %s (%s) %s", changed.url, text.message, changed.detail or "-", text.hint)

    def _show(self, sighting: Sighting) -> None:
        if self.sightings.get(sighting.sensor_id) != sighting:
            self.sightings[sighting.sensor_id] = sighting
            self._outlets.availability(sighting)

    def forget(self, sensor_id: str) -> None:
        """A provisional name is over: its sensor has its own again, or is gone for good."""
        shown = self.sightings.pop(sensor_id, None)
        if shown is not None:
            self._outlets.availability(
                replace(shown, state=SensorState.OFFLINE, reason=RETIRED, message=None)
            )


_NOBODY_THERE = {
    LinkState.CLOSED: LostReason.PORT_CLOSED,
    LinkState.SILENT: LostReason.SILENT,
    LinkState.GARBLED: LostReason.GARBLED,
}
_QUIET_PORT_STATES = (PortState.OPENING, PortState.OPEN, PortState.STOPPED)
