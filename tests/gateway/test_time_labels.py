"""Times of waiting alerts after the clock was put right: moved by the jump, marked, and never made worse."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

import pytest

from gateway.contract.encoding import decode, encode
from gateway.contract.instants import utc_seconds, utc_text
from gateway.contract.types import Alert, Clock, Timeline, replace
from gateway.contract.vocabulary import ClockState
from gateway.time_labels import BootOffset, StoredInstant, age_s, relabelled, worth_keeping
from tests.support.alerts import alert

DAY_S = 86_400.0
SYNCED, HOLDOVER, UNSYNCED = ClockState.SYNCED, ClockState.HOLDOVER, ClockState.UNSYNCED
BOOT, EARLIER = "boot-2", "boot-1"
TRUE_OFFSET_S = utc_seconds("2026-12-31T23:50:00.000Z")
"""UTC of the boot in truth: ten minutes before a new year."""


def made(
    at_s: float,
    wrong_by_s: float,
    state: ClockState = UNSYNCED,
    boot: str = BOOT,
    error_ms: int | None = None,
) -> tuple[Alert, StoredInstant]:
    """An alert of monotonic instant at_s, labelled by a clock that is wrong by so much, as it is stored."""
    offset_s = TRUE_OFFSET_S + wrong_by_s
    one = alert(
        1,
        boot_id=boot,
        sound_onset_utc=utc_text(at_s - 1.25 + offset_s),
        last_evidence_utc=utc_text(at_s - 0.125 + offset_s),
        detected_utc=utc_text(at_s + offset_s),
        published_utc=None,
        clock=Clock(state=state, error_ms=error_ms),
    )
    return one, StoredInstant(boot, at_s, offset_s)


def found(
    at_s: float = 900.0, *, boot: str = BOOT, state: ClockState = SYNCED, error_ms: float | None = 8.0
) -> BootOffset:
    """The true offset, known from monotonic instant at_s on."""
    return BootOffset(boot, TRUE_OFFSET_S, state, error_ms, at_s)


def assert_true_times(one: Alert, at_s: float) -> None:
    for label, back_s in ((one.sound_onset_utc, 1.25), (one.last_evidence_utc, 0.125), (one.detected_utc, 0)):
        assert utc_seconds(label) == pytest.approx(at_s - back_s + TRUE_OFFSET_S, abs=0.001)
    assert decode(encode(one), Alert) == one, "it fits the contract"


WRONG_BY_S = {
    "two weeks behind": -14 * DAY_S,
    "two weeks ahead": 14 * DAY_S,
    "1970": -TRUE_OFFSET_S,
    "decades ahead": 40 * 365.25 * DAY_S,
    "an hour (somebody's summer time)": 3600.0,
    "ten minutes: the day and the year differ": 600.0,
    "the year 1": -(TRUE_OFFSET_S + 62_135_596_000.0),
    "the year 9999": utc_seconds("9999-12-31T00:00:00.000Z") - TRUE_OFFSET_S,
    "a tenth": 0.1,
    "7 ms": -0.007,
}


@pytest.mark.parametrize("wrong_by_s", WRONG_BY_S.values(), ids=WRONG_BY_S.keys())
def test_a_boot_with_a_wrong_clock_has_true_times_once_time_is_found(wrong_by_s: float) -> None:
    for at_s in (30.0, 599.999, 600.0, 899.0):
        one, stored = made(at_s, wrong_by_s)
        moved = relabelled(one, stored, found(), {})
        assert_true_times(moved, at_s)
        assert moved.clock.state is SYNCED
        assert moved.clock.corrected_ms == round(-wrong_by_s * 1000)
        assert moved.clock.error_ms is not None
        assert 8 <= moved.clock.error_ms <= 8 + math.ceil(0.1 * 870) + 1


def test_nothing_but_times_and_clock_changes() -> None:
    one, stored = made(60.0, -14 * DAY_S)
    one = replace(one, published_utc="2026-01-01T00:00:00.000Z", seq=7)
    moved = relabelled(one, stored, found(), {})
    assert (
        replace(
            moved,
            sound_onset_utc=one.sound_onset_utc,
            last_evidence_utc=one.last_evidence_utc,
            detected_utc=one.detected_utc,
            clock=one.clock,
        )
        == one
    )


def test_a_timeline_moves_along() -> None:
    one, stored = made(60.0, 3600.0)
    timeline = Timeline(start_utc=one.sound_onset_utc, step_s=0.125, scores=(0.5,), laeq_db=(70.0,))
    moved = relabelled(replace(one, timeline=timeline), stored, found(), {})
    assert moved.timeline is not None
    assert moved.timeline.start_utc == moved.sound_onset_utc


def test_the_stated_error_grows_with_the_time_that_nothing_disciplined_the_clock() -> None:
    """A crystal of 50 ppm: an hour before time was found it is 180 ms off, which must be inside."""
    for waited_s in (0.0, 1000.0, 3600.0, 3 * DAY_S):
        one, stored = made(100.0, -14 * DAY_S)
        moved = relabelled(one, stored, found(100.0 + waited_s), {})
        assert moved.clock.error_ms is not None
        assert moved.clock.error_ms >= 8 + 50e-6 * waited_s * 1000
        assert moved.clock.error_ms <= 9 + 100e-6 * waited_s * 1000


def test_time_found_and_the_clock_was_right_all_along() -> None:
    one, stored = made(60.0, 0.002)
    moved = relabelled(one, stored, found(61.0), {})
    assert moved.sound_onset_utc == one.sound_onset_utc
    assert moved.clock == Clock(state=SYNCED, error_ms=14)


def test_in_ordinary_operation_an_alert_leaves_as_it_was_stored() -> None:
    for state in ClockState:
        one, stored = made(60.0, 0.001, state=state, error_ms=3)
        assert relabelled(one, stored, found(0.0, state=state, error_ms=4.0), {}) is one


@pytest.mark.parametrize("worse", [HOLDOVER, UNSYNCED])
def test_good_times_are_not_exchanged_for_worse_ones(worse: ClockState) -> None:
    """The clock was right, was lost, and then somebody set it a year back by hand."""
    one, stored = made(60.0, 0.0, state=SYNCED, error_ms=3)
    now = BootOffset(BOOT, TRUE_OFFSET_S - 365 * DAY_S, worse, None, 70.0)
    assert relabelled(one, stored, now, {}) is one


def test_what_was_made_since_an_offset_held_is_not_moved_by_what_was_slewed_meanwhile() -> None:
    """At 50 s the service began to slew 0.3 s: a correction for before, and part of the error since."""
    known = BootOffset(BOOT, TRUE_OFFSET_S, SYNCED, 8.0, 50.0)
    before, before_stored = made(40.0, -0.3)
    moved = relabelled(before, before_stored, known, {})
    assert_true_times(moved, 40.0)
    assert moved.clock.corrected_ms == 300
    since, since_stored = made(60.0, -0.3, state=SYNCED, error_ms=308)
    assert relabelled(since, since_stored, known, {}) is since


def test_a_label_made_in_holdover_is_no_better_for_the_sync_before_it() -> None:
    """Of an earlier boot, of which only the sync at 50 s was kept: it was lost at some time after."""
    one, stored = made(7000.0, 0.0, state=HOLDOVER, boot=EARLIER, error_ms=600)
    known = BootOffset(EARLIER, TRUE_OFFSET_S, SYNCED, 8.0, 50.0)
    assert relabelled(one, stored, BootOffset(BOOT, TRUE_OFFSET_S, SYNCED, 1.0, 0.0), {EARLIER: known}) is one


def test_a_label_made_in_holdover_is_as_good_as_the_sync_after_it_and_the_way_there() -> None:
    one, stored = made(7000.0, 0.0, state=HOLDOVER, error_ms=600)
    out = relabelled(one, stored, found(8000.0), {})
    assert out.clock == Clock(state=SYNCED, error_ms=113)
    assert out.detected_utc == one.detected_utc


def test_a_clock_set_by_hand_moves_what_was_no_better() -> None:
    one, stored = made(60.0, -14 * DAY_S)
    moved = relabelled(one, stored, found(state=UNSYNCED, error_ms=None), {})
    assert_true_times(moved, 60.0)
    assert moved.clock == Clock(state=UNSYNCED, error_ms=None, corrected_ms=round(14 * DAY_S * 1000))


def test_a_synchronised_clock_that_is_put_right_once_more() -> None:
    one, stored = made(60.0, 0.4, state=SYNCED, error_ms=500)
    moved = relabelled(one, stored, found(), {})
    assert_true_times(moved, 60.0)
    assert moved.clock == Clock(state=SYNCED, error_ms=8, corrected_ms=-400)


class TestEarlierBoot:
    NOW = BootOffset(BOOT, TRUE_OFFSET_S + 5 * DAY_S, SYNCED, 2.0, 0.0)

    def test_it_is_moved_by_its_own_boots_final_offset(self) -> None:
        one, stored = made(60.0, -14 * DAY_S, boot=EARLIER)
        moved = relabelled(one, stored, self.NOW, {EARLIER: found(boot=EARLIER)})
        assert_true_times(moved, 60.0)
        assert moved.clock.corrected_ms == round(14 * DAY_S * 1000)

    def test_a_boot_that_nobody_kept_leaves_as_it_was_stored(self) -> None:
        one, stored = made(60.0, -14 * DAY_S, boot=EARLIER)
        assert relabelled(one, stored, self.NOW, {}) is one
        assert relabelled(one, stored, self.NOW, {"another": found(boot="another")}) is one

    def test_a_boot_that_never_found_time_leaves_as_it_was_stored(self) -> None:
        one, stored = made(60.0, -14 * DAY_S, boot=EARLIER)
        final = BootOffset(EARLIER, stored.utc_offset_s, UNSYNCED, None, None)
        assert relabelled(one, stored, self.NOW, {EARLIER: final}) is one

    def test_what_is_kept_of_this_boot_is_not_asked(self) -> None:
        one, stored = made(60.0, -14 * DAY_S)
        old = BootOffset(BOOT, TRUE_OFFSET_S + 99.0, SYNCED, 1.0, 10.0)
        assert_true_times(relabelled(one, stored, found(), {BOOT: old}), 60.0)

    def test_without_the_instant_it_held_from_the_error_is_the_offsets_own(self) -> None:
        one, stored = made(60.0, -14 * DAY_S, boot=EARLIER)
        final = BootOffset(EARLIER, TRUE_OFFSET_S, SYNCED, 8.0)
        assert relabelled(one, stored, self.NOW, {EARLIER: final}).clock.error_ms == 8

    def test_a_row_of_an_old_outbox_has_no_boot(self) -> None:
        one, _ = made(60.0, 0.0)
        assert relabelled(one, StoredInstant("", 0.0, 0.0), self.NOW, {}) is one


@pytest.mark.parametrize("offset_s", [4e11, -1e11, 1e300, math.inf, -math.inf, math.nan])
def test_what_no_year_can_hold_leaves_as_it_was_stored(offset_s: float) -> None:
    one, stored = made(60.0, 0.0)
    out = relabelled(one, stored, BootOffset(BOOT, offset_s, SYNCED, 1.0, 0.0), {})
    assert (out.sound_onset_utc, out.detected_utc) == (one.sound_onset_utc, one.detected_utc)
    assert decode(encode(out), Alert) == out


def test_a_stored_time_that_is_none_leaves_as_it_was_stored() -> None:
    one, stored = made(60.0, -14 * DAY_S)
    odd = replace(one, detected_utc="2026-99-99T99:99:99.999Z")
    assert relabelled(odd, stored, found(), {}) is odd


def test_age_is_monotonic_and_only_of_the_same_boot() -> None:
    stored = StoredInstant(BOOT, 100.0, TRUE_OFFSET_S)
    assert age_s(stored, BOOT, 160.5) == 60.5
    assert age_s(stored, BOOT, 99.0) == 0.0
    assert age_s(stored, EARLIER, 160.5) is None


def test_what_is_kept_of_a_boot_only_gets_better() -> None:
    unsynced = BootOffset(BOOT, 5.0, UNSYNCED, None, 0.0)
    synced = BootOffset(BOOT, 1000.0, SYNCED, 3.0, 50.0)
    held = BootOffset(BOOT, 1000.0, HOLDOVER, 90.0, 50.0)
    assert worth_keeping(None, unsynced)
    assert not worth_keeping(unsynced, unsynced)
    assert worth_keeping(unsynced, replace_offset(unsynced, 77.0)), "set by hand"
    assert worth_keeping(unsynced, held)
    assert worth_keeping(held, synced)
    assert not worth_keeping(held, replace_offset(held, 1001.0))
    assert not worth_keeping(synced, held)
    assert not worth_keeping(synced, unsynced)
    assert not worth_keeping(synced, replace_offset(synced, 1000.004)), "no write for every breath"
    assert worth_keeping(synced, replace_offset(synced, 1000.006))


def replace_offset(one: BootOffset, offset_s: float) -> BootOffset:
    return BootOffset(one.boot_id, offset_s, one.state, one.error_ms, one.since_s)


def test_a_week_of_random_corrections_never_leaves_a_time_wrong_that_could_be_right() -> None:
    """Seeded: alerts are made under whatever the clock says; the last state is synchronised and true."""
    rng = random.Random(20260314)
    for _ in range(2000):
        wrong_by_s = rng.choice((0.0, rng.uniform(-1, 1), rng.uniform(-1e9, 5e9)))
        at_s = rng.uniform(2.0, 7 * DAY_S)
        one, stored = made(at_s, wrong_by_s, state=rng.choice((UNSYNCED, HOLDOVER)), error_ms=900)
        out = relabelled(one, stored, found(at_s + rng.uniform(0.0, 400.0)), {})
        assert out.clock.error_ms is not None
        off_ms = abs(utc_seconds(out.sound_onset_utc) - (at_s - 1.25 + TRUE_OFFSET_S)) * 1000
        assert off_ms <= 6.0
        assert off_ms <= out.clock.error_ms
        assert (out.clock.corrected_ms is None) == (abs(round(wrong_by_s * 1000)) <= 5)


def test_order_of_two_alerts_survives_a_step_of_years_between_them() -> None:
    """The second was made after the clock went back ten years; both leave with times in true order."""
    first, first_stored = made(60.0, 10 * 365.25 * DAY_S)
    second, second_stored = made(61.0, 0.0)
    out = [relabelled(one, stored, found(60.5), {}) for one, stored in
           ((first, first_stored), (second, second_stored))]  # fmt: skip
    assert [datetime.fromisoformat(one.detected_utc).tzinfo for one in out] == [UTC, UTC]
    assert utc_seconds(out[1].detected_utc) - utc_seconds(out[0].detected_utc) == pytest.approx(1.0)
