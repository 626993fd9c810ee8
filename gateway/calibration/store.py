"""The calibration records of a gateway: one JSON object a line, only ever appended, on disk when it counts.

A line that a crash cut off is reported and passed over; the file itself is never rewritten. The next record
then begins on a line of its own.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.calibration.record import SCHEMA, Calibration
from gateway.contract.instants import utc_seconds
from gateway.errors import GatewayError

FILE_NAME = "calibrations.jsonl"


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line that is no record. number: from 1; torn: the last one, cut off while it was written."""

    number: int
    torn: bool
    why: str


@dataclass(frozen=True, slots=True)
class _Contents:
    records: tuple[Calibration, ...]
    damaged: tuple[DamagedLine, ...]
    needs_line_end: bool


class CalibrationStore:
    """The file in the gateway's data folder; read again whenever it has changed. One thread."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME
        self._seen: tuple[int, int] | None = None
        self._contents = _Contents((), (), needs_line_end=False)

    def records(self) -> tuple[Calibration, ...]:
        """All whole records, oldest first. Raises GatewayError when the file cannot be read."""
        return self._read().records

    def damaged(self) -> tuple[DamagedLine, ...]:
        """The lines that are no records, for a person to look at."""
        return self._read().damaged

    def current(
        self, sensor_serial: str, at_utc: datetime | None, *, full_scale_db: float | None = None
    ) -> Calibration | None:
        """The calibration of a sensor in force at an instant; None is an uncalibrated sensor.

        at_utc: None when no clock can be trusted: then the record written last counts, as a gateway that
        starts in 1970 has not forgotten its calibration.

        full_scale_db: what the sensor states now; a calibration found on another scale does not count.
        """
        own = [record for record in self.records() if record.sensor_serial == sensor_serial]
        begun = [
            (0.0 if at_utc is None else utc_seconds(record.valid_from_utc), index, record)
            for index, record in enumerate(own)
            if at_utc is None or utc_seconds(record.valid_from_utc) <= at_utc.timestamp()
        ]
        if not begun:
            return None
        # Of two with one instant the later written one is the correction.
        newest = max(begun)[2]
        return newest if full_scale_db is None or newest.fits(full_scale_db) else None

    def append(self, record: Calibration) -> None:
        """Write a record; when this returns it is on disk. Raises GatewayError, also for an id in use."""
        line = msgspec.json.encode(record) + b"\n"
        try:
            with _locked(self.path) as fd:
                contents = self._read()
                if any(known.calibration_id == record.calibration_id for known in contents.records):
                    raise GatewayError(
                        f"there is a calibration {record.calibration_id} already",
                        where=str(self.path),
                        hint="Wait a second and calibrate again",
                    )
                _write_all(fd, (b"\n" if contents.needs_line_end else b"") + line)
                os.fsync(fd)
            _sync_folder(self.path.parent)
        except OSError as problem:
            raise self._problem("the record could not be written", problem) from problem

    def _read(self) -> _Contents:
        try:
            stat = self.path.stat()
            if self._seen != (stat.st_size, stat.st_mtime_ns):
                self._contents = _parse(self.path.read_bytes())
                self._seen = (stat.st_size, stat.st_mtime_ns)
        except FileNotFoundError:
            self._contents, self._seen = _Contents((), (), needs_line_end=False), None
        except OSError as problem:
            raise self._problem("the calibration records cannot be read", problem) from problem
        return self._contents

    def _problem(self, what: str, problem: OSError) -> GatewayError:
        hint = "Check that the folder exists, has room and belongs to the gateway's user"
        return GatewayError(f"{what} ({problem.strerror})", where=str(self.path), hint=hint)


def _parse(data: bytes) -> _Contents:
    records: list[Calibration] = []
    damaged: list[DamagedLine] = []
    *lines, rest = data.split(b"\n")
    for number, line in enumerate([*lines, rest], start=1):
        if not line:
            continue
        try:
            records.append(_record(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as problem:
            damaged.append(DamagedLine(number, number == len(lines) + 1, str(problem)))
    return _Contents(tuple(records), tuple(damaged), needs_line_end=bool(rest))


def _record(line: bytes) -> Calibration:
    record = msgspec.json.decode(line, type=Calibration)
    if record.schema > SCHEMA:
        raise ValueError(f"schema {record.schema}; this release reads {SCHEMA}")
    utc_seconds(record.valid_from_utc)
    return record


class _locked:
    """The file open for appending, for one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> int:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_folder(folder: Path) -> None:
    """Make the file's name durable too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
