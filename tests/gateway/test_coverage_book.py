"""From frames to kept seconds and coverage, through the real station: what was heard is what is told."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_bridge.messages import BAND_COUNT, Features
from firmware_bridge.simulator.scenario import Faults, Scenario, SensorScript, SoundPlayed, Unplug
from firmware_bridge.simulator.sound import Sound, SoundLibrary
from firmware_bridge.simulator.synthetic import flat
from firmware_bridge.simulator.world import SimulatedWorld
from gateway.announcements import GatewayIdentity, coverage_report
from gateway.clock import ClockQuality
from gateway.contract.encoding import encode
from gateway.coverage_book import CoverageBook
from gateway.coverage_hours import GRACE_S, FinishedHour
from gateway.model_setup import choose_model
from gateway.settings.schema import StorageSettings
from gateway.telemetry.files import FOLDER_NAME
from gateway.telemetry.reader import StoredSecond, TelemetryReader
from gateway.telemetry.second import Second
from gateway.telemetry.setup import open_telemetry
from tests.support.station_rig import StationRig, WorldClock, steady, world_of

A, B = "SIM-A", "SIM-B"
PLACES = {A: "north", B: "south"}


class Kept:
    """A keeper that keeps in a list."""

    def __init__(self) -> None:
        self.seconds: list[Second] = []
        self.reported: list[int] = []

    def put(self, second: Second) -> None:
        self.seconds.append(second)

    def mark_reported(self, hour: int) -> None:
        self.reported.append(hour)

    def faults(self) -> tuple[()]:
        return ()


def scenario(*actions: object, duration_s: float, sounds: tuple[SoundPlayed, ...] = ()) -> Scenario:
    return Scenario(
        name="test",
        seed=1,
        duration_s=duration_s,
        sensors=tuple(SensorScript(serial, bed=("street",)) for serial in PLACES),
        sounds=sounds,
        actions=actions,  # type: ignore[arg-type]
    )


def rig_of(clock: WorldClock, kept: Kept) -> StationRig:
    return StationRig(PLACES, clock=clock, book=CoverageBook(PLACES.values(), 0.0, None, kept))


def test_every_second_that_was_heard_is_kept_once() -> None:
    clock, kept = WorldClock(), Kept()
    rig = rig_of(clock, kept)
    rig.play(world_of(scenario(Unplug(40.0, B), duration_s=60.0)))
    rig.station.stop()
    for place, heard_s in (("north", 60.0), ("south", 40.0)):
        seconds = [one for one in kept.seconds if one.sensor_id == place]
        numbers = [one.number for one in seconds]
        assert numbers == sorted(set(numbers))
        assert sum(one.analysed_s for one in seconds) == pytest.approx(heard_s, abs=1.0)
        assert all(one.scores is None and not one.calibrated for one in seconds)
        assert all(one.laeq_db == pytest.approx(55.0, abs=0.1) for one in seconds)


def test_an_hour_agrees_with_what_the_simulated_world_really_sent() -> None:
    """A fifth of one sensor's frames never arrives, the other is pulled out after twenty minutes."""
    clock, kept = WorldClock(), Kept()
    rig = rig_of(clock, kept)
    rig.play(world_of(scenario(Faults(0.0, A, drop=0.2), Unplug(1200.0, B), duration_s=3600.0)))
    clock.now_s = 3600.0 + GRACE_S + 1.0
    told: list[FinishedHour] = rig.station.book.finished_hours(clock)
    (hour,) = told
    truth_s = 0.8 * 3600.0
    assert hour.analysed_s["north"] == pytest.approx(truth_s, abs=36.0)
    assert hour.analysed_s["south"] == pytest.approx(1200.0, abs=36.0)
    assert kept.reported == [hour.hour]
    assert rig.station.coverage["north"].share(3600.0) == pytest.approx(truth_s / 3600.0, abs=0.01)
    assert rig.station.book.finished_hours(clock) == []


def test_a_sensor_that_goes_silent_has_its_last_second_told_by_the_next_looks() -> None:
    clock, kept = WorldClock(), Kept()
    rig = rig_of(clock, kept)
    rig.play(world_of(scenario(duration_s=5.0)))
    open_ones = 2
    before = len(kept.seconds)
    clock.now_s = 20.0
    rig.station.book.finished_hours(clock)
    assert len(kept.seconds) == before + open_ones


