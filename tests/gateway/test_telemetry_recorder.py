"""The thread that writes: batches, a bounded wait, and a disk that says no."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_HEALTH
from gateway.contract.types import replace
from gateway.telemetry.files import FOLDER_NAME, segment_files
from gateway.telemetry.reader import TelemetryReader
from gateway.telemetry.recorder import LONGEST_RETRY_S, MOST_STRETCH_S, TelemetryRecorder
from gateway.telemetry.store import SegmentStore
from tests.support.telemetry import LABELS, MOST_BYTES, SENSORS, SetClock, head_of, second
from tests.support.waiting import wait_until

NEVER_S = 1e6


def recorder_of(
    data_dir: Path, clock: SetClock, *, most_waiting: int = 1000, last_numbers: dict[str, int] | None = None
) -> TelemetryRecorder:
    store = SegmentStore(data_dir / FOLDER_NAME, head_of(), MOST_BYTES)
    return TelemetryRecorder(store, SENSORS, LABELS, clock, NEVER_S, last_numbers, most_waiting=most_waiting)


@contextmanager
def running(recorder: TelemetryRecorder) -> Iterator[TelemetryRecorder]:
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()


def flush(recorder: TelemetryRecorder, hour: int = 1) -> None:
    """A report is written at once, and whatever waits with it."""
    before = recorder.counters()["telemetry_failed"], recorder.written
    recorder.mark_reported(hour)
    wait_until(
        lambda: (recorder.counters()["telemetry_failed"], recorder.written) != before, "a write or a failure"
    )


def numbers(data_dir: Path, sensor_id: str = "north") -> list[int]:
    return [one.second.number for one in TelemetryReader(data_dir).seconds(sensor_id)]


def test_stopping_writes_what_waits(tmp_path: Path) -> None:
    clock = SetClock(100.0)
    with running(recorder_of(tmp_path, clock)) as recorder:
        for number in range(100, 130):
            recorder.put(second(number))
        clock.now_s = 130.0
    assert numbers(tmp_path) == list(range(100, 130))
    assert recorder.counters() == {
        "telemetry_written": 30,
        "telemetry_dropped": 0,
        "telemetry_failed": 0,
        "telemetry_shed": 0,
        "telemetry_torn": 0,
    }
    head = next(TelemetryReader(tmp_path).segments()).chunks[0].head
    assert (head.from_s, head.length_s, head.clock) == (100, 30, "synced")


def test_it_writes_by_itself_when_it_is_time(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path / FOLDER_NAME, head_of(), MOST_BYTES)
    clock = SetClock(100.0)
    with running(TelemetryRecorder(store, SENSORS, LABELS, clock, flush_s=0.01)) as recorder:
        recorder.put(second(100))
        wait_until(lambda: recorder.written == 1, "a batch")


def test_never_more_than_one_record_a_second_and_sensor(tmp_path: Path) -> None:
    with running(recorder_of(tmp_path, SetClock(100.0), last_numbers={"south": 200})) as recorder:
        for number in (100, 100, 101, 100, 102):
            recorder.put(second(number))
        recorder.put(second(150, "south"))  # this boot's earlier run has it already
        recorder.put(second(201, "south"))
        recorder.put(second(100, "elsewhere"))
    assert numbers(tmp_path) == [100, 101, 102]
    assert numbers(tmp_path, "south") == [201]
    assert recorder.counters()["telemetry_dropped"] == 4


def test_too_much_that_waits_costs_the_oldest_and_is_counted(tmp_path: Path) -> None:
    recorder = recorder_of(tmp_path, SetClock(100.0), most_waiting=50)
    for number in range(100, 300):
        recorder.put(second(number))
    with running(recorder):
        pass
    assert numbers(tmp_path) == list(range(250, 300))
    assert recorder.counters()["telemetry_dropped"] == 150


def test_a_disk_that_takes_nothing_is_a_fault_until_it_does_and_costs_nothing_meanwhile(
    tmp_path: Path,
) -> None:
    in_the_way = tmp_path / FOLDER_NAME
    in_the_way.write_text("no folder can be made here")
    clock = SetClock(100.0)
    with running(recorder_of(tmp_path, clock)) as recorder:
        for number in range(100, 160):
            recorder.put(second(number))
        flush(recorder)
        (fault,) = recorder.faults()
        assert (fault.code, fault.where) == ("telemetry_failed", str(in_the_way))
        assert fault.message is not None
        assert "Alerts do not depend on it" in fault.message.en
        assert "Alarmen hangen er niet van af" in fault.message.nl
        encode(replace(GATEWAY_HEALTH, faults=(fault,)))
        clock.now_s = 200.0
        flush(recorder, 2)
        assert recorder.faults()[0].since_utc == fault.since_utc
        in_the_way.unlink()
        recorder.put(second(200))
        flush(recorder, 3)
        assert recorder.faults() == ()
    assert numbers(tmp_path) == [*range(100, 160), 200]
    chunk = next(TelemetryReader(tmp_path).segments()).chunks[0]
    assert chunk.head.reported_hours == (1, 2, 3)
    assert (chunk.head.from_s, chunk.head.length_s) == (100, 100)
    assert recorder.counters()["telemetry_failed"] == 2


def test_a_disk_that_fails_for_long_costs_what_is_older_than_an_hour(tmp_path: Path) -> None:
    in_the_way = tmp_path / FOLDER_NAME
    in_the_way.write_text("")
    clock = SetClock(100.0)
    with running(recorder_of(tmp_path, clock)) as recorder:
        recorder.put(second(100))
        clock.now_s = 5000.0
        recorder.put(second(4000))
        flush(recorder)
        assert recorder.counters()["telemetry_dropped"] == 1
        in_the_way.unlink()
        flush(recorder, 2)
    chunk = next(TelemetryReader(tmp_path).segments()).chunks[0]
    assert chunk.number.tolist() == [4000]
    assert (chunk.head.from_s, chunk.head.length_s) == (5000 - LONGEST_RETRY_S, LONGEST_RETRY_S)


def test_the_pipeline_never_waits_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, go_on = threading.Event(), threading.Event()

    def hang(fd: int) -> None:
        stuck.set()
        assert go_on.wait(60.0)

    monkeypatch.setattr("gateway.telemetry.store.os.fdatasync", hang)
    with running(recorder_of(tmp_path, SetClock(100.0), most_waiting=10)) as recorder:
        recorder.put(second(100))
        recorder.mark_reported(1)
        assert stuck.wait(60.0)
        for number in range(101, 201):
            recorder.put(second(number))  # returns while the disk hangs
        assert recorder.counters()["telemetry_dropped"] == 90
        go_on.set()
    assert numbers(tmp_path) == [100, *range(191, 201)]


def test_a_gateway_that_hears_nobody_notes_now_and_then_that_it_runs(tmp_path: Path) -> None:
    clock = SetClock(100.0)
    recorder = TelemetryRecorder(
        SegmentStore(tmp_path / FOLDER_NAME, head_of(), MOST_BYTES), SENSORS, LABELS, clock, flush_s=0.01
    )
    with running(recorder):
        clock.now_s += MOST_STRETCH_S - 1
        assert segment_files(tmp_path / FOLDER_NAME) == []
        clock.now_s += 1
        wait_until(lambda: segment_files(tmp_path / FOLDER_NAME) != [], "a note")
