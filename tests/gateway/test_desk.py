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
from gateway.contract.examples import GATEWAY_HEALTH
from gateway.contract.types import Alert, DeliveryHealth, Text
from gateway.contract.vocabulary import Phase
from gateway.delivery.outbox import Outbox, OutboxRow
from gateway.delivery.path_faults import PathFault
from gateway.desk import Desk
from gateway.supervision.shown_file import ShownFile
from gateway.supervision.shown_sensors import GONE_FOR_GOOD_S, ShownSensors
from tests.gateway.test_station import A, scenario
from tests.support.alerts import alert
from tests.support.station_rig import StationRig, WorldClock, world_of

IDENTITY = GatewayIdentity("harbour", "gw-1", "boot-2", "1.0")


@dataclass
class Sink:
    """A publisher that keeps what it is given."""

    states: dict[str, bytes] = field(default_factory=dict)
    records: list[tuple[str, bytes]] = field(default_factory=list)
    unstored: list[Alert] = field(default_factory=list)
    faults: tuple[PathFault, ...] = ()
    health: DeliveryHealth | None = None
    woken: int = 0

    def put_state(self, topic: str, payload: bytes) -> bool:
        self.states[topic] = payload
        return True

    def put_record(self, topic: str, payload: bytes) -> bool:
        self.records.append((topic, payload))
        return True

    def put_unstored(self, alert: Alert) -> bool:
        self.unstored.append(alert)
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


def committed(outbox: Outbox) -> list[OutboxRow]:
    """Every row, in order of commit."""
    rows = [outbox.row(key.row_id) for key in outbox.unnumbered(0, 1000)]
    return [row for row in rows if row is not None]


def test_an_alert_is_committed_and_the_publisher_woken(outbox: Outbox) -> None:
    sink = Sink()
    desk = desk_of(outbox, sink)
    desk.alert(alert(1))
    desk.alert(alert(1))  # the same revision again, as after a crash
    assert [row.event_id for row in committed(outbox)] == [alert(1).event_id]
    assert (sink.woken, desk.alerts_committed) == (1, 1)
    assert sink.unstored == []


def test_a_row_keeps_the_instant_at_which_it_was_made(outbox: Outbox) -> None:
    clock = WorldClock()
    clock.now_s = 1234.5
    desk_of(outbox, Sink(), clock).alert(alert(1))
    (row,) = committed(outbox)
    assert (row.boot_id, row.monotonic_s) == ("test-boot", 1234.5)
    assert row.utc_offset_s + row.monotonic_s == pytest.approx(clock.utc().timestamp())


def test_faults_and_state_of_the_path_stand_in_the_health(outbox: Outbox) -> None:
    clock = WorldClock()
    clock.now_s = 100.0
    sink = Sink()
    desk, station = desk_of(outbox, sink, clock), StationRig({}, clock=clock).station
    desk.tick(station, 100.0)
    sink.health = GATEWAY_HEALTH.delivery
    silent = Text(en="no answer from desk", nl="geen antwoord van desk")
    sink.faults = (PathFault("receiver_silent", "desk", 90.0, silent),)
    desk.tick(station, 100.25)
    health = sink.state("/health")
    assert health["faults"] == [
        {
            "code": "receiver_silent",
            "where": "desk",
            "since_utc": "2026-03-14T22:01:30.000Z",
            "message": {"en": "no answer from desk", "nl": "geen antwoord van desk"},
        }
    ]
    assert health["delivery"]["receivers"][0]["receiver"] == "meldkamer"
    sink.states.clear()
    sink.faults = (PathFault("receiver_silent", "desk", 90.1, silent),)  # the same fault is no news
    desk.tick(station, 100.5)
    assert sink.states == {}


def test_a_full_disk_keeps_alerts_in_order_and_says_so_until_there_is_room(outbox: Outbox) -> None:
    sink = Sink()
    desk = desk_of(outbox, sink)
    station = StationRig({}).station
    fill(outbox)
    many = [alert(number) for number in range(60)]
    for one in many:
        desk.alert(one)
    stored = len(committed(outbox))
    assert stored < len(many)
    desk.tick(station, 1.0)
    health = sink.state("/health")
    assert [fault["code"] for fault in health["faults"]] == ["outbox_failed"]
    assert "full" in health["faults"][0]["message"]["en"]
    assert health["counters"]["alerts_waiting_for_disk"] == len(many) - stored
    assert sink.unstored == many[stored:], "what is not stored leaves all the same, each once"
    make_room(outbox)
    desk.tick(station, 2.0)
    assert [row.event_id for row in committed(outbox)] == [one.event_id for one in many]
    assert sink.state("/health")["faults"] == []


