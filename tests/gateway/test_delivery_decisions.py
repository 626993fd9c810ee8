"""The pure decisions of delivery: lanes, paths, receivers that answer, tests of the path."""

from __future__ import annotations

from random import Random

import pytest

from gateway.contract.vocabulary import Lane
from gateway.delivery.choice import PathSight, choose_path
from gateway.delivery.lanes import choose_lanes
from gateway.delivery.outbox import RowKey
from gateway.delivery.receivers import Receivers
from gateway.delivery.selftest import SelftestSchedule

LIVE, HISTORICAL = Lane.LIVE, Lane.HISTORICAL


# Lanes.


def row(row_id: int, event: str, revision: int = 0) -> RowKey:
    """Its monotonic time is its id, so that age follows from it."""
    return RowKey(row_id, event, revision, "update", "boot-1", float(row_id))


def lanes(
    rows: list[RowKey],
    *,
    open_events: str = "",
    in_use: dict[str, Lane] | None = None,
    now_s: float = 100.0,
    unknown: str = "",
) -> dict[int, Lane]:
    chosen = choose_lanes(
        rows,
        open_events=frozenset(open_events),
        in_use=in_use or {},
        age_s=lambda one: None if one.event_id in unknown else now_s - one.monotonic_s,
        historical_after_s=30.0,
    )
    assert [row_id for row_id, _ in chosen] == [one.row_id for one in rows]
    return dict(chosen)


@pytest.mark.parametrize(
    ("row_id", "given", "lane"),
    [
        (99, {}, LIVE),  # a moment old
        (70, {}, LIVE),  # 30 s old: not yet
        (69, {}, HISTORICAL),
        (1, {}, HISTORICAL),
        (1, {"open_events": "a"}, LIVE),  # not over: it is news
        (1, {"open_events": "b"}, HISTORICAL),
        (99, {"unknown": "a"}, HISTORICAL),  # of an earlier boot
        (99, {"unknown": "a", "open_events": "a"}, LIVE),
        (99, {"in_use": {"a": HISTORICAL}}, HISTORICAL),  # where its earlier revisions wait
        (1, {"in_use": {"a": LIVE}}, LIVE),
        (1, {"in_use": {"a": HISTORICAL}, "open_events": "a"}, HISTORICAL),
        (1, {"in_use": {"b": LIVE}}, HISTORICAL),
    ],
)
def test_the_lane_of_one_row(row_id: int, given: dict[str, object], lane: Lane) -> None:
    assert lanes([row(row_id, "a")], **given) == {row_id: lane}  # type: ignore[arg-type]


def test_the_newest_revision_decides_for_the_whole_event() -> None:
    rows = [row(1, "a"), row(2, "b"), row(3, "a", 1), row(95, "a", 2)]
    assert lanes(rows) == {1: LIVE, 2: HISTORICAL, 3: LIVE, 95: LIVE}


def test_nothing_to_number_is_no_trouble() -> None:
    assert lanes([]) == {}


@pytest.mark.parametrize("seed", range(30))
def test_no_event_is_ever_split_over_lanes_and_order_is_kept(seed: int) -> None:
    chance = Random(seed)
    rows = [row(number, chance.choice("abcdefgh")) for number in range(1, 100)]
    in_use = {event: chance.choice(list(Lane)) for event in "abc"}
    open_events = "".join(event for event in "abcdefgh" if chance.random() < 0.3)
    chosen = lanes(rows, open_events=open_events, in_use=in_use, unknown=chance.choice("abcdefgh"))
    for event in "abcdefgh":
        of_event = {chosen[one.row_id] for one in rows if one.event_id == event}
        assert len(of_event) <= 1
        if event in in_use and of_event:
            assert of_event == {in_use[event]}
        elif event in open_events and of_event:
            assert of_event == {LIVE}


# Paths.


def sights(primary_s: float | None, backup_s: float | None) -> dict[str, PathSight]:
    return {"primary": PathSight(primary_s), "backup": PathSight(backup_s)}


