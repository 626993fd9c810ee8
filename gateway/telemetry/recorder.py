"""The thread `telemetry`: takes the pipeline's seconds and writes them in batches.

It never makes the pipeline wait. A batch that the disk does not take is kept for an hour and tried with the
next; a fault stands in the health until one is written again. What is too much to be kept goes, oldest first,
and is counted. A crash loses at most the batch that was not yet written.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from gateway.clock import HostClock
from gateway.contract.instants import utc_text
from gateway.contract.types import Fault, Text
from gateway.telemetry.chunk import ChunkHead, PackedSecond, pack
from gateway.telemetry.second import Second
from gateway.telemetry.store import SegmentStore

log = logging.getLogger(__name__)

MOST_WAITING = 60_000
"""Seconds of sensors: 50 minutes of 20 sensors, some 10 MB."""
LONGEST_RETRY_S = 3600
MOST_STRETCH_S = 600
"""A gateway that hears nobody notes so often that it runs."""
FLUSH_WITHIN_S = 30.0
"""A tired card takes seconds for a batch."""
_STOP_S = 10.0


class TelemetryRecorder:
    """`put` and `mark_reported` from one thread; it writes on its own. written: seconds that are on disk."""

    def __init__(
        self,
        store: SegmentStore,
        sensors: Sequence[str],
        labels: Sequence[str],
        clock: HostClock,
        flush_s: float,
        last_numbers: Mapping[str, int] | None = None,
        torn: int = 0,
        most_waiting: int = MOST_WAITING,
        beat: Callable[[float], None] = lambda within_s: None,
    ) -> None:
        """sensors, labels: as in the store's head. last_numbers: seconds that this boot has already.
        torn: stretches that were found torn at the start, for the count. beat: told that the thread lives,
        and by when it is to be back.
        """
        self._store = store
        self._beat = beat
        self._place = {sensor_id: place for place, sensor_id in enumerate(sensors)}
        self._labels = tuple(labels)
        self._clock = clock
        self._flush_s = flush_s
        self._last = dict(last_numbers or {})
        self._lock = threading.Lock()
        self._waiting: deque[PackedSecond] = deque()
        self._reported: list[int] = []
        self._batch: list[PackedSecond] = []
        self._batch_hours: list[int] = []
        self._most_waiting = most_waiting
        self._from_s = math.floor(clock.monotonic_s())
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._fault: Fault | None = None
        self._torn = torn
        self._not_taken = 0
        self._given_up = 0
        self.written = 0
        self.failed_writes = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits; gives up on a disk that does not answer."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def put(self, second: Second) -> None:
        """One second of one sensor. At most one of each is ever kept, in order: what is not newer goes."""
        place = self._place.get(second.sensor_id)
        if place is None or second.number <= self._last.get(second.sensor_id, -1):
            self._not_taken += 1
            return
        self._last[second.sensor_id] = second.number
        packed = pack(second, place, self._labels)
        with self._lock:
            self._waiting.append(packed)
            if len(self._waiting) > self._most_waiting:
                self._waiting.popleft()
                self._not_taken += 1

    def mark_reported(self, hour: int) -> None:
        """The coverage of this hour since 1970 (UTC) is told; noted at once, so that it is not told again."""
        with self._lock:
            self._reported.append(hour)
        self._wake.set()

    @property
    def dropped(self) -> int:
        """Seconds in no file: not newer than the last one, of no bound sensor, or too much to be kept."""
        return self._not_taken + self._given_up

    def faults(self) -> tuple[Fault, ...]:
        fault = self._fault
        return () if fault is None else (fault,)

    def counters(self) -> dict[str, int]:
        return {
            "telemetry_written": self.written,
            "telemetry_dropped": self.dropped,
            "telemetry_failed": self.failed_writes,
            "telemetry_shed": self._store.shed,
            "telemetry_torn": self._torn,
        }

    def _run(self) -> None:
        due_s = self._clock.monotonic_s() + self._flush_s
        while not self._stopping.is_set():
            wait_s = max(0.0, due_s - self._clock.monotonic_s())
            self._beat(wait_s + FLUSH_WITHIN_S)
            self._wake.wait(wait_s)
            self._wake.clear()
            self._beat(FLUSH_WITHIN_S)
            due_s = self._clock.monotonic_s() + self._flush_s
            self._flush()
        self._flush()
        self._store.close()
        self._beat(math.inf)

    def _flush(self) -> None:
        with self._lock:
            self._batch += self._waiting
            self._batch_hours += self._reported
            self._waiting.clear()
            self._reported.clear()
        now_s = math.floor(self._clock.monotonic_s())
        nothing = not (self._batch or self._batch_hours or self._stopping.is_set())
        if nothing and now_s - self._from_s < MOST_STRETCH_S:
            return
        try:
            self._store.append(self._head(now_s), self._batch)
        except OSError as problem:
            self._failed(problem, now_s)
            return
        self.written += len(self._batch)
        self._batch, self._batch_hours = [], []
        self._from_s = now_s
        if self._fault is not None:
            log.warning("telemetry is written again to %s", self._store.folder)
            self._fault = None

    def _head(self, now_s: int) -> ChunkHead:
        quality = self._clock.quality()
        return ChunkHead(
            from_s=self._from_s,
            length_s=now_s - self._from_s,
            utc_ms=round(self._clock.utc_at(self._from_s).timestamp() * 1000.0),
            clock=quality.state,
            error_ms=None if quality.error_ms is None else round(quality.error_ms),
            reported_hours=tuple(self._batch_hours),
        )

    def _failed(self, problem: OSError, now_s: int) -> None:
        self.failed_writes += 1
        if self._fault is None:
            log.error("telemetry cannot be written to %s: %s", self._store.folder, problem)
            self._fault = _fault(str(self._store.folder), problem, self._clock)
        self._from_s = max(self._from_s, now_s - LONGEST_RETRY_S)
        kept = [one for one in self._batch if one.number >= self._from_s][-self._most_waiting :]
        self._given_up += len(self._batch) - len(kept)
        self._batch = kept


def _fault(where: str, problem: OSError, clock: HostClock) -> Fault:
    why = problem.strerror or str(problem)
    return Fault(
        code="telemetry_failed",
        where=where,
        since_utc=utc_text(clock.utc().timestamp()),
        message=Text(
            en=f"Scores and levels are not kept ({why}): make room on the disk or replace it. "
            "Alerts do not depend on it",
            nl=f"Scores en niveaus worden niet bewaard ({why}): maak ruimte op de schijf of vervang haar. "
            "Alarmen hangen er niet van af",
        ),
    )
