"""Telemetry of a gateway that starts: what was heard before, the writer, and the book that feeds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.clock import HostClock
from gateway.coverage_book import CoverageBook
from gateway.settings.schema import StorageSettings
from gateway.telemetry.files import FOLDER_NAME
from gateway.telemetry.past import Present, read_back
from gateway.telemetry.recorder import TelemetryRecorder
from gateway.telemetry.segment import SegmentHead
from gateway.telemetry.store import SegmentStore

log = logging.getLogger(__name__)


def open_telemetry(
    data_dir: Path,
    storage: StorageSettings,
    sensors: Sequence[str],
    model_id: str | None,
    labels: Sequence[str],
    clock: HostClock,
    beat: Callable[[float], None] = lambda within_s: None,
) -> tuple[TelemetryRecorder, CoverageBook]:
    """The recorder is to be started and stopped; the book is for the station. Never fails: a folder that
    cannot be used is a fault of the recorder. labels: of the model, in its order; none in level-only mode.
    """
    boot_id, begun_s = clock.boot_id(), clock.monotonic_s()
    past = read_back(data_dir, Present(boot_id, begun_s, clock.utc().timestamp(), clock.quality().state))
    if past.torn:
        log.warning("telemetry: %d torn stretches were passed over", past.torn)
    head = SegmentHead(
        boot_id=boot_id,
        model_id=model_id,
        labels=tuple(labels),
        sensors=tuple(sensors),
        reported_hours=tuple(past.reported_hours),
    )
    store = SegmentStore(data_dir / FOLDER_NAME, head, storage.telemetry_mb * 1_000_000)
    recorder = TelemetryRecorder(
        store, sensors, labels, clock, storage.flush_s, past.last_numbers, past.torn, beat=beat
    )
    return recorder, CoverageBook(sensors, begun_s, past, recorder)
