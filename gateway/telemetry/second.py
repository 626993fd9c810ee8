"""One second of one sensor: the most that is ever kept of its sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsp.layout import HOP_S

HOPS_A_SECOND = round(1.0 / HOP_S)


@dataclass(frozen=True, slots=True)
class Second:
    """What one second came to. number: of the host's monotonic clock since its boot.

    hops: analysed, 1..8. laeq_db: energy mean, lafmax_db: highest, ambient_db: background at its end (None:
    not known yet), all dB re 20 uPa. scores: the highest of each label; None in level-only mode. vetoes: one
    bit each (`vetoes.tally`), of any hop. calibrated: whether the levels are more than nominal.
    """

    sensor_id: str
    number: int
    hops: int
    laeq_db: float
    lafmax_db: float
    ambient_db: float | None
    scores: Mapping[str, float] | None
    calibrated: bool
    vetoes: int = 0

    @property
    def analysed_s(self) -> float:
        return self.hops * HOP_S
