"""`agw calibrate` on a pseudo-terminal with a simulated sensor at its other end."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Calibrator, SensorScript
from firmware_bridge.simulator.world import SimulatedWorld
from gateway.calibration.record import Calibration
from gateway.calibration.store import CalibrationStore
from gateway.cli import main
from gateway.exit_codes import ExitCode
from tests.support.ptys import pty_device
from tests.support.simulated import LIBRARY, scenario

SERIAL = "SIM-0001"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "gw.toml"
    path.write_text(
        f"[gateway]\nsite='s'\nid='g'\nlanguage='en'\ndata_dir='data'\n[delivery]\nconfirm='puback'\n"
        f"[[port]]\nurl='{tmp_path}/ports/*'\n"
        f"[[sensor]]\nid='noord'\nserial='{SERIAL}'\n",
        encoding="utf-8",
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "ports").mkdir()
    return path


@contextmanager
def sensor(settings: Path, calibrator: Calibrator | None, mic_error_db: float = 0.0) -> Iterator[None]:
    """A simulated sensor, as fast as it is read."""
    actions = () if calibrator is None else (calibrator,)
    script = scenario(
        *actions, duration_s=300.0, sensors=(SensorScript(SERIAL, ("yard",), mic_error_db=mic_error_db),)
    )
    world = SimulatedWorld(script, LIBRARY, epoch=1)
    ports = PtyPorts(world, settings.parent / "ports", flat_out=True)
    ports.start()
    try:
        yield
    finally:
        assert ports.stop(20.0)


def tone(level_db: float = 94.0, **changes: float) -> Calibrator:
    return Calibrator(at_s=2.0, sensor=SERIAL, for_s=250.0, level_db=level_db, **changes)


def calibrate(settings: Path, *arguments: str) -> int:
    return main(
        ["calibrate", "--settings", str(settings), "--sensor", "noord", "--who", "Test Person", *arguments]
    )


def records(settings: Path) -> tuple[Calibration, ...]:
    return CalibrationStore(settings.parent / "data").records()


@pytest.mark.parametrize(("level_db", "mic_error_db"), [(94.0, 2.5), (114.0, -5.9)])
def test_a_sensor_that_is_off_is_calibrated(
    settings: Path, capsys: pytest.CaptureFixture[str], level_db: float, mic_error_db: float
) -> None:
    with sensor(settings, tone(level_db), mic_error_db):
        assert calibrate(settings, "--yes", "--calibrator", "C-77", "--certificate-date", "2026-01-05") == 0
    (record,) = records(settings)
    assert record.after_db == pytest.approx(-mic_error_db, abs=0.02)
    assert record.before_db is None
    assert (record.who, record.sensor_id, record.sensor_serial) == ("Test Person", "noord", SERIAL)
    assert record.reference.level_db == level_db
    assert (record.reference.calibrator_serial, record.reference.certificate_date) == ("C-77", "2026-01-05")
    assert record.measured.frequency_hz == pytest.approx(1000.0, abs=1.0)
    out = capsys.readouterr().out
    assert f"Calibrator recognised: {level_db:g} dB" in out
    assert f"Stored as {record.calibration_id}" in out
    current = CalibrationStore(settings.parent / "data").current(SERIAL, datetime.now(UTC))
    assert current == record


def test_drift_since_the_last_time_is_said(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sensor(settings, tone(), mic_error_db=0.0):
        assert calibrate(settings, "--yes") == ExitCode.OK
    (first,) = records(settings)
    # The record's id counts seconds, and the second visit comes sooner here than in life.
    path = CalibrationStore(settings.parent / "data").path
    earlier = path.read_text(encoding="utf-8").replace(first.calibration_id, "cal-earlier")
    path.write_text(earlier, encoding="utf-8")
    capsys.readouterr()
    with sensor(settings, tone(), mic_error_db=0.8):
        assert calibrate(settings, "--yes", "--lang", "nl") == ExitCode.OK
    second = records(settings)[1]
    assert (second.before_db, second.drift_db) == (first.after_db, pytest.approx(-0.8, abs=0.03))
    out = capsys.readouterr().out
    assert "LET OP: -0,8" in out
    assert "meer dan 0,5 dB" in out


@pytest.mark.parametrize(
    ("calibrator", "arguments", "why"),
    [
        (tone(stability_db=0.4), (), "the level is not steady"),
        (tone(frequency_hz=1030.0), (), "the tone is at 1030.0 Hz"),
        (tone(distortion_percent=4.0), (), "4.0 % distortion"),
        (tone(104.0), (), "the tone reads 104.0 dB"),
        (tone(114.0), ("--reference-db", "94"), "the tone reads 114.0 dB"),
    ],
)
def test_a_bad_tone_is_refused_and_nothing_stored(
    settings: Path,
    capsys: pytest.CaptureFixture[str],
    calibrator: Calibrator,
    arguments: tuple[str, ...],
    why: str,
) -> None:
    with sensor(settings, calibrator):
        assert calibrate(settings, "--yes", *arguments) == ExitCode.FOUND
    assert records(settings) == ()
    refused = capsys.readouterr().out.splitlines()[-1]
    assert refused.startswith("Refused: ")
    assert why in refused


@pytest.mark.parametrize(
    ("answer", "language", "stored"), [("y\n", "en", 1), ("j\n", "nl", 1), ("n\n", "en", 0), ("", "en", 0)]
)
def test_it_asks_before_it_stores(
    settings: Path, monkeypatch: pytest.MonkeyPatch, answer: str, language: str, stored: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with sensor(settings, tone()):
        code = calibrate(settings, "--lang", language)
    assert code == (ExitCode.OK if stored else ExitCode.FOUND)
    assert len(records(settings)) == stored


def test_a_port_that_the_gateway_holds(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pty_device(settings.parent / "ports" / "usb-1") as device:
        holder = os.open(device.node, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert calibrate(settings) == ExitCode.UNAVAILABLE
        os.close(holder)
    assert "another program holds the port" in capsys.readouterr().err


def test_a_sensor_that_is_not_there(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(settings, "--for", "1", "--lang", "nl") == ExitCode.UNAVAILABLE
    shown = capsys.readouterr()
    assert f"sensor {SERIAL} is niet gehoord" in shown.err
    assert "onder deze naam is niets aangesloten" in shown.err


def test_an_unknown_sensor_or_no_port(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["calibrate", "--settings", str(settings), "--who", "x", "--sensor", "zuid"]
    assert main(command) == ExitCode.UNAVAILABLE
    assert "The settings know: noord" in capsys.readouterr().err
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[[port]]", "").replace("url=", "#"), encoding="utf-8")
    assert calibrate(settings) == ExitCode.UNAVAILABLE
    assert "the settings name no port" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reference-db", "100"],
        ["--reference-db", "loud"],
        ["--certificate-date", "5-1-2026"],
        ["--for", "0"],
    ],
)
def test_impossible_arguments(settings: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        calibrate(settings, *arguments)
    assert caught.value.code == ExitCode.USAGE


def test_damaged_records_are_named_first(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CalibrationStore(settings.parent / "data").path.write_text('{"torn', encoding="utf-8")
    assert calibrate(settings, "--for", "1") == ExitCode.UNAVAILABLE
    assert capsys.readouterr().out.startswith("WARNING: line 1 of ")
