"""Hops become seconds: at most one record a second and sensor, in order, whatever the line does. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

from dsp.layout import HOP_S
from gateway.pipeline import Analysis
from gateway.telemetry.second import HOPS_A_SECOND, Second
from gateway.vetoes.tally import veto_bits

SETTLED_S = 10.0
"""A second after which its sensor says nothing more is over after so long: hops may wait in the inbox."""


class SecondMeter:
    """Folds the hops of one sensor into seconds and hands each to `give` when it is over.

    late: hops that came when their second was over; they are in no record.
    """

    def __init__(self, sensor_id: str, give: Callable[[Second], None]) -> None:
        self._sensor_id = sensor_id
        self._give = give
        self._open: int | None = None
        self._last = -1
        self.late = 0
        self._begin()

    def hear(self, analysis: Analysis, t_end_s: float, *, calibrated: bool) -> None:
        """The next hop; t_end_s: its end on the host's monotonic clock. It counts where its middle lies.

        The jitter of two clocks may put a ninth hop into a second: that one is counted with the next.
        """
        number = math.floor(t_end_s - HOP_S / 2.0)
        if self._open is not None and (number > self._open or self._is_one_too_many(number)):
            self.close()
        goes_to = max(number, self._last + 1) if self._open is None else self._open
        if goes_to > number + 1:
            self.late += 1
            return
        self._open = goes_to
        self._fold(analysis)
        self._calibrated = calibrated

    def settle(self, now_s: float) -> None:
        """Close a second after which nothing came for long."""
        if self._open is not None and self._open + 1.0 + SETTLED_S <= now_s:
            self.close()

    def close(self) -> None:
        """Give the second that is open, if one is."""
        if self._open is None:
            return
        second = Second(
            sensor_id=self._sensor_id,
            number=self._open,
            hops=min(self._hops, HOPS_A_SECOND),
            laeq_db=10.0 * math.log10(self._energy / self._hops),
            lafmax_db=self._lafmax_db,
            ambient_db=self._ambient_db,
            scores=self._scores,
            calibrated=self._calibrated,
            vetoes=self._vetoes,
        )
        self._last, self._open = self._open, None
        self._begin()
        self._give(second)

    def _is_one_too_many(self, number: int) -> bool:
        return self._hops >= HOPS_A_SECOND and number == self._open

    def _begin(self) -> None:
        self._hops = 0
        self._energy = 0.0
        self._lafmax_db = -math.inf
        self._ambient_db: float | None = None
        self._scores: dict[str, float] | None = None
        self._calibrated = False
        self._vetoes = 0

    def _fold(self, analysis: Analysis) -> None:
        self._hops += 1
        self._energy += 10.0 ** (analysis.laeq_db / 10.0)
        self._lafmax_db = max(self._lafmax_db, analysis.lafmax_db)
        self._ambient_db = analysis.ambient_db
        self._vetoes |= veto_bits(analysis.vetoes, held_back=bool(analysis.held_back))
        if analysis.scores is None:
            return
        if self._scores is None:
            self._scores = dict(analysis.scores.by_label)
            return
        for label, score in analysis.scores.by_label.items():
            if score > self._scores[label]:
                self._scores[label] = score
