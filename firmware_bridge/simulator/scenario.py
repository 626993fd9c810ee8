"""What happens in a simulated world: which sensors there are, what they hear, what goes wrong and when.

Frozen values only: `scenario_file` reads them from TOML, `world` plays them. Times are seconds from the
start.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

MAX_SENSORS = 64
EVERY_SENSOR = "*"

_NUMBER_AT_END = re.compile(r"(.*?)(\d+)$")


@dataclass(frozen=True, slots=True)
class SensorScript:
    """One sensor. bed: names or labels of what it hears all the time, the first that exists; () is silence.

    skew_ppm: how much its clock runs fast; mic_error_db: how much its microphone reads too high; says_serial:
    what it says its serial number is, "" for `serial`, by which the scenario and its port go in any case.
    """

    serial: str
    bed: tuple[str, ...] = ()
    skew_ppm: float = 0.0
    mic_error_db: float = 0.0
    says_serial: str = ""


@dataclass(frozen=True, slots=True)
class SoundPlayed:
    """One sound, heard by several sensors. play: names or labels, the first that exists (the seed picks).

    heard_by: (serial or "*", gain in dB) of each that hears it; every_s: it comes again, 0 is once.
    """

    at_s: float
    play: tuple[str, ...]
    heard_by: tuple[tuple[str, float], ...]
    every_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Bed:
    """The sensor hears another bed from now on."""

    at_s: float
    sensor: str
    bed: str


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A calibrator is on the microphone for `for_s`. level_db: SPL."""

    at_s: float
    sensor: str
    for_s: float
    level_db: float = 94.0
    frequency_hz: float = 1000.0
    stability_db: float = 0.01
    distortion_percent: float = 0.5


@dataclass(frozen=True, slots=True)
class Unplug:
    """The port goes away. keeps_power: only the line is cut and the sensor goes on, unheard."""

    at_s: float
    sensor: str
    keeps_power: bool = False


@dataclass(frozen=True, slots=True)
class Plug:
    """The sensor is back, on a port of another name if one is given; it boots if it had lost its power."""

    at_s: float
    sensor: str
    port: str = ""


@dataclass(frozen=True, slots=True)
class Reboot:
    """The sensor boots; the port stays."""

    at_s: float
    sensor: str


@dataclass(frozen=True, slots=True)
class Faults:
    """The line has these rates of faults from now on (see `FaultRates`)."""

    at_s: float
    sensor: str
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    flip: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class WrongBaud:
    """For `for_s` nothing that arrives makes sense."""

    at_s: float
    sensor: str
    for_s: float


@dataclass(frozen=True, slots=True)
class Stall:
    """For `for_s` the sensor says nothing at all, and its port stays."""

    at_s: float
    sensor: str
    for_s: float


@dataclass(frozen=True, slots=True)
class Skew:
    """The sensor's clock runs `ppm` fast from now on."""

    at_s: float
    sensor: str
    ppm: float


Action = Bed | Calibrator | Unplug | Plug | Reboot | Faults | WrongBaud | Stall | Skew


class ScenarioError(ValueError):
    """A scenario that cannot be played: what is wrong, where in it, and what to do."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(": ".join(filter(None, (where, what))) + (f". {hint}" if hint else ""))
        self.what = what
        self.where = where
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world to be played. about: one sentence in each language, as (("en", ...), ("nl", ...))."""

    name: str
    seed: int
    duration_s: float
    sensors: tuple[SensorScript, ...]
    sounds: tuple[SoundPlayed, ...] = ()
    actions: tuple[Action, ...] = ()
    about: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        serials = [sensor.serial for sensor in self.sensors]
        if not 0 < self.duration_s < math.inf:
            raise ScenarioError(f"it cannot last {self.duration_s} s", where=self.name)
        if not 1 <= len(serials) <= MAX_SENSORS:
            raise ScenarioError(f"{len(serials)} sensors, 1 to {MAX_SENSORS} are possible", where=self.name)
        if len(set(serials)) < len(serials):
            raise ScenarioError("two sensors have one serial number", where=self.name)
        named = [action.sensor for action in self.actions]
        named += [serial for sound in self.sounds for serial, _gain_db in sound.heard_by]
        for serial in named:
            if serial != EVERY_SENSOR and serial not in serials:
                raise ScenarioError(
                    f"there is no sensor {serial}", where=self.name, hint=f"Sensors are {', '.join(serials)}."
                )

    @property
    def title(self) -> str:
        """What happens in it, in English; its name if it does not say."""
        return self.about_in("en")

    def about_in(self, language: str) -> str:
        """What happens in it, in "en" or "nl"; its name if it does not say."""
        return dict(self.about).get(language, self.name)

    def targets(self, serial: str) -> tuple[str, ...]:
        """The serial numbers that `serial` (which may be "*") stands for."""
        if serial == EVERY_SENSOR:
            return tuple(sensor.serial for sensor in self.sensors)
        return (serial,)


def with_sensor_count(scenario: Scenario, count: int) -> Scenario:
    """The scenario with `count` sensors: the scripted ones, cut or repeated under following serial numbers.

    What happens to a sensor that is cut does not happen.
    """
    sensors = repeated(scenario.sensors, count)
    kept = {sensor.serial for sensor in sensors} | {EVERY_SENSOR}
    sounds = []
    for sound in scenario.sounds:
        heard_by = tuple(pair for pair in sound.heard_by if pair[0] in kept)
        if heard_by:
            sounds.append(replace(sound, heard_by=heard_by))
    actions = tuple(action for action in scenario.actions if action.sensor in kept)
    return replace(scenario, sensors=sensors, sounds=tuple(sounds), actions=actions)


def repeated(sensors: tuple[SensorScript, ...], count: int) -> tuple[SensorScript, ...]:
    """`count` sensors by these scripts in turn; those added count on from the last serial number."""
    extra = []
    serial = sensors[-1].serial
    for index in range(len(sensors), count):
        serial = next_serial(serial)
        extra.append(replace(sensors[index % len(sensors)], serial=serial))
    return sensors[:count] + tuple(extra)


def next_serial(serial: str) -> str:
    """SIM-0009 -> SIM-0010; without a number at the end, one is added."""
    match = _NUMBER_AT_END.fullmatch(serial)
    if match is None:
        return f"{serial}-0002"
    return f"{match[1]}{int(match[2]) + 1:0{len(match[2])}d}"
