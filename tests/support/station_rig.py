"""A station without threads, ports, disk or broker: simulated sensors in memory through real links into it.

Time is the simulated world's; everything that would leave is kept in lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from firmware_bridge.events import HealthReceived
from firmware_bridge.link import SensorLink
from firmware_bridge.simulator.scenario import Scenario
from firmware_bridge.simulator.sound import Sound, SoundLibrary
from firmware_bridge.simulator.synthetic import flat
from firmware_bridge.simulator.world import PortAppeared, PortVanished, Sent, SimulatedWorld, play_in_memory
from gateway.alerts import AlertFactory
from gateway.calibration.applied import AppliedCalibration
from gateway.clock import HostClock
from gateway.clock_follower import KernelClock
from gateway.contract.types import Alert, Place
from gateway.coverage_book import CoverageBook
from gateway.decisions.rules import ClassRule, loud_rule
from gateway.model_setup import ModelSetup
from gateway.sensors import BoundSensor
from gateway.station import Outlets, Sighting, Station

EPOCH_UTC = datetime(2026, 3, 14, 22, 0, 0, tzinfo=UTC)
NOWHERE = Place(point=None, zone="test", address=None, cameras=())
LOUD_DB = 90.0


class WorldClock(HostClock):
    """A clock that stands where the simulated world stands."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def utc(self) -> datetime:
        return EPOCH_UTC + timedelta(seconds=self.now_s)

    def utc_at(self, monotonic_s: float) -> datetime:
        return EPOCH_UTC + timedelta(seconds=monotonic_s)

    def boot_id(self) -> str:
        return "test-boot"

    def kernel(self) -> KernelClock:
        return KernelClock(synchronised=True, max_error_s=0.001, estimate_s=0.0001)


@dataclass
class Kept:
    """Outlets that keep everything."""

    alerts: list[Alert] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    healths: list[tuple[Sighting, HealthReceived, float | None]] = field(default_factory=list)

    def alert(self, alert: Alert) -> None:
        self.alerts.append(alert)

    def availability(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)

    def sensor_health(self, sighting: Sighting, event: HealthReceived, coverage: float | None) -> None:
        self.healths.append((sighting, event, coverage))

    def states(self, sensor_id: str) -> list[tuple[str, str | None]]:
        """(state, reason) of one sensor, in order."""
        return [(one.state.value, one.reason) for one in self.sightings if one.sensor_id == sensor_id]


@dataclass
class Uncalibrated:
    """A calibration store that knows what a test puts into `by_serial`."""

    by_serial: dict[str, AppliedCalibration] = field(default_factory=dict)

    def current(self, serial: str, full_scale_db: float) -> AppliedCalibration:
        return self.by_serial.get(serial, AppliedCalibration())


class StationRig:
    """bound: serial -> sensor_id; rules: None is the plain level rule at LOUD_DB, which needs no model."""

    def __init__(
        self,
        bound: dict[str, str],
        model: ModelSetup | None = None,
        rules: dict[str, ClassRule] | None = None,
        enabled: bool = True,
        outlets: Outlets | None = None,
        clock: WorldClock | None = None,
        book: CoverageBook | None = None,
        places: dict[str, Place] | None = None,
    ) -> None:
        """outlets: None keeps what leaves in `kept`. places: by sensor_id, where one is not NOWHERE."""
        self.clock = clock or WorldClock()
        self.kept = Kept()
        self.calibrations = Uncalibrated()
        self.station = Station(
            {
                sensor_id: BoundSensor(sensor_id, serial, enabled, (places or {}).get(sensor_id, NOWHERE))
                for serial, sensor_id in bound.items()
            },
            model or ModelSetup(None, None),
            rules or {"loud": loud_rule(LOUD_DB, 0.5, hold_s=2.0)},
            AlertFactory("site", "gw", "test-boot"),
            self.calibrations,
            outlets or self.kept,
            self.clock,
            book,
        )
        self.links: dict[str, SensorLink] = {}
        self.station.begin()

    def play(self, world: SimulatedWorld) -> None:
        """The whole scenario, with the bytes that the gateway writes going back to the sensors."""
        for event in play_in_memory(world):
            self.clock.now_s = event.t_s
            match event:
                case PortAppeared():
                    link = self.links.setdefault(event.port, SensorLink((1,)))
                    self._tell(event.port, link.opened(event.t_s))
                case PortVanished():
                    self._tell(event.port, self.links[event.port].closed("unplugged", event.t_s))
                case Sent():
                    link = self.links[event.port]
                    self._tell(event.port, link.feed(event.data, event.t_s))
                    self._tell(event.port, link.tick(event.t_s))
                    outgoing = link.outgoing()
                    if outgoing:
                        world.receive(event.serial, outgoing, event.t_s)

    def _tell(self, port: str, events: list) -> None:  # type: ignore[type-arg]
        for event in events:
            self.station.take(port, event)


def steady(name: str, level_db: float, hops: int, label: str = "other") -> Sound:
    """A synthetic sound of one level in dB SPL; full scale is 120 dB."""
    frame = flat(level_db - 120.0)
    return Sound(name, label, tuple(frame._replace(hop_index=hop) for hop in range(hops)), 120.0)


def quiet_and_bang() -> SoundLibrary:
    """A street at 55 dB(A) and two seconds at 100 dB(A)."""
    return {"street": steady("street", 55.0, 80, "ambience"), "bang": steady("bang", 100.0, 16, "other")}


def world_of(scenario: Scenario, epoch: int = 7) -> SimulatedWorld:
    return SimulatedWorld(scenario, quiet_and_bang(), epoch)
