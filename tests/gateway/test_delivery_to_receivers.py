"""Publisher and receivers over a real broker: delivered is what they tell; until they do, it goes again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.alerts import AlertFactory
from gateway.clock import HostClock
from gateway.contract.encoding import encode
from gateway.contract.examples import REQUEST
from gateway.contract.types import Alert, Clock, Request, replace
from gateway.contract.vocabulary import ClockState, Command, Confirm, Lane, Phase, Result, Status
from gateway.delivery.broker_link import PRIMARY, LinkPhase
from gateway.delivery.outbox import Outbox
from gateway.delivery.window import WindowRules
from gateway.time_labels import StoredInstant
from tests.support.alerts import TOPICS, alert, commit, story
from tests.support.broker import MosquittoBroker
from tests.support.delivering import (
    EVENTS,
    Gateway,
    alerts,
    assert_all_in_order,
    assert_no_holes,
    firsts,
    has_all,
    number_of,
    publishing,
    rules_for,
)
from tests.support.mqtt_witness import Witness
from tests.support.receiver import ScriptedReceiver
from tests.support.waiting import Collector, wait_until

ROOM, DESK = "room", "desk"
SOON = WindowRules(first_retry_s=0.2, most_retry_s=0.4)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


def nothing(_: Alert) -> bool:
    return False


def everything(_: Alert) -> bool:
    return True


def undelivered(outbox: Outbox) -> set[int]:
    rows = outbox._connection.execute("SELECT event_id, revision FROM alerts WHERE done = 0")
    return {int(event_id, 16) * 4 + revision for event_id, revision in rows}


def acknowledged(gateway: Gateway, count: int) -> None:
    wait_until(lambda: gateway.count("alerts_acknowledged") >= count, f"{count} acknowledged")


# Receipts.


def test_delivered_is_what_the_receiver_told_not_what_the_broker_took(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with (
        ScriptedReceiver(broker.port, ROOM, confirms=lambda one: number_of(one) != 2) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway,
    ):
        gateway.commit(0, 4)
        acknowledged(gateway, 4)
        wait_until(lambda: undelivered(outbox) == {2}, "the others delivered")
        room.confirm(story(2))
        gateway.wait_delivered()
        assert firsts(room.seen.items) == [0, 1, 2, 3]
        assert gateway.count("alerts_received") == 4


def test_all_receivers_that_are_named_have_to_tell(outbox: Outbox, broker: MosquittoBroker) -> None:
    with (
        ScriptedReceiver(broker.port, ROOM),
        ScriptedReceiver(broker.port, DESK, confirms=nothing) as desk,
        publishing(outbox, broker.port, rules=rules_for(ROOM, DESK)) as gateway,
    ):
        gateway.commit(0, 4)
        wait_until(lambda: outbox.receivers_of(4) == {ROOM}, "the first one's word")
        assert outbox.undelivered_count() == 4
        gateway.wait_health(
            lambda health: [one.unreceived for one in health.receivers] == [0, 4], "four unreceived by one"
        )
        desk.confirm(*(story(number) for number in range(4)))
        gateway.wait_delivered()


def test_the_words_of_strangers_and_words_of_yesterday_do_not_count(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with (
        ScriptedReceiver(broker.port, ROOM, confirms=nothing) as room,
        ScriptedReceiver(broker.port, "stranger"),
    ):
        room.publish(TOPICS.receipt, room.receipt([story(0), story(1)]), retain=True)
        room.publish(TOPICS.receipt, b"no receipt at all")
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway:
            gateway.commit(0, 2)
            acknowledged(gateway, 2)
            wait_until(lambda: gateway.count("receipts_unknown") >= 2, "the stranger's words")
            assert undelivered(outbox) == {0, 1}
            room.confirm(story(0))
            wait_until(lambda: undelivered(outbox) == {1}, "the receiver's own word")
        room.publish(TOPICS.receipt, b"", retain=True)


def test_a_receipt_given_while_the_gateway_was_away_counts(outbox: Outbox, broker: MosquittoBroker) -> None:
    with ScriptedReceiver(broker.port, ROOM, confirms=nothing) as room:
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as before:
            before.commit(0, 4)
            acknowledged(before, 4)
        room.confirm(*(story(number) for number in range(4)))
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as after:
            after.wait_delivered()


def test_mqtt_5_says_where_to_answer_and_to_what(outbox: Outbox, broker: MosquittoBroker) -> None:
    class Curious(Witness):
        def __init__(self, port: int) -> None:
            super().__init__(port, EVENTS)
            self.answers: Collector[tuple[str, bytes]] = Collector()

        def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
            given = message.properties
            self.answers.add((given.ResponseTopic, given.CorrelationData))

    with Curious(broker.port) as curious, publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway:
        gateway.commit(0, 2)
        answers = curious.answers.wait_for(lambda seen: len(seen) >= 2)
        assert answers[:2] == [
            (TOPICS.receipt, f"{story(number).event_id}:{number}".encode()) for number in range(2)
        ]


@pytest.mark.parametrize("confirm", [Confirm.RECEIPT, Confirm.PUBACK])
def test_mqtt_3_1_1_is_served_as_well(outbox: Outbox, broker: MosquittoBroker, confirm: Confirm) -> None:
    rules = rules_for(ROOM) if confirm is Confirm.RECEIPT else rules_for()
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(outbox, broker.port, rules=rules, mqtt5=False) as gateway,
    ):
        gateway.publisher.put_state(TOPICS.status, b"online")
        gateway.commit(0, 40)
        assert_all_in_order(room, 40)
        gateway.wait_delivered()
        room.seen.first(lambda item: item.topic == TOPICS.status)
        assert room.ask(Command.OPEN)[0].result is Result.OK
        gateway.wait_health(lambda health: health.confirm is confirm, f"{confirm} in health")


def test_without_receivers_health_says_that_the_brokers_word_is_all(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with publishing(outbox, broker.port, rules=rules_for()) as gateway:
        gateway.commit(0, 4)
        gateway.wait_delivered()
        health = gateway.publisher.health
        assert health is not None
        assert (health.confirm, health.receivers) == (Confirm.PUBACK, ())


# Sent again, and what is said of it.


def test_what_is_not_received_in_time_goes_again_and_is_a_fault_until_it_is(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    rules = rules_for(ROOM, window=SOON, heartbeat_s=0.1)
    with (
        ScriptedReceiver(broker.port, ROOM, confirms=lambda one: number_of(one) != 1) as room,
        publishing(outbox, broker.port, rules=rules) as gateway,
    ):
        gateway.commit(0, 4)
        room.seen.wait_for(
            lambda seen: sum(number_of(one) == 1 for one in alerts(seen)) >= 3, "the same one three times"
        )
        copies = [one for one in alerts(room.seen.items) if number_of(one) == 1]
        assert {(one.seq, one.lane, one.numbering) for one in copies} == {(2, Lane.LIVE, outbox.numbering)}
        fault = gateway.wait_fault("alert_not_received", ROOM)
        assert fault.message.nl
        assert "so far: 1" in fault.message.en
        assert undelivered(outbox) == {1}
        room.confirms = everything
        gateway.wait_delivered()
        gateway.wait_no_fault("alert_not_received", ROOM)
        assert gateway.count("alerts_sent_again") >= 2
        assert firsts(room.seen.items) == [0, 1, 2, 3]


def test_a_receiver_that_goes_silent_is_a_fault_until_it_answers(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    rules = rules_for(ROOM, DESK, window=WindowRules(first_retry_s=600.0), heartbeat_s=0.1)
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        ScriptedReceiver(broker.port, DESK) as desk,
        publishing(outbox, broker.port, rules=rules) as gateway,
    ):
        room.beats.wait_for(lambda beats: len(beats) >= 5, "beats")
        desk.beats.wait_for(lambda beats: len(beats) >= 5, "beats")
        room.answers = False
        begun_s = gateway.clock.monotonic_s()
        gateway.commit(0, 4)
        gateway.wait_fault("receiver_silent", ROOM)
        assert ("receiver_silent", DESK) not in gateway.faults()
        gateway.wait_health(
            lambda health: [one.answers for one in health.receivers] == [False, True], "who answers"
        )
        wait_until(lambda: outbox.receivers_of(4) == {DESK}, "the other one's word")
        wait_until(lambda: gateway.clock.monotonic_s() > begun_s + 2.5, "what was just sent to be old")
        room.answers = True  # no need to wait for the ten minutes of the next repetition
        gateway.wait_no_fault("receiver_silent", ROOM)
        gateway.wait_delivered()


def test_a_broker_that_is_lost_is_a_fault_until_it_is_back(outbox: Outbox) -> None:
    with (
        MosquittoBroker() as broker,
        publishing(outbox, broker.port, rules=rules_for(ROOM, look_again_s=0.05)) as gateway,
    ):
        gateway.wait_phase(LinkPhase.CONNECTED)
        gateway.wait_no_fault("broker_lost", PRIMARY)
        broker.kill()
        fault = gateway.wait_fault("broker_lost", PRIMARY)
        assert fault.message.en
        assert fault.message.nl != fault.message.en
        assert not any(code == "receiver_silent" for code, _ in gateway.faults())
        broker.start()
        gateway.wait_no_fault("broker_lost", PRIMARY)


# Live and historical.


def long_ago(clock: HostClock, age_s: float = 100.0) -> StoredInstant:
    now = clock.instant()
    return StoredInstant(now.boot_id, now.monotonic_s - age_s, now.utc_offset_s)


def test_a_live_alert_overtakes_a_backlog_and_neither_lane_shows_a_hole(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    clock, backlog = HostClock(), 120
    for number in range(backlog):
        commit(outbox, story(number), long_ago(clock))

    def only_live(one: Alert) -> bool:
        return one.lane is Lane.LIVE

    window = WindowRules(most_unreceived=16)
    with (
        ScriptedReceiver(broker.port, ROOM, confirms=only_live) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM, window=window), clock=clock) as gateway,
    ):
        room.seen.wait_for(has_all(0, 16), "the head of the backlog")
        gateway.commit(1000, 8)  # while nobody confirms the backlog, which therefore waits
        room.seen.wait_for(has_all(1000, 8), "the live ones")
        assert len(firsts(room.seen.items)) == 16 + 8
        room.confirms = everything
        room.confirm(*alerts(room.seen.items))
        room.seen.wait_for(has_all(0, backlog), "the backlog")
        gateway.wait_delivered()
        seen = room.seen.items
    assert_no_holes(seen)
    lanes = {lane: [number_of(one) for one in alerts(seen) if one.lane is lane] for lane in Lane}
    assert lanes == {Lane.LIVE: list(range(1000, 1008)), Lane.HISTORICAL: list(range(backlog))}
    assert {one.historical for one in alerts(seen) if one.lane is Lane.LIVE} == {False}
    for one in alerts(seen):
        if one.lane is Lane.HISTORICAL:
            assert one.historical
            assert one.age_s is not None
            assert one.age_s >= 100.0


def test_what_began_long_ago_and_is_not_over_is_live_news_that_does_not_ring(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    clock = HostClock()
    commit(outbox, alert(1), long_ago(clock))
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM), clock=clock) as gateway,
    ):
        room.seen.wait_for(has_all(4, 1), "the start")
        gateway.commit_alert(alert(1, 1, Phase.UPDATE))
        room.seen.wait_for(has_all(4, 2), "the update")
        assert [(one.revision, one.lane, one.historical) for one in alerts(room.seen.items)] == [
            (0, Lane.LIVE, True),
            (1, Lane.LIVE, False),
        ]


def test_rows_of_an_earlier_boot_are_historical_and_of_unknown_age(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    for number in range(4):
        commit(outbox, story(number), StoredInstant("an-earlier-boot", 5.0, 1.7e9))
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway,
    ):
        gateway.wait_delivered()
        assert {(one.lane, one.historical, one.age_s) for one in alerts(room.seen.items)} == {
            (Lane.HISTORICAL, True, None)
        }


# Heartbeats, requests, tests.


def test_a_heartbeat_says_who_counts_how_far(outbox: Outbox, broker: MosquittoBroker) -> None:
    clock = HostClock()
    for number in range(4):
        commit(outbox, story(number), long_ago(clock))
    rules = rules_for(ROOM, heartbeat_s=0.1)
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(outbox, broker.port, rules=rules, clock=clock) as gateway,
    ):
        gateway.commit(100, 3)
        gateway.wait_delivered()
        beats = room.beats.wait_for(lambda beats: bool(beats) and beats[-1].live_seq == 3)
        last = beats[-1]
        assert (last.site, last.gateway) == (TOPICS.site, TOPICS.gateway)
        assert (last.numbering, last.historical_seq) == (outbox.numbering, 4)
        assert (last.boot_id, last.interval_s) == (clock.boot_id(), 0.1)
        room.beats.wait_for(lambda beats: len(beats) >= 5, "more beats")
        numbers = [beat.beat for beat in room.beats.items]
        assert numbers == sorted(set(numbers))
        beat = room.seen.first(lambda item: item.topic == TOPICS.heartbeat)
        assert (beat.qos, beat.retained) == (1, False)


def test_requests_are_answered_on_the_wire(outbox: Outbox, broker: MosquittoBroker) -> None:
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway,
    ):
        gateway.commit(0, 8)
        gateway.commit_alert(alert(77))
        gateway.commit_alert(alert(77, 1, Phase.UPDATE))
        gateway.wait_delivered()
        (opened,) = room.ask(Command.OPEN)
        assert [(one.event_id, one.revision) for one in opened.alerts] == [(alert(77).event_id, 1)]
        assert opened.alerts[0].seq == 10
        before = len(alerts(room.seen.items))
        (response,) = room.ask(
            Command.RESEND, numbering=outbox.numbering, lane=Lane.LIVE, first_seq=3, last_seq=5
        )
        assert (response.result, response.resent, response.gone) == (Result.OK, 3, 0)
        room.seen.wait_for(lambda seen: len(alerts(seen)) == before + 3, "three rows again")
        assert [one.seq for one in alerts(room.seen.items)[before:]] == [3, 4, 5]
        assert_no_holes(room.seen.items)


def test_a_stored_request_is_ignored(outbox: Outbox, broker: MosquittoBroker) -> None:
    with ScriptedReceiver(broker.port, ROOM) as room:
        topic = TOPICS.request(Command.OPEN)
        stored = encode(room_request(room))
        room.publish(topic, stored, retain=True)
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway:
            gateway.commit(0, 4)
            gateway.wait_delivered()
            assert len(room.ask(Command.OPEN)) == 1
            assert [one.transaction for one in room.responses.items] == ["room-1"]
        room.publish(topic, b"", retain=True)


def room_request(room: ScriptedReceiver) -> Request:
    return replace(
        REQUEST, site=TOPICS.site, gateway=TOPICS.gateway, receiver=room.name, transaction="yesterday"
    )


def path_tests(clock: HostClock) -> Callable[[], tuple[Alert, ...]]:
    factory = AlertFactory(TOPICS.site, TOPICS.gateway, clock.boot_id())
    names = iter(range(1000))

    def new() -> tuple[Alert, ...]:
        quality = Clock(state=ClockState.UNSYNCED, error_ms=None)
        return factory.path_test(f"test-{next(names)}", clock.utc().timestamp(), quality)

    return new


def test_a_test_alert_goes_all_the_way_on_request_and_its_time_is_in_health(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    clock = HostClock()
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(
            outbox, broker.port, rules=rules_for(ROOM), clock=clock, test_alerts=path_tests(clock)
        ) as gateway,
    ):
        gateway.wait_phase(LinkPhase.CONNECTED)
        (response,) = room.ask(Command.TEST)
        assert response.result is Result.OK
        seen = room.seen.wait_for(lambda seen: len(alerts(seen)) == 2, "start and end of a test")
        assert {(one.event_class, one.status) for one in alerts(seen)} == {("test", Status.TEST)}
        assert [one.phase for one in alerts(seen)] == [Phase.START, Phase.END]
        gateway.wait_health(
            lambda health: health.last_test is not None and health.last_test.took_ms is not None,
            "the time of the test",
        )
        (response,) = room.ask(Command.TEST)
        assert response.result is Result.REFUSED
        assert outbox.undelivered_count() == 0


def test_a_scheduled_test_that_nobody_confirms_is_a_fault(
    outbox: Outbox, broker: MosquittoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.selftest.FIRST_AFTER_S", 0.0)
    monkeypatch.setattr("gateway.delivery.selftest.LATE_AFTER_S", 0.3)
    clock = HostClock()
    rules = rules_for(ROOM, look_again_s=0.05, test_every_s=3600.0)
    with (
        ScriptedReceiver(broker.port, ROOM, confirms=nothing) as room,
        publishing(outbox, broker.port, rules=rules, clock=clock, test_alerts=path_tests(clock)) as gateway,
    ):
        gateway.wait_fault("test_alert_failed", "delivery")
        room.confirms = everything
        room.confirm(*alerts(room.seen.items))
        gateway.wait_no_fault("test_alert_failed", "delivery")


# What is not in the outbox.


def test_an_alert_that_was_not_stored_is_sent_and_says_that_it_is_the_only_copy(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with (
        ScriptedReceiver(broker.port, ROOM, confirms=lambda one: one.durable) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway,
    ):
        gateway.wait_phase(LinkPhase.CONNECTED)
        assert gateway.publisher.put_unstored(story(0))
        seen = room.seen.wait_for(has_all(0, 1), "the alert")
        (only,) = alerts(seen)
        assert (only.durable, only.seq, only.numbering, only.historical) == (False, None, None, False)
        gateway.commit(0, 1)  # the disk takes it at last: a row like any other
        gateway.wait_delivered()
        assert [(one.durable, one.seq) for one in alerts(room.seen.items)] == [(False, None), (True, 1)]
        wait_until(lambda: gateway.count("alerts_unstored") == 1, "the count")


def test_an_alert_that_was_not_stored_waits_for_the_broker(outbox: Outbox) -> None:
    with MosquittoBroker(keeps_state=True) as broker, Witness(broker.port, EVENTS) as witness:
        broker.stop()
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway:
            for number in range(4):
                gateway.publisher.put_unstored(story(number))
            gateway.wait_phase(LinkPhase.UNREACHABLE, times=2)
            broker.start()
            witness.seen.wait_for(has_all(0, 4), "the alerts")
            assert firsts(witness.seen.items) == [0, 1, 2, 3]


def stored_records(outbox: Outbox) -> list[bytes]:
    with sqlite3.connect(outbox.path.with_name("records.db")) as reader:
        if not reader.execute("SELECT 1 FROM sqlite_schema WHERE name = 'records'").fetchone():
            return []  # not made yet
        return [payload for (payload,) in reader.execute("SELECT payload FROM records ORDER BY rank, id")]


def test_records_are_kept_until_the_broker_has_them_over_a_restart_too(outbox: Outbox) -> None:
    level, coming = TOPICS.record("level"), TOPICS.record("availability")
    with (
        MosquittoBroker(keeps_state=True) as broker,
        Witness(broker.port, f"{TOPICS.base}/record/+") as witness,
    ):
        broker.stop()
        with publishing(outbox, broker.port) as before:
            for number in range(3):
                assert before.publisher.put_record(level, b"level %d" % number)
                assert before.publisher.put_record(coming, b"coming %d" % number)
            wait_until(lambda: len(stored_records(outbox)) == 6, "six records on disk")
        expected = [b"%s %d" % (name, number) for name in (b"coming", b"level") for number in range(3)]
        assert stored_records(outbox) == expected
        broker.start()
        with publishing(outbox, broker.port) as after:
            seen = witness.seen.wait_for(lambda seen: len(seen) >= 6, "six records")
            assert [item.payload for item in seen] == expected
            assert {(item.qos, item.retained) for item in seen} == {(1, False)}
            wait_until(lambda: stored_records(outbox) == [], "an empty store")
            wait_until(lambda: after.count("records_published") == 6, "the count")


def test_a_records_file_that_cannot_be_used_stops_no_alert_and_is_a_fault(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    path = outbox.path.with_name("records.db")
    path.mkdir()
    with (
        ScriptedReceiver(broker.port, ROOM) as room,
        publishing(outbox, broker.port, rules=rules_for(ROOM, look_again_s=0.05)) as gateway,
    ):
        gateway.publisher.put_record(TOPICS.record("level"), b"level")
        gateway.commit(0, 8)
        assert_all_in_order(room, 8)
        gateway.wait_delivered()
        gateway.wait_fault("records_failed", str(path))
        path.rmdir()
        room.seen.first(lambda item: item.payload == b"level")
        gateway.wait_no_fault("records_failed", str(path))


def test_an_event_is_no_record(outbox: Outbox, broker: MosquittoBroker) -> None:
    with publishing(outbox, broker.port) as gateway, pytest.raises(ValueError, match="topic"):
        gateway.publisher.put_record("elsewhere", b"x")


def test_stopping_waits_for_receipts_as_long_as_it_may(outbox: Outbox, broker: MosquittoBroker) -> None:
    with ScriptedReceiver(broker.port, ROOM, confirms=nothing) as room:
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway:
            gateway.commit(0, 4)
            acknowledged(gateway, 4)
            assert not gateway.publisher.stop(drain_s=0.2)
        assert outbox.undelivered_count() == 4
        room.confirms = everything
        with publishing(outbox, broker.port, rules=rules_for(ROOM)) as gateway:
            gateway.wait_phase(LinkPhase.CONNECTED)
            assert gateway.publisher.stop(drain_s=30.0)
        assert outbox.undelivered_count() == 0
