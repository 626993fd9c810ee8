"""Endless seeded sound at several sensors: single bangs, bursts, sounds that grow, and crowds that all hear.

A world as `PtyPorts` plays it. It knows what sounded where and when on the monotonic clock, which is the
truth that a gateway's alerts are compared with. Cables can be pulled, lines garbled and sensors rebooted on
command, from any thread.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from firmware_bridge.messages import Features, Hello
from firmware_bridge.simulator.faulty_line import FaultRates, FaultyLine
from firmware_bridge.simulator.playback import Playback
from firmware_bridge.simulator.sensor import SimulatedSensor
from firmware_bridge.simulator.sound import Sound
from firmware_bridge.simulator.synthetic import flat
from firmware_bridge.simulator.world import PortAppeared, PortVanished, Sent, WorldEvent

FULL_SCALE_DB = 120.0
HOP_S = 0.125
BED_DB = 68.0
LOUD_DB = 80.0
"""What the gateway's level rule is set to."""
HOLD_S = 1.0
LONGEST_SOUND_S = 3.0
_LEAST_GAP_S = HOLD_S + 0.4
_CROWD_EVERY_S = 15.0

# Hop levels in dB SPL. Each begins loud, so that the first hop counts; what grows goes low, medium, high.
PATTERNS: dict[str, tuple[float, ...]] = {
    "bang": (95.0, 85.0),
    "call": (84.0,) * 6,
    "burst": (90.0, 60.0, 90.0, 60.0, 60.0, 92.0, 60.0, 94.0),
    "grows": (81.0,) * 3 + (86.0,) * 8 + (97.0,) * 8,
    "grows at once": (82.0, 98.0, 98.0),
    "long": (88.0,) * 24,
}


@dataclass(frozen=True, slots=True)
class Sounded:
    """One sound at one sensor; monotonic seconds, as it was planned."""

    serial: str
    pattern: str
    start_s: float
    end_s: float


@dataclass(slots=True)
class _Place:
    serial: str
    sensor: SimulatedSensor
    random: Random
    next_s: float
    plugged: bool = True


def sound_of(pattern: str) -> Sound:
    frames: tuple[Features, ...] = tuple(flat(level_db - FULL_SCALE_DB) for level_db in PATTERNS[pattern])
    return Sound(pattern, "other", frames, FULL_SCALE_DB)


SOUNDS = {name: sound_of(name) for name in PATTERNS}
_BED = Sound("bed", "ambience", (flat(BED_DB - FULL_SCALE_DB),), FULL_SCALE_DB)


