"""What a start reads back: downtime shows, whatever ended the run before, and reports are not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.coverage_book import CoverageBook
from gateway.telemetry.chunk import ClockWord
from gateway.telemetry.files import FOLDER_NAME
from gateway.telemetry.past import Past, Present, read_back
from tests.support.telemetry import SENSORS, ZERO_UTC_S, Written, second

H0 = int(ZERO_UTC_S // 3600)


def present(
    now_s: float, *, boot_id: str = "boot-1", zero_utc_s: float = ZERO_UTC_S, clock: ClockWord = "synced"
) -> Present:
    return Present(boot_id, now_s, zero_utc_s + now_s, clock)


def last_hour(past: Past, now_s: float, sensor_id: str = "north") -> tuple[float, float]:
    """(share, what it speaks of) of a run that begins now."""
    coverage = CoverageBook(SENSORS, now_s, past).last_hour[sensor_id]
    return coverage.share(now_s), coverage.window_s(now_s)


def test_nothing_before_is_an_empty_past(tmp_path: Path) -> None:
    past = read_back(tmp_path, present(50.0))
    assert past == Past()
    assert last_hour(past, 50.0) == (0.0, 0.0)


def test_downtime_within_the_hour_is_not_covered(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 1800).done()
    share, window_s = last_hour(read_back(tmp_path, present(2400.0)), 2400.0)
    assert window_s == 2400.0
    assert share == pytest.approx(0.75)


def test_a_down_gateway_after_a_whole_hour_has_a_whole_hour_to_speak_of(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 7200).done()
    share, window_s = last_hour(read_back(tmp_path, present(9000.0)), 9000.0)
    assert window_s == pytest.approx(3600.0, abs=61.0)
    assert share == pytest.approx(0.5, abs=0.02)
    assert last_hour(read_back(tmp_path, present(20_000.0)), 20_000.0)[0] == 0.0


def test_a_sensor_that_was_not_heard_before_has_none_and_one_that_was_not_bound_has_no_past(
    tmp_path: Path,
) -> None:
    Written(tmp_path, sensors=("north",)).heard(0, 1200).done()
    past = read_back(tmp_path, present(1200.0))
    assert last_hour(past, 1200.0, "north") == (1.0, 1200.0)
    assert last_hour(past, 1200.0, "south") == (0.0, 0.0)
    Written(tmp_path).chunk(1200, [second(1200)]).done()
    assert last_hour(read_back(tmp_path, present(1260.0)), 1260.0, "south") == (0.0, 60.0)


def test_many_short_runs_of_one_boot_add_up(tmp_path: Path) -> None:
    for begin_s in range(0, 3600, 120):  # a crash each two minutes; half of each is lost
        Written(tmp_path).heard(begin_s, begin_s + 60).done()
    share, window_s = last_hour(read_back(tmp_path, present(3600.0)), 3600.0)
    assert window_s == pytest.approx(3600.0, abs=61.0)
    assert share == pytest.approx(0.5, abs=0.02)


def test_after_a_reboot_the_label_says_how_long_it_was_off(tmp_path: Path) -> None:
    """Heard for 20 minutes; off for ten by the clock; the new boot is a minute old."""
    Written(tmp_path).heard(500, 1700).done()
    now = present(60.0, boot_id="boot-2", zero_utc_s=ZERO_UTC_S + 2240.0)
    share, window_s = last_hour(read_back(tmp_path, now), 60.0)
    assert window_s == 1800.0
    assert share == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize(("before", "now"), [("unsynced", "synced"), ("synced", "unsynced")])
def test_after_a_reboot_with_a_clock_that_is_not_set_the_hour_begins_with_the_boot(
    tmp_path: Path, before: ClockWord, now: ClockWord
) -> None:
    Written(tmp_path, clock=before).heard(500, 1700).done()
    at = present(60.0, boot_id="boot-2", zero_utc_s=ZERO_UTC_S + 2240.0, clock=now)
    assert last_hour(read_back(tmp_path, at), 60.0) == (0.0, 0.0)


def test_a_label_that_lies_within_this_boot_is_not_believed(tmp_path: Path) -> None:
    Written(tmp_path).heard(500, 1700).done()
    set_back = present(60.0, boot_id="boot-2", zero_utc_s=ZERO_UTC_S + 1000.0)
    assert last_hour(read_back(tmp_path, set_back), 60.0) == (0.0, 0.0)


def test_the_hour_that_is_not_over_is_read_back_and_the_reports_before_it(tmp_path: Path) -> None:
    run = Written(tmp_path).heard(0, 3600).chunk(3600, reported_hours=(H0,), length_s=0)
    run.heard(3600, 4200).done()
    past = read_back(tmp_path, present(4500.0))
    assert past.reported_hours == [H0]
    assert past.hours.analysed_s[H0 + 1] == {"north": 600.0}
    assert past.last_numbers == {"north": 4199}
    book = CoverageBook(SENSORS, 4500.0, past)
    told = book._hours.finished(7300.0, ZERO_UTC_S + 7300.0, synced=True)
    assert [(one.hour, one.analysed_s["north"]) for one in told] == [(H0 + 1, 600.0)]


def test_reports_are_remembered_by_every_later_file(tmp_path: Path) -> None:
    run = Written(tmp_path)
    for hour in range(6):
        run.heard(hour * 3600, (hour + 1) * 3600)
        run.chunk((hour + 1) * 3600, reported_hours=(H0 + hour,), length_s=0)
    run.done()
    assert read_back(tmp_path, present(21_700.0)).reported_hours == [H0 + hour for hour in range(6)]


def test_an_hour_that_was_only_half_looked_at_is_not_told(tmp_path: Path) -> None:
    """Files begin at half past; the read-back begins in the middle of an hour."""
    Written(tmp_path, zero_utc_s=ZERO_UTC_S + 1800.0).heard(0, 5 * 3600).done()
    past = read_back(tmp_path, present(5 * 3600.0, zero_utc_s=ZERO_UTC_S + 1800.0))
    told = {hour - H0: heard["north"] for hour, heard in past.hours.by_hour().items()}
    assert told == {4: 3600.0, 5: 1800.0}


def test_seconds_of_another_boot_do_not_hold_back_this_ones(tmp_path: Path) -> None:
    Written(tmp_path).heard(90_000, 90_060).done()
    assert read_back(tmp_path, present(60.0, boot_id="boot-2")).last_numbers == {}


def test_damage_is_counted_and_a_folder_that_cannot_be_read_is_an_empty_past(tmp_path: Path) -> None:
    Written(tmp_path).heard(0, 120).done()
    (file,) = (tmp_path / FOLDER_NAME).iterdir()
    with file.open("r+b") as opened:
        opened.truncate(2 * 4096 + 40)
    past = read_back(tmp_path, present(200.0))
    assert (past.torn, past.last_numbers) == (1, {"north": 59})
    file.unlink()
    (tmp_path / FOLDER_NAME).rmdir()
    (tmp_path / FOLDER_NAME).write_text("")
    assert read_back(tmp_path, present(200.0)) == Past()
