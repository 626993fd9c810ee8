"""Several sensors of one gateway hear one thing: from their bytes to alerts of one incident."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as changed

import pytest

from firmware_bridge.simulator.scenario import Reboot, Scenario, SensorScript, SoundPlayed
from gateway.contract.encoding import encode
from gateway.contract.instants import utc_seconds, utc_text
from gateway.contract.types import Alert, Clock, Place, Point, replace
from gateway.contract.vocabulary import ClockState, Phase, Priority, Status
from gateway.incident_teller import PersonConfirms
from tests.gateway.incident_world import lon_lat
from tests.support.station_rig import EPOCH_UTC, StationRig, world_of

NAMES = {"SIM-A": "north", "SIM-B": "east", "SIM-C": "south", "SIM-D": "west"}
CORNERS = {"SIM-A": (0.0, 0.0), "SIM-B": (25.0, 0.0), "SIM-C": (0.0, 25.0), "SIM-D": (25.0, 25.0)}


def place(east_m: float, north_m: float) -> Place:
    point = Point(coordinates=lon_lat(east_m, north_m))
    return Place(point=point, zone=None, address=None, cameras=())


def square(*, apart: float = 1.0, serials: tuple[str, ...] = tuple(NAMES)) -> StationRig:
    """apart: how many times 25 m."""
    places = {NAMES[one]: place(*(apart * metres for metres in CORNERS[one])) for one in serials}
    return StationRig({one: NAMES[one] for one in serials}, places=places)


def bangs(
    *sounds: SoundPlayed, serials: tuple[str, ...] = tuple(NAMES), actions: tuple[Reboot, ...] = ()
) -> Scenario:
    sensors = tuple(SensorScript(serial, bed=("street",)) for serial in serials)
    return Scenario("test", 1, 16.0, sensors, sounds, actions)


ONE_BANG = SoundPlayed(5.0, ("bang",), (("SIM-A", 0.0), ("SIM-B", -2.0), ("SIM-C", -3.0), ("SIM-D", -5.0)))


def decided_s(alert: Alert) -> float:
    return utc_seconds(alert.detected_utc) - EPOCH_UTC.timestamp()


def test_a_sound_heard_by_four_sensors_is_one_incident() -> None:
    rig = square()
    rig.play(world_of(bangs(ONE_BANG)))
    alerts = rig.kept.alerts
    assert len({alert.event_id for alert in alerts}) == 4
    assert len({alert.incident_id for alert in alerts}) == 1
    complete = max(alerts, key=lambda alert: len(alert.sensors))
    assert sorted(one.sensor_id for one in complete.sensors) == ["east", "north", "south", "west"]
    assert [one.sensor_id for one in complete.sensors if one.loudest] == ["north"]
    assert sorted(one.arrival or 0 for one in complete.sensors) == [1, 2, 3, 4]
    assert complete.position is not None
    assert complete.position.within_m < 20.0
    for alert in alerts:
        encode(alert)  # raises for what breaks the contract


def test_the_first_alert_is_look_and_the_second_sensor_upgrades_it_within_a_second_of_stream_time() -> None:
    rig = square()
    rig.play(world_of(bangs(ONE_BANG)))
    first, second = (alert for alert in rig.kept.alerts[:2])
    assert (first.phase, first.priority, first.confirmed_by) == (Phase.START, Priority.LOOK, ())
    assert (second.phase, second.priority, second.confirmed_by) == (Phase.START, Priority.GO, ("sensor",))
    upgrade = next(one for one in rig.kept.alerts if one.event_id == first.event_id and one.revision == 1)
    assert (upgrade.phase, upgrade.priority) == (Phase.UPDATE, Priority.GO)
    assert decided_s(upgrade) - decided_s(second) <= 1.0
    assert upgrade.place == first.place


def test_revisions_of_each_event_count_up_by_one_to_one_end() -> None:
    rig = square()
    rig.play(world_of(bangs(ONE_BANG)))
    events = {alert.event_id for alert in rig.kept.alerts}
    for event in events:
        told = [alert for alert in rig.kept.alerts if alert.event_id == event]
        assert [alert.revision for alert in told] == list(range(len(told)))
        assert told[0].phase is Phase.START
        assert [alert.phase for alert in told].count(Phase.END) == 1
        assert told[-1].phase is Phase.END
        assert told[-1].priority is Priority.GO
        go = [alert.priority is Priority.GO for alert in told]
        assert go == sorted(go), "priority never falls"


def test_two_bangs_at_places_far_apart_are_two() -> None:
    """160 m are further than one plain level is trusted, however loud."""
    rig = square(apart=6.5, serials=("SIM-A", "SIM-B"))
    one = SoundPlayed(5.0, ("bang",), (("SIM-A", 0.0), ("SIM-B", 0.0)))
    rig.play(world_of(bangs(one, serials=("SIM-A", "SIM-B"))))
    assert len({alert.incident_id for alert in rig.kept.alerts}) == 2
    assert {alert.priority for alert in rig.kept.alerts} == {Priority.LOOK}
    assert all(alert.position is None and len(alert.sensors) == 1 for alert in rig.kept.alerts)


def test_a_sensor_alone_says_what_it_always_said() -> None:
    rig = square(serials=("SIM-A",))
    rig.play(world_of(bangs(SoundPlayed(5.0, ("bang",), (("SIM-A", 0.0),)), serials=("SIM-A",))))
    start = rig.kept.alerts[0]
    assert start.incident_id == start.event_id
    assert (start.priority, start.confirmed_by, start.incident_aliases) == (Priority.LOOK, (), ())
    assert b'"arrival"' not in encode(start)


def test_a_reboot_in_the_middle_leaves_nothing_open() -> None:
    rig = square()
    rig.play(world_of(bangs(ONE_BANG, actions=(Reboot(6.2, "SIM-A"),))))
    starts = {alert.event_id for alert in rig.kept.alerts}
    ends = [alert.event_id for alert in rig.kept.alerts if alert.phase is Phase.END]
    assert sorted(ends) == sorted(starts)


def open_bang(told: Callable[[StationRig], None] = lambda rig: None) -> StationRig:
    """One sensor's event, still open at 7 s."""
    rig = square(serials=("SIM-A",))
    world = world_of(
        changed(bangs(SoundPlayed(5.0, ("bang",), (("SIM-A", 0.0),)), serials=("SIM-A",)), duration_s=7.0)
    )
    rig.play(world)
    assert [alert.phase for alert in rig.kept.alerts][-1] is not Phase.END
    told(rig)
    return rig


