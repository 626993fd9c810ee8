"""Plays a scenario: all its sensors in one simulated time, without I/O.

The same scenario, sounds and epoch give the same bytes. `advance` returns what happened, in order of time:
ports that appear and vanish, and bytes on them. What the gateway writes to a port goes into `receive`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from firmware_bridge.messages import Hello
from firmware_bridge.simulator.faulty_line import FaultRates, FaultyLine
from firmware_bridge.simulator.playback import Playback
from firmware_bridge.simulator.scenario import (
    Action,
    Bed,
    Calibrator,
    Faults,
    Plug,
    Reboot,
    Scenario,
    SensorScript,
    Skew,
    SoundPlayed,
    Stall,
    Unplug,
    WrongBaud,
)
from firmware_bridge.simulator.sensor import CalibratorTone, SimulatedSensor
from firmware_bridge.simulator.sound import Sound, SoundLibrary, pick
from firmware_bridge.simulator.synthetic import self_noise

FULL_SCALE_DB = 120.0
SAMPLE_RATE_HZ = 48_000
HOP_SAMPLES = 6_000
LAYOUT_ID = 1


@dataclass(frozen=True, slots=True)
class PortAppeared:
    """A sensor is there, on a port of this name. serial: as the scenario calls it, here and below."""

    t_s: float
    serial: str
    port: str


@dataclass(frozen=True, slots=True)
class PortVanished:
    """The port is gone."""

    t_s: float
    serial: str
    port: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The sensor put bytes on its port."""

    t_s: float
    serial: str
    port: str
    data: bytes


WorldEvent = PortAppeared | PortVanished | Sent


@dataclass(slots=True)
class _Place:
    """A sensor and the port it is on, "" while it is on none."""

    serial: str
    sensor: SimulatedSensor
    port: str
    last_port: str


