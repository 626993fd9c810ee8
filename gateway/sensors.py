"""Who is who: which sensor speaks at which port, which place it is bound to, which one counts.

A sensor's identity is its own serial number. Settings bind a stable sensor_id, with its place, to a serial
number. A sensor that no binding names is shown but raises no alert. Of two that claim one serial number the
first stays and the second waits, refused and shown; when the first goes, the one that waits takes its place
(a sensor that was unplugged and came back at another port before the first port noticed).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from firmware_bridge.messages import Hello
from gateway.contract.topics import provisional_id
from gateway.contract.types import Place


@dataclass(frozen=True, slots=True)
class BoundSensor:
    """A place that the settings bind to a serial number.

    known_sounds: labels of the model that are at home there; ignored_vetoes: codes that are not looked for.
    """

    sensor_id: str
    serial: str
    enabled: bool
    place: Place
    known_sounds: tuple[str, ...] = ()
    ignored_vetoes: tuple[str, ...] = ()


class Standing(Enum):
    """What a sensor at a port counts as."""

    BOUND = "bound"
    UNBOUND = "unbound"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Seated:
    """A sensor that introduced itself at a port."""

    port: str
    hello: Hello
    epoch: int
    sensor_id: str
    standing: Standing

    @property
    def serial(self) -> str:
        return self.hello.serial


class SensorRegistry:
    """Pure bookkeeping of the pipeline thread; serial_of: sensor_id -> serial number in the settings."""

    def __init__(self, serial_of: Mapping[str, str]) -> None:
        self._sensor_id_of = {serial: sensor_id for sensor_id, serial in serial_of.items()}
        self._at_port: dict[str, Seated] = {}

    def seat(self, port: str, hello: Hello, epoch: int) -> Seated:
        """A sensor said hello at a port; whoever sat there before is gone."""
        self._at_port.pop(port, None)
        sensor_id = self._sensor_id_of.get(hello.serial)
        if self._active(hello.serial) is not None:
            standing = Standing.DUPLICATE
        elif sensor_id is None:
            standing = Standing.UNBOUND
        else:
            standing = Standing.BOUND
        seated = Seated(port, hello, epoch, sensor_id or provisional_id("unbound", hello.serial), standing)
        self._at_port[port] = seated
        return seated

    def leave(self, port: str) -> tuple[Seated | None, Seated | None]:
        """The sensor at a port is gone: who that was, and who, having waited for its serial, counts now."""
        gone = self._at_port.pop(port, None)
        if gone is None or gone.standing is Standing.DUPLICATE:
            return gone, None
        for waiting in self._at_port.values():
            if waiting.serial == gone.serial:
                return gone, self.seat(waiting.port, waiting.hello, waiting.epoch)
        return gone, None

    def at(self, port: str) -> Seated | None:
        return self._at_port.get(port)

    def seated(self) -> Iterable[Seated]:
        return tuple(self._at_port.values())

    def _active(self, serial: str) -> Seated | None:
        for seated in self._at_port.values():
            if seated.serial == serial and seated.standing is not Standing.DUPLICATE:
                return seated
        return None
