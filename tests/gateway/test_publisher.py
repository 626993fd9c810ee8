"""From the outbox to a subscriber over a real broker that is absent, refuses, dies and comes back.

The broker's acknowledgement counts as delivery here; receivers are in `test_delivery_to_receivers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from gateway.clock import HostClock
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Lane
from gateway.delivery.broker_link import BrokerOptions, LinkPhase, Will
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.publisher import Publisher
from gateway.delivery.window import WindowRules
from gateway.secret import Secret
from tests.support.alerts import TOPICS, commit, story
from tests.support.broker import HOST, EmbeddedBroker, MosquittoBroker, free_port
from tests.support.delivering import (
    EVENTS,
    EVERYTHING,
    alerts,
    assert_all_in_order,
    firsts,
    publishing,
    rules_for,
)
from tests.support.mqtt_witness import Witness
from tests.support.proxy import CuttingProxy
from tests.support.waiting import Collector, wait_until


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


class StandingUtc(HostClock):
    """UTC stands at noon."""

    def utc(self) -> datetime:
        return datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


# A broker that works.


def test_alerts_arrive_stamped_with_what_only_the_sending_knows(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with (
        Witness(broker.port, EVENTS) as witness,
        publishing(outbox, broker.port, clock=StandingUtc()) as gateway,
    ):
        gateway.commit(0, 10)
        assert_all_in_order(witness, 10)
        gateway.wait_delivered()
        first = alerts(witness.seen.items)[0]
        assert (first.seq, first.lane, first.numbering) == (1, Lane.LIVE, outbox.numbering)
        assert first.published_utc == "2026-05-01T12:00:00.000Z"
        assert (first.historical, first.durable) == (False, True)
        assert first.age_s is not None
        assert 0.0 <= first.age_s < 30.0
        assert {item.qos for item in witness.seen.items} == {1}
        assert gateway.count("alerts_acknowledged") == 10


@pytest.mark.parametrize("most_in_flight", [1, 16])
def test_a_backlog_drains_in_order(outbox: Outbox, broker: MosquittoBroker, most_in_flight: int) -> None:
    clock = HostClock()
    for number in range(300):
        commit(outbox, story(number), clock)
    rules = rules_for(window=WindowRules(most_in_flight=most_in_flight))
    with (
        Witness(broker.port, EVENTS) as witness,
        publishing(outbox, broker.port, rules=rules, clock=clock) as gateway,
    ):
        assert_all_in_order(witness, 300)
        gateway.wait_delivered()
        assert len(alerts(witness.seen.items)) == 300  # and none twice, as nothing went wrong


def test_a_row_that_cannot_be_read_leaves_as_it_was_committed(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        outbox.commit(b'{"from": "another version"}', "f" * 32, 0, TOPICS.event("shout"), "start")
        gateway.publisher.wake()
        assert witness.seen.first(lambda item: True).payload == b'{"from": "another version"}'
        gateway.wait_delivered()


def test_it_serves_the_broker_that_comes_with_pip(outbox: Outbox) -> None:
    with (
        EmbeddedBroker() as embedded,
        Witness(embedded.port, EVENTS) as witness,
        publishing(outbox, embedded.port) as gateway,
    ):
        gateway.commit(0, 50)
        assert_all_in_order(witness, 50)
        gateway.wait_delivered()


def test_without_subscribers_the_broker_has_it_and_that_is_counted(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with publishing(outbox, broker.port) as gateway:
        gateway.commit(0, 3)
        gateway.wait_delivered()
        assert gateway.count("alerts_unheard") == 3


def test_a_lost_wake_up_only_costs_time(outbox: Outbox, broker: MosquittoBroker) -> None:
    rules = rules_for(look_again_s=0.05)
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port, rules=rules) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        commit(outbox, story(0), gateway.clock)
        assert_all_in_order(witness, 1)


def test_delivered_rows_that_need_not_be_kept_are_pruned(outbox: Outbox, broker: MosquittoBroker) -> None:
    def left() -> list[int]:
        return [row for (row,) in outbox._connection.execute("SELECT id FROM alerts ORDER BY id")]

    rules = rules_for(look_again_s=0.05, prune_every_s=0.1, keep_rows=4)
    with publishing(outbox, broker.port, rules=rules) as gateway:
        gateway.commit(0, 8)
        wait_until(lambda: left() == [5, 6, 7, 8], "pruned rows")


# Brokers that do not.


@contextmanager
def broker_with_listener() -> Iterator[tuple[MosquittoBroker, Witness]]:
    """A broker that keeps its sessions, and a subscriber it knows already."""
    broker = MosquittoBroker(keeps_state=True)
    with broker, Witness(broker.port, EVENTS) as witness:
        yield broker, witness


def test_a_broker_absent_at_the_start_gets_everything_once_it_is_there(outbox: Outbox) -> None:
    with broker_with_listener() as (broker, witness):
        broker.stop()
        with publishing(outbox, broker.port) as gateway:
            gateway.commit(0, 20)
            gateway.wait_phase(LinkPhase.UNREACHABLE, times=3)
            assert outbox.undelivered_count() == 20
            broker.start()
            assert_all_in_order(witness, 20)
            gateway.wait_delivered()


def test_a_broker_that_refuses_us_gets_everything_once_it_lets_us_in(outbox: Outbox) -> None:
    broker = MosquittoBroker(users={"room": "r"})
    login = {"username": "gw", "password": Secret("g")}
    with (
        broker,
        Witness(broker.port, EVENTS, username="room", password="r") as witness,
        publishing(outbox, broker.port, **login) as gateway,  # type: ignore[arg-type]
    ):
        gateway.commit(0, 20)
        gateway.wait_phase(LinkPhase.UNAUTHORISED, times=3)
        broker.add_user("gw", "g")
        assert_all_in_order(witness, 20)
        gateway.wait_delivered()


def test_a_broker_that_is_stopped_and_started_in_between_misses_nothing(outbox: Outbox) -> None:
    with broker_with_listener() as (broker, witness), publishing(outbox, broker.port) as gateway:
        for lap in range(4):
            gateway.commit(lap * 20, 10)
            broker.stop()
            gateway.commit(lap * 20 + 10, 10)
            broker.start()
        assert_all_in_order(witness, 80)
        gateway.wait_delivered()


def test_a_broker_killed_with_alerts_in_flight_gets_them_again(outbox: Outbox) -> None:
    with broker_with_listener() as (broker, witness), publishing(outbox, broker.port) as gateway:
        for lap in range(3):
            gateway.commit(lap * 20, 10)
            assert_all_in_order(witness, lap * 20 + 10)
            gateway.wait_delivered()
            broker.pause()  # from here nothing is acknowledged: what goes out stays in flight
            gateway.wait_published_more(lambda lap=lap: gateway.commit(lap * 20 + 10, 10))
            broker.kill()
            broker.start()
            assert_all_in_order(witness, lap * 20 + 20)
        gateway.wait_delivered()
        assert gateway.count("alerts_published") > 60


@pytest.mark.parametrize("seed", range(4))
def test_a_line_cut_at_any_byte_loses_nothing(outbox: Outbox, broker: MosquittoBroker, seed: int) -> None:
    chance = Random(seed)
    cuts = [chance.randrange(1, 20_000) for _ in range(15)]
    with (
        Witness(broker.port, EVENTS) as witness,
        CuttingProxy(broker.port, budget=lambda: cuts.pop() if cuts else None) as proxy,
        publishing(outbox, proxy.port) as gateway,
    ):
        gateway.commit(0, 200)
        assert_all_in_order(witness, 200)
        gateway.wait_delivered()
        assert proxy.cuts > 3
        assert gateway.count("alerts_published") >= gateway.count("alerts_acknowledged") == 200


def test_a_broker_that_goes_silent_is_left_for_a_new_connection(outbox: Outbox) -> None:
    rules = rules_for(look_again_s=0.05, silent_s=0.2)
    with (
        broker_with_listener() as (broker, witness),
        publishing(outbox, broker.port, rules=rules) as gateway,
    ):
        gateway.wait_phase(LinkPhase.CONNECTED)
        broker.pause()
        gateway.commit(0, 3)
        gateway.wait_phase(LinkPhase.LOST)
        broker.resume()
        assert_all_in_order(witness, 3)
        gateway.wait_delivered()


def test_alerts_the_broker_refuses_wait_and_others_pass(outbox: Outbox) -> None:
    everything = "topic readwrite #\n"
    mine = "".join(f"topic write {TOPICS.base}/{rest}\n" for rest in ("event/scream", "heartbeat"))
    broker = MosquittoBroker(acl=f"topic read #\n{mine}")
    with broker, Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        gateway.commit_alert(of_class(story(0), "gunshot"))
        for number in range(4, 8):
            gateway.commit_alert(of_class(story(number), "scream"))
        witness.seen.wait_for(lambda seen: firsts(seen) == [4, 5, 6, 7], "the allowed ones")
        wait_until(lambda: outbox.undelivered_count() == 1, "all others marked")
        assert gateway.count("alerts_refused") >= 1
        broker.set_acl(everything)
        witness.seen.wait_for(lambda seen: 0 in firsts(seen), "the one that was refused")
        gateway.wait_delivered()


def test_an_alert_too_large_for_the_broker_does_not_end_the_connection(outbox: Outbox) -> None:
    broker = MosquittoBroker("max_packet_size 4000")
    with broker, Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        outbox.commit(b"x" * 5000, "e" * 32, 0, TOPICS.event("shout"), "start")
        gateway.commit(0, 4)
        witness.seen.wait_for(lambda seen: firsts(seen) == [0, 1, 2, 3], "the others")
        wait_until(lambda: outbox.undelivered_count() == 1, "all others marked")
        assert gateway.count("broker_connections") == 1


# Stopping and failing.


def test_stopping_sends_what_is_left_and_the_last_state_and_no_will(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with Witness(broker.port, EVERYTHING) as witness:
        with publishing(outbox, broker.port, will=Will(TOPICS.status, b"will")) as gateway:
            for number in range(100):
                commit(outbox, story(number), gateway.clock)
            gateway.publisher.put_state(TOPICS.status, b"goodbye")
            assert gateway.publisher.stop(drain_s=30.0)
        assert outbox.undelivered_count() == 0
        witness.publish(f"{TOPICS.base}/marker", b"after")
        seen = witness.seen.wait_for(lambda seen: seen[-1].payload == b"after")
        assert firsts(seen) == list(range(100))
        assert b"goodbye" in [item.payload for item in seen]
        assert b"will" not in [item.payload for item in seen]


def test_stopping_without_a_broker_does_not_wait_and_keeps_the_alerts(outbox: Outbox) -> None:
    with publishing(outbox, free_port()) as gateway:
        gateway.commit(0, 5)
        gateway.wait_phase(LinkPhase.UNREACHABLE)
        assert not gateway.publisher.stop(drain_s=3600.0)
    assert outbox.undelivered_count() == 5


def test_what_an_earlier_run_left_is_sent_by_the_next(outbox: Outbox, broker: MosquittoBroker) -> None:
    with publishing(outbox, free_port()) as before:
        before.commit(0, 5)
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as after:
        after.commit(5, 5)
        assert_all_in_order(witness, 10)


def test_a_publisher_that_dies_is_reported(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").mkdir()  # no file can be opened there
    fatal: Collector[tuple[str, BaseException]] = Collector()
    publisher = Publisher(
        tmp_path / "outbox.db",
        [BrokerOptions(HOST, free_port(), "gw-1")],
        TOPICS,
        clock=HostClock(),
        on_fatal=lambda *told: fatal.add(told),
    )
    publisher.start()
    thread, problem = fatal.first(lambda told: True)
    assert thread == "publisher"
    assert isinstance(problem, OutboxError)
    assert not publisher.stop()


class RefusingDisk:
    """While `refuses`, the publisher's writes of these kinds fail as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
        self.refuses = True
        for name in methods:
            real = getattr(Outbox, name)

            def write(outbox: Outbox, *given: object, real=real, **named: object) -> object:  # type: ignore[no-untyped-def]
                if self.refuses:
                    raise OutboxError(OutboxFault.FULL, outbox.path)
                return real(outbox, *given, **named)

            monkeypatch.setattr(Outbox, name, write)


