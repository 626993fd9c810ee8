"""Two brokers, two sets of retained states, one picture."""

from __future__ import annotations

import pytest

from control_room import states as states_module
from control_room.changes import Change, GatewayChange, Ignored, SensorChange, SensorRemoved
from control_room.line import Message
from control_room.states import States
from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_HEALTH, GATEWAY_STATUS, SENSOR_AVAILABILITY
from gateway.contract.topics import parse_topic
from gateway.contract.types import GatewayStatus, SensorAvailability, replace
from gateway.contract.vocabulary import Presence, SensorState
from tests.support.alerts import TOPICS

NORTH = TOPICS.sensor_availability("square-north")
GONE = replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="connection_lost", since_utc=None)
DEAF = replace(SENSOR_AVAILABILITY, state=SensorState.OFFLINE, reason="silent")


class Picture:
    def __init__(self) -> None:
        self.states = States(("primary", "backup"))

    def tell(self, path: str, payload: GatewayStatus | SensorAvailability | None) -> list[Change]:
        topic = TOPICS.status if isinstance(payload, GatewayStatus) else NORTH
        raw = b"" if payload is None else encode(payload)
        told = self.states.apply(parse_topic(topic), Message(topic, raw, True, path))
        return [change for change, _ in told if not isinstance(change, Ignored)]

    @property
    def gateway(self) -> GatewayStatus | None:
        return self.states.view.gateway("harbour", "gw-1")

    @property
    def sensor(self) -> SensorAvailability | None:
        return self.states.view.sensor("harbour", "gw-1", "square-north")


def test_one_line_is_as_it_was() -> None:
    picture = Picture()
    assert picture.tell("primary", GATEWAY_STATUS) == [GatewayChange(GATEWAY_STATUS, 0)]
    assert picture.tell("primary", SENSOR_AVAILABILITY) == [SensorChange(SENSOR_AVAILABILITY)]
    assert picture.tell("primary", GONE) == [GatewayChange(GONE, 1)]
    assert picture.tell("primary", None) == [SensorRemoved("harbour", "gw-1", "square-north")]


def test_the_same_by_both_lines_is_told_once() -> None:
    picture = Picture()
    told = [picture.tell(path, one) for one in (GATEWAY_STATUS, DEAF) for path in ("primary", "backup")]
    assert [len(changes) for changes in told] == [1, 0, 1, 0]


def test_a_gateway_is_gone_only_when_it_is_gone_on_every_line() -> None:
    picture = Picture()
    for path in ("primary", "backup"):
        picture.tell(path, GATEWAY_STATUS)
    assert picture.tell("primary", GONE) == []
    assert picture.gateway == GATEWAY_STATUS
    assert picture.tell("backup", GONE) == [GatewayChange(GONE, 0)]
    assert picture.tell("backup", GATEWAY_STATUS) == [GatewayChange(GATEWAY_STATUS, 0)]


def test_sensors_are_as_they_stand_where_the_gateway_is_present() -> None:
    picture = Picture()
    for path in ("primary", "backup"):
        picture.tell(path, GATEWAY_STATUS)
        picture.tell(path, SENSOR_AVAILABILITY)
    assert picture.tell("primary", GONE) == []
    assert picture.tell("primary", SENSOR_AVAILABILITY) == []  # as it was when that way broke
    assert picture.tell("backup", DEAF) == [SensorChange(DEAF)]
    assert picture.sensor == DEAF
    assert picture.tell("primary", GATEWAY_STATUS) == [SensorChange(SENSOR_AVAILABILITY)]


def test_what_another_line_knows_better_is_told_when_it_takes_over() -> None:
    picture = Picture()
    for path in ("primary", "backup"):
        picture.tell(path, GATEWAY_STATUS)
    picture.tell("primary", SENSOR_AVAILABILITY)
    assert picture.tell("backup", DEAF) == []
    assert picture.tell("primary", GONE) == [SensorChange(DEAF)]


def test_a_line_that_broke_hands_over_to_the_other() -> None:
    picture = Picture()
    for path in ("primary", "backup"):
        picture.tell(path, GATEWAY_STATUS)
    picture.tell("primary", SENSOR_AVAILABILITY)
    picture.tell("backup", DEAF)
    assert [change for change, _ in picture.states.line_lost("primary")] == [SensorChange(DEAF)]
    assert picture.states.line_lost("backup") == []  # nobody knows better: as it was
    assert picture.gateway == GATEWAY_STATUS


def test_faults_are_of_the_leading_line_too() -> None:
    states = States(("primary", "backup"))
    topic = parse_topic(TOPICS.health)
    for path in ("primary", "backup"):
        message = Message(TOPICS.status, encode(GATEWAY_STATUS), True, path)
        states.apply(parse_topic(TOPICS.status), message)
    calm = replace(GATEWAY_HEALTH, faults=())
    states.apply(topic, Message(TOPICS.health, encode(calm), True, "primary"))
    told = states.apply(topic, Message(TOPICS.health, encode(GATEWAY_HEALTH), True, "backup"))
    assert [change for change, _ in told] == [Ignored.SAME_STATE]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_module, "MOST_TOPICS", 3)
    states = States(("primary",))
    for number in range(9):
        topic = TOPICS.sensor_availability(f"s{number}")
        raw = encode(replace(SENSOR_AVAILABILITY, sensor_id=f"s{number}"))
        states.apply(parse_topic(topic), Message(topic, raw, True, "primary"))
    assert sum(map(len, states._latest["primary"].values())) == 3
