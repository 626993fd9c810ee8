"""One round after the other: what leaves by which path, what comes back, and what stands as a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.contract.types import Alert
from gateway.contract.vocabulary import Command, Confirm, Lane, Phase, Result
from gateway.delivery.broker_link import BACKUP, PRIMARY
from gateway.delivery.courier import CourierRules
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.record_store import Record
from gateway.delivery.state_board import Rank
from gateway.delivery.window import WindowRules
from tests.support.alerts import TOPICS, alert, story
from tests.support.courier_world import World, alerts_in, beats_in, responses_in

ROOM, DESK = "room", "desk"
Build = Callable[..., World]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    worlds: list[World] = []

    def make(rules: CourierRules | None = None, **options: object) -> World:
        worlds.append(World(tmp_path, rules, **options))  # type: ignore[arg-type]
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def with_receivers(*names: str, **rules: object) -> CourierRules:
    window = WindowRules(receivers=frozenset(names))
    return CourierRules(receivers=names, window=window, **rules)  # type: ignore[arg-type]


def keys(alerts: list[Alert]) -> list[tuple[int, int]]:
    return [(int(one.event_id, 16), one.revision) for one in alerts]


# Lanes.


def test_what_piled_up_and_is_over_goes_by_the_historical_lane_and_says_so(build: Build) -> None:
    world = build()
    world.commit(*(story(number) for number in range(8)), alert(9))  # events 0 and 1 are over, 9 is open
    world.round(31.0)
    world.connect()
    world.commit(alert(10))
    sent = alerts_in(world.settle())
    assert keys(sent) == [(9, 0), (10, 0), *((event, at) for event in (0, 1) for at in range(4))]
    assert [(one.lane, one.seq) for one in sent] == [
        (Lane.LIVE, 1),
        (Lane.LIVE, 2),
        *((Lane.HISTORICAL, number) for number in range(1, 9)),
    ]
    assert [one.historical for one in sent] == [True, False, *[True] * 8]  # 9 is live and yet does not ring
    assert [one.age_s for one in sent] == [31.0, 0.0, *[31.0] * 8]


def test_after_a_reboot_nobody_knows_the_age_and_nothing_rings(build: Build) -> None:
    world = build()
    world.commit(*(story(number) for number in range(4)), alert(9))
    world.restart(boot="boot-2")
    world.connect()
    sent = alerts_in(world.settle())
    assert keys(sent) == [(9, 0), (0, 0), (0, 1), (0, 2), (0, 3)]
    assert {(one.historical, one.age_s) for one in sent} == {(True, None)}


def test_an_event_does_not_change_its_lane_over_a_broken_connection(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.commit(alert(1))
    first = alerts_in(world.settle())
    world.lose()
    world.commit(alert(1, 1, Phase.UPDATE), alert(1, 2, Phase.END), alert(2), alert(2, 1, Phase.END))
    world.round(31.0)
    world.connect()
    again = alerts_in(world.settle())
    lanes = {(one.event_id, one.lane) for one in first + again}
    assert lanes == {(alert(1).event_id, Lane.LIVE), (alert(2).event_id, Lane.HISTORICAL)}
    assert sorted(keys(again)) == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    assert [key for key in keys(again) if key[0] == 1] == [(1, 0), (1, 1), (1, 2)]


def test_an_event_keeps_its_lane_over_a_restart(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.commit(alert(1))
    world.settle()
    world.restart()
    world.commit(alert(1, 1, Phase.END))
    world.round(31.0)
    world.connect()
    again = alerts_in(world.settle())
    assert [(one.revision, one.lane, one.seq) for one in again] == [(0, Lane.LIVE, 1), (1, Lane.LIVE, 2)]


def test_numbers_are_given_when_a_row_can_leave_and_not_before(build: Build) -> None:
    world = build()
    world.commit(alert(1))
    world.round(1.0)
    assert world.outbox.last_numbers()[Lane.LIVE] == 0
    world.connect()
    world.settle()
    assert world.outbox.last_numbers()[Lane.LIVE] == 1


# Receipts and repetitions.


def test_delivered_is_what_every_receiver_told(build: Build) -> None:
    world = build(with_receivers(ROOM, DESK))
    world.connect()
    world.commit(alert(1))
    world.settle()
    world.tell(ROOM, alert(1))
    world.round()
    assert world.outbox.undelivered_count() == 1
    world.tell(DESK, alert(1))
    world.round()
    assert world.outbox.undelivered_count() == 0
    assert world.courier.counts.alerts_received == 1
    assert world.courier.idle


def test_a_strangers_receipt_counts_for_nothing(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.commit(alert(1))
    world.settle()
    world.tell("stranger", alert(1))
    world.round()
    assert world.outbox.undelivered_count() == 1
    assert world.courier.counts.receipts_unknown == 1


def test_every_other_repetition_goes_by_the_other_path(build: Build) -> None:
    world = build(with_receivers(ROOM), backup=True)
    world.connect(PRIMARY)
    world.connect(BACKUP)
    world.commit(alert(1))
    ways = []
    for after_s in (0.0, 10.0, 20.0, 40.0):
        world.clock.now_s += after_s
        ways += [one.token.path for one in world.settle() if one.alert]
    assert ways == [PRIMARY, BACKUP, PRIMARY, BACKUP]
    assert world.courier.counts.alerts_sent_again == 3


def test_a_repetition_is_no_new_number_and_turns_historical_with_age(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.commit(alert(1))
    sent = []
    for after_s in (0.0, 10.0, 20.0, 40.0):
        world.clock.now_s += after_s
        sent += alerts_in(world.settle())
    assert [(one.seq, one.lane) for one in sent] == [(1, Lane.LIVE)] * 4
    assert [(one.age_s, one.historical) for one in sent] == [
        (0.0, False),
        (10.0, False),
        (30.0, False),
        (70.0, True),
    ]


def test_a_receiver_that_comes_back_gets_at_once_what_it_lacks(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.commit(alert(1), alert(2))
    world.settle()
    world.clock.now_s += 300.0
    world.settle()
    world.clock.now_s += 5.0
    world.tell(ROOM, alert(2), beat=7)
    assert keys(alerts_in(world.settle())) == [(1, 0)]


def test_an_alert_that_is_not_received_in_time_is_a_fault_until_it_is(build: Build) -> None:
    world = build(with_receivers(ROOM, DESK))
    world.connect()
    world.commit(alert(1))
    world.settle()
    world.tell(DESK, alert(1))
    world.round(10.0)
    assert not {fault for fault in world.faults() if fault[0] == "alert_not_received"}
    world.round(0.1)
    assert ("alert_not_received", ROOM) in world.faults()
    assert ("alert_not_received", DESK) not in world.faults()
    world.tell(ROOM, alert(1))
    world.round(1.0)
    assert ("alert_not_received", ROOM) not in world.faults()


def test_the_fault_comes_as_soon_as_an_alert_goes_again(build: Build) -> None:
    window = WindowRules(receivers=frozenset({ROOM}), first_retry_s=2.0)
    world = build(CourierRules(receivers=(ROOM,), window=window))
    world.connect()
    world.commit(alert(1))
    world.settle()
    world.clock.now_s += 2.1
    assert keys(alerts_in(world.settle())) == [(1, 0)]
    assert ("alert_not_received", ROOM) in world.faults()


# Paths.


def two_paths(build: Build, *receivers: str) -> World:
    world = build(with_receivers(*receivers), backup=True)
    world.connect(PRIMARY)
    world.connect(BACKUP)
    return world


def ways(world: World) -> set[str]:
    return {one.token.path for one in world.settle() if one.alert}


def test_alerts_leave_by_the_first_path_and_by_the_other_when_it_breaks(build: Build) -> None:
    world = two_paths(build)
    world.commit(alert(1))
    assert ways(world) == {PRIMARY}
    world.lose(PRIMARY)
    world.commit(alert(2))
    assert ways(world) == {BACKUP}
    world.round(1.0)
    assert ("broker_lost", PRIMARY) in world.faults()
    health = world.courier.health(world.now_s)
    assert [(path.path, path.connected, path.active) for path in health.paths] == [
        (PRIMARY, False, False),
        (BACKUP, True, True),
    ]


def test_what_the_broken_path_had_not_acknowledged_goes_by_the_other(build: Build) -> None:
    world = two_paths(build)
    world.commit(*(story(number) for number in range(8)))
    world.round()
    taken = world.take(PRIMARY)
    world.lose(PRIMARY)
    again = alerts_in(world.settle())
    assert keys(again) == keys([story(number) for number in range(8)])
    assert [one.seq for one in again] == list(range(1, 9))
    assert alerts_in(taken)[0].seq == 1


def test_a_path_that_acknowledges_nothing_is_left_after_two_seconds(build: Build) -> None:
    world = two_paths(build)
    world.settle()
    world.commit(alert(1))
    world.round()  # in the pipe of the primary, which takes nothing any more
    world.answer(*world.take(BACKUP))
    world.round(2.0)
    world.answer(*world.take(BACKUP))
    assert alerts_in(list(world.links[BACKUP].pipe)) == []
    world.round(0.1)
    assert keys(alerts_in(world.take(BACKUP))) == [(1, 0)]
    assert world.courier.counts.failovers == 1
    assert world.links[PRIMARY].drops == []
    world.round(5.1)
    assert world.links[PRIMARY].drops  # and its heartbeat has had no answer for five: a new connection


def test_the_alert_the_disk_did_not_take_leaves_a_stalled_path_as_soon(build: Build) -> None:
    world = two_paths(build)
    world.settle()
    world.unstored(alert(1))
    world.round()
    world.answer(*world.take(BACKUP))
    world.round(2.1)
    world.answer(*world.take(BACKUP))
    world.round(0.1)
    assert keys(alerts_in(world.took)) + keys(alerts_in(world.take(BACKUP))) == [(1, 0)]


def test_back_again_only_after_the_first_path_was_good_for_a_while_and_without_repetition(
    build: Build,
) -> None:
    world = two_paths(build, ROOM)
    world.settle()
    world.lose(PRIMARY)
    world.settle()
    world.connect(PRIMARY)
    world.commit(alert(1))
    assert ways(world) == {BACKUP}
    for _ in range(29):
        world.clock.now_s += 1.0
        assert ways(world) <= {BACKUP, PRIMARY}
        assert world.courier.health(world.now_s).paths[1].active
        world.tell(ROOM, alert(1), beat=1)
    world.clock.now_s += 1.0
    assert ways(world) == set()
    assert world.courier.health(world.now_s).paths[0].active
    world.commit(alert(2))
    assert ways(world) == {PRIMARY}
    assert world.courier.counts.failovers == 2


def test_a_repetition_keeps_to_what_the_other_broker_allows(build: Build) -> None:
    world = build(with_receivers(ROOM), backup=True)
    world.links[BACKUP].receive_maximum = 2
    world.connect(PRIMARY)
    world.connect(BACKUP)
    world.commit(*(alert(number) for number in range(12)))
    world.settle()
    world.clock.now_s += 10.0
    again = world.settle()  # the link fails the test when more are in flight than its broker allows
    assert sorted(keys(alerts_in(again))) == [(number, 0) for number in range(12)]


@pytest.mark.parametrize("receive_maximum", [1, 2, 3, 4])
def test_no_more_in_flight_than_the_broker_allows_whatever_waits(build: Build, receive_maximum: int) -> None:
    world = build(with_receivers(ROOM), receive_maximum=receive_maximum)
    world.connect()
    world.commit(*(alert(number) for number in range(5)))
    world.unstored(*(alert(number) for number in range(20, 30)))
    world.record(*(Record(TOPICS.record("level"), b"x", Rank.TELEMETRY) for _ in range(5)))
    world.ask(ROOM, Command.OPEN)
    world.ask(ROOM, Command.TEST)
    for _ in range(40):
        world.round(0.3)
        world.answer(*world.take(most=1))
    got = keys(alerts_in(world.took))
    assert set(got) == {(number, 0) for number in (*range(5), *range(20, 30))}
    assert responses_in(world.took)
    assert beats_in(world.took)


def test_a_broker_lost_is_a_fault_from_its_loss_to_its_return(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.settle()
    world.clock.now_s += 5.0
    world.lose()
    world.round(4.0)
    (fault,) = [one for one in world.courier.faults(world.now_s) if one.code == "broker_lost"]
    assert (fault.where, fault.since_s) == (PRIMARY, 5.0)
    world.connect()
    assert ("broker_lost", PRIMARY) not in world.faults()


def test_a_broker_that_lets_no_receipt_be_heard_is_a_fault(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect(hears=False)
    assert ("receipts_refused", PRIMARY) in world.faults()


# Receivers that answer or do not.


def test_a_silent_receiver_is_a_fault_after_three_beats_and_until_it_answers(build: Build) -> None:
    world = build(with_receivers(ROOM, DESK, heartbeat_s=2.0))
    world.connect()
    world.settle()
    for _ in range(3):
        world.tell(DESK, beat=0)
        world.clock.now_s += 2.0
        world.settle()
        assert ("receiver_silent", ROOM) not in world.faults()
    world.clock.now_s += 0.1
    world.settle()
    assert ("receiver_silent", ROOM) in world.faults()
    assert ("receiver_silent", DESK) not in world.faults()
    health = {one.receiver: one.answers for one in world.courier.health(world.now_s).receivers}
    assert health == {ROOM: False, DESK: True}
    world.tell(ROOM, beat=3)
    world.settle()
    assert ("receiver_silent", ROOM) not in world.faults()


def test_no_receiver_is_blamed_while_there_is_no_path(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.settle()
    world.lose()
    world.round(600.0)
    assert world.faults() == {("broker_lost", PRIMARY)}
    world.connect()
    world.settle()
    assert world.faults() == set()


def test_beats_tell_what_was_numbered_last_and_go_on_every_path(build: Build) -> None:
    world = build(with_receivers(ROOM), backup=True)
    world.commit(*(story(number) for number in range(4)))
    world.round(40.0)
    world.connect(PRIMARY)
    world.connect(BACKUP)
    world.commit(alert(9), alert(10))
    posted = world.settle()
    assert {one.token.path for one in posted if one.topic == TOPICS.heartbeat} == {PRIMARY, BACKUP}
    beats = beats_in(posted)
    assert {(beat.live_seq, beat.historical_seq) for beat in beats} == {(2, 4)}
    assert {(beat.numbering, beat.boot_id) for beat in beats} == {(world.outbox.numbering, "boot-1")}
    assert beats_in(world.settle()) == []
    world.clock.now_s += world.rules.heartbeat_s
    assert len(beats_in(world.settle())) == 2


# Disks.


class Refusal:
    """While `on`, these writes of the courier's own outbox fail."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
        self.on = True
        for name in methods:
            real = getattr(Outbox, name)

            def write(outbox: Outbox, *given: object, real=real, **named: object) -> object:  # type: ignore[no-untyped-def]
                if self.on and outbox is not world.store:
                    raise OutboxError(OutboxFault.FULL, outbox.path)
                return real(outbox, *given, **named)

            monkeypatch.setattr(Outbox, name, write)


