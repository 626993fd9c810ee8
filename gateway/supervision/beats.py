"""The beats of all threads of a process, on one clock and behind one lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gateway.supervision.progress import USUAL_S, Overdue, Progress


class Beats:
    """`beat` from any thread, the rest from the one that watches."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._progress = Progress()

    def expect(self, stage: str, within_s: float) -> None:
        with self._lock:
            self._progress.expect(stage, within_s, self._monotonic())

    def beat(self, stage: str, within_s: float = USUAL_S) -> None:
        """The stage is at work, and beats again within_s; ENDED: it is done."""
        with self._lock:
            self._progress.beat(stage, within_s, self._monotonic())

    def of(self, stage: str) -> Callable[[float], None]:
        """The beat of one stage, for a thread that knows no name for itself."""
        return lambda within_s: self.beat(stage, within_s)

    @property
    def begun(self) -> bool:
        with self._lock:
            return self._progress.begun

    @property
    def stages(self) -> frozenset[str]:
        with self._lock:
            return self._progress.stages

    def overdue(self) -> tuple[Overdue, ...]:
        with self._lock:
            return self._progress.overdue(self._monotonic())

    def excuse(self, pause_s: float) -> None:
        with self._lock:
            self._progress.excuse(pause_s)
