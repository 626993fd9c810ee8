"""What the moment of sending puts in: number, lane, age, and times by the best clock known by then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.instants import utc_seconds, utc_text
from gateway.contract.types import Alert, Clock
from gateway.contract.vocabulary import ClockState, Lane
from gateway.delivery.courier import CourierRules
from gateway.delivery.outbox import OutboxRow, RowKey
from gateway.delivery.stamping import Stamper
from tests.support.adjustable_clock import GOOD, LOST, AdjustableClock
from tests.support.alerts import alert
from tests.support.courier_world import World, alerts_in

YEARS_S = 20 * 365 * 86_400.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, CourierRules())
    yield made
    made.close()


def made_now(world: World, event: int) -> Alert:
    """An alert with its times by the clock as this machine has it now."""
    quality = world.clock.quality()
    now = utc_text(world.clock.utc().timestamp())
    return alert(
        event,
        detected_utc=now,
        sound_onset_utc=now,
        last_evidence_utc=now,
        clock=Clock(state=ClockState(quality.state), error_ms=None),
    )


def off_by_ms(world: World, sent: Alert, made_s: float) -> float:
    return 1000.0 * abs(utc_seconds(sent.detected_utc) - world.clock.true_utc(made_s).timestamp())


def test_times_made_by_a_clock_years_off_are_right_once_it_is_set(world: World) -> None:
    world.clock.wrong_by_s = -YEARS_S
    world.round(5.0)
    world.commit(made_now(world, 1))
    world.round(600.0)
    world.clock.wrong_by_s, world.clock.word = 0.0, GOOD
    world.connect()
    (sent,) = alerts_in(world.settle())
    assert off_by_ms(world, sent, made_s=5.0) <= 50.0
    assert off_by_ms(world, alert(1, detected_utc=sent.sound_onset_utc), made_s=5.0) <= 50.0
    assert sent.clock.state is ClockState.SYNCED
    assert sent.clock.corrected_ms == pytest.approx(YEARS_S * 1000.0, abs=50.0)
    assert sent.age_s == 600.0  # by the clock that never jumps
    assert sent.published_utc == utc_text(world.clock.true_utc(605.0).timestamp())


def test_what_was_found_before_a_reboot_puts_right_what_waits_after_it(world: World) -> None:
    world.clock.wrong_by_s = YEARS_S
    world.round(5.0)
    world.commit(made_now(world, 1))
    world.round(60.0)
    world.clock.wrong_by_s, world.clock.word = 0.0, GOOD
    world.round(60.0)  # the clock of this boot is kept now
    true_s = world.clock.true_utc(5.0).timestamp()
    world.restart(boot="boot-2")
    world.clock.word = LOST
    world.connect()
    (sent,) = alerts_in(world.settle())
    assert 1000.0 * abs(utc_seconds(sent.detected_utc) - true_s) <= 50.0
    assert sent.clock.corrected_ms == pytest.approx(-YEARS_S * 1000.0, abs=50.0)
    assert (sent.age_s, sent.historical) == (None, True)


def test_without_better_knowledge_times_leave_as_they_were_made(world: World) -> None:
    world.clock.wrong_by_s = YEARS_S
    world.round(5.0)
    one = made_now(world, 1)
    world.commit(one)
    world.round(60.0)
    world.connect()
    (sent,) = alerts_in(world.settle())
    assert (sent.detected_utc, sent.clock.state) == (one.detected_utc, ClockState.UNSYNCED)
    assert sent.clock.corrected_ms is None


# The stamper alone.


def stamper(clock: AdjustableClock) -> Stamper:
    return Stamper(clock, "boot-1", "0123456789abcdef", 30.0)


def row(lane: Lane | None, boot_id: str = "boot-1", monotonic_s: float = 0.0) -> OutboxRow:
    seq = None if lane is None else 7
    event_id = alert(1).event_id
    return OutboxRow(1, event_id, 0, "t", "start", b"{}", boot_id, monotonic_s, lane=lane, seq=seq)


@pytest.mark.parametrize(
    ("lane", "boot_id", "now_s", "historical", "age_s"),
    [
        (Lane.LIVE, "boot-1", 0.0, False, 0.0),
        (Lane.LIVE, "boot-1", 30.0, False, 30.0),
        (Lane.LIVE, "boot-1", 30.1, True, 30.1),
        (Lane.LIVE, "boot-0", 0.0, True, None),
        (Lane.HISTORICAL, "boot-1", 0.0, True, 0.0),
        (Lane.HISTORICAL, "boot-0", 0.0, True, None),
        (None, "boot-1", 0.0, False, 0.0),
        (None, "boot-1", 31.0, True, 31.0),
    ],
)
def test_what_waited_too_long_does_not_ring(
    lane: Lane | None, boot_id: str, now_s: float, historical: bool, age_s: float | None
) -> None:
    clock = AdjustableClock()
    clock.now_s = now_s
    sent = stamper(clock).alert(alert(1), row(lane, boot_id))
    assert (sent.historical, sent.age_s) == (historical, age_s)
    assert (sent.lane, sent.seq) == (lane or Lane.LIVE, None if lane is None else 7)
    assert (sent.numbering, sent.durable) == ("0123456789abcdef", True)


def test_an_age_is_never_negative() -> None:
    clock = AdjustableClock()
    key = RowKey(1, "e", 0, "start", "boot-1", 5.0)
    assert stamper(clock).age_s(key) == 0.0


def test_a_row_that_cannot_be_read_is_not_touched() -> None:
    assert stamper(AdjustableClock()).stamped(row(Lane.LIVE)) == b"{}"
