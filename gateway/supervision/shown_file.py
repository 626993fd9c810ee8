"""The ids of the sensors that brokers show, kept over restarts in a small file of the data folder.

Written, whole and durably, before a sensor is shown for the first time, and only when the set changes. It
belongs to one gateway name: what another name left on a broker may by now be another gateway's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway.contract.topics import check_id

log = logging.getLogger(__name__)

FILE_NAME = "shown_sensors.json"
RETRY_S = 30.0


class _Content(msgspec.Struct, frozen=True):
    """base: the topic above all topics of the gateway."""

    base: str
    sensors: tuple[str, ...]


class ShownFile:
    """One thread."""

    def __init__(self, folder: Path, base: str) -> None:
        self._path = folder / FILE_NAME
        self._base = base
        self._on_disk: frozenset[str] | None = None
        self._retry_at_s: float | None = None

    def read(self) -> tuple[str, ...]:
        """What an earlier run kept; nothing of what cannot be read, which is logged."""
        try:
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
            for sensor_id in content.sensors:
                check_id(sensor_id, "sensor id")
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError, ValueError) as problem:
            log.warning("%s cannot be read (%s); retired sensors may stay on the broker", self._path, problem)
            return ()
        if content.base != self._base:
            log.warning(
                "this gateway was %s; what that one left on the broker stays until somebody wipes it",
                content.base,
            )
            return ()
        self._on_disk = frozenset(content.sensors)
        return content.sensors

    def keep(self, sensors: Sequence[str], now_s: float) -> None:
        """Write if it is news. A disk that does not take it is asked again after a while; no alert waits."""
        if self._on_disk == frozenset(sensors) or (self._retry_at_s is not None and now_s < self._retry_at_s):
            return
        try:
            self._write(msgspec.json.encode(_Content(self._base, tuple(sensors))))
        except OSError as problem:
            if self._retry_at_s is None:
                log.warning("%s cannot be written: %s", self._path, problem.strerror)
            self._retry_at_s = now_s + RETRY_S
            return
        self._on_disk, self._retry_at_s = frozenset(sensors), None

    def _write(self, content: bytes) -> None:
        new = self._path.with_name(f"{FILE_NAME}.new")
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