class SimulatedWorld:
    """One run of one scenario. `epoch`: boot epoch of every sensor, new for each run."""

    def __init__(self, scenario: Scenario, library: SoundLibrary, epoch: int) -> None:
        """NoSuchSoundError if the library lacks a sound of the scenario."""
        self.scenario = scenario
        self._library = library
        self._rng = random.Random(f"{scenario.seed}/world")
        self._places = {script.serial: self._place(script, epoch) for script in scenario.sensors}
        self._timeline = sorted(self._planned(), key=lambda step: step[0])
        self._now_s = 0.0
        self._opening: list[WorldEvent] = [
            PortAppeared(0.0, serial, place.port) for serial, place in self._places.items()
        ]

    @property
    def finished(self) -> bool:
        """Whether the scenario's duration is over."""
        return self._now_s >= self.scenario.duration_s

    @property
    def due_s(self) -> float:
        """When something will happen next, or the end of the scenario."""
        due_s = min(place.sensor.due_s for place in self._places.values())
        if self._timeline:
            due_s = min(due_s, self._timeline[0][0])
        return min(max(due_s, self._now_s), self.scenario.duration_s)

    @property
    def sensors(self) -> tuple[SimulatedSensor, ...]:
        """All sensors, in the scenario's order, to compare what arrived with what they really did."""
        return tuple(place.sensor for place in self._places.values())

    def advance(self, until_s: float) -> list[WorldEvent]:
        """Let time pass to `until_s` at most to the end of the scenario."""
        until_s = min(until_s, self.scenario.duration_s)
        events, self._opening = self._opening, []
        while self._timeline and self._timeline[0][0] <= until_s:
            at_s, step = self._timeline.pop(0)
            events += self._live(at_s)
            events += step(at_s)
        events += self._live(until_s)
        self._now_s = max(self._now_s, until_s)
        return events

    def receive(self, serial: str, data: bytes, now_s: float) -> None:
        """Bytes from the gateway to this sensor."""
        place = self._places[serial]
        if place.port:
            place.sensor.receive(data, now_s)

    def _live(self, until_s: float) -> list[WorldEvent]:
        sent: list[WorldEvent] = []
        for serial, place in self._places.items():
            if place.sensor.due_s > until_s:
                continue
            for t_s, data in place.sensor.advance(until_s):
                if place.port:
                    sent.append(Sent(t_s, serial, place.port, data))
        sent.sort(key=lambda event: event.t_s)
        return sent

    def _place(self, script: SensorScript, epoch: int) -> _Place:
        rng = random.Random(f"{self.scenario.seed}/{script.serial}")
        bed = pick(self._library, script.bed, rng) if script.bed else self_noise(FULL_SCALE_DB)
        playback = Playback(
            bed, FULL_SCALE_DB, mic_error_db=script.mic_error_db, offset=rng.randrange(len(bed.features))
        )
        hello = Hello(
            serial=script.says_serial or script.serial,
            hardware="simulated",
            firmware="simulator 1",
            layout_id=LAYOUT_ID,
            full_scale_cdb=round(FULL_SCALE_DB * 100),
            sample_rate_hz=SAMPLE_RATE_HZ,
            hop_samples=HOP_SAMPLES,
        )
        sensor = SimulatedSensor(
            hello,
            epoch,
            playback,
            FaultyLine(random.Random(f"{self.scenario.seed}/{script.serial}/line")),
            # Sensors are not in step with each other.
            boot_s=rng.uniform(0.0, HOP_SAMPLES / SAMPLE_RATE_HZ),
            skew_ppm=script.skew_ppm,
            mic_error_db=script.mic_error_db,
        )
        return _Place(script.serial, sensor, script.serial, script.serial)

    def _planned(self) -> Iterator[tuple[float, Callable[[float], list[WorldEvent]]]]:
        for played in self.scenario.sounds:
            at_s = played.at_s
            while at_s <= self.scenario.duration_s:
                yield at_s, self._sound_step(played, pick(self._library, played.play, self._rng))
                if not played.every_s:
                    break
                at_s += played.every_s
        for action in self.scenario.actions:
            for serial in self.scenario.targets(action.sensor):
                place = self._places[serial]
                yield action.at_s, self._action_step(action, place)
                if isinstance(action, Calibrator | WrongBaud | Stall):
                    yield action.at_s + action.for_s, self._end_step(action, place)

    def _sound_step(self, played: SoundPlayed, sound: Sound) -> Callable[[float], list[WorldEvent]]:
        def step(_now_s: float) -> list[WorldEvent]:
            for heard_by, gain_db in played.heard_by:
                for serial in self.scenario.targets(heard_by):
                    self._places[serial].sensor.playback.play(sound, gain_db)
            return []

        return step

    def _action_step(self, action: Action, place: _Place) -> Callable[[float], list[WorldEvent]]:
        sensor = place.sensor
        bed = pick(self._library, (action.bed,), self._rng) if isinstance(action, Bed) else None

        def step(now_s: float) -> list[WorldEvent]:
            match action:
                case Bed() if bed is not None:
                    sensor.playback.set_bed(bed)
                case Calibrator():
                    sensor.set_tone(
                        CalibratorTone(
                            action.level_db,
                            action.frequency_hz,
                            action.stability_db,
                            action.distortion_percent,
                        )
                    )
                case Unplug():
                    return _unplug(place, now_s, action.keeps_power)
                case Plug():
                    return _plug(place, now_s, action.port)
                case Reboot():
                    sensor.switch_off()
                    sensor.switch_on(now_s)
                case Faults():
                    sensor.line.rates = FaultRates(
                        action.drop, action.duplicate, action.reorder, action.flip, action.noise
                    )
                case WrongBaud():
                    sensor.line.wrong_baud = True
                case Stall():
                    sensor.stalled = True
                case Skew():
                    sensor.set_skew(action.ppm)
            return []

        return step

    def _end_step(self, action: Action, place: _Place) -> Callable[[float], list[WorldEvent]]:
        def step(_now_s: float) -> list[WorldEvent]:
            match action:
                case Calibrator():
                    place.sensor.set_tone(None)
                case WrongBaud():
                    place.sensor.line.wrong_baud = False
                case Stall():
                    place.sensor.stalled = False
            return []

        return step


def play_in_memory(world: SimulatedWorld) -> Iterator[WorldEvent]:
    """Everything that happens in the scenario, step by step, as fast as it is taken."""
    while not world.finished:
        yield from world.advance(world.due_s)


def _unplug(place: _Place, now_s: float, keeps_power: bool) -> list[WorldEvent]:
    if not keeps_power:
        place.sensor.switch_off()
    if not place.port:
        return []
    vanished = PortVanished(now_s, place.serial, place.port)
    place.port = ""
    place.sensor.line.clear()
    return [vanished]


def _plug(place: _Place, now_s: float, port: str) -> list[WorldEvent]:
    if place.port:
        return []
    place.port = place.last_port = port or place.last_port
    if not place.sensor.powered:
        place.sensor.switch_on(now_s)
    return [PortAppeared(now_s, place.serial, place.port)]
