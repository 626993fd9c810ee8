"""The usual levels of all places, kept over restarts in one small file of the data folder.

Written whole and durably, rarely: an hour that is lost is learnt again next week. A file that cannot be
understood is put aside under another name, never deleted, and learning begins anew.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from dsp.usual import HOURS_A_WEEK, MOST_WEEKS, HourLevel
from gateway.contract.types import Fault, Text

log = logging.getLogger(__name__)

FILE_NAME = "usual_levels.json"
_SCHEMA = 1

_Level = Annotated[float, Meta(ge=-200.0, le=250.0)]
_Weeks = Annotated[int, Meta(ge=1, le=MOST_WEEKS)]


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """sensors: sensor_id -> hour of the week (0 is Monday 00:00) -> (level in dB, weeks), null if unknown."""

    schema: int
    sensors: dict[str, tuple[tuple[_Level, _Weeks] | None, ...]]


@dataclass(frozen=True, slots=True)
class PutAside:
    """A damaged file. kept_as: where it is now, None if it could not be moved."""

    path: Path
    kept_as: Path | None
    why: str

    def fault(self, since_utc: str) -> Fault:
        """What stands in the health until the next start."""
        kept = self.kept_as or self.path
        return Fault(
            code="usual_levels_damaged",
            where=str(kept),
            since_utc=since_utc,
            message=Text(
                en=f"The file of usual levels was damaged ({self.why}) and is learnt anew; alerts go on "
                "by the background of the last minutes. The old file may be deleted",
                nl="Het bestand met gebruikelijke niveaus was beschadigd en wordt opnieuw geleerd; "
                "alarmen gaan verder op de achtergrond van de laatste minuten. Het oude bestand mag weg",
            ),
        )


class UsualFile:
    """One thread. `put_aside`: what `read` found damaged."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.put_aside: PutAside | None = None

    def read(self) -> dict[str, dict[int, HourLevel]]:
        """By sensor_id and hour of the week. Never fails: what cannot be read is logged and begins empty."""
        try:
            return _levels(msgspec.json.decode(self.path.read_bytes(), type=_Content))
        except FileNotFoundError:
            return {}
        except OSError as problem:
            log.warning("%s cannot be read: %s; usual levels are learnt anew", self.path, problem.strerror)
            return {}
        except (msgspec.MsgspecError, ValueError) as problem:
            self.put_aside = PutAside(self.path, self._move_aside(), str(problem))
            log.error(
                "%s was damaged (%s) and is kept as %s; usual levels are learnt anew",
                *(self.path, problem, self.put_aside.kept_as or "it is"),
            )
            return {}

    def write(self, levels: Mapping[str, Mapping[int, HourLevel]]) -> None:
        """Raises OSError; then the file is as it was."""
        content = _Content(_SCHEMA, {sensor_id: _row(known) for sensor_id, known in levels.items()})
        new = self.path.with_name(f"{FILE_NAME}.new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(content))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _move_aside(self) -> Path | None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        kept_as = self.path.with_name(f"{self.path.stem}.damaged-{stamp}{self.path.suffix}")
        try:
            self.path.rename(kept_as)
        except OSError:
            return None
        return kept_as


def _row(known: Mapping[int, HourLevel]) -> tuple[tuple[float, int] | None, ...]:
    found = [known.get(hour) for hour in range(HOURS_A_WEEK)]
    return tuple(None if one is None else (round(one.level_db, 1), one.weeks) for one in found)


def _levels(content: _Content) -> dict[str, dict[int, HourLevel]]:
    """Raises ValueError for another schema or a week of another length."""
    if content.schema != _SCHEMA:
        raise ValueError(f"schema {content.schema}, this release reads {_SCHEMA}")
    for sensor_id, row in content.sensors.items():
        if len(row) != HOURS_A_WEEK:
            raise ValueError(f"{sensor_id}: {len(row)} hours, a week has {HOURS_A_WEEK}")
    return {
        sensor_id: {hour: HourLevel(*one) for hour, one in enumerate(row) if one is not None}
        for sensor_id, row in content.sensors.items()
    }