def test_rows_the_disk_does_not_number_leave_without_and_get_one_later(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(with_receivers(ROOM))
    disk = Refusal(world, monkeypatch, "give_numbers")
    world.connect()
    world.commit(alert(1), alert(2))
    sent = alerts_in(world.settle())
    assert [(keys([one])[0], one.seq, one.durable) for one in sent] == [
        ((1, 0), None, True),
        ((2, 0), None, True),
    ]
    world.tell(ROOM, alert(1))
    world.round()
    disk.on = False
    world.commit(alert(3))
    sent = alerts_in(world.settle())
    assert [(keys([one])[0], one.seq) for one in sent] == [((3, 0), 2)]
    world.clock.now_s += 10.0
    sent = alerts_in(world.settle())
    assert [(keys([one])[0], one.seq) for one in sent] == [((2, 0), 1), ((3, 0), 2)]


def test_rows_that_get_a_number_while_they_wait_go_once_and_by_their_lane(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(with_receivers(ROOM))
    disk = Refusal(world, monkeypatch, "give_numbers")
    world.commit(*(alert(number, 0, Phase.END) for number in range(30)))
    world.round(31.0)
    world.connect()
    world.round()
    posted = world.take()
    first = alerts_in(posted)
    assert 0 < len(first) < 30
    disk.on = False
    world.answer(*posted)
    rest = alerts_in(world.settle())
    assert keys(first) + keys(rest) == [(number, 0) for number in range(30)]
    assert {one.lane for one in rest} == {Lane.HISTORICAL}


def test_rows_without_a_number_survive_a_new_connection(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(with_receivers(ROOM))
    Refusal(world, monkeypatch, "give_numbers")
    world.connect()
    world.commit(alert(1), alert(2))
    world.settle()
    world.tell(ROOM, alert(1))
    world.lose()
    world.round(1.0)
    world.connect()
    assert keys(alerts_in(world.settle())) == [(2, 0)]


def test_receipts_the_disk_does_not_take_are_noted_later_and_nothing_goes_again(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(with_receivers(ROOM))
    disk = Refusal(world, monkeypatch, "mark_received")
    world.connect()
    world.commit(alert(1))
    world.settle()
    world.tell(ROOM, alert(1))
    world.round()
    assert world.outbox.undelivered_count() == 1
    assert ("outbox_failed", str(world.outbox.path)) in world.faults()
    world.clock.now_s += 100.0
    assert alerts_in(world.settle()) == []
    disk.on = False
    world.round(1.0)
    assert world.outbox.undelivered_count() == 0
    world.round(1.0)
    assert world.faults() == {("receiver_silent", ROOM)}


def test_a_fault_of_the_disk_stands_since_it_began_until_a_round_without(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build()
    disk = Refusal(world, monkeypatch, "give_numbers")
    world.connect()
    world.clock.now_s = 5.0
    world.commit(alert(1))
    for _ in range(4):
        world.round(1.0)
        (fault,) = [one for one in world.courier.faults(world.now_s) if one.code == "outbox_failed"]
        assert fault.since_s == 6.0
    disk.on = False
    world.round(1.0)
    assert world.faults() == set()


# Alerts that were not stored, and records.


def test_an_alert_that_was_not_stored_leaves_at_once_and_says_so(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.commit(alert(1))
    world.unstored(alert(2), alert(3))
    sent = alerts_in(world.settle())
    assert [(keys([one])[0], one.durable, one.seq, one.historical) for one in sent] == [
        ((2, 0), False, None, False),
        ((3, 0), False, None, False),
        ((1, 0), True, 1, False),
    ]
    assert world.courier.counts.alerts_unstored == 2
    world.tell(ROOM, alert(2), alert(1))  # a receipt for what is not in the store hurts nobody
    world.round()
    assert world.outbox.undelivered_count() == 0


def test_alerts_that_were_not_stored_go_again_in_order_when_the_connection_broke(build: Build) -> None:
    world = build(with_receivers(ROOM))
    world.connect()
    world.unstored(*(story(number) for number in range(4)))
    world.round()
    world.answer(*world.take(most=1))
    world.lose()
    world.connect()
    assert keys(alerts_in(world.settle())) == [(0, 1), (0, 2), (0, 3)]


def test_an_alert_that_was_not_stored_waits_for_a_path(build: Build) -> None:
    world = build()
    world.unstored(alert(1))
    world.round(100.0)
    assert not world.courier.idle
    world.connect()
    assert keys(alerts_in(world.settle())) == [(1, 0)]
    assert world.courier.idle


def test_records_wait_for_alerts_and_for_states_that_matter_more(build: Build) -> None:
    world = build()
    world.record(
        Record(TOPICS.record("level"), b"level", Rank.TELEMETRY),
        Record(TOPICS.record("status"), b"status", Rank.LIFECYCLE),
    )
    world.commit(alert(1))
    world.connect()
    posted = [one for one in world.settle() if one.topic != TOPICS.heartbeat]
    assert [one.topic.split("/")[-2] for one in posted] == ["event", "record", "record"]
    assert [one.payload for one in posted[1:]] == [b"status", b"level"]
    assert {(one.qos, one.retained) for one in posted} == {(1, False)}
    assert world.records.next() is None
    assert world.courier.counts.records_published == 2


# Tests of the path.


def path_test(name: int) -> tuple[Alert, Alert]:
    start = alert(name, event_class="test")
    return start, alert(name, 1, Phase.END, event_class="test")


def test_a_test_alert_goes_the_whole_way_and_its_time_is_told(build: Build) -> None:
    world = build(with_receivers(ROOM, test_every_s=3600.0), test_alerts=lambda: path_test(77))
    world.connect()
    world.settle()
    world.clock.now_s += 30.0
    sent = alerts_in(world.settle())
    assert keys(sent) == [(77, 0), (77, 1)]
    assert all(one.event_class == "test" and one.seq for one in sent)
    assert world.courier.health(world.now_s).last_test is not None
    world.round(0.5)
    world.tell(ROOM, *sent)
    world.round()
    tested = world.courier.health(world.now_s).last_test
    assert tested is not None
    assert tested.took_ms == 500
    assert "test_alert_failed" not in {code for code, _ in world.faults()}


def test_a_test_alert_that_does_not_arrive_is_a_fault_after_a_minute(build: Build) -> None:
    world = build(with_receivers(ROOM, test_every_s=3600.0), test_alerts=lambda: path_test(77))
    world.connect()
    world.settle()
    world.clock.now_s += 30.0
    sent = alerts_in(world.settle())
    world.clock.now_s += 59.0
    world.settle()
    assert ("test_alert_failed", "delivery") not in world.faults()
    world.clock.now_s += 1.0
    world.settle()
    assert ("test_alert_failed", "delivery") in world.faults()
    world.tell(ROOM, *sent)
    world.settle()
    assert ("test_alert_failed", "delivery") not in world.faults()


def test_without_receivers_the_brokers_word_ends_a_test(build: Build) -> None:
    world = build(CourierRules(test_every_s=3600.0), test_alerts=lambda: path_test(77))
    world.connect()
    world.settle()
    world.clock.now_s += 30.0
    world.settle()
    health = world.courier.health(world.now_s)
    assert health.confirm is Confirm.PUBACK
    assert health.last_test is not None
    assert health.last_test.took_ms == 0


@pytest.mark.parametrize("connected", [True, False])
def test_a_test_that_cannot_begin_is_waited_for_in_peace(build: Build, connected: bool) -> None:
    world = build(with_receivers(ROOM, test_every_s=3600.0))  # nobody makes test alerts
    if connected:
        world.connect()
    for _ in range(10):
        world.round(10.0)  # fails when the courier would turn in circles
        world.answer(*world.take())


def test_a_receiver_may_ask_for_a_test(build: Build) -> None:
    world = build(with_receivers(ROOM), test_alerts=lambda: path_test(77))
    world.connect()
    world.settle()
    world.ask(ROOM, Command.TEST)
    posted = world.settle()
    assert [one.result for one in responses_in(posted)] == [Result.OK]
    assert keys(alerts_in(posted)) == [(77, 0), (77, 1)]
    world.ask(ROOM, Command.TEST)
    assert [one.result for one in responses_in(world.settle())] == [Result.REFUSED]


def test_no_test_begins_while_the_gateway_stops(build: Build) -> None:
    world = build(with_receivers(ROOM, test_every_s=3600.0), test_alerts=lambda: path_test(77))
    world.connect()
    world.settle()
    world.courier.last_round = True
    world.clock.now_s += 40.0
    assert alerts_in(world.settle()) == []
