"""Damaged and odd captures to `agw replay`: what came before the damage is used, and the damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.capture import MAGIC, Chunk, encode_chunk, encode_header
from firmware_bridge.capture_writer import write_capture
from firmware_bridge.feature_capture import features_chunks
from firmware_bridge.framing import Frame, encode_frame
from firmware_bridge.messages import Features, Hello
from gateway.exit_codes import ExitCode
from tests.firmware_bridge.wire import Pen
from tests.support.gateway_process import settings_text
from tests.support.replayed import (
    LEVEL_ONLY,
    Replayed,
    capture_header,
    features_from,
    noise,
    refused,
    replay,
    write_frames,
)

Capsys = pytest.CaptureFixture[str]


def frames_of_noise(seconds: float = 3.0, level_db: float = 60.0) -> list[Features]:
    return features_from(noise(5, seconds, level_db))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "whole.agwcap", frames_of_noise())


def test_a_capture_cut_in_the_middle_of_a_chunk_is_used_up_to_there(
    tmp_path: Path, capsys: Capsys, whole: Path
) -> None:
    full = replay(capsys, *LEVEL_ONLY, whole)
    assert len(full.scores) == 24
    cut = tmp_path / "cut.agwcap"
    cut.write_bytes(whole.read_bytes()[:-20])
    result = replay(capsys, *LEVEL_ONLY, cut)
    assert result.code == ExitCode.FOUND
    assert result.scores == full.scores[:-1]
    assert result.lines[-1]["type"] == "error"
    assert "truncated" in result.lines[-1]["what"]
    assert "What stands before the damage was used" in result.lines[-1]["hint"]


def test_an_event_open_at_the_cut_ends_there(tmp_path: Path, capsys: Capsys) -> None:
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], model="none"))
    path = write_frames(tmp_path / "a.agwcap", frames_of_noise(level_db=100.0))
    path.write_bytes(path.read_bytes()[:-20])
    result = replay(capsys, "--settings", settings, path)
    assert [line["type"] for line in result.lines[-2:]] == ["alert", "error"]
    assert [line["phase"] for line in result.alerts] == ["start", "end"]
    assert result.alerts[-1]["end_reason"] == "stream_ended"


def test_a_capture_cut_anywhere_gives_a_beginning_and_an_error(
    tmp_path: Path, capsys: Capsys, whole: Path
) -> None:
    content = whole.read_bytes()
    full = replay(capsys, *LEVEL_ONLY, whole).scores
    for length in range(0, len(content), 41):
        path = tmp_path / "cut.agwcap"
        path.write_bytes(content[:length])
        result = replay(capsys, *LEVEL_ONLY, path)
        found = len(result.scores)
        assert result.scores == full[:found]
        # A cut between two chunks looks like an end; any other is an error.
        assert result.code == (ExitCode.FOUND if result.errors else ExitCode.OK)
        assert result.errors or found == len(full[:found]) > 0


def test_damage_inside_a_capture(tmp_path: Path, capsys: Capsys, whole: Path) -> None:
    full = replay(capsys, *LEVEL_ONLY, whole).scores
    content = bytearray(whole.read_bytes())
    content[len(content) * 2 // 3] ^= 0x10
    path = tmp_path / "damaged.agwcap"
    path.write_bytes(content)
    result = replay(capsys, *LEVEL_ONLY, path)
    assert result.code == ExitCode.FOUND
    assert 10 < len(result.scores) < len(full)
    assert result.scores == full[: len(result.scores)]
    assert "corrupt" in result.errors[0]["what"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"AGWCAP9\n" + bytes(50), "other_version"),
        (MAGIC + b"\xff\xff\xff\xff" + bytes(10), "bad_header"),
        (MAGIC[:5], "cannot be read as sound"),
        (encode_header(capture_header()), "no feature frames"),
        (encode_header(capture_header()) + encode_chunk(Chunk(0, b"garbage" * 100)), "no feature frames"),
    ],
)
def test_captures_that_hold_nothing(tmp_path: Path, capsys: Capsys, content: bytes, said: str) -> None:
    path = tmp_path / "a.agwcap"
    path.write_bytes(content)
    assert said in refused(capsys, path)


def hello(serial: str = "S-0001", layout_id: int = 1) -> Hello:
    return Hello(serial, "edge-mic rev B", "1.2.0", layout_id, 12000, 48000, 6000)


def write_chunks(path: Path, *chunks: Chunk) -> Path:
    write_capture(path, capture_header(), chunks)
    return path


def later(chunks: list[Chunk], by_s: float) -> list[Chunk]:
    return [Chunk(chunk.t_us + round(by_s * 1e6), chunk.data) for chunk in chunks]


def sent(serial: str, level_db: float, epoch: int = 1, seconds: float = 2.0) -> list[Chunk]:
    return list(features_chunks(hello(serial), frames_of_noise(seconds, level_db), epoch=epoch))


@pytest.mark.parametrize(
    ("serial", "epoch", "pause_s"),
    [("S-0002", 1, 0.0), ("S-0002", 9, 3.0), ("S-0001", 2, 0.0), ("S-0001", 2, 3.0)],
)
def test_two_sensors_or_two_boots_in_one_capture(
    tmp_path: Path, capsys: Capsys, serial: str, epoch: int, pause_s: float
) -> None:
    """One after the other on one port: nothing of the first is carried over to the second."""
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], model="none"))
    again_s = 2.0 + pause_s
    chunks = sent("S-0001", 100.0) + later(sent(serial, 100.0, epoch), again_s)
    result = replay(capsys, "--settings", settings, write_chunks(tmp_path / "a.agwcap", *chunks))
    assert result.code == ExitCode.OK
    each = 0.125 * np.arange(1, 17)
    assert [line["t"] for line in result.scores] == pytest.approx([*each, *(again_s + each)])
    assert [(line["phase"], line["end_reason"]) for line in result.alerts] == [
        ("start", None), ("end", "sensor_lost"), ("start", None), ("end", "stream_ended"),
    ]  # fmt: skip
    assert [line["t_onset"] for line in result.alerts] == pytest.approx([0.0, 0.0, again_s, again_s])
    assert {line["ambient_db"] for line in result.lines if line["type"] == "scores"} == {None}


def test_a_sensor_that_was_streaming_before_the_recording_began(tmp_path: Path, capsys: Capsys) -> None:
    """Its hops count from its boot, the lines from the file's start."""
    frames = features_from(noise(6, 1.0, 60.0), first_hop=5_000_000)
    chunks = list(features_chunks(hello(), frames))
    first_us = chunks[1].t_us
    moved = [Chunk(0, chunks[0].data)] + [
        Chunk(chunk.t_us - first_us + 400_000, chunk.data) for chunk in chunks[1:]
    ]
    result = replay(capsys, *LEVEL_ONLY, write_chunks(tmp_path / "a.agwcap", *moved))
    assert [line["t"] for line in result.scores] == pytest.approx([0.4 + 0.125 * k for k in range(8)])


