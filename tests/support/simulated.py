"""Small worlds for tests: sounds made of flat frames, and a gateway's link on each simulated port."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_bridge.events import FeatureFrame, LinkEvent
from firmware_bridge.link import SensorLink
from firmware_bridge.simulator.scenario import Action, Scenario, SensorScript, SoundPlayed
from firmware_bridge.simulator.sound import Sound, library_of
from firmware_bridge.simulator.synthetic import flat
from firmware_bridge.simulator.world import PortAppeared, PortVanished, Sent, SimulatedWorld

FULL_SCALE_DB = 120.0


def sound(name: str, label: str, level_db: float, hops: int, full_scale_db: float = FULL_SCALE_DB) -> Sound:
    """A steady sound of `level_db` SPL."""
    return Sound(name, label, (flat(level_db - full_scale_db),) * hops, full_scale_db)


LIBRARY = library_of(
    [
        sound("street", "ambience", 55.0, 16),
        sound("yard", "ambience", 45.0, 24),
        sound("call", "shout", 85.0, 8),
        sound("cry", "scream", 95.0, 12),
        sound("bang", "gunshot", 105.0, 2),
    ]
)


def scenario(
    *actions: Action,
    duration_s: float = 30.0,
    sounds: tuple[SoundPlayed, ...] = (),
    sensors: tuple[SensorScript, ...] = (SensorScript("SIM-0001", ("yard",)),),
    seed: int = 1,
) -> Scenario:
    return Scenario("test", seed, duration_s, sensors, sounds, actions)


@dataclass
class Listener:
    """A gateway's links on all ports of a world, fed in simulated time; `events` by sensor."""

    world: SimulatedWorld
    links: dict[str, SensorLink] = field(default_factory=dict)
    events: dict[str, list[LinkEvent]] = field(default_factory=dict)

    def run(self) -> None:
        """Play the whole scenario, with requests answered."""
        while not self.world.finished:
            due_s = self.world.due_s
            for event in self.world.advance(due_s):
                link = self.links.setdefault(event.serial, SensorLink())
                heard = self.events.setdefault(event.serial, [])
                match event:
                    case PortAppeared():
                        heard += link.opened(event.t_s)
                    case PortVanished():
                        heard += link.closed("unplugged", event.t_s)
                    case Sent():
                        heard += link.feed(event.data, event.t_s)
            for serial, link in self.links.items():
                self.events[serial] += link.tick(due_s)
                self.world.receive(serial, link.outgoing(), due_s)

    def frames(self, serial: str = "SIM-0001") -> list[FeatureFrame]:
        """The feature frames that came through."""
        return [event for event in self.events[serial] if isinstance(event, FeatureFrame)]


def listened(scenario: Scenario, epoch: int = 100) -> Listener:
    """The scenario, played to its end."""
    listener = Listener(SimulatedWorld(scenario, LIBRARY, epoch))
    listener.run()
    return listener
