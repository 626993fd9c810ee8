"""The station: from simulated sensors' bytes to alerts, availability and coverage, without threads."""

from __future__ import annotations

import pytest

from firmware_bridge.events import LinkChanged, LinkState, LostReason, RefusedReason, SensorRefused
from firmware_bridge.simulator.scenario import (
    Faults,
    Plug,
    Reboot,
    Scenario,
    SensorScript,
    SoundPlayed,
    Stall,
    Unplug,
    WrongBaud,
)
from gateway.calibration.applied import AppliedCalibration
from gateway.contract.encoding import encode
from gateway.contract.instants import utc_seconds
from gateway.contract.words import REASON_WORDS
from tests.support.station_rig import EPOCH_UTC, StationRig, world_of

A, B = "SIM-A", "SIM-B"


def scenario(
    *actions: object, sensors: tuple[str, ...] = (A,), duration_s: float = 20.0, bang_s: float = 5.0
) -> Scenario:
    return Scenario(
        name="test",
        seed=1,
        duration_s=duration_s,
        sensors=tuple(SensorScript(serial, bed=("street",)) for serial in sensors),
        sounds=(SoundPlayed(bang_s, ("bang",), (("*", 0.0),)),),
        actions=actions,  # type: ignore[arg-type]
    )


def phases(rig: StationRig) -> list[str]:
    return [alert.phase.value for alert in rig.kept.alerts]


def test_a_loud_sound_is_raised_and_cleared_as_one_event() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario()))
    assert phases(rig)[0] == "start"
    assert phases(rig)[-1] == "end"
    assert len({alert.event_id for alert in rig.kept.alerts}) == 1
    assert [alert.revision for alert in rig.kept.alerts] == list(range(len(rig.kept.alerts)))
    assert rig.kept.alerts[-1].end_reason == "cleared"
    start = rig.kept.alerts[0]
    assert start.event_class == "loud"
    assert start.laeq_db == pytest.approx(100.0, abs=0.5)
    assert start.calibrated is False
    assert start.mode.value == "level_only"
    for number, alert in enumerate(rig.kept.alerts):
        encode(alert)  # raises for what breaks the contract
        assert alert.sensors[0].sensor_id == "north", number


def test_the_onset_lies_at_the_sound_in_utc() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario()))
    onset_s = utc_seconds(rig.kept.alerts[0].sound_onset_utc) - EPOCH_UTC.timestamp()
    assert onset_s == pytest.approx(5.0, abs=0.15)


def test_a_bound_place_is_shown_as_unseen_before_its_sensor_speaks() -> None:
    rig = StationRig({A: "north", B: "south"})
    rig.play(world_of(scenario()))
    assert rig.kept.states("south") == [("offline", "not_seen")]
    assert rig.kept.states("north") == [("offline", "not_seen"), ("online", None)]


def test_an_unbound_sensor_is_shown_with_health_and_raises_nothing() -> None:
    rig = StationRig({})
    rig.play(world_of(scenario()))
    assert rig.kept.alerts == []
    assert rig.kept.states(f"unbound-{A}") == [("unbound", None)]
    assert rig.kept.healths
    assert rig.kept.healths[0][0].sensor_id == f"unbound-{A}"


def test_a_disabled_sensor_is_shown_and_raises_nothing() -> None:
    rig = StationRig({A: "north"}, enabled=False)
    rig.play(world_of(scenario()))
    assert rig.kept.alerts == []
    assert rig.kept.states("north")[-1] == ("refused", "disabled")


@pytest.mark.parametrize(
    ("action", "reason", "state"),
    [
        (Unplug(6.0, A), "sensor_lost", ("offline", "port_closed")),
        (Stall(6.0, A, 12.0), "sensor_lost", ("offline", "silent")),
        (WrongBaud(6.0, A, 12.0), "sensor_lost", ("offline", "garbled")),
    ],
)
def test_losing_the_sensor_ends_its_open_event(action: object, reason: str, state: tuple[str, str]) -> None:
    rig = StationRig({A: "north"})
    world = world_of(scenario(action, duration_s=18.0))
    rig.play(world)
    rig.clock.now_s = 18.0
    for port, link in rig.links.items():
        for event in link.tick(18.0):
            rig.station.take(port, event)
    assert rig.kept.alerts[-1].phase.value == "end"
    assert rig.kept.alerts[-1].end_reason == reason
    assert rig.kept.states("north")[-1] == state


def test_a_reboot_ends_the_open_event_and_the_sensor_is_back_at_once() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario(Reboot(6.0, A))))
    ends = [alert.end_reason for alert in rig.kept.alerts if alert.phase.value == "end"]
    assert ends[0] == "sensor_rebooted"
    assert rig.kept.states("north")[-1] == ("online", None)
    epochs = {alert.sensors[0].boot_epoch for alert in rig.kept.alerts}
    assert min(epochs) == 7


def test_a_sensor_keeps_its_place_at_a_port_of_another_name() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario(Unplug(1.0, A), Plug(2.0, A, port="other-port"))))
    assert set(rig.links) == {A, "other-port"}
    assert rig.kept.states("north")[-1] == ("online", None)
    assert phases(rig)[0] == "start"


def test_of_two_with_one_serial_the_first_stays_and_both_are_shown() -> None:
    rig = StationRig({A: "north"})
    first, copy = world_of(scenario()), world_of(scenario(), epoch=9)
    rig.play(first)
    alerts_of_one = len(rig.kept.alerts)
    copy_rig_port = "copy-port"
    link = type(rig.links[A])((1,))
    for event in link.opened(20.0):
        rig.station.take(copy_rig_port, event)
    for sent in copy.advance(10.0):
        if hasattr(sent, "data"):
            for event in link.feed(sent.data, 20.0 + sent.t_s):
                rig.station.take(copy_rig_port, event)
    assert len(rig.kept.alerts) == alerts_of_one
    assert rig.kept.states("refused-copy-port") == [("refused", "duplicate_serial")]
    assert rig.kept.states("north")[-1] == ("online", None)


