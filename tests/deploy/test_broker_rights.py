"""The rights on the page of installation, tried on a real broker: enough for both sides, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import MosquittoBroker
from tests.support.mqtt_witness import Witness

NEIGHBOUR = """user gw-2
topic write aggression/v1/stationsplein/gw-2/#
"""
"""What the page says of gw-1, for the one next door."""
PAGE = (Path(__file__).parents[2] / "deploy" / "README.md").read_text(encoding="utf-8")
BASE = "aggression/v1/stationsplein/gw-1"
PASSWORDS = {"gw-1": "one", "meldkamer": "two", "gw-2": "three"}


def rights() -> str:
    """The indented lines of the page that are an access list."""
    return "\n".join(re.findall(r"^ +((?:user|topic) .*)$", PAGE, re.MULTILINE)) + "\n"


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker(users=PASSWORDS, acl=rights() + NEIGHBOUR) as running:
        yield running


def login(broker: MosquittoBroker, name: str, topic: str) -> Witness:
    return Witness(broker.port, topic, username=name, password=PASSWORDS[name])


def test_the_page_has_rights_for_a_gateway_and_a_receiver() -> None:
    assert re.findall(r"user (\S+)", rights()) == ["gw-1", "meldkamer", "gw-1"]


def test_alerts_go_up_and_receipts_and_requests_come_down(broker: MosquittoBroker) -> None:
    with login(broker, "meldkamer", "aggression/v1/#") as room, login(broker, "gw-1", f"{BASE}/#") as gateway:
        for topic in ("event/shout", "heartbeat", "response/open", "record/level"):
            gateway.publish(f"{BASE}/{topic}", b"up")
            room.seen.first(lambda seen, topic=topic: seen.topic == f"{BASE}/{topic}", topic)  # type: ignore[misc]
        for topic in ("receipt", "request/resend"):
            room.publish(f"{BASE}/{topic}", b"down")
            gateway.seen.first(lambda seen, topic=topic: seen.topic == f"{BASE}/{topic}", topic)  # type: ignore[misc]


def test_nobody_else_may_confirm_and_no_gateway_may_speak_for_another(broker: MosquittoBroker) -> None:
    with (
        login(broker, "meldkamer", "aggression/v1/#") as room,
        login(broker, "gw-1", f"{BASE}/#") as gateway,
        login(broker, "gw-2", "#") as stranger,
    ):
        stranger.publish(f"{BASE}/receipt", b"forged")
        gateway.publish("aggression/v1/stationsplein/gw-2/event/shout", b"forged")
        room.publish(f"{BASE}/event/shout", b"forged")
        room.publish(f"{BASE}/receipt", b"real")
        gateway.publish(f"{BASE}/event/scream", b"real")
        room.seen.first(lambda seen: seen.topic.endswith("event/scream"), "the gateway's own alert")
        gateway.seen.first(lambda seen: seen.payload == b"real", "the receiver's receipt")
        everything = (*room.seen.items, *gateway.seen.items, *stranger.seen.items)
        assert not [seen for seen in everything if seen.payload == b"forged"]


def test_a_gateway_hears_its_neighbours_events_and_nothing_else_of_theirs(broker: MosquittoBroker) -> None:
    with (
        login(broker, "meldkamer", "nothing") as room,
        login(broker, "gw-1", "aggression/v1/#") as gateway,
        login(broker, "gw-2", "nothing") as neighbour,
    ):
        next_door = "aggression/v1/stationsplein/gw-2"
        for topic in ("status", "heartbeat", "health", "event/shout"):
            neighbour.publish(f"{next_door}/{topic}", b"theirs")
        room.publish(f"{next_door}/request/confirm", b"theirs")
        gateway.publish(f"{next_door}/event/scream", b"forged")
        neighbour.publish(f"{next_door}/event/gunshot", b"last")
        gateway.seen.first(lambda seen: seen.payload == b"last", "the neighbour's event")
        assert [seen.topic for seen in gateway.seen.items] == [
            f"{next_door}/event/shout",
            f"{next_door}/event/gunshot",
        ]
