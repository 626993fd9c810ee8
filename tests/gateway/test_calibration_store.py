from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.calibration.record import (
    Calibration,
    CalibratorReference,
    ToneMeasurement,
    new_calibration_id,
)
from gateway.calibration.store import FILE_NAME, CalibrationStore
from gateway.contract.instants import utc_text
from gateway.errors import GatewayError

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def record(
    serial: str = "AS-1",
    *,
    valid_from: datetime = NOON,
    after_db: float = 1.5,
    drift_db: float | None = None,
    suffix: str = "",
) -> Calibration:
    recorded_utc = utc_text(valid_from.timestamp())
    return Calibration(
        calibration_id=new_calibration_id(serial, recorded_utc) + suffix,
        sensor_id="noord",
        sensor_serial=serial,
        who="Test Person",
        recorded_utc=recorded_utc,
        valid_from_utc=recorded_utc,
        clock="synced",
        reference=CalibratorReference(level_db=94.0, calibrator_serial="C-1", certificate_date="2026-01-05"),
        measured=ToneMeasurement(
            tone_db=-27.5,
            full_scale_db=120.0,
            frequency_hz=1000.0,
            distortion_percent=0.4,
            sd_db=0.01,
            span_s=5.0,
        ),
        before_db=None,
        after_db=after_db,
        drift_db=drift_db,
    )


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path)


def test_nothing_yet(store: CalibrationStore) -> None:
    assert store.records() == ()
    assert store.current("AS-1", NOON) is None


def test_what_is_appended_is_read_by_another_store(store: CalibrationStore, tmp_path: Path) -> None:
    store.append(record())
    assert CalibrationStore(tmp_path).records() == (record(),)


def test_in_force_from_its_instant_until_the_next(store: CalibrationStore) -> None:
    store.append(record(after_db=1.0))
    store.append(record(after_db=2.0, valid_from=NOON + timedelta(days=100)))
    store.append(record("AS-2", after_db=9.0, valid_from=NOON + timedelta(days=50)))

    def offset_at(at: datetime) -> float | None:
        current = store.current("AS-1", at)
        return None if current is None else current.after_db

    assert offset_at(NOON - timedelta(milliseconds=1)) is None
    assert offset_at(NOON) == 1.0
    assert offset_at(NOON + timedelta(days=99)) == 1.0
    assert offset_at(NOON + timedelta(days=100)) == 2.0


def test_of_two_with_one_instant_the_later_written_counts(store: CalibrationStore) -> None:
    store.append(record(after_db=1.0))
    store.append(record(after_db=2.0, suffix="-corrected"))
    current = store.current("AS-1", NOON)
    assert current is not None
    assert current.after_db == 2.0


def test_without_a_clock_to_trust_the_record_written_last_counts(store: CalibrationStore) -> None:
    """A clock years ahead when one was written, and one in 1970 now, must not uncalibrate a sensor."""
    store.append(record(after_db=1.0, valid_from=NOON + timedelta(days=3650)))
    store.append(record(after_db=2.0, suffix="-later"))
    current = store.current("AS-1", None)
    assert current is not None
    assert current.after_db == 2.0
    assert store.current("AS-2", None) is None


def test_a_reader_sees_what_another_process_appends(store: CalibrationStore, tmp_path: Path) -> None:
    reader = CalibrationStore(tmp_path)
    assert reader.current("AS-1", NOON) is None
    store.append(record())
    assert reader.current("AS-1", NOON) == record()


def test_another_scale_makes_it_uncalibrated(store: CalibrationStore) -> None:
    store.append(record())
    assert store.current("AS-1", NOON, full_scale_db=120.0) == record()
    assert store.current("AS-1", NOON, full_scale_db=114.0) is None


def test_an_id_is_given_once(store: CalibrationStore) -> None:
    store.append(record())
    with pytest.raises(GatewayError, match="already"):
        store.append(record(after_db=3.0))
    assert store.records() == (record(),)


@pytest.mark.parametrize("cut", [1, 2, 40, -2])
def test_a_torn_last_line_is_reported_passed_over_and_never_rewritten(tmp_path: Path, cut: int) -> None:
    store = CalibrationStore(tmp_path)
    store.append(record())
    line = msgspec.json.encode(record(valid_from=NOON + timedelta(days=1)))
    with store.path.open("ab") as file:
        file.write(line[:cut])
    torn = store.path.read_bytes()

    reader = CalibrationStore(tmp_path)
    assert reader.records() == (record(),)
    (damaged,) = reader.damaged()
    assert (damaged.number, damaged.torn) == (2, True)

    later = record(valid_from=NOON + timedelta(days=2))
    reader.append(later)
    assert reader.records() == (record(), later)
    assert store.path.read_bytes().startswith(torn)
    assert [(line.number, line.torn) for line in reader.damaged()] == [(2, False)]


def test_a_whole_record_without_its_line_end_counts(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(msgspec.json.encode(record()))
    store = CalibrationStore(tmp_path)
    assert store.records() == (record(),)
    later = record(valid_from=NOON + timedelta(days=2))
    store.append(later)
    assert CalibrationStore(tmp_path).records() == (record(), later)


@pytest.mark.parametrize(
    "line",
    [
        b"\0" * 50,
        b"\xff\xfe",
        b"[]",
        b'{"calibration_id": "x"}',
        msgspec.json.encode(record()).replace(b'"schema":1', b'"schema":2'),
        msgspec.json.encode(record()).replace(b"2026-03-14T12", b"2026-33-14T12"),
        msgspec.json.encode(record()).replace(b'"after_db":1.5', b'"after_db":null'),
    ],
)
def test_lines_that_are_no_records_are_reported(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(line + b"\n" + msgspec.json.encode(record("AS-2")) + b"\n")
    store = CalibrationStore(tmp_path)
    assert [known.sensor_serial for known in store.records()] == ["AS-2"]
    assert [(damaged.number, damaged.torn) for damaged in store.damaged()] == [(1, False)]


def test_fields_of_a_later_release_are_ignored(tmp_path: Path) -> None:
    known = json.loads(msgspec.json.encode(record()))
    (tmp_path / FILE_NAME).write_text(json.dumps({**known, "signature": "x"}) + "\n", encoding="utf-8")
    assert CalibrationStore(tmp_path).records() == (record(),)


def test_it_is_on_disk_before_append_returns(
    store: CalibrationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    really_sync = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.fstat(fd).st_mode)
        really_sync(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    store.append(record())
    assert [stat.S_ISREG(synced[0]), stat.S_ISDIR(synced[1])] == [True, True]


def test_a_folder_that_is_missing_is_a_message(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path / "absent")
    assert store.records() == ()
    with pytest.raises(GatewayError, match=r"could not be written \(No such file or directory\)"):
        store.append(record())


def test_a_file_that_cannot_be_read_is_a_message(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(GatewayError, match=r"cannot be read \(Is a directory\)"):
        CalibrationStore(tmp_path).records()


@pytest.mark.parametrize(("drift_db", "drifted"), [(None, False), (0.5, False), (-0.51, True), (0.51, True)])
def test_drift(drift_db: float | None, drifted: bool) -> None:
    assert record(drift_db=drift_db).drifted is drifted


def test_ids_can_stand_in_topics_and_messages() -> None:
    assert new_calibration_id("AS.00/1", "2026-03-14T22:41:07.250Z") == "cal-AS-00-1-20260314T224107Z"