def test_orphans_of_a_crash_are_ended_once(outbox: Outbox) -> None:
    desk = desk_of(outbox, Sink())
    desk.alert(alert(1))
    desk.alert(alert(2))
    desk.alert(alert(2, 1, Phase.END))
    again = desk_of(outbox, Sink())
    assert len(again.close_orphans()) == 1
    assert again.close_orphans() == []
    ended = decode(committed(outbox)[-1].alert_json, Alert)
    assert isinstance(ended, Alert)
    assert (ended.event_id, ended.revision, ended.end_reason) == (alert(1).event_id, 1, "gateway_restarted")
    assert ended.boot_id == "boot-2"


def test_an_unreadable_stored_alert_does_not_stop_the_start(outbox: Outbox) -> None:
    outbox.commit(b"{}", "0" * 32, 0, "aggression/v1/harbour/gw-1/event/shout", "start")
    desk = desk_of(outbox, Sink())
    assert desk.close_orphans() == []
    assert len(committed(outbox)) == 1


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
    history = [json.loads(p)["state"] for t, p in sink.records if t.endswith("/record/availability")]
    assert history[:2] == ["offline", "online"]
    assert sink.state("/sensor/north/health")["supply_mv"]
    assert sink.state("/sensor/north/level")["laeq_db"] == pytest.approx(90, abs=12)
    health = sink.state("/gw-1/health")
    assert health["counters"]["frames_dropped"] == 3
    assert 0.3 < health["coverage"] < 0.7  # 20 s heard of 51
    assert committed(outbox)


def test_levels_of_five_minutes_are_kept_for_a_time_without_a_path(outbox: Outbox) -> None:
    sink, clock = Sink(), WorldClock()
    desk = desk_of(outbox, sink, clock)
    rig = StationRig({A: "north"}, outlets=desk, clock=clock)
    rig.play(world_of(scenario()))
    for at_s in (30.0, 290.0, 300.5, 330.0):
        clock.now_s = at_s
        desk.tick(rig.station, at_s)
    (report,) = [json.loads(p) for t, p in sink.records if t.endswith("/record/level")]
    assert report["period_s"] == 300.5
    (level,) = report["sensors"]
    assert (level["sensor_id"], level["laeq_db"]) == ("north", pytest.approx(90, abs=12))


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


class TestRetired:
    """What is over is taken off the brokers."""

    def desk(self, outbox: Outbox, sink: Sink, folder: Path, serial_of: dict[str, str]) -> Desk:
        file = ShownFile(folder, "aggression/v1/harbour/gw-1")
        return Desk(
            IDENTITY,
            outbox,
            sink,
            AlertFactory("harbour", "gw-1", "boot-2"),
            WorldClock(),
            counters_of=lambda port: None,
            more_counters=dict,
            shown=ShownSensors(serial_of, file.read()),
            shown_file=file,
        )

    def test_a_sensor_that_left_the_settings_loses_all_its_topics(
        self, outbox: Outbox, tmp_path: Path
    ) -> None:
        for bound in ({A: "north", "SIM-B": "south"}, {A: "north"}):
            sink = Sink()
            desk = self.desk(outbox, sink, tmp_path, {place: serial for serial, place in bound.items()})
            rig = StationRig(bound, outlets=desk)
            rig.play(world_of(scenario(duration_s=3.0)))
            desk.tick(rig.station, 20.0)
        wiped = {topic for topic, payload in sink.states.items() if not payload}
        base = "aggression/v1/harbour/gw-1/sensor/south"
        assert wiped == {f"{base}/availability", f"{base}/level", f"{base}/health"}
        assert sink.state("sensor/north/availability")["state"] == "online"

    def test_one_without_a_place_that_is_gone_for_good(self, outbox: Outbox, tmp_path: Path) -> None:
        sink = Sink()
        desk = self.desk(outbox, sink, tmp_path, {})
        rig = StationRig({}, outlets=desk)
        rig.play(world_of(scenario(duration_s=3.0)))
        for event in rig.links[A].closed("unplugged", 3.0):
            rig.station.take(A, event)
        topic = f"aggression/v1/harbour/gw-1/sensor/unbound-{A}/availability"
        desk.tick(rig.station, GONE_FOR_GOOD_S - 1.0)
        assert sink.states[topic]
        desk.tick(rig.station, GONE_FOR_GOOD_S + 10.0)
        assert sink.states[topic] == b""
        assert f"unbound-{A}" not in rig.station.sightings

    def test_it_is_remembered_before_it_is_shown(self, outbox: Outbox, tmp_path: Path) -> None:
        class Checking(Sink):
            def put_state(self, topic: str, payload: bytes) -> bool:
                sensor_id = topic.split("/sensor/")[1].split("/")[0]
                assert sensor_id in ShownFile(tmp_path, "aggression/v1/harbour/gw-1").read()
                return super().put_state(topic, payload)

        sink = Checking()
        rig = StationRig({}, outlets=self.desk(outbox, sink, tmp_path, {}))
        rig.play(world_of(scenario(duration_s=3.0)))
        assert sink.states
