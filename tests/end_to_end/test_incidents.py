"""Two gateways on one square, each a process with a sensor of its own, on a real mosquitto: one incident."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from control_room.notices import Arrival, ConfirmAnswered, Notice
from control_room.receiver import Receiver
from control_room.watcher import Watcher
from gateway.contract.vocabulary import Phase, Priority
from tests.end_to_end.test_first_alert import bangs, simulated, state
from tests.support.broker import HOST, MosquittoBroker
from tests.support.gateway_process import LOUD_RULE, GatewayProcess, settings_text
from tests.support.mqtt_witness import Witness
from tests.support.waiting import Collector

NEXT_DOOR = {"gw-1": "SIM-A", "gw-2": "SIM-B"}
PLACES = {"gw-1": (52.3791, 4.8994), "gw-2": (52.3791, 4.8997)}  # 20 m apart
LONG_RULE = LOUD_RULE.replace("hold_s = 2.0", "hold_s = 8.0")


@pytest.fixture
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as running:
        yield running


def gateway(
    folder: Path, ports: Path, broker: MosquittoBroker, name: str, *, neighbours: bool
) -> GatewayProcess:
    """Its sensor's port appears in `ports`, its own files lie in a folder of its own."""
    own = folder / name
    own.mkdir()
    serial, (lat, lon) = NEXT_DOOR[name], PLACES[name]
    listens = [other for other in NEXT_DOOR if other != name] if neighbours else []
    text = settings_text(
        ports,
        broker.port,
        [serial],
        model="none",
        more=f"[incidents]\nneighbours = {json.dumps(listens)}\n{LONG_RULE}",
        delivery='receivers = ["room"]\ntest_alert_every_h = 0',
    )
    text = text.replace('id = "gw"', f'id = "{name}"').replace(f'"{ports}/data"', f'"{own}/data"')
    return GatewayProcess(own, f"{text}[sensor.place]\nlat_deg = {lat}\nlon_deg = {lon}\n")


@contextmanager
def square(tmp_path: Path, broker: MosquittoBroker, *, neighbours: bool) -> Iterator[Path]:
    """Both gateways run and both sensors stream; the bang comes when it comes."""
    ports = tmp_path / "ports"
    ports.mkdir()
    one, other = (gateway(tmp_path, ports, broker, name, neighbours=neighbours) for name in NEXT_DOOR)
    with (
        simulated(ports, bangs(12.0, serials=tuple(NEXT_DOOR.values()))),
        Witness(broker.port) as witness,
        one,
        other,
    ):
        for serial in NEXT_DOOR.values():
            ending = f"/{serial.lower()}/availability"
            witness.seen.first(lambda seen, ending=ending: state(seen, ending, "online"), ending)
        yield tmp_path


class Room:
    def __init__(self, store: Path, broker: MosquittoBroker) -> None:
        self.arrivals: Collector[Arrival] = Collector()
        self.notices: Collector[Notice] = Collector()
        self.receiver = Receiver(
            f"mqtt://{HOST}:{broker.port}", "room", store, self.arrivals.add, on_notice=self.notices.add
        )


def starts(arrivals: list[Arrival]) -> list[Arrival]:
    return [one for one in arrivals if one.alert.phase is Phase.START]


def latest(arrivals: list[Arrival]) -> dict[str, Arrival]:
    return {one.alert.gateway: one for one in arrivals}


def test_gateways_that_do_not_hear_each_other_are_one_incident_at_the_receiver(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    room = Room(tmp_path / "room.db", broker)
    out = io.StringIO()
    watcher = Watcher(f"mqtt://{HOST}:{broker.port}", "nl", out)
    with room.receiver:
        watcher.start()
        with square(tmp_path, broker, neighbours=False):
            both = room.arrivals.wait_for(lambda seen: len(starts(seen)) == 2, "both starts")
            assert watcher.wait(lambda seen: seen.starts == 2, 30.0)
            first, second = starts(both)
            assert first.incident is not None
            assert second.incident is not None
            assert first.alert.incident_id != second.alert.incident_id, "they know nothing of each other"
            assert {one.alert.priority for one in both} == {Priority.LOOK}
            incident = second.incident.incident
            assert incident.gateways == (first.alert.gateway, second.alert.gateway)
            assert (incident.priority, second.incident.worse) == (Priority.GO, True)
            assert incident.sensors == (("gw-1", "sim-a"), ("gw-2", "sim-b"))
            _confirm(room, incident)
        watcher.stop()
    assert "GAAN (een tweede sensor), incident" in out.getvalue()
    assert "2 sensoren, 2 gateways" in out.getvalue()


def _confirm(room: Room, incident: Any) -> None:
    """A person confirms: both gateways say so, each in a revision of its own event."""
    room.receiver.confirm(incident)
    room.notices.wait_for(
        lambda notices: sum(isinstance(one, ConfirmAnswered) and one.accepted for one in notices) == 2,
        "both gateways' answers",
    )
    room.arrivals.wait_for(
        lambda seen: {one.alert.confirmed_by for one in latest(seen).values()} == {("person",)},
        "both confirmed revisions",
    )


def test_gateways_that_listen_to_each_other_agree_on_one_name_and_on_go(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    room = Room(tmp_path / "room.db", broker)
    with room.receiver, square(tmp_path, broker, neighbours=True):

        def agreed(seen: list[Arrival]) -> bool:
            last = [one.alert for one in latest(seen).values()]
            return (
                len(last) == 2
                and len({one.incident_id for one in last}) == 1
                and {one.priority for one in last} == {Priority.GO}
            )

        seen = room.arrivals.wait_for(agreed, "one name, go")
        names = {one.alert.event_id for one in seen}
        final = latest(seen)
        assert {one.alert.incident_id for one in final.values()} == {min(names)}, "the smallest of both"
        renamed = next(one.alert for one in final.values() if one.alert.event_id != min(names))
        assert renamed.event_id in renamed.incident_aliases or renamed.revision == 0
        for told in (one.alert for one in final.values()):
            others = {sensor.gateway for sensor in told.sensors} - {None}
            assert others == set(NEXT_DOOR) - {told.gateway}, "each lists the other's sensor"
        incident = seen[-1].incident
        assert incident is not None
        assert len(incident.incident.events) == 2
