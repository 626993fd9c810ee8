"""Bad and odd sound files to `agw replay`: read for what they hold or refused by name; none ends the run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gateway.exit_codes import ExitCode
from tests.support.gateway_process import settings_text
from tests.support.replayed import (
    LEVEL_ONLY,
    features_from,
    noise,
    parsed,
    refused,
    replay,
    tone,
    write_frames,
    write_sound,
)

REPOSITORY = Path(__file__).resolve().parents[2]
Capsys = pytest.CaptureFixture[str]
FLOOR_DB = 120.0 - 124.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as sound"),
        (b"RIFF", "cannot be read as sound"),
        (b"RIFF\x24\x00\x00\x00WAVE", "cannot be read as sound"),
        (b"this is a letter, not a recording\n" * 100, "cannot be read as sound"),
        (bytes(5000), "cannot be read as sound"),
        (b"fLaC\x00\x00\x00\x22" + bytes(60), "cannot be read as sound"),
        (b"OggS" + bytes(60), "cannot be read as sound"),
    ],
)
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.bin", "a"])
def test_what_is_no_sound(tmp_path: Path, capsys: Capsys, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert said in refused(capsys, path)


def test_a_header_without_samples(tmp_path: Path, capsys: Capsys) -> None:
    assert "holds no samples" in refused(capsys, write_sound(tmp_path / "a.wav", np.zeros(0)))


@pytest.mark.parametrize("rate_hz", [100, 4_000, 7_999, 192_001, 384_000])
def test_rates_that_carry_no_such_features(tmp_path: Path, capsys: Capsys, rate_hz: int) -> None:
    path = write_sound(tmp_path / "a.wav", np.zeros(rate_hz), rate_hz)
    assert f"its sample rate is {rate_hz} Hz" in refused(capsys, path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9])
def test_samples_that_are_no_sound(tmp_path: Path, capsys: Capsys, value: float) -> None:
    samples = noise(1, 1.0, 60.0)
    samples[1000] = value
    assert "it contains samples" in refused(capsys, write_sound(tmp_path / "a.wav", samples))


def test_what_came_before_bad_samples_is_used(tmp_path: Path, capsys: Capsys) -> None:
    """And what is open then ends, so that no reader waits for it."""
    samples = noise(1, 12.0, 100.0, 8_000)
    samples[11 * 8_000] = np.nan
    path = write_sound(tmp_path / "a.wav", samples, 8_000)
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], model="none"))
    result = replay(capsys, "--settings", settings, path)
    assert result.code == ExitCode.FOUND
    assert result.scores[-1]["t"] >= 9.5
    assert [line["phase"] for line in result.alerts] == ["start", "end"]
    assert result.lines[-2] == result.alerts[-1]
    assert result.lines[-1] == result.errors[0]


@pytest.mark.parametrize("name", ["missing.wav", "folder", "folder/missing.agwcap"])
def test_what_is_no_file(tmp_path: Path, capsys: Capsys, name: str) -> None:
    (tmp_path / "folder").mkdir()
    assert refused(capsys, tmp_path / name)


# Once through before the rights go: what is imported late may lie where nobody else may read.
_AS_NOBODY = """
import contextlib, io, os, sys
from gateway.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main(["replay", "--json", "--model", "none", sys.argv[1] + ".missing"])
    main(["replay", "--json", "--model", "none", "/dev/null"])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(main(["replay", "--json", "--model", "none", sys.argv[1]]))
"""


@pytest.mark.parametrize("name", ["a.wav", "a.agwcap"])
def test_what_may_not_be_read(name: str) -> None:
    """For root no file is forbidden, so root drops its rights first."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / name
        path.write_bytes(b"secret")
        path.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(path)],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == ExitCode.FOUND, done.stderr
    (line,) = parsed(done.stdout)
    assert line["what"] == "cannot be opened: Permission denied"
    assert line["where"] == str(path)


def test_a_file_that_fails_while_it_is_read(capsys: Capsys) -> None:
    assert "cannot be opened" in refused(capsys, Path("/proc/self/mem"))


@pytest.mark.parametrize(
    ("rate_hz", "subtype", "channels"),
    [
        (8_000, "PCM_16", 1),
        (8_000, "PCM_U8", 1),
        (48_000, "PCM_16", 2),
        (48_000, "PCM_24", 1),
        (44_100, "PCM_24", 2),
        (96_000, "PCM_32", 1),
        (192_000, "DOUBLE", 1),
        (16_000, "FLOAT", 8),
    ],
)
def test_rates_depths_and_channels(
    tmp_path: Path, capsys: Capsys, rate_hz: int, subtype: str, channels: int
) -> None:
    samples = np.repeat(tone(1000.0, 2.0, 94.0, rate_hz)[:, np.newaxis], channels, axis=1)
    result = replay(capsys, write_sound(tmp_path / "a.wav", samples, rate_hz, subtype))
    assert result.code == ExitCode.OK
    assert len(result.scores) == 16
    for line in result.scores:
        assert line["laeq_db"] == pytest.approx(94.0, abs=0.2)
    assert result.alerts == []


def test_a_channel_that_is_silent_costs_six_decibels(tmp_path: Path, capsys: Capsys) -> None:
    left = tone(1000.0, 1.0, 94.0)
    path = write_sound(tmp_path / "a.wav", np.column_stack([left, np.zeros_like(left)]))
    assert replay(capsys, *LEVEL_ONLY, path).scores[-1]["laeq_db"] == pytest.approx(88.0, abs=0.1)


def silence(_: int) -> np.ndarray:
    return np.zeros(96_000)


def last_bit(seed: int) -> np.ndarray:
    """A recorder's silence: its last bit flickers."""
    return np.random.default_rng(seed).integers(-1, 2, 96_000) / 32_768.0


def constant(_: int) -> np.ndarray:
    return np.full(96_000, 0.25)


@pytest.mark.parametrize(("make", "highest_db"), [(silence, FLOOR_DB), (last_bit, 40.0), (constant, 40.0)])
@pytest.mark.parametrize("form", ["a.wav", "a.agwcap"])
def test_silence_is_quiet_and_finite_and_never_full_scale(
    tmp_path: Path,
    capsys: Capsys,
    make: Callable[[int], np.ndarray],
    highest_db: float,
    form: str,
) -> None:
    path = tmp_path / form
    if form == "a.wav":
        write_sound(path, make(1), subtype="PCM_16")
    else:
        write_frames(path, features_from(make(1)))
    result = replay(capsys, path)
    assert result.code == ExitCode.OK
    assert result.alerts == []
    assert len(result.scores) == 16
    for line in result.scores[4:]:
        assert FLOOR_DB <= line["laeq_db"] <= highest_db
        assert all(0.0 <= p <= 1.0 for p in line["scores"].values())
    # The step up to a constant is a click, and F decays from it at 35 dB a second.
    assert FLOOR_DB <= result.scores[-1]["lafmax_db"] <= highest_db
    if make is silence:
        assert {line["laeq_db"] for line in result.scores} == {FLOOR_DB}


@pytest.mark.parametrize("quiet", [0.0, 1e-6])
def test_silence_that_follows_sound_raises_nothing(tmp_path: Path, capsys: Capsys, quiet: float) -> None:
    """A microphone that dies: a fall to the floor, and a background 60 dB above what comes."""
    samples = np.concatenate([noise(3, 12.0, 70.0, colour="pink"), np.full(5 * 48_000, quiet)])
    result = replay(capsys, write_sound(tmp_path / "a.wav", samples))
    assert result.code == ExitCode.OK
    assert result.alerts == []
    assert result.scores[-1]["above_ambient_db"] < -40.0