@pytest.mark.parametrize(
    ("active", "primary_s", "backup_s", "chosen"),
    [
        ("primary", 0.0, 0.0, "primary"),
        ("primary", 99.9, 0.0, "primary"),  # just back, but alerts never left it
        ("primary", None, 0.0, "backup"),
        ("primary", None, 99.9, "backup"),  # at once: any good path is better than none
        ("primary", None, None, "primary"),  # nothing better
        ("backup", None, 0.0, "backup"),
        ("backup", None, None, "backup"),
        ("backup", 70.1, 0.0, "backup"),  # good for 29.9 s: not settled
        ("backup", 70.0, 0.0, "primary"),
        ("backup", 99.9, None, "primary"),  # not settled, but the only good one
        ("backup", 0.0, None, "primary"),
    ],
)
def test_the_path_to_use(active: str, primary_s: float | None, backup_s: float | None, chosen: str) -> None:
    assert choose_path(active, sights(primary_s, backup_s), 100.0, settled_s=30.0) == chosen


def test_one_path_is_always_the_one() -> None:
    for good_s in (None, 0.0):
        assert choose_path("primary", {"primary": PathSight(good_s)}, 100.0) == "primary"


def test_a_primary_that_comes_and_goes_does_not_drag_the_alerts_along() -> None:
    active, changes = "primary", 0
    for second in range(600):
        good_since_s = float(second - second % 20) if second % 20 < 15 else None  # 15 s good, 5 s not
        chosen = choose_path(active, sights(good_since_s, 0.0), float(second), settled_s=30.0)
        changes += chosen != active
        active = chosen
    assert (active, changes) == ("backup", 1)


@pytest.mark.parametrize("seed", range(20))
def test_alerts_are_never_left_on_a_bad_path_beside_a_good_one(seed: int) -> None:
    chance, active = Random(seed), "primary"
    since: dict[str, float | None] = {"primary": 0.0, "backup": 0.0}
    for second in range(500):
        for name in since:
            if chance.random() < 0.1:
                since[name] = None if since[name] is not None else float(second)
        seen = sights(since["primary"], since["backup"])
        was, active = active, choose_path(active, seen, float(second), settled_s=30.0)
        assert seen[active].good or not any(sight.good for sight in seen.values())
        if was == "backup" and active == "primary" and seen["backup"].good:
            settled_since_s = since["primary"]
            assert settled_since_s is not None
            assert second - settled_since_s >= 30.0


# Receivers.


def silent(receivers: Receivers, now_s: float) -> dict[str, float | None]:
    return {sight.name: sight.silent_since_s for sight in receivers.sights(now_s)}


def test_a_receiver_is_silent_after_three_beats_without_a_word() -> None:
    receivers = Receivers(["room", "desk"], heartbeat_s=2.0)
    receivers.connected(10.0)
    assert silent(receivers, 16.0) == {"room": None, "desk": None}
    receivers.heard("desk", 15.0)
    assert silent(receivers, 16.1) == {"room": 10.0, "desk": None}
    assert silent(receivers, 21.1) == {"room": 10.0, "desk": 15.0}
    assert [sight.heard for sight in receivers.sights(21.1)] == [False, True]


def test_its_first_word_and_its_first_after_a_silence_are_told() -> None:
    receivers = Receivers(["room"], heartbeat_s=2.0)
    receivers.connected(0.0)
    assert receivers.heard("room", 1.0)
    assert not receivers.heard("room", 7.0)
    assert receivers.heard("room", 13.1)
    assert not receivers.heard("room", 14.0)


