"""Scenarios in memory, heard by the real link: what the simulator did is what the gateway says."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from firmware_bridge.capture import CaptureHeader, CaptureReader, Chunk, open_capture
from firmware_bridge.capture_writer import write_capture
from firmware_bridge.events import (
    CalibrationReceived,
    Gap,
    HealthReceived,
    LinkChanged,
    LinkState,
    LostReason,
    SensorLost,
    SensorReady,
)
from firmware_bridge.framing import Decoder, Frame
from firmware_bridge.messages import Features, Hello, TimeReply, parse
from firmware_bridge.simulator.faulty_line import FaultRates, FaultyLine
from firmware_bridge.simulator.playback import Playback
from firmware_bridge.simulator.recorded_world import RecordedWorld
from firmware_bridge.simulator.scenario import (
    Bed,
    Calibrator,
    Faults,
    Plug,
    Reboot,
    Scenario,
    ScenarioError,
    SensorScript,
    Skew,
    SoundPlayed,
    Stall,
    Unplug,
    WrongBaud,
    with_sensor_count,
)
from firmware_bridge.simulator.sensor import SimulatedSensor
from firmware_bridge.simulator.sound import NoSuchSoundError, Sound
from firmware_bridge.simulator.world import PortAppeared, PortVanished, Sent, SimulatedWorld, play_in_memory
from tests.support.simulated import LIBRARY, Listener, listened, scenario

ONE = "SIM-0001"
HOP_S = 0.125


def _kinds(listener: Listener, kind: type, serial: str = ONE) -> list:  # type: ignore[type-arg]
    return [event for event in listener.events[serial] if isinstance(event, kind)]


def _played(script: Scenario, epoch: int = 1) -> list[object]:
    return list(play_in_memory(SimulatedWorld(script, LIBRARY, epoch)))


def test_a_clean_line_loses_nothing() -> None:
    listener = listened(scenario(duration_s=60.0))
    frames = listener.frames()
    truth = listener.world.sensors[0].truth
    assert [frame.hop_index for frame in frames] == list(range(len(frames)))
    assert len(frames) == truth.hops
    assert truth.hops in (479, 480)
    assert len(_kinds(listener, SensorReady)) == 1
    assert len(_kinds(listener, HealthReceived)) == 5
    counters = listener.links[ONE].counters
    assert counters.sequence.lost == 0
    assert counters.bytes.bad == 0
    assert counters.clock is not None
    assert counters.clock.exchanges > 5


def test_the_clock_of_the_link_finds_the_end_of_each_hop() -> None:
    for skew_ppm in (-80.0, 0.0, 80.0):
        listener = listened(
            scenario(duration_s=120.0, sensors=(SensorScript(ONE, ("yard",), skew_ppm=skew_ppm),))
        )
        worst_s = max(abs(frame.received_s - frame.t_end_s) for frame in listener.frames())
        assert worst_s < 0.001
        passed_s = listener.frames()[-1].received_s - listener.frames()[0].received_s
        device_s = (len(listener.frames()) - 1) * HOP_S
        assert (device_s / passed_s - 1) * 1e6 == pytest.approx(skew_ppm, abs=0.1)


def test_skew_changes_from_its_time_on() -> None:
    listener = listened(scenario(Skew(10.0, ONE, 1000.0), duration_s=20.0))
    times = [frame.received_s for frame in listener.frames()]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps[10] == pytest.approx(HOP_S)
    assert steps[-1] == pytest.approx(HOP_S / 1.001)


def test_same_seed_same_bytes_and_only_then() -> None:
    script = scenario(
        Faults(2.0, ONE, drop=0.1, duplicate=0.1, reorder=0.1, flip=0.001, noise=0.1),
        WrongBaud(20.0, ONE, 2.0),
        sounds=(SoundPlayed(5.0, ("shout",), ((ONE, -3.0),)),),
    )
    other_seed = scenario(*script.actions, sounds=script.sounds, seed=2)
    assert _played(script) == _played(script)
    assert _played(script) != _played(other_seed)
    assert _played(script) != _played(script, epoch=2)


def test_sounds_replace_the_bed_while_they_last_and_the_last_begun_is_heard() -> None:
    script = scenario(
        duration_s=20.0,
        sounds=(
            SoundPlayed(5.0, ("scream",), ((ONE, 0.0),)),
            SoundPlayed(5.5, ("bang",), ((ONE, -10.0),)),
        ),
    )
    levels = [round(frame.features.laeq_cdb / 100 + 120) for frame in listened(script).frames()]
    first = levels.index(95)
    assert set(levels[:first]) == {45}
    assert levels[first : first + 12] == [95] * 4 + [95] * 2 + [95] * 6
    assert set(levels[first + 12 :]) == {45}


def test_a_sound_inside_a_longer_one() -> None:
    script = scenario(
        duration_s=10.0,
        sounds=(
            SoundPlayed(5.0, ("scream",), ((ONE, 0.0),)),
            SoundPlayed(5.5, ("gunshot",), ((ONE, -5.0),)),
        ),
    )
    levels = [round(frame.features.laeq_cdb / 100 + 120) for frame in listened(script).frames()]
    first = levels.index(95)
    assert levels[first : first + 13] == [95] * 4 + [100] * 2 + [95] * 6 + [45]


def test_one_sound_reaches_two_sensors_at_different_levels() -> None:
    script = scenario(
        duration_s=12.0,
        sensors=(SensorScript(ONE, ("yard",)), SensorScript("SIM-0002", ("street",), mic_error_db=1.5)),
        sounds=(SoundPlayed(3.0, ("shout",), ((ONE, 0.0), ("SIM-0002", -12.0)), every_s=4.0),),
    )
    listener = listened(script)
    near = [frame.features.laeq_cdb for frame in listener.frames()]
    far = [frame.features.laeq_cdb for frame in listener.frames("SIM-0002")]
    assert near.count(-3500) in (23, 24)
    assert max(far) == -3500 - 1200 + 150
    assert min(far) == -6500 + 150


def test_another_bed() -> None:
    frames = listened(scenario(Bed(5.0, ONE, "street"), duration_s=10.0)).frames()
    assert frames[10].features.laeq_cdb == -7500
    assert frames[-1].features.laeq_cdb == -6500


def test_unplugged_and_plugged_in_under_another_name() -> None:
    script = scenario(Unplug(5.0, ONE), Plug(8.0, ONE, "other"), duration_s=15.0)
    ports = [event for event in _played(script) if isinstance(event, PortAppeared | PortVanished)]
    assert ports == [
        PortAppeared(0.0, ONE, ONE),
        PortVanished(5.0, ONE, ONE),
        PortAppeared(8.0, ONE, "other"),
    ]
    listener = listened(script)
    assert [ready.epoch for ready in _kinds(listener, SensorReady)] == [100, 101]
    assert [lost.reason for lost in _kinds(listener, SensorLost)] == [LostReason.PORT_CLOSED]
    assert listener.frames()[-1].hop_index == 55


def test_a_cut_line_keeps_the_sensor_s_time() -> None:
    script = scenario(Unplug(5.0, ONE, keeps_power=True), Plug(8.0, ONE), duration_s=15.0)
    listener = listened(script)
    assert {ready.epoch for ready in _kinds(listener, SensorReady)} == {100}
    assert listener.frames()[-1].hop_index == listener.world.sensors[0].truth.hops - 1


def test_a_reboot_is_a_new_epoch_from_hop_zero() -> None:
    listener = listened(scenario(Reboot(10.0, "*"), duration_s=20.0))
    assert [lost.reason for lost in _kinds(listener, SensorLost)] == [LostReason.REBOOTED]
    assert {frame.epoch for frame in listener.frames()} == {100, 101}
    assert next(frame for frame in listener.frames() if frame.epoch == 101).hop_index <= 1


def test_a_wrong_baud_rate_is_garbled_and_heals() -> None:
    listener = listened(scenario(WrongBaud(5.0, ONE, 6.0), duration_s=20.0))
    states = [event.state for event in _kinds(listener, LinkChanged)]
    assert LinkState.GARBLED in states
    assert states[-1] is LinkState.READY
    assert listener.world.sensors[0].line.truth.garbled >= 48


def test_a_stalled_sensor_is_silent_and_heals() -> None:
    listener = listened(scenario(Stall(5.0, ONE, 6.0), duration_s=20.0))
    states = [event.state for event in _kinds(listener, LinkChanged)]
    assert LinkState.SILENT in states
    assert states[-1] is LinkState.READY
    assert [lost.reason for lost in _kinds(listener, SensorLost)] == [LostReason.SILENT]


def test_faults_are_what_the_ledgers_say() -> None:
    rates = Faults(0.0, ONE, drop=0.05, duplicate=0.05, reorder=0.05, noise=0.05)
    listener = listened(scenario(rates, duration_s=300.0))
    line = listener.world.sensors[0].line.truth
    counters = listener.links[ONE].counters
    assert min(line.dropped, line.duplicated, line.reordered, line.noise_bytes) > 20
    # A burst of noise runs into the frame after it and takes it along, unless it ends in a zero.
    assert counters.sequence.lost >= line.dropped
    assert counters.sequence.expected == counters.sequence.delivered + counters.sequence.lost
    assert counters.bytes.total == counters.bytes.good_frame + counters.bytes.delimiter + counters.bytes.bad
    gaps = sum(gap.hops for gap in _kinds(listener, Gap))
    assert len(listener.frames()) + gaps >= listener.world.sensors[0].truth.hops - 2


def test_dropped_and_repeated_frames_are_counted_one_for_one() -> None:
    rates = Faults(0.5, ONE, drop=0.1, duplicate=0.1)
    # The line is clean again before the end, so that the last drop is noticed.
    listener = listened(scenario(rates, Faults(119.0, ONE), duration_s=120.0))
    line = listener.world.sensors[0].line.truth
    counts = listener.links[ONE].counters.sequence
    assert line.dropped > 50
    assert counts.lost == line.dropped
    assert counts.duplicate == line.duplicated


def test_a_calibrator_is_reported_by_the_sensor_itself() -> None:
    script = scenario(
        Calibrator(5.0, ONE, for_s=12.0, level_db=93.97, stability_db=0.02, distortion_percent=0.8),
        duration_s=30.0,
        sensors=(SensorScript(ONE, ("yard",), mic_error_db=-2.5),),
    )
    listener = listened(script)
    reports = _kinds(listener, CalibrationReceived)
    assert len(reports) == 10
    report = reports[0].report
    assert report.frequency_dhz == 10_000
    assert report.level_cdb == round((93.97 - 120 - 2.5) * 100)
    assert (report.stability_mdb, report.distortion_cpct, report.averaging_ms) == (20, 80, 3000)
    tones = [frame for frame in listener.frames() if frame.features.laeq_cdb == report.level_cdb]
    assert len(tones) == 12 * 8
    assert listener.frames()[-1].features.laeq_cdb == -7750


def test_64_sensors_out_of_step() -> None:
    script = with_sensor_count(scenario(duration_s=10.0), 64)
    listener = listened(script)
    assert len(listener.links) == 64
    assert all(len(listener.frames(serial)) >= 79 for serial in listener.links)
    first = {listener.frames(serial)[0].received_s for serial in listener.links}
    assert len(first) == 64


def test_bytes_are_handed_out_in_order_of_time() -> None:
    script = with_sensor_count(scenario(Reboot(3.0, "*"), duration_s=6.0), 5)
    world = SimulatedWorld(script, LIBRARY, 1)
    sent = [event for event in world.advance(6.0) if isinstance(event, Sent)]
    assert [event.t_s for event in sent] == sorted(event.t_s for event in sent)
    assert world.finished
    assert world.advance(100.0) == []


def test_big_steps_and_small_steps_give_the_same() -> None:
    script = scenario(Unplug(2.0, ONE), Plug(3.0, ONE), Faults(4.0, ONE, drop=0.3), duration_s=9.0)
    steps = SimulatedWorld(script, LIBRARY, 1)
    by_steps = [event for step in range(901) for event in steps.advance(step / 100)]
    assert by_steps == _played(script) == SimulatedWorld(script, LIBRARY, 1).advance(9.0)


def test_a_scenario_without_its_sounds_says_which() -> None:
    script = scenario(sounds=(SoundPlayed(1.0, ("fireworks", "thunder"), ((ONE, 0.0),)),))
    with pytest.raises(NoSuchSoundError, match=r"fireworks or thunder; labels there are: ambience, gunshot"):
        SimulatedWorld(script, LIBRARY, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: scenario(sensors=()),
        lambda: scenario(sensors=(SensorScript("A"), SensorScript("A"))),
        lambda: scenario(Reboot(1.0, "SIM-0009")),
        lambda: scenario(sounds=(SoundPlayed(1.0, ("shout",), (("B", 0.0),)),)),
        lambda: with_sensor_count(scenario(), 65),
    ],
)
def test_a_scenario_that_contradicts_itself(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ScenarioError):
        make()


def test_fewer_sensors_take_what_happens_to_them_along() -> None:
    script = scenario(
        Reboot(1.0, "SIM-0002"),
        Reboot(2.0, "*"),
        sensors=(SensorScript(ONE), SensorScript("SIM-0002")),
        sounds=(
            SoundPlayed(1.0, ("shout",), ((ONE, 0.0), ("SIM-0002", 0.0))),
            SoundPlayed(2.0, ("shout",), (("SIM-0002", 0.0),)),
        ),
    )
    one = with_sensor_count(script, 1)
    assert [action.at_s for action in one.actions] == [2.0]
    assert [sound.heard_by for sound in one.sounds] == [((ONE, 0.0),)]
    assert [sensor.serial for sensor in with_sensor_count(script, 4).sensors][2:] == ["SIM-0003", "SIM-0004"]


def test_rates_are_probabilities() -> None:
    with pytest.raises(ValueError, match="probability"):
        FaultRates(drop=1.5)


def test_a_copied_sensor_says_the_serial_number_of_another() -> None:
    script = scenario(duration_s=12.0, sensors=(SensorScript("A-1"), SensorScript("A-2", says_serial="A-1")))
    listener = listened(script)
    assert {ready.serial for ready in _kinds(listener, SensorReady, "A-1")} == {"A-1"}
    assert {ready.serial for ready in _kinds(listener, SensorReady, "A-2")} == {"A-1"}


def _vectors() -> dict[str, dict]:  # type: ignore[type-arg]
    path = Path(__file__).resolve().parents[2] / "firmware_bridge" / "vectors" / "good_frames.json"
    return {vector["name"]: vector for vector in json.loads(path.read_text())}


def test_the_simulated_sensor_speaks_and_understands_the_golden_vectors() -> None:
    vectors = _vectors()
    golden = Decoder().feed(bytes.fromhex(vectors["hello"]["wire"]))[0]
    assert isinstance(golden, Frame)
    hello = parse(golden)
    assert isinstance(hello, Hello)
    frame = parse(Decoder().feed(bytes.fromhex(vectors["features"]["wire"]))[0])  # type: ignore[arg-type]
    assert isinstance(frame, Features)
    playback = Playback(Sound("golden", "", (frame,), hello.full_scale_db), hello.full_scale_db)
    sensor = SimulatedSensor(hello, golden.epoch, playback, FaultyLine(random.Random(1)))
    assert sensor.advance(0.0) == [(0.0, bytes.fromhex(vectors["hello"]["wire"]))]
    ((_, sent),) = sensor.advance(0.2)
    heard = parse(Decoder().feed(sent)[0])  # type: ignore[arg-type]
    assert heard == frame._replace(hop_index=0)
    sensor.receive(bytes.fromhex(vectors["hello_request"]["wire"]), 0.21)
    sensor.receive(bytes.fromhex(vectors["time_request"]["wire"]), 0.22)
    answers = [parse(item) for _, data in sensor.advance(0.24) for item in Decoder().feed(data)]  # type: ignore[arg-type]
    assert answers[0] == hello
    assert isinstance(answers[1], TimeReply)
    assert answers[1].t2_samples == answers[1].t3_samples == round(0.22 * 48_000)


def _recorded(path: Path, times_us: list[int], letter: str) -> CaptureReader:
    header = CaptureHeader(what="", origin="", licence="", made_by="")
    write_capture(path, header, [Chunk(t_us, f"{letter}{t_us}".encode()) for t_us in times_us])
    reader = open_capture(path)
    assert isinstance(reader, CaptureReader)
    return reader


def test_captures_are_played_in_their_own_rhythm(tmp_path: Path) -> None:
    with (
        _recorded(tmp_path / "a", [0, 250_000, 900_000], "a") as a,
        _recorded(tmp_path / "b", [100_000, 250_000], "b") as b,
    ):
        world = RecordedWorld({"A": a, "B": b})
        first = world.advance(0.0)
        assert first == [PortAppeared(0.0, "A", "A"), PortAppeared(0.0, "B", "B"), Sent(0.0, "A", "A", b"a0")]
        assert world.due_s == 0.1
        world.receive("A", b"who are you?", 0.05)
        later = world.advance(0.5)
        assert [event.data for event in later if isinstance(event, Sent)] == [
            b"b100000",
            b"a250000",
            b"b250000",
        ]
        assert not world.finished
        assert len(world.advance(10.0)) == 1
        assert world.finished
        assert world.due_s == float("inf")