def test_marks_that_cannot_be_written_do_not_stop_the_alerts(
    outbox: Outbox, broker: MosquittoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = RefusingDisk(monkeypatch, "mark_acknowledged")
    rules = rules_for(look_again_s=0.05)
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port, rules=rules) as gateway:
        gateway.commit(0, 20)
        assert_all_in_order(witness, 20)
        gateway.wait_fault("outbox_failed", str(outbox.path))
        assert outbox.undelivered_count() == 20
        disk.refuses = False
        gateway.wait_delivered()
        gateway.wait_no_fault("outbox_failed", str(outbox.path))
        assert len(alerts(witness.seen.items)) == 20  # none was sent twice for want of a mark


def test_numbers_that_cannot_be_written_do_not_stop_the_alerts(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = RefusingDisk(monkeypatch, "give_numbers", "mark_acknowledged")
    rules = rules_for(look_again_s=0.05)
    with (
        broker_with_listener() as (broker, witness),
        publishing(outbox, broker.port, rules=rules) as gateway,
    ):
        gateway.commit(0, 6)
        witness.seen.wait_for(lambda seen: firsts(seen) == list(range(6)), "alerts without numbers")
        assert {(alert.seq, alert.durable) for alert in alerts(witness.seen.items)} == {(None, True)}
        gateway.wait_fault("outbox_failed", str(outbox.path))
        broker.stop()
        gateway.commit(6, 2)
        broker.start()  # a new connection, and the disk refuses still
        witness.seen.wait_for(lambda seen: firsts(seen) == list(range(8)), "alerts without numbers")
        disk.refuses = False
        gateway.wait_delivered()
        gateway.commit(8, 4)
        witness.seen.wait_for(lambda seen: firsts(seen) == list(range(12)), "alerts with numbers")
        numbered = [alert.seq for alert in alerts(witness.seen.items)[-4:]]
        assert numbered == list(range(numbered[0] or 0, (numbered[0] or 0) + 4))
        gateway.wait_no_fault("outbox_failed", str(outbox.path))


def test_a_fault_of_the_disk_stands_since_its_beginning(
    outbox: Outbox, broker: MosquittoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    RefusingDisk(monkeypatch, "give_numbers", "mark_acknowledged")
    with publishing(outbox, broker.port, rules=rules_for(look_again_s=0.02)) as gateway:
        gateway.commit(0, 1)
        since_s = gateway.wait_fault("outbox_failed", str(outbox.path)).since_s
        until_s = gateway.clock.monotonic_s() + 0.5
        wait_until(lambda: gateway.clock.monotonic_s() > until_s, "some rounds to pass")
        assert gateway.wait_fault("outbox_failed", str(outbox.path)).since_s == since_s


def of_class(alert: Alert, event_class: str) -> Alert:
    return replace(alert, event_class=event_class)