def test_a_person_confirms_an_open_event() -> None:
    rig = open_bang()
    before = rig.kept.alerts[-1]
    rig.station.take("", PersonConfirms(before.event_id))
    rig.station.take("", PersonConfirms(before.event_id))
    (upgrade,) = rig.kept.alerts[rig.kept.alerts.index(before) + 1 :]
    assert (upgrade.phase, upgrade.revision) == (Phase.UPDATE, before.revision + 1)
    assert (upgrade.priority, upgrade.confirmed_by) == (Priority.GO, ("person",))
    rig.station.stop()
    end = rig.kept.alerts[-1]
    assert (end.phase, end.revision, end.priority) == (Phase.END, upgrade.revision + 1, Priority.GO)
    rig.station.take("", PersonConfirms(before.event_id))
    assert rig.kept.alerts[-1] is end, "an end is final"


def neighbours_alert(own: Alert, **changes: object) -> Alert:
    """What a gateway next door says of the same sound, heard 20 m from here."""
    (heard,) = own.sensors
    theirs = replace(
        own,
        gateway="gw-next",
        event_id="0" * 31 + "1",
        incident_id="0" * 31 + "1",
        revision=0,
        phase=Phase.START,
        sensors=(replace(heard, sensor_id="next", serial="AS-next"),),
        place=place(20.0, 0.0),
    )
    return replace(theirs, **changes)


def test_a_neighbouring_gateway_confirms_and_the_smaller_name_wins() -> None:
    rig = open_bang()
    own = rig.kept.alerts[-1]
    rig.station.take("", neighbours_alert(own))
    upgrade = rig.kept.alerts[-1]
    assert (upgrade.event_id, upgrade.revision) == (own.event_id, own.revision + 1)
    assert (upgrade.priority, upgrade.incident_id) == (Priority.GO, "0" * 31 + "1")
    assert upgrade.incident_aliases == (own.incident_id,)
    assert [(one.sensor_id, one.gateway) for one in upgrade.sensors] == [("north", None), ("next", "gw-next")]
    count = len(rig.kept.alerts)
    rig.station.take("", neighbours_alert(own, revision=1, phase=Phase.UPDATE, priority=Priority.GO))
    assert len(rig.kept.alerts) == count, "and what is said already is not said again"


def test_a_neighbour_without_a_clock_is_taken_by_its_arrival() -> None:
    rig = open_bang()
    own = rig.kept.alerts[-1]
    onset_s = utc_seconds(own.sound_onset_utc)
    since_s = rig.clock.now_s + EPOCH_UTC.timestamp() - onset_s
    lost = {
        "clock": Clock(state=ClockState.UNSYNCED, error_ms=None),
        "sound_onset_utc": utc_text(1000.0),
        "last_evidence_utc": utc_text(1000.5),
        "published_utc": utc_text(1000.0 + since_s),
    }
    rig.station.take("", neighbours_alert(own, **lost))
    assert rig.kept.alerts[-1].priority is Priority.GO


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.TEST},
        {"event_class": "test"},
        {"clock": Clock(state=ClockState.UNSYNCED, error_ms=None), "historical": True},
        {"clock": Clock(state=ClockState.HOLDOVER, error_ms=60_000), "published_utc": None},
        {"sound_onset_utc": utc_text(EPOCH_UTC.timestamp() - 60.0), "phase": Phase.END},
        {"place": place(400.0, 0.0)},
        {"sensors": ()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_a_neighbour_says_of_something_else_changes_nothing(changes: dict[str, object]) -> None:
    rig = open_bang()
    before = list(rig.kept.alerts)
    rig.station.take("", neighbours_alert(before[-1], **changes))
    assert rig.kept.alerts == before


def test_after_a_restart_what_goes_on_at_the_same_place_is_the_same_incident() -> None:
    before = open_bang().kept.alerts[-1]
    ended = replace(before, phase=Phase.END, end_reason="gateway_restarted", priority=Priority.GO)
    rig = square()
    rig.station.incidents.recall([ended])
    rig.play(world_of(bangs(SoundPlayed(6.0, ("bang",), (("SIM-A", 0.0), ("SIM-D", 0.0))))))
    by_sensor = {alert.sensors[0].sensor_id: alert for alert in rig.kept.alerts}
    assert by_sensor["north"].incident_id == before.incident_id
    assert by_sensor["north"].priority is Priority.GO
    assert {alert.incident_id for alert in rig.kept.alerts} == {before.incident_id}
    assert all(one.gateway is None for alert in rig.kept.alerts for one in alert.sensors)
