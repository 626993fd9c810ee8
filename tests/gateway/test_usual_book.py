"""Usual levels over restarts: which hour, what is kept and how rarely, and what a damaged file does."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dsp.usual import HourLevel
from gateway.usual_book import KEEP_EVERY_S, UsualBook, hour_of_week
from gateway.usual_file import FILE_NAME, UsualFile
from tests.support.adjustable_clock import GOOD, LOST, AdjustableClock


def learn(book: UsualBook, sensor_id: str, hour: int, level_db: float) -> None:
    usual = book.of[sensor_id]
    for _ in range(1000):
        usual.hear(level_db, 1.0, hour)
    usual.hear(level_db, 1.0, hour + 1)


def test_the_hour_moves_with_peoples_clocks() -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    assert hour_of_week(datetime(2026, 3, 23, 0, 30, tzinfo=UTC), UTC) == 0  # a Monday
    assert hour_of_week(datetime(2026, 3, 23, 8, 0, tzinfo=UTC), amsterdam) == 9
    assert hour_of_week(datetime(2026, 3, 30, 7, 0, tzinfo=UTC), amsterdam) == 9  # summer time
    assert hour_of_week(datetime(2026, 3, 29, 23, 59, tzinfo=UTC), UTC) == 167


def test_without_a_clock_that_is_set_there_is_no_hour() -> None:
    clock = AdjustableClock(word=LOST)
    book = UsualBook(["north"], clock, zone=UTC)
    assert book.hour() is None
    clock.word = GOOD
    assert book.hour() == 3 * 24 + 23  # Thursday 31 December 2026, 23:50
    clock.now_s += 60.0
    clock.word = LOST
    assert book.hour() == 3 * 24 + 23  # holdover will do for an hour


def test_what_was_learnt_survives_a_restart(tmp_path: Path) -> None:
    clock = AdjustableClock(word=GOOD)
    book = UsualBook(["north", "south"], clock, UsualFile(tmp_path))
    learn(book, "north", 5, 61.0)
    book.keep(at_once=True)
    again = UsualBook(["north", "east"], clock, UsualFile(tmp_path))
    assert again.of["north"].known() == {5: HourLevel(61.0, 1)}
    assert again.of["east"].known() == {}


def test_it_is_written_rarely_and_only_when_there_is_news(tmp_path: Path) -> None:
    clock = AdjustableClock(word=GOOD)
    book, path = UsualBook(["north"], clock, UsualFile(tmp_path)), tmp_path / FILE_NAME
    learn(book, "north", 5, 61.0)
    book.keep()
    assert not path.exists()
    clock.now_s += KEEP_EVERY_S
    book.keep()
    written = path.stat()
    clock.now_s += KEEP_EVERY_S
    book.keep(at_once=True)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (written.st_mtime_ns, written.st_ino)
    assert written.st_size < 3000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 64,
        b'{"schema": 1, "sensors": {"north": [[50.0, 1]]}}',
        b'{"schema": 9, "sensors": {}}',
        b'{"schema": 1, "sensors": {"north": [[1e9, 1]]}}',
    ],
)
def test_a_damaged_file_is_put_aside_and_told(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    file = UsualFile(tmp_path)
    with caplog.at_level(logging.ERROR):
        book = UsualBook(["north"], AdjustableClock(word=GOOD), file)
    assert book.of["north"].known() == {}
    assert file.put_aside is not None
    assert file.put_aside.kept_as is not None
    assert file.put_aside.kept_as.read_bytes() == content
    assert not path.exists()
    assert "was damaged" in caplog.text
    fault = file.put_aside.fault("2026-03-14T22:00:00.000Z")
    assert fault.code == "usual_levels_damaged"
    assert fault.message is not None
    learn(book, "north", 5, 61.0)
    book.keep(at_once=True)
    assert UsualFile(tmp_path).read()["north"] == {5: HourLevel(61.0, 1)}


def test_a_disk_that_takes_nothing_is_told_once_and_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    clock = AdjustableClock(word=GOOD)
    book = UsualBook(["north"], clock, UsualFile(folder))
    learn(book, "north", 5, 61.0)
    for _ in range(2):
        clock.now_s += KEEP_EVERY_S
        book.keep()
    assert caplog.text.count("cannot be kept") == 1
    folder.mkdir()
    clock.now_s += KEEP_EVERY_S
    book.keep()
    assert UsualFile(folder).read()["north"] == {5: HourLevel(61.0, 1)}
