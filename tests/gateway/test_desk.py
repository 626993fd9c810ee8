"""The desk: commits, faults of the disk, orphans, and what the retained messages say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.port_states import PortChanged, PortState
from gateway.alerts import AlertFactory
from gateway.announcements import GatewayIdentity
from gateway.contract.encoding import decode, encode
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Phase
from gateway.delivery.outbox import Outbox
from gateway.desk import Desk
from tests.gateway.test_station import A, scenario
from tests.support.alerts import alert
from tests.support.station_rig import StationRig, WorldClock, world_of

IDENTITY = GatewayIdentity("harbour", "gw-1", "boot-2", "1.0")


@dataclass
class Sink:
    """A publisher that keeps what it is given."""

    states: dict[str, bytes] = field(default_factory=dict)
    woken: int = 0

    def put_state(self, topic: str, payload: bytes) -> bool:
        self.states[topic] = payload
        return True

    def wake(self) -> None:
        self.woken += 1

    def state(self, ending: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(next(p for t, p in self.states.items() if t.endswith(ending)))
        return found


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


def desk_of(outbox: Outbox, sink: Sink, clock: WorldClock | None = None) -> Desk:
    return Desk(
        IDENTITY,
        outbox,
        sink,
        AlertFactory("harbour", "gw-1", "boot-2"),
        clock or WorldClock(),
        counters_of=lambda port: None,
        more_counters=lambda: {"frames_dropped": 3},
    )


def fill(outbox: Outbox) -> None:
    """Let the database refuse to grow, as a full disk does."""
    (pages,) = outbox._connection.execute("PRAGMA page_count").fetchone()
    outbox._connection.execute(f"PRAGMA max_page_count = {pages}")


def make_room(outbox: Outbox) -> None:
    outbox._connection.execute("PRAGMA max_page_count = 1000000")


def test_an_alert_is_committed_and_the_publisher_woken(outbox: Outbox) -> None:
    sink = Sink()
    desk = desk_of(outbox, sink)
    desk.alert(alert(1))
    desk.alert(alert(1))  # the same revision again, as after a crash
    assert [row.event_id for row in outbox.unsent(10)] == [alert(1).event_id]
    assert (sink.woken, desk.alerts_committed) == (1, 1)


def test_a_full_disk_keeps_alerts_in_order_and_says_so_until_there_is_room(outbox: Outbox) -> None:
    sink = Sink()
    desk = desk_of(outbox, sink)
    station = StationRig({}).station
    fill(outbox)
    many = [alert(number) for number in range(60)]
    for one in many:
        desk.alert(one)
    stored = len(outbox.unsent(1000))
    assert stored < len(many)
    desk.tick(station, 1.0)
    health = sink.state("/health")
    assert [fault["code"] for fault in health["faults"]] == ["outbox_failed"]
    assert "full" in health["faults"][0]["message"]["en"]
    assert health["counters"]["alerts_waiting_for_disk"] == len(many) - stored
    make_room(outbox)
    desk.tick(station, 2.0)
    assert [row.event_id for row in outbox.unsent(1000)] == [one.event_id for one in many]
    assert sink.state("/health")["faults"] == []


def test_orphans_of_a_crash_are_ended_once(outbox: Outbox) -> None:
    desk = desk_of(outbox, Sink())
    desk.alert(alert(1))
    desk.alert(alert(2))
    desk.alert(alert(2, 1, Phase.END))
    again = desk_of(outbox, Sink())
    assert again.close_orphans() == 1
    assert again.close_orphans() == 0
    ended = decode(outbox.unsent(10)[-1].alert_json, Alert)
    assert isinstance(ended, Alert)
    assert (ended.event_id, ended.revision, ended.end_reason) == (alert(1).event_id, 1, "gateway_restarted")
    assert ended.boot_id == "boot-2"


def test_an_unreadable_stored_alert_does_not_stop_the_start(outbox: Outbox) -> None:
    outbox.commit(b"{}", "0" * 32, 0, "aggression/v1/harbour/gw-1/event/shout", "start")
    desk = desk_of(outbox, Sink())
    assert desk.close_orphans() == 1
    assert len(outbox.unsent(10)) == 1


def test_the_retained_states_keep_the_contract(outbox: Outbox) -> None:
    """Each is encoded by the contract's own encoder, which refuses what breaks it."""
    sink = Sink()
    clock = WorldClock()
    desk = desk_of(outbox, sink, clock)
    rig = StationRig({A: "north"}, outlets=desk, clock=clock)
    rig.play(world_of(scenario()))
    desk.tick(rig.station, rig.clock.monotonic_s())
    rig.clock.now_s += 31.0
    desk.tick(rig.station, rig.clock.monotonic_s())
    assert sink.state("/sensor/north/availability")["state"] == "online"
    assert sink.state("/sensor/north/health")["supply_mv"]
    assert sink.state("/sensor/north/level")["laeq_db"] == pytest.approx(90, abs=12)
    health = sink.state("/gw-1/health")
    assert health["counters"]["frames_dropped"] == 3
    assert 0.3 < health["coverage"] < 0.7  # 20 s heard of 51
    assert outbox.unsent(10)


def test_a_port_that_cannot_be_used_is_a_fault_until_it_can(outbox: Outbox) -> None:
    sink = Sink()
    rig = StationRig({})
    desk, station = desk_of(outbox, sink, rig.clock), rig.station
    station.take("/dev/x", PortChanged("/dev/x", PortState.DENIED, "EACCES", 0.0))
    desk.tick(station, 0.1)
    assert sink.state("/health")["faults"] == []  # may be over in a moment
    rig.clock.now_s = 1.5
    desk.tick(station, 1.5)
    fault = sink.state("/health")["faults"][0]
    assert (fault["code"], fault["where"]) == ("port_denied", "/dev/x")
    assert "dialout" in fault["message"]["nl"]
    station.take("/dev/x", PortChanged("/dev/x", PortState.OPEN, "", 1.6))
    desk.tick(station, 1.7)
    assert sink.state("/health")["faults"] == []


def test_encoding_refuses_what_breaks_the_contract() -> None:
    with pytest.raises(ValueError, match="breaks the contract"):
        encode(alert(1, laeq_db=float("inf")))
