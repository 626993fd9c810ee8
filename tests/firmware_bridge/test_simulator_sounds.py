"""Sounds: levels moved, picked by name or label, written as captures and read back through the real codec."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from dsp.layout import LEVEL_CODE_MISSING, LEVEL_CODE_OVERLOAD, level_codes
from firmware_bridge.capture import CaptureHeader, CaptureReader, Source, open_capture
from firmware_bridge.events import FeatureFrame, SensorReady
from firmware_bridge.feature_capture import MADE_SERIAL, write_features_capture
from firmware_bridge.link import SensorLink
from firmware_bridge.messages import Features
from firmware_bridge.simulator.library import load_sound, load_sounds
from firmware_bridge.simulator.playback import Playback
from firmware_bridge.simulator.sound import (
    MISSING_CODE,
    OVERLOAD_CODE,
    NoSuchSoundError,
    Sound,
    level_code,
    library_of,
    pick,
    shifted,
)
from firmware_bridge.simulator.synthetic import flat, self_noise, tone
from tests.support.simulated import LIBRARY, sound

HEADER = CaptureHeader(
    what="test",
    origin="test",
    licence="CC0-1.0",
    made_by="test",
    layout=1,
    name="yell",
    label="shout",
    full_scale_db=120.0,
    sources=(Source("set", "clip", "CC0-1.0", "one"),),
)


def _random_features(seed: int, count: int) -> list[Features]:
    rng = random.Random(seed)
    return [
        Features(
            hop,
            rng.randint(-12400, 250),
            rng.randint(-12400, 250),
            *(rng.randrange(256) for _ in range(6)),
            rng.randbytes(24),
        )
        for hop in range(count)
    ]


def test_codes_are_those_of_the_layout() -> None:
    levels = np.arange(-140.0, 10.0, 0.1)
    assert [level_code(level) for level in levels] == level_codes(levels).tolist()
    assert (OVERLOAD_CODE, MISSING_CODE) == (LEVEL_CODE_OVERLOAD, LEVEL_CODE_MISSING)


def test_louder_and_softer() -> None:
    frame = flat(-40.0)._replace(bands=bytes([0, 1, 100, 253, 254, 255] + [50] * 18))
    louder = shifted(frame, 3.0)
    assert louder.laeq_cdb == -3700
    assert louder.lafmax_cdb == frame.lafmax_cdb + 300
    assert louder.lcpeak_code == frame.lcpeak_code + 6
    assert list(louder.bands[:6]) == [0, 7, 106, 254, 254, 255]
    softer = shifted(frame, -100.0)
    assert softer.laeq_cdb == -12400
    assert list(softer.bands[:7]) == [0, 0, 0, 53, 254, 255, 0]
    assert shifted(frame, 0.0) is frame
    assert shifted(flat(-130.0), 10.0).laeq_cdb == -13000


def test_a_sound_keeps_its_spl_on_a_sensor_of_another_scale() -> None:
    playback = Playback(sound("bed", "ambience", 60.0, 1, full_scale_db=100.0), full_scale_db=130.0)
    assert playback.next_hop().laeq_cdb == (60 - 130) * 100


def test_a_bed_loops_from_its_offset() -> None:
    bed = Sound("b", "ambience", tuple(flat(float(level)) for level in (-50, -60, -70)), 120.0)
    playback = Playback(bed, 120.0, offset=4)
    assert [playback.next_hop().laeq_cdb for _ in range(4)] == [-6000, -7000, -5000, -6000]
    with pytest.raises(ValueError, match="no frames"):
        playback.set_bed(Sound("empty", "ambience", (), 120.0))


def test_tone_and_noise_are_in_their_bands() -> None:
    frame = tone(-26.0, 1000.0)
    assert frame.bands.index(max(frame.bands)) == 13
    assert frame.laeq_cdb == -2600
    with pytest.raises(ValueError, match="none of the 24 bands"):
        tone(-26.0, 20.0)
    noise = self_noise(120.0).features[0]
    assert noise.laeq_cdb == (30 - 120) * 100


def test_picked_by_name_then_by_label_then_the_next_word() -> None:
    rng = random.Random(1)
    assert pick(LIBRARY, ["yard"], rng).name == "yard"
    assert pick(LIBRARY, ["scream"], rng).name == "cry"
    assert pick(LIBRARY, ["fireworks", "gunshot"], rng).name == "bang"
    assert {pick(LIBRARY, ["ambience"], rng).name for _ in range(50)} == {"street", "yard"}
    with pytest.raises(NoSuchSoundError):
        pick({}, ["shout"], rng)
    with pytest.raises(ValueError, match="two sounds"):
        library_of([sound("a", "x", 50, 1), sound("a", "y", 50, 1)])


def test_a_capture_made_of_frames_is_a_sensor_to_the_link(tmp_path: Path) -> None:
    features = _random_features(1, 50)
    path = tmp_path / "yell.agwcap"
    write_features_capture(path, HEADER, features, epoch=9)
    link = SensorLink()
    events = link.opened(0.0)
    reader = open_capture(path)
    assert isinstance(reader, CaptureReader)
    with reader:
        assert reader.header == HEADER
        for chunk in reader:
            events += link.feed(chunk.data, chunk.t_us / 1e6)
    (ready,) = [event for event in events if isinstance(event, SensorReady)]
    assert (ready.serial, ready.epoch, ready.hello.full_scale_db) == (MADE_SERIAL, 9, 120.0)
    frames = [event for event in events if isinstance(event, FeatureFrame)]
    assert [frame.features for frame in frames] == features
    assert frames[-1].t_end_s == pytest.approx(50 * 0.125)


def test_the_same_frames_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_features_capture(tmp_path / name, HEADER, _random_features(2, 20))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_cannot_be_made(tmp_path: Path) -> None:
    backwards = [flat(-40.0)._replace(hop_index=hop) for hop in (0, 2, 2)]
    with pytest.raises(ValueError, match="hop 2 after hop 2"):
        write_features_capture(tmp_path / "x", HEADER, backwards)
    unsaid = CaptureHeader(what="", origin="", licence="", made_by="")
    with pytest.raises(ValueError, match="layout and full scale"):
        write_features_capture(tmp_path / "x", unsaid, [])


def test_a_library_from_captures_and_the_files_that_gave_nothing(tmp_path: Path) -> None:
    features = _random_features(3, 12)
    good, again, empty, cut, other = (tmp_path / f"{name}.agwcap" for name in "abcde")
    write_features_capture(good, HEADER, features)
    write_features_capture(again, HEADER, features)
    write_features_capture(empty, HEADER, [])
    cut.write_bytes(good.read_bytes()[:-5])
    other.write_bytes(b"no capture")
    loaded = load_sounds(sorted(tmp_path.glob("*.agwcap")))
    assert loaded.sounds == {"yell": Sound("yell", "shout", tuple(features), 120.0)}
    problems = {path.name: why for path, why in loaded.problems}
    assert set(problems) == {again.name, empty.name, cut.name, other.name}
    assert "named yell" in problems[again.name]
    assert "no feature frames" in problems[empty.name]
    assert "truncated" in problems[cut.name]
    assert "not_a_capture" in problems[other.name]


def test_a_sound_without_a_name_is_called_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "nameless.agwcap"
    header = CaptureHeader("x", "x", "CC0-1.0", "x", layout=1, full_scale_db=110.0)
    write_features_capture(path, header, _random_features(4, 1))
    loaded = load_sound(path)
    assert isinstance(loaded, Sound)
    assert (loaded.name, loaded.label, loaded.full_scale_db) == ("nameless", "", 110.0)
