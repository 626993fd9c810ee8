"""`agw replay --json` as its reader sees it, and the small sound files and captures that it is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from dsp.front_end import frames_of
from firmware_bridge.capture import CaptureHeader
from firmware_bridge.feature_capture import write_features_capture
from firmware_bridge.messages import Features
from gateway.cli import main
from gateway.exit_codes import ExitCode
from gateway.features import features_of

Samples = NDArray[np.float64]
Line = dict[str, Any]

FULL_SCALE_DB = 120.0
LEVEL_ONLY = ("--model", "none")
"""For tests that are not about scores: nothing in them depends on the model of the day."""


@dataclass(frozen=True)
class Replayed:
    """What one run printed. lines: parsed, in order; err: its stderr."""

    code: int
    lines: list[Line]
    err: str

    def of_type(self, kind: str) -> list[Line]:
        return [line for line in self.lines if line["type"] == kind]

    @property
    def scores(self) -> list[Line]:
        return self.of_type("scores")

    @property
    def alerts(self) -> list[Line]:
        return self.of_type("alert")

    @property
    def errors(self) -> list[Line]:
        return self.of_type("error")


def replay(capsys: pytest.CaptureFixture[str], *arguments: object) -> Replayed:
    """Run the command in this process; its output must be one strictly valid JSON object a line."""
    capsys.readouterr()
    code = main(["replay", "--json", *map(str, arguments)])
    said = capsys.readouterr()
    return Replayed(code, parsed(said.out), said.err)


def refused(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    """What the one error line says of a file from which nothing could be used."""
    result = replay(capsys, *LEVEL_ONLY, path)
    assert result.code == ExitCode.FOUND
    (line,) = result.lines
    assert (line["type"], line["file"]) == ("error", str(path))
    assert line["hint"]
    return str(line["what"])


def parsed(text: str) -> list[Line]:
    """JSON lines, without Python's own NaN and Infinity."""
    lines = [json.loads(line, parse_constant=_no_number) for line in text.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def _no_number(word: str) -> NoReturn:
    raise AssertionError(f"{word} is not JSON")


def spl(level_db: float, full_scale_db: float = FULL_SCALE_DB) -> float:
    """RMS amplitude of a sound of this level: a full-scale sine has an RMS of 1/sqrt(2)."""
    return float(10.0 ** ((level_db - full_scale_db) / 20.0) / np.sqrt(2.0))


def noise(
    seed: int, seconds: float, level_db: float, rate_hz: int = 48_000, colour: str = "white"
) -> Samples:
    """Gaussian noise of a level in dB SPL, unweighted; pink falls 3, brown 6 dB per octave."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    frequency_hz = np.maximum(np.fft.rfftfreq(count, 1.0 / rate_hz), 20.0)
    slope = {"white": 0.0, "pink": -0.5, "brown": -1.0}[colour]
    real, imaginary = random.standard_normal((2, frequency_hz.size))
    wave = np.fft.irfft((real + 1j * imaginary) * frequency_hz**slope, count)
    return np.asarray(wave * (spl(level_db) / np.sqrt(np.mean(wave**2))))


def tone(
    frequency_hz: float, seconds: float, level_db: float, rate_hz: int = 48_000, full_scale_db: float = 120.0
) -> Samples:
    """A steady sine from phase 0, of a level in dB SPL."""
    k = np.arange(round(seconds * rate_hz))
    amplitude = spl(level_db, full_scale_db) * np.sqrt(2.0)
    return np.asarray(amplitude * np.sin(2.0 * np.pi * frequency_hz * k / rate_hz))


def write_sound(path: Path, samples: Samples, rate_hz: int = 48_000, subtype: str = "FLOAT") -> Path:
    """32-bit floats unless told, so that nothing is rounded."""
    form = "OGG" if subtype in ("VORBIS", "OPUS") else None
    soundfile.write(path, samples, rate_hz, subtype=subtype, format=form)
    return path


def features_from(samples: Samples, rate_hz: int = 48_000, first_hop: int = 0) -> list[Features]:
    """What a sensor sends for these samples."""
    rows = frames_of(samples, rate_hz)
    return [features_of(row, hop) for hop, row in enumerate(rows, start=first_hop)]


def write_frames(path: Path, frames: Sequence[Features], full_scale_db: float = FULL_SCALE_DB) -> Path:
    """A capture of one sensor."""
    write_features_capture(path, capture_header(full_scale_db), frames)
    return path


def capture_header(full_scale_db: float = FULL_SCALE_DB) -> CaptureHeader:
    return CaptureHeader("test", "test", "CC0-1.0", "test", layout=1, full_scale_db=full_scale_db)
