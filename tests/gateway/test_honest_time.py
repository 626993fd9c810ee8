"""A clock that is wrong, is set by years and finds time at last, under sensors that are heard all the while.

The sensors, links, pipeline and alerts are real, the clock is the test's. What is stored with an alert is its
row; nothing of order or age may come from UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from firmware_bridge.simulator.scenario import Scenario, SensorScript, SoundPlayed
from gateway.clock_follower import KernelClock
from gateway.contract.encoding import decode, encode
from gateway.contract.instants import utc_seconds
from gateway.contract.types import Alert
from gateway.contract.vocabulary import ClockState
from gateway.delivery.outbox import Outbox
from gateway.delivery.stamping import Stamper
from gateway.time_labels import StoredInstant, age_s, relabelled
from tests.support.adjustable_clock import GOOD, LOST, AdjustableClock
from tests.support.station_rig import StationRig, world_of

YEAR_S = 365.25 * 86_400.0
BANGS_S = (5.0, 25.0, 45.0, 65.0)
ENDS_S = 80.0


@dataclass(frozen=True)
class Change:
    """From monotonic `at_s` on UTC is wrong by so much, and the kernel says this."""

    at_s: float
    wrong_by_s: float
    word: KernelClock | None


class ChangingClock(AdjustableClock):
    """Its changes come with the monotonic time that the station reaches."""

    def __init__(self, changes: tuple[Change, ...]) -> None:
        super().__init__()
        self.changes = changes

    def utc(self) -> datetime:
        return self.true_utc(self.now_s) + timedelta(seconds=self._change().wrong_by_s)

    def kernel(self) -> KernelClock | None:
        return self._change().word

    def _change(self) -> Change:
        return [change for change in self.changes if change.at_s <= self.now_s][-1]


@dataclass
class Rows:
    """Takes the station's alerts as the desk does: encoded, with the instant they were made."""

    clock: AdjustableClock
    stored: list[tuple[bytes, StoredInstant]] = field(default_factory=list)

    def alert(self, alert: Alert) -> None:
        self.stored.append((encode(alert), self.clock.instant()))

    def availability(self, _sighting: object) -> None: ...

    def sensor_health(self, *_health: object) -> None: ...


TWO_WEEKS = (Change(0.0, -14 * 86_400.0, LOST), Change(70.0, 0.0, GOOD))
YEARS = (
    Change(0.0, -14 * 86_400.0, LOST),
    Change(15.0, 10 * YEAR_S, LOST),
    Change(35.0, -30 * YEAR_S, LOST),
    Change(55.0, 2.0, LOST),
    Change(70.0, 0.0, GOOD),
)
LOST_AND_FOUND = (
    Change(0.0, 0.0, GOOD),
    Change(15.0, 0.0, LOST),
    Change(35.0, -3 * YEAR_S, LOST),
    Change(70.0, 0.0, GOOD),
)


def lived(changes: tuple[Change, ...]) -> Rows:
    clock = ChangingClock(changes)
    rows = Rows(clock)
    rig = StationRig({"SIM-A": "north"}, outlets=rows, clock=clock)  # type: ignore[arg-type]
    bangs = tuple(SoundPlayed(at_s, ("bang",), (("*", 0.0),)) for at_s in BANGS_S)
    rig.play(world_of(Scenario("time", 1, ENDS_S, (SensorScript("SIM-A", bed=("street",)),), bangs, ())))
    clock.now_s = ENDS_S
    return rows


def sent(rows: Rows) -> list[Alert]:
    now, out = rows.clock.known(), []
    for alert_json, stored in rows.stored:
        alert = decode(alert_json, Alert)
        assert isinstance(alert, Alert)
        out.append(relabelled(alert, stored, now, {}))
    return out


def true_s(utc: str) -> float:
    """Monotonic seconds of a label, had it been made by a true clock."""
    return utc_seconds(utc) - AdjustableClock.true_utc(0.0).timestamp()