def test_nobody_is_silent_without_a_path_and_the_count_begins_with_it() -> None:
    receivers = Receivers(["room"], heartbeat_s=2.0)
    assert silent(receivers, 100.0) == {"room": None}
    receivers.connected(100.0)
    receivers.connected(105.0)  # a second path: the watch goes on
    assert silent(receivers, 106.1) == {"room": 100.0}
    receivers.disconnected()
    assert silent(receivers, 200.0) == {"room": None}
    receivers.connected(300.0)
    assert silent(receivers, 306.0) == {"room": None}
    assert silent(receivers, 306.1) == {"room": 300.0}


def test_the_names_are_those_of_the_settings() -> None:
    assert Receivers(["room", "desk"], 2.0).names == {"room", "desk"}
    assert Receivers([], 2.0).sights(10.0) == ()


# Tests of the path.


def test_the_first_test_runs_soon_after_the_start_and_then_at_its_interval() -> None:
    schedule = SelftestSchedule(3600.0, now_s=100.0)
    assert not schedule.due(129.9)
    assert schedule.due(130.0)
    schedule.begun("e", 2, "2026-05-01T12:00:00.000Z", 130.0)
    assert not schedule.due(130.0)
    schedule.delivered("e", 0, 131.0)
    schedule.delivered("e", 1, 132.5)
    assert schedule.last is not None
    assert schedule.last.took_s == 2.5
    assert not schedule.due(3729.9)
    assert schedule.due(3730.0)


def test_without_an_interval_only_those_asked_for_run() -> None:
    schedule = SelftestSchedule(0.0, now_s=0.0)
    assert not schedule.due(1e9)
    assert schedule.ask(5.0)
    assert schedule.due(5.0)
    schedule.begun("e", 1, "2026-05-01T12:00:00.000Z", 5.0)
    schedule.delivered("e", 0, 5.5)
    assert not schedule.ask(14.9)  # a moment ago
    assert not schedule.due(1e9)
    assert schedule.ask(15.0)


def test_one_at_a_time_and_a_failed_one_does_not_stand_in_the_way_of_the_next() -> None:
    schedule = SelftestSchedule(20.0, now_s=0.0)
    schedule.begun("e", 2, "2026-05-01T12:00:00.000Z", 30.0)
    schedule.delivered("e", 0, 31.0)
    assert not schedule.due(50.0)  # its interval is over, but one is under way
    assert not schedule.ask(50.0)
    assert not schedule.failed(89.9)
    assert schedule.failed(90.0)
    assert schedule.due(90.0)
    assert schedule.ask(90.0)
    schedule.begun("f", 1, "2026-05-01T12:01:00.000Z", 90.0)
    assert not schedule.failed(90.0)
    schedule.delivered("e", 1, 91.0)  # late: of the one before
    assert schedule.last is not None
    assert (schedule.last.event_id, schedule.last.took_s) == ("f", None)
    schedule.delivered("f", 0, 92.0)
    assert schedule.last.event_id == "f"
    assert not schedule.failed(1e9)


def test_a_failed_test_stands_until_it_is_through() -> None:
    schedule = SelftestSchedule(0.0, now_s=0.0)
    schedule.begun("e", 1, "2026-05-01T12:00:00.000Z", 0.0)
    assert schedule.failed(1e6)
    schedule.delivered("x", 0, 1e6)
    schedule.delivered("e", 7, 1e6)
    assert schedule.failed(1e6)
    schedule.delivered("e", 0, 1e6)
    assert not schedule.failed(2e6)


def test_it_says_when_it_wants_to_be_looked_at_and_never_too_early() -> None:
    schedule = SelftestSchedule(20.0, now_s=0.0)
    assert schedule.next_due_s() == 30.0
    schedule.begun("e", 1, "2026-05-01T12:00:00.000Z", 30.0)
    assert schedule.next_due_s() == 90.0  # due at 50, but not while this one is under way
    schedule.delivered("e", 0, 31.0)
    assert schedule.next_due_s() == 50.0
    schedule.skipped(50.0)
    assert schedule.next_due_s() == 70.0
    assert SelftestSchedule(0.0, now_s=0.0).next_due_s() == float("inf")