class Load:
    """A world without end. heard: everything that sounded so far; epoch: boot epoch of every sensor."""

    def __init__(self, seed: int, serials: Sequence[str], epoch: int, *, mean_gap_s: float = 0.8) -> None:
        self._mean_gap_s = mean_gap_s
        self._random = Random(f"{seed}/crowds")
        self._places = {serial: _place(serial, seed, epoch) for serial in serials}
        self._commands: queue.SimpleQueue[Callable[[float], list[WorldEvent]]] = queue.SimpleQueue()
        self._crowd_s = _CROWD_EVERY_S
        self._quiet = False
        self._opening: list[WorldEvent] = [PortAppeared(0.0, serial, serial) for serial in serials]
        self.heard: list[Sounded] = []
        self.spoken_s: dict[str, list[float]] = {serial: [] for serial in serials}
        """Serial -> monotonic, when the gateway wrote to this sensor, as it does on opening the port."""

    # From any thread.

    def quiet(self, is_quiet: bool = True) -> None:
        """No new sounds begin; those that last go on."""
        self._quiet = is_quiet

    def pull(self, serial: str) -> None:
        """Cable out, without power."""
        self._commands.put(lambda now_s: self._pull(self._places[serial], now_s))

    def plug(self, serial: str) -> None:
        self._commands.put(lambda now_s: self._plug(self._places[serial], now_s))

    def reboot(self, serial: str) -> None:
        self._commands.put(lambda now_s: self._reboot(self._places[serial], now_s))

    def garble(self, serial: str, rates: FaultRates | None) -> None:
        """None: a clean line again."""
        self._commands.put(lambda _now_s: self._garble(self._places[serial], rates or FaultRates()))

    def stall(self, serial: str, is_stalled: bool) -> None:
        """The port stays, the sensor says nothing."""
        self._commands.put(lambda _now_s: self._stall(self._places[serial], is_stalled))

    # What PtyPorts asks for.

    @property
    def finished(self) -> bool:
        return False

    @property
    def due_s(self) -> float:
        return min(place.sensor.due_s for place in self._places.values())

    def advance(self, until_s: float) -> list[WorldEvent]:
        events, self._opening = self._opening, []
        while not self._commands.empty():
            events += self._commands.get()(until_s)
        self._begin_sounds(until_s)
        sent = [
            Sent(t_s, place.serial, place.serial, data)
            for place in self._places.values()
            for t_s, data in place.sensor.advance(until_s)
            if place.plugged
        ]
        return events + sorted(sent, key=lambda one: one.t_s)

    def receive(self, serial: str, data: bytes, now_s: float) -> None:
        place = self._places[serial]
        if place.plugged:
            self.spoken_s[serial].append(time.monotonic())
            place.sensor.receive(data, now_s)

    # On the simulator's thread.

    def _begin_sounds(self, now_s: float) -> None:
        if self._quiet:
            for place in self._places.values():
                place.next_s = max(place.next_s, now_s + place.random.uniform(0.1, 0.6))
            self._crowd_s = max(self._crowd_s, now_s + 1.0)
            return
        if now_s >= self._crowd_s:
            self._crowd_s = now_s + _CROWD_EVERY_S
            pattern = self._random.choice(sorted(PATTERNS))
            for place in self._places.values():
                if now_s >= place.next_s - self._mean_gap_s:
                    self._sound(place, pattern, now_s)
        for place in self._places.values():
            if now_s >= place.next_s:
                self._sound(place, place.random.choice(sorted(PATTERNS)), now_s)

    def _sound(self, place: _Place, pattern: str, now_s: float) -> None:
        place.sensor.playback.play(SOUNDS[pattern])
        lasts_s = len(PATTERNS[pattern]) * HOP_S
        place.next_s = (
            now_s + lasts_s + HOP_S + _LEAST_GAP_S + place.random.expovariate(1.0 / self._mean_gap_s)
        )
        if place.plugged and place.sensor.powered and not place.sensor.stalled:
            start_s = time.monotonic()
            self.heard.append(Sounded(place.serial, pattern, start_s, start_s + HOP_S + lasts_s))

    def _pull(self, place: _Place, now_s: float) -> list[WorldEvent]:
        if not place.plugged:
            return []
        place.plugged = False
        place.sensor.switch_off()
        return [PortVanished(now_s, place.serial, place.serial)]

    def _plug(self, place: _Place, now_s: float) -> list[WorldEvent]:
        if place.plugged:
            return []
        place.plugged = True
        place.sensor.switch_on(now_s)
        return [PortAppeared(now_s, place.serial, place.serial)]

    def _reboot(self, place: _Place, now_s: float) -> list[WorldEvent]:
        place.sensor.switch_off()
        place.sensor.switch_on(now_s)
        return []

    def _garble(self, place: _Place, rates: FaultRates) -> list[WorldEvent]:
        place.sensor.line.rates = rates
        return []

    def _stall(self, place: _Place, is_stalled: bool) -> list[WorldEvent]:
        place.sensor.stalled = is_stalled
        return []


def _place(serial: str, seed: int, epoch: int) -> _Place:
    random = Random(f"{seed}/{serial}")
    hello = Hello(
        serial=serial,
        hardware="simulated",
        firmware="chaos 1",
        layout_id=1,
        full_scale_cdb=round(FULL_SCALE_DB * 100),
        sample_rate_hz=48_000,
        hop_samples=6_000,
    )
    sensor = SimulatedSensor(
        hello,
        epoch,
        Playback(_BED, FULL_SCALE_DB),
        FaultyLine(Random(f"{seed}/{serial}/line")),
        boot_s=random.uniform(0.0, HOP_S),
        skew_ppm=random.uniform(-50.0, 50.0),
    )
    return _Place(serial, sensor, random, random.uniform(0.5, 3.0))