@pytest.mark.parametrize("changes", [TWO_WEEKS, YEARS, LOST_AND_FOUND])
def test_after_time_is_found_every_queued_time_is_right_within_fifty_milliseconds(
    changes: tuple[Change, ...],
) -> None:
    rows = lived(changes)
    alerts = sent(rows)
    starts = [alert for alert in alerts if alert.phase.value == "start"]
    assert len(starts) == len(BANGS_S)
    for alert, (_, stored) in zip(alerts, rows.stored, strict=True):
        assert true_s(alert.detected_utc) == pytest.approx(stored.monotonic_s, abs=0.05 + 0.05)
        assert alert.clock.state is ClockState.SYNCED
        assert alert.clock.error_ms is not None
        assert alert.clock.error_ms <= 50 + 8
    for start, bang_s in zip(starts, BANGS_S, strict=True):
        assert true_s(start.sound_onset_utc) == pytest.approx(bang_s, abs=0.15), "a hop is 0.125 s"


def test_the_correction_is_exact_and_said() -> None:
    """The same sounds under a true clock have the same times to the millisecond."""
    true = [alert.detected_utc for alert in sent(lived((Change(0.0, 0.0, GOOD),)))]
    for changes in (TWO_WEEKS, YEARS):
        rows = lived(changes)
        alerts = sent(rows)
        for alert, expected, (alert_json, _) in zip(alerts, true, rows.stored, strict=True):
            assert abs(true_s(alert.detected_utc) - true_s(expected)) <= 0.002
            before = decode(alert_json, Alert)
            assert isinstance(before, Alert)
            if alert.detected_utc == before.detected_utc:
                assert alert.clock.corrected_ms is None
            else:
                moved_s = true_s(alert.detected_utc) - true_s(before.detected_utc)
                assert alert.clock.corrected_ms == round(moved_s * 1000)


def test_the_stated_error_holds_how_well_the_sensors_clock_is_known() -> None:
    alerts = sent(lived((Change(0.0, 0.0, GOOD),)))
    errors_ms = [alert.clock.error_ms for alert in alerts]
    assert all(error_ms is not None and 8 < error_ms <= 8 + 51 for error_ms in errors_ms)
    unsure = lived((Change(0.0, 0.0, LOST),))
    assert all(alert.clock.error_ms is None for alert in sent(unsure))


def test_order_and_age_do_not_know_that_utc_was_set() -> None:
    calm, wild = lived((Change(0.0, 0.0, GOOD),)), lived(YEARS)
    ages = [
        [age_s(stored, rows.clock.boot_id(), rows.clock.monotonic_s()) for _, stored in rows.stored]
        for rows in (calm, wild)
    ]
    assert ages[0] == ages[1]
    assert ages[1] == sorted(ages[1], reverse=True)
    names = [[(alert.event_id, alert.revision) for alert in sent(rows)] for rows in (calm, wild)]
    assert names[0] == names[1]
    times = [true_s(alert.detected_utc) for alert in sent(wild)]
    assert times == sorted(times)


def test_the_row_that_leaves_is_put_right_and_no_older_for_it(tmp_path: Path) -> None:
    """Through the outbox and its stamper: after steps of decades an alert of this minute still rings."""
    rows = lived(YEARS)
    clock = rows.clock
    with Outbox.open(tmp_path / "alerts.db") as outbox:
        for alert_json, stored in rows.stored:
            alert = decode(alert_json, Alert)
            assert isinstance(alert, Alert)
            outbox.commit(
                alert_json, alert.event_id, alert.revision, "topic", alert.phase.value,
                boot_id=stored.boot_id, monotonic_s=stored.monotonic_s, utc_offset_s=stored.utc_offset_s,
            )  # fmt: skip
        stamper = Stamper(clock, clock.boot_id(), outbox.numbering, historical_after_s=60.0)
        keys = outbox.unnumbered(0, 100)
        assert [key.monotonic_s for key in keys] == [stored.monotonic_s for _, stored in rows.stored]
        for key, relabelled_alert in zip(keys, sent(rows), strict=True):
            row = outbox.row(key.row_id)
            assert row is not None
            out = decode(stamper.stamped(row), Alert)
            assert isinstance(out, Alert)
            assert (out.sound_onset_utc, out.clock) == (
                relabelled_alert.sound_onset_utc,
                relabelled_alert.clock,
            )
            assert out.age_s == pytest.approx(ENDS_S - key.monotonic_s, abs=0.001)
            assert out.historical == (ENDS_S - key.monotonic_s > 60.0)
