"""Whatever brokers, receivers and disk do: nothing is lost, numbers have no holes, events stay in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.types import Alert
from gateway.contract.vocabulary import Lane
from tests.support.courier_life import Life, Troubles

STEPS = 250


@pytest.fixture
def lives() -> Iterator[list[Life]]:
    begun: list[Life] = []
    yield begun
    for life in begun:
        life.world.close()


def lived(lives: list[Life], folder: Path, seed: int, troubles: Troubles, receivers: int = 1) -> Life:
    life = Life(folder, seed, troubles, receivers)
    lives.append(life)
    life.live(STEPS)
    life.calm()
    return life


def assert_nothing_lost(life: Life) -> None:
    for receiver in life.receivers:
        missing = set(life.committed) - set(receiver.firsts())
        assert not missing, f"{receiver.name} never got {missing}"
        assert not set(receiver.firsts()) - set(life.committed), "it got what nobody committed"


def assert_numbers_are_right(life: Life) -> None:
    rows = life.world.outbox._connection.execute(
        "SELECT lane, seq, event_id, revision FROM alerts WHERE lane IS NOT NULL ORDER BY id"
    ).fetchall()
    by_number = {(Lane(lane), seq): (event, revision) for lane, seq, event, revision in rows}
    assert len(by_number) == len(rows), "a number was given twice"
    if not life.disk_refused:
        assert len(rows) == len(life.committed), "a row has no number"
    last = life.world.outbox.last_numbers()
    for lane in Lane:
        given = [seq for of, seq, _, _ in rows if of == lane.value]
        assert given == list(range(1, last[lane] + 1)), f"{lane.value}: a hole or a turn"
    for one in arrivals(life):
        assert one.seq is not None or life.disk_refused or not one.durable
        if one.seq is not None:
            assert by_number[one.lane, one.seq] == (one.event_id, one.revision)
            assert one.numbering == life.world.outbox.numbering


def assert_age_is_honest(life: Life) -> None:
    for one in arrivals(life):
        if one.age_s is None or one.age_s > 30.0 or one.lane is Lane.HISTORICAL:
            assert one.historical
        elif one.age_s < 30.0:
            assert not one.historical


def assert_events_keep_their_order(life: Life) -> None:
    for receiver in life.receivers:
        last: dict[str, int] = {}
        for event, revision in receiver.firsts():
            assert revision == last.get(event, -1) + 1, f"{receiver.name}: event {event}, revision {revision}"
            last[event] = revision


def arrivals(life: Life) -> list[Alert]:
    return [one for receiver in life.receivers for one in receiver.got]


@pytest.mark.parametrize("seed", range(25))
def test_one_honest_broker_that_comes_and_goes(lives: list[Life], tmp_path: Path, seed: int) -> None:
    life = lived(lives, tmp_path, seed, Troubles(refuses=True, stalls=True))
    assert_nothing_lost(life)
    assert_numbers_are_right(life)
    assert_age_is_honest(life)
    assert_events_keep_their_order(life)


@pytest.mark.parametrize("seed", range(25, 40))
def test_receivers_that_go_and_come_each_by_itself(lives: list[Life], tmp_path: Path, seed: int) -> None:
    life = lived(lives, tmp_path, seed, Troubles(restarts=True), receivers=3)
    assert_nothing_lost(life)
    assert_numbers_are_right(life)
    assert_age_is_honest(life)
    assert_events_keep_their_order(life)


@pytest.mark.parametrize("seed", range(40, 65))
def test_a_broker_that_loses_what_it_acknowledged(lives: list[Life], tmp_path: Path, seed: int) -> None:
    life = lived(lives, tmp_path, seed, Troubles(loses=True, refuses=True, restarts=True), receivers=2)
    assert_nothing_lost(life)
    assert_numbers_are_right(life)
    assert_age_is_honest(life)


@pytest.mark.parametrize("seed", range(65, 95))
def test_two_brokers_and_everything_at_once(lives: list[Life], tmp_path: Path, seed: int) -> None:
    everything = Troubles(stalls=True, refuses=True, loses=True, disk=True, restarts=True, backup=True)
    life = lived(lives, tmp_path, seed, everything, receivers=1 + seed % 3)
    assert_nothing_lost(life)
    assert_numbers_are_right(life)
    assert_age_is_honest(life)


@pytest.mark.parametrize("seed", range(95, 110))
def test_a_disk_that_refuses_in_between(lives: list[Life], tmp_path: Path, seed: int) -> None:
    life = lived(lives, tmp_path, seed, Troubles(disk=True), receivers=1 + seed % 2)
    assert life.disk_refused
    assert_nothing_lost(life)
    assert_numbers_are_right(life)


@pytest.mark.parametrize("seed", range(110, 125))
def test_without_receivers_the_broker_has_everything(lives: list[Life], tmp_path: Path, seed: int) -> None:
    life = lived(lives, tmp_path, seed, Troubles(stalls=True, refuses=True, leaves=False), receivers=0)
    taken = [posted.alert for posted in life.world.took if posted.alert is not None]
    assert {(one.event_id, one.revision) for one in taken} == set(life.committed)
    assert_numbers_are_right(life)