def test_the_second_takes_the_place_when_the_first_goes() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario(duration_s=4.0, bang_s=30.0)))
    link = type(rig.links[A])((1,))
    copy = world_of(scenario(bang_s=6.0), epoch=9)
    events = link.opened(4.0)
    for sent in copy.advance(3.0):
        if hasattr(sent, "data"):
            events += link.feed(sent.data, 4.0 + sent.t_s)
    for event in events:
        rig.station.take("copy-port", event)
    for event in rig.links[A].closed("unplugged", 7.1):
        rig.station.take(A, event)
    assert rig.kept.states("north")[-1] == ("online", None)
    assert rig.kept.states("refused-copy-port")[-1] == ("offline", "retired")
    assert "copy-port" in rig.station.live()


def test_stopping_ends_open_events() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario(duration_s=6.5)))
    assert phases(rig)[-1] != "end"
    rig.station.stop()
    assert rig.kept.alerts[-1].end_reason == "gateway_stopped"


def test_coverage_counts_what_was_really_heard() -> None:
    rig = StationRig({A: "north", B: "south"})
    rig.play(world_of(scenario(Unplug(10.0, A), duration_s=20.0)))
    rig.clock.now_s = 20.0
    assert rig.station.coverage["north"].share(20.0) == pytest.approx(0.5, abs=0.05)
    assert rig.station.coverage["south"].share(20.0) == 0.0


def test_lost_frames_lower_coverage_and_raise_no_alert() -> None:
    rig = StationRig({A: "north"})
    rig.play(world_of(scenario(Faults(0.0, A, drop=0.3), bang_s=99.0, duration_s=60.0)))
    assert rig.kept.alerts == []
    assert rig.station.coverage["north"].share(60.0) == pytest.approx(0.7, abs=0.06)


def test_a_calibration_is_used_and_named_and_a_later_one_from_then_on() -> None:
    rig = StationRig({A: "north"})
    rig.calibrations.by_serial[A] = AppliedCalibration(-6.0, "cal-1")
    rig.play(world_of(scenario(duration_s=6.8)))
    assert rig.kept.alerts[0].calibration_id == "cal-1"
    assert rig.kept.alerts[0].laeq_db == pytest.approx(94.0, abs=0.5)
    rig.calibrations.by_serial[A] = AppliedCalibration(2.0, "cal-2")
    rig.station.follow_calibrations()
    rig.station.stop()
    assert rig.kept.alerts[-1].calibration_id == "cal-2"
    assert rig.kept.sightings[-1].calibration_id == "cal-2"


def test_the_same_world_gives_the_same_alerts() -> None:
    runs = []
    for _ in range(2):
        rig = StationRig({A: "north", B: "south"})
        rig.play(world_of(scenario(sensors=(A, B))))
        runs.append([encode(alert) for alert in rig.kept.alerts])
    assert runs[0]
    assert runs[0] == runs[1]


def test_every_reason_for_losing_or_refusing_a_sensor_has_words_for_people() -> None:
    for reason in (*LostReason, *RefusedReason):
        assert reason.value in REASON_WORDS


def test_a_garbled_line_and_a_silent_one_are_faults_with_a_next_step() -> None:
    for action, code in ((WrongBaud(0.0, A, 60.0), "link_garbled"), (Stall(0.0, A, 60.0), "link_silent")):
        rig = StationRig({A: "north"})
        rig.play(world_of(scenario(action, duration_s=10.0)))
        for port, link in rig.links.items():
            for event in link.tick(10.0):
                rig.station.take(port, event)
        rig.clock.now_s = 20.0
        (fault,) = rig.station.faults(lambda _s: "2026-03-14T22:00:00.000Z")
        assert (fault.code, fault.where) == (code, A)
        assert fault.message is not None
        assert "?" in fault.message.nl


def test_a_refused_sensor_that_is_unplugged_is_offline_and_can_be_forgotten() -> None:
    rig = StationRig({})
    refused = SensorRefused("AS-9", RefusedReason.UNKNOWN_LAYOUT, "Install other firmware", 1.0)
    rig.station.take("usb-9", refused)
    assert rig.kept.states("unbound-AS-9") == [("refused", "unknown_layout")]
    rig.station.take("usb-8", LinkChanged(LinkState.CLOSED, "unplugged", 2.0))
    assert rig.kept.states("unbound-AS-9")[-1] == ("refused", "unknown_layout")
    rig.station.take("usb-9", LinkChanged(LinkState.CLOSED, "unplugged", 2.0))
    assert rig.kept.states("unbound-AS-9")[-1] == ("offline", "port_closed")
    rig.station.forget("unbound-AS-9")
    assert rig.kept.states("unbound-AS-9")[-1] == ("offline", "retired")
    rig.station.take("usb-9", refused)
    assert rig.kept.states("unbound-AS-9")[-1] == ("refused", "unknown_layout")


def test_a_bound_sensor_that_is_refused_and_falls_silent_is_offline() -> None:
    rig = StationRig({"AS-9": "north"})
    rig.station.take("usb-9", SensorRefused("AS-9", RefusedReason.TOO_FAST, "Install other firmware", 1.0))
    rig.station.take("usb-9", LinkChanged(LinkState.SILENT, "", 4.0))
    assert rig.kept.states("north")[-2:] == [("refused", "too_fast"), ("offline", "silent")]
