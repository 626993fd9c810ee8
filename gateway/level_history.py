"""Levels of all sensors over some minutes, for the record that is kept when there is no path. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.contract.types import PeriodLevel


@dataclass(slots=True)
class _Sum:
    energy_s: float = 0.0
    heard_s: float = 0.0
    lafmax_db: float = -math.inf
    ambient_db: float | None = None
    calibrated: bool = False


class LevelHistory:
    """Sums short readings of each sensor until take()."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}

    def add(
        self,
        sensor_id: str,
        period_s: float,
        laeq_db: float,
        lafmax_db: float,
        ambient_db: float | None,
        *,
        calibrated: bool,
    ) -> None:
        one = self._sums.setdefault(sensor_id, _Sum())
        one.energy_s += period_s * 10.0 ** (laeq_db / 10.0)
        one.heard_s += period_s
        one.lafmax_db = max(one.lafmax_db, lafmax_db)
        one.ambient_db, one.calibrated = ambient_db, calibrated

    def take(self) -> tuple[PeriodLevel, ...]:
        """LAeq (by energy) and highest LAFmax of each sensor that was heard, the last background;

        begins anew.
        """
        levels = tuple(
            PeriodLevel(
                sensor_id=sensor_id,
                laeq_db=round(10.0 * math.log10(one.energy_s / one.heard_s), 1),
                lafmax_db=round(one.lafmax_db, 1),
                ambient_db=None if one.ambient_db is None else round(one.ambient_db, 1),
                calibrated=one.calibrated,
            )
            for sensor_id, one in self._sums.items()
        )
        self._sums.clear()
        return levels
