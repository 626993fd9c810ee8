"""Two real brokers: alerts leave by one that works, come back without a storm, and are received once each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import pytest

from gateway.contract.types import Alert
from gateway.contract.vocabulary import Command, Result
from gateway.delivery.broker_link import BACKUP, PRIMARY, LinkPhase
from gateway.delivery.outbox import Outbox
from gateway.delivery.window import WindowRules
from tests.support.alerts import TOPICS, story
from tests.support.broker import MosquittoBroker, free_port
from tests.support.delivering import (
    Gateway,
    alerts,
    assert_no_holes,
    firsts,
    has_all,
    publishing,
    rules_for,
)
from tests.support.mqtt_witness import Seen
from tests.support.proxy import CuttingProxy
from tests.support.receiver import ScriptedReceiver
from tests.support.waiting import wait_until

ROOM = "room"
SOON = WindowRules(first_retry_s=0.2, most_retry_s=0.4)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


class Room:
    """One receiver on both brokers."""

    def __init__(self, first: ScriptedReceiver, second: ScriptedReceiver) -> None:
        self.first, self.second = first, second

    @property
    def seen(self) -> list[Seen]:
        return self.first.seen.items + self.second.seen.items

    def wait_for(self, first: int, count: int) -> None:
        wait_until(lambda: has_all(first, count)(self.seen), f"alerts {first} to {first + count - 1}")


@contextmanager
def two_brokers() -> Iterator[tuple[MosquittoBroker, MosquittoBroker, Room]]:
    with ExitStack() as stack:
        primary = stack.enter_context(MosquittoBroker(keeps_state=True))
        backup = stack.enter_context(MosquittoBroker(keeps_state=True))
        first = stack.enter_context(ScriptedReceiver(primary.port, ROOM))
        second = stack.enter_context(ScriptedReceiver(backup.port, ROOM))
        yield primary, backup, Room(first, second)


def both_up(gateway: Gateway) -> None:
    for path in (PRIMARY, BACKUP):
        gateway.wait_phase(LinkPhase.CONNECTED, path=path)
    wait_active(gateway, PRIMARY)


def wait_active(gateway: Gateway, name: str) -> None:
    gateway.wait_health(
        lambda health: [path.path for path in health.paths if path.active] == [name], f"{name} active"
    )


def test_alerts_take_the_first_path_and_heartbeats_both(outbox: Outbox) -> None:
    with (
        two_brokers() as (primary, backup, room),
        publishing(
            outbox, primary.port, backup.port, rules=rules_for(ROOM, heartbeat_s=0.1, settled_s=0.0)
        ) as gateway,
    ):
        both_up(gateway)
        gateway.commit(0, 8)
        gateway.wait_delivered()
        room.first.beats.wait_for(lambda beats: len(beats) >= 3)
        room.second.beats.wait_for(lambda beats: len(beats) >= 3)
        assert firsts(room.first.seen.items) == list(range(8))
        assert alerts(room.second.seen.items) == []
        for leg in (room.first, room.second):
            assert leg.ask(Command.OPEN)[0].result is Result.OK


def test_a_broker_that_dies_costs_nothing_but_a_change_of_path(outbox: Outbox) -> None:
    rules = rules_for(ROOM, settled_s=3600.0)
    with ExitStack() as stack:
        primary, backup, room = stack.enter_context(two_brokers())
        backup.stop()
        gateway = stack.enter_context(publishing(outbox, primary.port, backup.port, rules=rules))
        gateway.wait_phase(LinkPhase.CONNECTED)
        backup.start()  # after the first, or it would be the one in use until the first has settled
        gateway.wait_phase(LinkPhase.CONNECTED, path=BACKUP)
        gateway.commit(0, 8)
        gateway.wait_delivered()
        primary.pause()
        gateway.commit(8, 8)
        primary.kill()
        room.wait_for(0, 16)
        gateway.wait_delivered()
        wait_active(gateway, BACKUP)
        gateway.wait_fault("broker_lost", PRIMARY)
        primary.start()
        gateway.wait_no_fault("broker_lost", PRIMARY)
        gateway.commit(16, 8)
        gateway.wait_delivered()
        assert set(firsts(room.second.seen.items)) >= set(range(16, 24))  # not settled: the backup still
        assert_no_holes(room.seen)
        assert set(firsts(room.seen)) == set(range(24))


def test_a_broker_that_keeps_the_connection_and_answers_nothing_is_left(outbox: Outbox) -> None:
    rules = rules_for(
        ROOM, look_again_s=0.05, heartbeat_s=0.1, failover_s=0.3, silent_s=3600.0, settled_s=0.0
    )
    with (
        two_brokers() as (primary, backup, room),
        publishing(outbox, primary.port, backup.port, rules=rules) as gateway,
    ):
        both_up(gateway)
        primary.pause()
        gateway.commit(0, 20)
        room.second.seen.wait_for(has_all(0, 20), "alerts by the backup")
        gateway.wait_delivered()
        wait_active(gateway, BACKUP)
        primary.resume()  # it lets go of what it had: doubles for the receiver, with the same names
        room.first.seen.wait_for(lambda seen: bool(alerts(seen)), "what the first broker had")
        assert_no_holes(room.seen)
        assert set(firsts(room.seen)) == set(range(20))


def test_back_on_the_first_path_once_it_has_settled_and_nothing_goes_again(outbox: Outbox) -> None:
    rules = rules_for(ROOM, look_again_s=0.05, settled_s=0.3)
    with (
        two_brokers() as (primary, backup, room),
        publishing(outbox, primary.port, backup.port, rules=rules) as gateway,
    ):
        both_up(gateway)
        primary.kill()
        wait_active(gateway, BACKUP)
        gateway.commit(0, 8)
        gateway.wait_delivered()
        primary.start()
        wait_active(gateway, PRIMARY)
        published = gateway.count("alerts_published")
        gateway.commit(8, 8)
        gateway.wait_delivered()
        assert set(firsts(room.first.seen.items)) >= set(range(8, 16))
        assert gateway.count("alerts_published") == published + 8
        assert_no_holes(room.seen)


def test_a_broker_that_takes_alerts_and_passes_on_none_is_got_around(outbox: Outbox) -> None:
    """The receiver hears the second broker alone; the first one acknowledges all the same."""
    rules = rules_for(ROOM, look_again_s=0.05, window=SOON, settled_s=0.0)
    with (
        MosquittoBroker() as deaf,
        MosquittoBroker() as backup,
        ScriptedReceiver(backup.port, ROOM) as room,
        publishing(outbox, deaf.port, backup.port, rules=rules) as gateway,
    ):
        both_up(gateway)
        gateway.commit(0, 12)
        gateway.wait_delivered()
        assert firsts(room.seen.items) == list(range(12))
        assert gateway.count("alerts_unheard") >= 12
        assert_no_holes(room.seen.items)


def test_without_any_broker_both_are_faults_and_everything_waits(outbox: Outbox) -> None:
    rules = rules_for(ROOM, look_again_s=0.05)
    with MosquittoBroker(keeps_state=True) as backup, ScriptedReceiver(backup.port, ROOM) as room:
        backup.stop()
        with publishing(outbox, free_port(), backup.port, rules=rules) as gateway:
            gateway.commit(0, 8)
            gateway.wait_fault("broker_lost", PRIMARY)
            gateway.wait_fault("broker_lost", BACKUP)
            assert outbox.undelivered_count() == 8
            backup.start()
            gateway.wait_delivered()
            gateway.wait_no_fault("broker_lost", BACKUP)
            assert firsts(room.seen.items) == list(range(8))


def test_an_alert_that_was_not_stored_takes_the_path_that_works(outbox: Outbox) -> None:
    rules = rules_for(
        ROOM, look_again_s=0.05, heartbeat_s=0.1, failover_s=0.3, silent_s=3600.0, settled_s=0.0
    )
    with (
        two_brokers() as (primary, backup, room),
        publishing(outbox, primary.port, backup.port, rules=rules) as gateway,
    ):
        both_up(gateway)
        primary.pause()
        for number in range(4):
            gateway.publisher.put_unstored(story(number))
        room.second.seen.wait_for(has_all(0, 4), "the alerts by the backup")
        assert firsts(room.second.seen.items) == [0, 1, 2, 3]
        primary.resume()


@pytest.mark.parametrize("seed", range(3))
def test_lines_cut_at_any_byte_on_both_paths_lose_nothing(outbox: Outbox, seed: int) -> None:
    chance = Random(seed)
    cuts = [chance.randrange(200, 15_000) for _ in range(20)]
    rules = rules_for(ROOM, look_again_s=0.05, window=SOON, settled_s=0.05, heartbeat_s=0.1)

    def budget() -> int | None:
        return cuts.pop() if cuts else None

    with (
        two_brokers() as (primary, backup, room),
        CuttingProxy(primary.port, budget) as first,
        CuttingProxy(backup.port, budget) as second,
        publishing(outbox, first.port, second.port, rules=rules) as gateway,
    ):
        room.first.confirms = room.second.confirms = lambda one: chance.random() < 0.8
        gateway.commit(0, 200)
        gateway.wait_delivered()
        assert first.cuts + second.cuts > 4
        seen = room.seen
    assert set(firsts(seen)) == set(range(200))
    assert_no_holes(seen)


def test_a_session_of_the_gateway_is_its_own_on_each_broker(outbox: Outbox) -> None:
    """A receipt given on the broker that the alert did not come by counts as well."""

    def nothing(_: Alert) -> bool:
        return False

    with (
        two_brokers() as (primary, backup, room),
        publishing(outbox, primary.port, backup.port, rules=rules_for(ROOM, settled_s=0.0)) as gateway,
    ):
        both_up(gateway)
        room.first.confirms = nothing
        gateway.commit(0, 4)
        room.first.seen.wait_for(has_all(0, 4), "the alerts")
        room.second.publish(TOPICS.receipt, room.second.receipt(story(number) for number in range(4)))
        gateway.wait_delivered()
