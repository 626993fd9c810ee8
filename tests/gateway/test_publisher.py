"""From the outbox to a subscriber over a real broker that is absent, refuses, dies and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest

from gateway.contract.encoding import decode
from gateway.contract.types import Alert
from gateway.delivery.backoff import BackoffRule
from gateway.delivery.broker_link import BrokerOptions, LinkPhase, LinkState, Will
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.publisher import Publisher, PublisherRules
from gateway.secret import Secret
from tests.support.alerts import TOPICS, commit, story
from tests.support.broker import HOST, EmbeddedBroker, MosquittoBroker, free_port
from tests.support.mqtt_witness import Seen, Witness
from tests.support.proxy import CuttingProxy
from tests.support.waiting import Collector, wait_until

QUICK = BackoffRule(first_s=0.01, most_s=0.05)
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EVENTS = f"{TOPICS.base}/event/+"


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


class Gateway:
    """A publisher on an outbox, and all it reported."""

    def __init__(
        self, outbox: Outbox, port: int, rules: PublisherRules | None = None, **options: object
    ) -> None:
        self.outbox = outbox
        self.links: Collector[LinkState] = Collector()
        self.fatal: Collector[tuple[str, BaseException]] = Collector()
        plain = BrokerOptions(HOST, port, "gw-1", backoff=QUICK, session_expiry_s=60)
        self.publisher = Publisher(
            outbox.path,
            replace(plain, **options),  # type: ignore[arg-type]
            utc=lambda: NOW,
            on_fatal=lambda *told: self.fatal.add(told),
            on_link=self.links.add,
            rules=rules,
            random=Random(1),
        )

    def commit(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            assert commit(self.outbox, story(number)) is not None
            self.publisher.wake()

    def wait_phase(self, phase: LinkPhase, times: int = 1) -> None:
        self.links.wait_for(lambda links: sum(link.phase is phase for link in links) >= times, phase.name)

    def wait_published_more(self, do: Callable[[], None]) -> None:
        before = self.publisher.counts.alerts_published
        do()
        wait_until(lambda: self.publisher.counts.alerts_published > before, "alerts in flight")

    def wait_all_sent(self) -> None:
        wait_until(lambda: self.outbox.unsent_count() == 0, "an empty outbox")


@contextmanager
def publishing(
    outbox: Outbox, port: int, rules: PublisherRules | None = None, **options: object
) -> Iterator[Gateway]:
    gateway = Gateway(outbox, port, rules, **options)
    gateway.publisher.start()
    try:
        yield gateway
    finally:
        gateway.publisher.stop(drain_s=0.0)
        assert gateway.fatal.items == []


def alerts(seen: list[Seen]) -> list[Alert]:
    decoded = [decode(item.payload, Alert) for item in seen if "/event/" in item.topic]
    return [item for item in decoded if isinstance(item, Alert)]


def firsts(seen: list[Seen]) -> list[int]:
    """Sequence numbers in the order in which they were first seen."""
    return list(dict.fromkeys(alert.seq for alert in alerts(seen)))


def has_all(count: int) -> Callable[[list[Seen]], bool]:
    return lambda seen: set(firsts(seen)) >= set(range(1, count + 1))


def assert_all_in_order(witness: Witness, count: int) -> None:
    """Every alert at least once, in order of commit, none retained."""
    seen = witness.seen.wait_for(has_all(count), f"{count} alerts")
    assert firsts(seen) == list(range(1, count + 1))
    assert not any(item.retained for item in seen if "/event/" in item.topic)
    for alert in alerts(seen):
        expected = story(alert.seq - 1)
        assert (alert.event_id, alert.revision) == (expected.event_id, expected.revision)


# A broker that works.


def test_alerts_arrive_stamped_with_sequence_and_time_of_publishing(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        gateway.commit(0, 10)
        assert_all_in_order(witness, 10)
        gateway.wait_all_sent()
        first = alerts(witness.seen.items)[0]
        assert (first.seq, first.published_utc) == (1, "2026-05-01T12:00:00.000Z")
        assert {item.qos for item in witness.seen.items} == {1}
        assert gateway.publisher.counts.alerts_acknowledged == 10


@pytest.mark.parametrize("most_in_flight", [1, 16])
def test_a_backlog_drains_in_order(outbox: Outbox, broker: MosquittoBroker, most_in_flight: int) -> None:
    for number in range(300):
        commit(outbox, story(number))
    rules = PublisherRules(most_in_flight=most_in_flight)
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port, rules) as gateway:
        assert_all_in_order(witness, 300)
        gateway.wait_all_sent()
        assert len(alerts(witness.seen.items)) == 300  # and none twice, as nothing went wrong


def test_a_row_that_cannot_be_read_leaves_as_it_was_committed(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        outbox.commit(b'{"from": "another version"}', "f" * 32, 0, TOPICS.event("shout"), "start")
        gateway.publisher.wake()
        assert witness.seen.first(lambda item: True).payload == b'{"from": "another version"}'


def test_it_serves_the_broker_that_comes_with_pip(outbox: Outbox) -> None:
    with (
        EmbeddedBroker() as embedded,
        Witness(embedded.port, EVENTS) as witness,
        publishing(outbox, embedded.port) as gateway,
    ):
        gateway.commit(0, 50)
        assert_all_in_order(witness, 50)
        gateway.wait_all_sent()


def test_without_subscribers_the_broker_has_it_and_that_is_counted(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with publishing(outbox, broker.port) as gateway:
        gateway.commit(0, 3)
        gateway.wait_all_sent()
        assert gateway.publisher.counts.alerts_unheard == 3


def test_a_lost_wake_up_only_costs_time(outbox: Outbox, broker: MosquittoBroker) -> None:
    rules = PublisherRules(look_again_s=0.05)
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port, rules) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        commit(outbox, story(0))
        assert_all_in_order(witness, 1)


def test_old_sent_rows_are_pruned(outbox: Outbox, broker: MosquittoBroker) -> None:
    for number in range(8):
        commit(outbox, story(number))
    outbox.mark_sent(range(1, 5), NOW - timedelta(days=30))
    with publishing(outbox, broker.port) as gateway:
        gateway.wait_all_sent()

        def left() -> list[int]:
            return [row for (row,) in outbox._connection.execute("SELECT id FROM alerts ORDER BY id")]

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
            assert outbox.unsent_count() == 20
            broker.start()
            assert_all_in_order(witness, 20)
            gateway.wait_all_sent()


def test_a_broker_that_refuses_us_gets_everything_once_it_lets_us_in(outbox: Outbox) -> None:
    broker = MosquittoBroker(users={"room": "r"})
    login = {"username": "gw", "password": Secret("g")}
    with (
        broker,
        Witness(broker.port, EVENTS, username="room", password="r") as witness,
        publishing(outbox, broker.port, **login) as gateway,
    ):
        gateway.commit(0, 20)
        gateway.wait_phase(LinkPhase.UNAUTHORISED, times=3)
        broker.add_user("gw", "g")
        assert_all_in_order(witness, 20)
        gateway.wait_all_sent()


def test_a_broker_that_is_stopped_and_started_in_between_misses_nothing(outbox: Outbox) -> None:
    with broker_with_listener() as (broker, witness), publishing(outbox, broker.port) as gateway:
        for lap in range(4):
            gateway.commit(lap * 20, 10)
            broker.stop()
            gateway.commit(lap * 20 + 10, 10)
            broker.start()
        assert_all_in_order(witness, 80)
        gateway.wait_all_sent()


def test_a_broker_killed_with_alerts_in_flight_gets_them_again(outbox: Outbox) -> None:
    with broker_with_listener() as (broker, witness), publishing(outbox, broker.port) as gateway:
        for lap in range(3):
            gateway.commit(lap * 20, 10)
            assert_all_in_order(witness, lap * 20 + 10)
            gateway.wait_all_sent()
            broker.pause()  # from here nothing is acknowledged: what goes out stays in flight
            gateway.wait_published_more(lambda lap=lap: gateway.commit(lap * 20 + 10, 10))
            broker.kill()
            broker.start()
            assert_all_in_order(witness, lap * 20 + 20)
        gateway.wait_all_sent()
        assert gateway.publisher.counts.alerts_published > 60


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
        gateway.wait_all_sent()
        assert proxy.cuts > 3
        counts = gateway.publisher.counts
        assert counts.alerts_published >= counts.alerts_acknowledged == 200


def test_a_broker_that_goes_silent_is_left_for_a_new_connection(outbox: Outbox) -> None:
    rules = PublisherRules(acknowledge_s=0.2, look_again_s=0.05)
    with broker_with_listener() as (broker, witness), publishing(outbox, broker.port, rules) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        broker.pause()
        gateway.commit(0, 3)
        gateway.wait_phase(LinkPhase.LOST)
        broker.resume()
        assert_all_in_order(witness, 3)
        gateway.wait_all_sent()


def test_alerts_the_broker_refuses_wait_and_others_pass(outbox: Outbox) -> None:
    everything = "topic readwrite #\n"
    broker = MosquittoBroker(acl=f"topic read #\ntopic write {TOPICS.event('scream')}\n")
    with broker, Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        refused = replace_class(story(0), "gunshot")
        commit(outbox, refused)
        for number in range(4, 8):
            commit(outbox, replace_class(story(number), "scream"))
        gateway.publisher.wake()
        witness.seen.wait_for(lambda seen: set(firsts(seen)) == {2, 3, 4, 5}, "the allowed ones")
        assert gateway.publisher.counts.alerts_refused >= 1
        wait_until(lambda: [row.row_id for row in outbox.unsent(10)] == [1], "all others marked")
        broker.set_acl(everything)
        witness.seen.wait_for(lambda seen: 1 in firsts(seen), "the one that was refused")
        gateway.wait_all_sent()


def test_an_alert_too_large_for_the_broker_does_not_end_the_connection(outbox: Outbox) -> None:
    broker = MosquittoBroker("max_packet_size 4000")
    with broker, Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port) as gateway:
        outbox.commit(b"x" * 5000, "e" * 32, 0, TOPICS.event("shout"), "start")
        gateway.commit(0, 4)
        witness.seen.wait_for(lambda seen: firsts(seen) == [2, 3, 4, 5], "the others")
        wait_until(lambda: outbox.unsent_count() == 1, "all others marked")
        assert gateway.publisher.counts.connections == 1


# States.


def test_states_are_retained_and_the_latest_counts(outbox: Outbox, broker: MosquittoBroker) -> None:
    topic = TOPICS.sensor_availability("north")
    with publishing(outbox, broker.port) as gateway:
        for number in range(200):
            assert gateway.publisher.put_state(topic, b"%d" % number)
        gateway.wait_phase(LinkPhase.CONNECTED)
        with Witness(broker.port, topic) as live:
            live.seen.first(lambda item: item.payload == b"199")
        assert gateway.publisher.counts.states_published <= 200
    with Witness(broker.port, topic) as late:
        assert late.seen.first(lambda item: True) == Seen(topic, b"199", True, 1)


def test_an_event_is_no_state(outbox: Outbox) -> None:
    publisher = Gateway(outbox, free_port()).publisher
    with pytest.raises(ValueError, match="through the outbox"):
        publisher.put_state(TOPICS.event("shout"), b"x")
    with pytest.raises(ValueError, match="topic"):
        publisher.put_state("elsewhere/status", b"x")


def test_levels_go_without_acknowledgement(outbox: Outbox, broker: MosquittoBroker) -> None:
    topic = TOPICS.sensor_level("north")
    with publishing(outbox, broker.port) as gateway, Witness(broker.port, topic) as witness:
        gateway.publisher.put_state(topic, b"61.5")
        assert witness.seen.first(lambda item: item.payload == b"61.5").qos == 0


def test_states_come_again_after_the_broker_forgot_them(outbox: Outbox) -> None:
    with MosquittoBroker() as broker, publishing(outbox, broker.port) as gateway:
        gateway.publisher.put_state(TOPICS.status, b"online")
        gateway.publisher.put_state(TOPICS.sensor_level("north"), b"61.5")
        wait_until(lambda: gateway.publisher.counts.states_published == 2, "states out")
        broker.kill()
        broker.start()
        with Witness(broker.port, f"{TOPICS.base}/#") as witness:
            witness.seen.wait_for(lambda seen: {item.payload for item in seen} == {b"online", b"61.5"})


def test_a_status_left_offline_by_the_will_is_corrected(outbox: Outbox, broker: MosquittoBroker) -> None:
    will = Will(TOPICS.status, b"offline")
    with CuttingProxy(broker.port) as proxy, publishing(outbox, proxy.port, will=will) as gateway:
        gateway.publisher.put_state(TOPICS.status, b"online")
        with Witness(broker.port, TOPICS.status) as witness:
            witness.seen.first(lambda item: item.payload == b"online")
            proxy.cut()
            witness.seen.wait_for(
                lambda seen: [item.payload for item in seen][-2:] == [b"offline", b"online"]
            )


def test_an_emptied_state_is_taken_off_the_broker(outbox: Outbox, broker: MosquittoBroker) -> None:
    topic = TOPICS.sensor_availability("removed")
    with publishing(outbox, broker.port) as gateway, Witness(broker.port, topic) as witness:
        gateway.publisher.put_state(topic, b"offline")
        witness.seen.first(lambda item: item.payload == b"offline")
        gateway.publisher.put_state(topic, b"")
        witness.seen.first(lambda item: item.payload == b"")
    with Witness(broker.port, f"{TOPICS.base}/sensor/removed/#") as late:
        late.publish(f"{TOPICS.base}/sensor/removed/marker", b"m")
        assert late.seen.first(lambda item: True).payload == b"m"


# Stopping and failing.


def test_stopping_sends_what_is_left_and_the_last_state_and_no_will(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with Witness(broker.port, f"{TOPICS.base}/#") as witness:
        will = Will(TOPICS.status, b"will")
        with publishing(outbox, broker.port, will=will) as gateway:
            for number in range(100):
                commit(outbox, story(number))
            gateway.publisher.put_state(TOPICS.status, b"goodbye")
            assert gateway.publisher.stop(drain_s=30.0)
        assert outbox.unsent_count() == 0
        witness.publish(f"{TOPICS.base}/marker", b"after")
        seen = witness.seen.wait_for(lambda seen: seen[-1].payload == b"after")
        assert firsts(seen) == list(range(1, 101))
        assert b"goodbye" in [item.payload for item in seen]
        assert b"will" not in [item.payload for item in seen]


def test_stopping_without_a_broker_does_not_wait_and_keeps_the_alerts(outbox: Outbox) -> None:
    with publishing(outbox, free_port()) as gateway:
        gateway.commit(0, 5)
        gateway.wait_phase(LinkPhase.UNREACHABLE)
        assert not gateway.publisher.stop(drain_s=3600.0)
    assert outbox.unsent_count() == 5


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
        BrokerOptions(HOST, free_port(), "gw-1"),
        utc=lambda: NOW,
        on_fatal=lambda *told: fatal.add(told),
    )
    publisher.start()
    thread, problem = fatal.first(lambda told: True)
    assert thread == "publisher"
    assert isinstance(problem, OutboxError)
    assert not publisher.stop()


def test_marks_that_cannot_be_written_do_not_stop_the_alerts(
    outbox: Outbox, broker: MosquittoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = Outbox.mark_sent, [True]

    def mark(self: Outbox, row_ids: Sequence[int], utc: datetime) -> None:
        if broken[0]:
            raise OutboxError(OutboxFault.FULL, self.path)
        real(self, row_ids, utc)

    monkeypatch.setattr(Outbox, "mark_sent", mark)
    rules = PublisherRules(look_again_s=0.05)
    with Witness(broker.port, EVENTS) as witness, publishing(outbox, broker.port, rules) as gateway:
        gateway.commit(0, 20)
        assert_all_in_order(witness, 20)
        wait_until(lambda: gateway.publisher.fault is not None, "the fault")
        assert outbox.unsent_count() == 20
        broken[0] = False
        gateway.wait_all_sent()
        wait_until(lambda: gateway.publisher.fault is None, "no fault")
        assert len(alerts(witness.seen.items)) == 20  # none was sent twice for want of a mark


def replace_class(alert: Alert, event_class: str) -> Alert:
    return msgspec.structs.replace(alert, event_class=event_class)