def test_lost_frames_are_missing_and_not_silence(tmp_path: Path, capsys: Capsys) -> None:
    frames = frames_of_noise(4.0)
    path = write_frames(tmp_path / "a.agwcap", frames[:10] + frames[20:])
    result = replay(capsys, path)
    assert [round(line["t"] * 8) for line in result.scores] == [*range(1, 11), *range(21, 33)]
    assert result.alerts == []
    assert all(55.0 < line["laeq_db"] < 61.0 for line in result.scores)


def test_garbage_between_and_inside_frames(tmp_path: Path, capsys: Capsys) -> None:
    random = np.random.default_rng(7)
    chunks = sent("S-0001", 60.0)
    dirty = [Chunk(c.t_us, random.bytes(int(random.integers(0, 80))) + b"\0" + c.data) for c in chunks]
    broken = bytearray(dirty[8].data)
    broken[-20] ^= 0xFF
    dirty[8] = Chunk(dirty[8].t_us, bytes(broken))
    result = replay(capsys, *LEVEL_ONLY, write_chunks(tmp_path / "a.agwcap", *dirty))
    assert result.code == ExitCode.OK
    assert [round(line["t"] * 8) for line in result.scores] == [*range(1, 8), *range(9, 17)]


def test_one_byte_at_a_time_is_the_same(tmp_path: Path, capsys: Capsys) -> None:
    chunks = sent("S-0001", 60.0)
    bytewise = [Chunk(c.t_us, c.data[at : at + 1]) for c in chunks for at in range(len(c.data))]
    whole = replay(capsys, write_chunks(tmp_path / "a.agwcap", *chunks))
    pieces = replay(capsys, write_chunks(tmp_path / "b.agwcap", *bytewise))
    assert pieces.lines == whole.lines


def test_a_refused_sensor_is_an_error_that_names_it(tmp_path: Path, capsys: Capsys) -> None:
    chunks = list(features_chunks(hello("S-0009", layout_id=7), frames_of_noise()))
    what = refused(capsys, write_chunks(tmp_path / "a.agwcap", *chunks))
    assert "S-0009" in what
    assert "layout" in what


def test_frames_of_another_version_and_from_the_future_are_passed_over(
    tmp_path: Path, capsys: Capsys
) -> None:
    chunks = sent("S-0001", 60.0)
    strange = Pen(epoch=1, seq=3_000_000_000).write(frames_of_noise(0.125, 110.0)[0])
    other_version = bytearray(encode_frame(Frame(2, 0, 0, 1, 9, bytes(38))))
    other_version[1] ^= 0x30
    result = replay(
        capsys,
        *LEVEL_ONLY,
        write_chunks(
            tmp_path / "a.agwcap",
            *chunks[:6],
            Chunk(chunks[5].t_us, strange + bytes(other_version)),
            *chunks[6:],
        ),
    )
    assert result.code == ExitCode.OK
    assert len(result.scores) == 16
    assert max(line["laeq_db"] for line in result.scores) < 65.0


def test_a_sensor_that_claims_any_codes_gives_valid_lines(tmp_path: Path, capsys: Capsys) -> None:
    """Frames that are intact but nonsense: every field anywhere in its range."""
    random = np.random.default_rng(8)
    frames = [
        Features(
            hop,
            int(random.integers(-32_768, 32_768)),
            int(random.integers(-32_768, 32_768)),
            *(int(code) for code in random.integers(0, 256, 6)),
            random.bytes(24),
        )
        for hop in range(400)
    ]
    result: Replayed = replay(capsys, write_frames(tmp_path / "a.agwcap", frames))
    assert result.code == ExitCode.OK
    assert len(result.scores) == 400