@pytest.mark.parametrize(("sure", "state"), [(True, "synced"), (False, "unsynced")])
def test_a_finished_hour_is_a_report_of_the_contract(sure: bool, state: str) -> None:
    hour = FinishedHour(493_000, {"north": 3600.0, "south": 0.0}, sure)
    identity = GatewayIdentity("harbour", "gw-1", "boot-1", "1")
    report = json.loads(encode(coverage_report(identity, hour, ClockQuality("synced", 3.0))))
    assert report["hour_utc"] == "2026-03-29T16:00:00.000Z"
    assert report["clock"]["state"] == state
    assert report["sensors"] == [
        {"sensor_id": "north", "analysed_s": 3600.0},
        {"sensor_id": "south", "analysed_s": 0.0},
    ]


# -- what is on the disk after a run with sound that can be recognised --------------------------------------

WATERMARK = bytes((37, 211, 101, 173, 59, 149, 83, 229, 41, 191, 127, 67) * 2)
"""Band codes that nothing else in the product makes."""


def watermarked(hops: int) -> Sound:
    assert len(WATERMARK) == BAND_COUNT
    chance = random.Random(3)
    frames: list[Features] = []
    for hop in range(hops):
        frame = flat(chance.uniform(-70.0, -50.0))
        frames.append(frame._replace(hop_index=hop, bands=WATERMARK, pitch_code=chance.randrange(255)))
    return Sound("watermark", "street", tuple(frames), 120.0)


@pytest.fixture(scope="module")
def kept_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes of two sensors with the real model, written by the real writer."""
    data_dir = tmp_path_factory.mktemp("data")
    library: SoundLibrary = {"street": watermarked(80), "bang": steady("bang", 100.0, 16)}
    bangs = tuple(SoundPlayed(at, ("bang",), (("*", 0.0),)) for at in (50.0, 50.5, 51.0, 300.0))
    world = SimulatedWorld(scenario(duration_s=600.0, sounds=bangs), library, 7)
    clock, model = WorldClock(), choose_model("default")
    assert model.classifier is not None
    recorder, book = open_telemetry(
        data_dir,
        StorageSettings(flush_s=1.0),
        list(PLACES.values()),
        model.model_id,
        model.classifier.package.labels,
        clock,
    )
    rig = StationRig(PLACES, model, clock=clock, book=book)
    recorder.start()
    rig.play(world)
    rig.station.stop()
    recorder.stop()
    assert recorder.counters()["telemetry_failed"] == 0
    return data_dir


def stored(data_dir: Path, place: str) -> list[StoredSecond]:
    return list(TelemetryReader(data_dir).seconds(place))


def test_nothing_is_kept_faster_than_once_a_second(kept_folder: Path) -> None:
    for place in PLACES.values():
        numbers = [one.second.number for one in stored(kept_folder, place)]
        assert len(numbers) >= 590
        assert all(later - sooner >= 1 for sooner, later in pairwise(numbers))
    raw = [one for segment in TelemetryReader(kept_folder).segments() for one in segment.chunks]
    rows = sum(len(one.number) for one in raw)
    assert rows <= 2 * 601


def test_no_band_of_any_frame_is_in_any_file(kept_folder: Path) -> None:
    """Neither in the bytes as they lie there nor in what they unpack to, whole or in parts of three bands."""
    files = [path for path in kept_folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(WATERMARK[at : at + 6] in content for at in range(BAND_COUNT - 6))
    parts = {WATERMARK[at : at + 3] for at in range(BAND_COUNT - 2)}
    for segment in TelemetryReader(kept_folder).segments():
        for chunk in segment.chunks:
            by_column, by_row = chunk.codes.tobytes(), chunk.codes.T.tobytes()
            assert not any(part in by_column or part in by_row for part in parts)


def test_a_second_holds_levels_scores_and_counts_and_nothing_else(kept_folder: Path) -> None:
    """29 bytes for 23 scores: there is no room for a spectrum."""
    model = choose_model("default")
    assert model.classifier is not None
    labels = model.classifier.package.labels
    for segment in TelemetryReader(kept_folder).segments():
        assert segment.head is not None
        assert segment.head.labels == labels
        assert all(chunk.codes.shape[0] == 5 + len(labels) for chunk in segment.chunks)
    fields = set(Second.__dataclass_fields__)
    assert fields == {
        "sensor_id", "number", "hops", "laeq_db", "lafmax_db", "ambient_db", "scores", "calibrated", "vetoes",
    }  # fmt: skip


def test_levels_and_scores_come_back_for_replay(kept_folder: Path) -> None:
    loud = [one for one in stored(kept_folder, "north") if one.second.lafmax_db > 95.0]
    assert len(loud) in range(3, 8)
    assert {one.model_id for one in loud} == {choose_model("default").model_id}
    assert all(one.second.scores and len(one.second.scores) == 23 for one in loud)
    assert (kept_folder / FOLDER_NAME).is_dir()
