"""`agw simulate` and `agw record` as a technician uses them: processes, ports, files, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from firmware_bridge.capture import SUFFIX, CaptureHeader, CaptureReader, open_capture
from firmware_bridge.capture_writer import create_capture
from firmware_bridge.events import FeatureFrame, SensorReady
from firmware_bridge.feature_capture import write_features_capture
from firmware_bridge.link import SensorLink
from firmware_bridge.port_worker import PortWorker
from firmware_bridge.simulator.library import load_sound
from firmware_bridge.simulator.sound import Sound
from firmware_bridge.simulator.synthetic import flat
from gateway.cli import main
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.resources import config_root
from gateway.tools.record import Tape
from gateway.tools.simulate import load_library, load_scenario, make_world
from tests.support.port_log import PortLog
from tests.support.ptys import pty_device
from tests.support.waiting import DEADLINE_S, wait_until

ROOT = Path(__file__).resolve().parents[2]
READY_MADE = sorted(path.stem for path in (config_root() / "scenarios").glob("*.toml"))

SCENARIO = """
duration_s = 20.0
about.en = "a test"

[[sensor]]
serial = "SIM-0001"
bed = "ambience"

[[sound]]
at_s = 5.0
play = "shout"
heard_by = { "SIM-0001" = 0.0 }
"""


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "captures"
    folder.mkdir()
    for name, label, level_db in (("bed", "ambience", -70.0), ("call", "shout", -40.0)):
        header = CaptureHeader(
            "test", "test", "CC0-1.0", "test", layout=1, name=name, label=label, full_scale_db=120.0
        )
        frames = [flat(level_db)._replace(hop_index=hop) for hop in range(16)]
        write_features_capture(folder / f"{name}{SUFFIX}", header, frames)
    return folder


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO)
    return path


def agw(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", READY_MADE)
def test_each_ready_made_scenario_finds_its_sounds_in_the_captures_that_come_with_it(name: str) -> None:
    world = make_world(load_scenario(name), load_library(), epoch=1)
    assert world.advance(1.0)


def test_the_list_of_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--list"]) == ExitCode.OK
    english = capsys.readouterr().out
    assert [line.split()[0] for line in english.splitlines()] == READY_MADE
    main(["simulate", "--list", "--lang", "nl"])
    assert capsys.readouterr().out != english


def test_in_memory_each_sensor_becomes_a_capture(
    tmp_path: Path, captures: Path, scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", "--scenario", str(scenario), "--captures", str(captures), "--sensors", "3"]
    for folder in ("one", "two"):
        assert main([*arguments, "--epoch", "4", "--out", str(tmp_path / folder)]) == ExitCode.OK
    assert "scenario mine: a test" in capsys.readouterr().out
    names = [f"SIM-000{number}{SUFFIX}" for number in (1, 2, 3)]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    heard = load_sound(tmp_path / "one" / names[0])
    assert isinstance(heard, Sound)
    assert [frame.laeq_cdb for frame in heard.features].count(-4000) == 16
    assert len(heard.features) in (159, 160)
    assert main([*arguments, "--out", str(tmp_path / "one")]) == ExitCode.UNAVAILABLE
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "fihgt"], "Ready-made are calibrator, clock_skew, crowd, fight"),
        (["--scenario", "none.toml"], "none.toml"),
        (["--sensors", "65"], "65 sensors, 1 to 64"),
        (["--for", "-1"], "cannot last -1"),
        (["--captures", "/nowhere"], "no captures to play"),
        (["--dir", "/dev/null/x"], "cannot make this folder"),
    ],
)
def test_what_cannot_be_simulated_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == ExitCode.UNAVAILABLE
    assert said in capsys.readouterr().err


def test_a_scenario_whose_sounds_are_missing_and_a_damaged_capture(captures: Path) -> None:
    with pytest.raises(GatewayError, match=r"no sound named or labelled scream; labels there are: ambience"):
        make_world(load_scenario("reboot"), load_library(captures))
    (captures / f"bad{SUFFIX}").write_bytes(b"no")
    with pytest.raises(GatewayError, match="not_a_capture"):
        load_library(captures)


def test_simulated_and_recorded(tmp_path: Path, captures: Path, scenario: Path) -> None:
    ports, out = tmp_path / "ports", tmp_path / "heard.agwcap"
    simulator = agw(
        "simulate", "--scenario", scenario, "--captures", captures, "--dir", ports, "--for", "600"
    )
    wait_until(lambda: (ports / "SIM-0001").exists() or simulator.poll() is not None, "the port")
    recorder = agw(
        "record", "--port", ports / "SIM-0001", "--out", out, "--licence", "CC0-1.0", "--note", "n"
    )
    wait_until(lambda: (out.exists() and out.stat().st_size > 1500) or recorder.poll() is not None, "bytes")
    recorder.send_signal(signal.SIGINT)
    _, said = recorder.communicate(timeout=DEADLINE_S)
    assert recorder.returncode == ExitCode.OK, said
    assert "sensor SIM-0001 (simulated" in said
    simulator.send_signal(signal.SIGTERM)
    told, _ = simulator.communicate(timeout=DEADLINE_S)
    assert simulator.returncode == ExitCode.OK
    assert f"SIM-0001 is at {ports / 'SIM-0001'}" in told
    assert list(ports.iterdir()) == []
    reader = open_capture(out)
    assert isinstance(reader, CaptureReader)
    with reader:
        header = reader.header
        times = [chunk.t_us for chunk in reader]
        assert reader.problem is None
    assert (header.origin, header.licence, header.note) == (str(ports / "SIM-0001"), "CC0-1.0", "n")
    assert times == sorted(times)
    assert isinstance(load_sound(out), Sound)


def test_a_capture_is_played_on_a_port_once_somebody_opens_it(tmp_path: Path, captures: Path) -> None:
    ports, log = tmp_path / "ports", PortLog()
    player = agw("simulate", "--play", captures / "call.agwcap", "--dir", ports, "--speed", "max")
    wait_until(lambda: (ports / "call").exists() or player.poll() is not None, "the port")
    worker = PortWorker(str(ports / "call"), SensorLink(), log.take)
    worker.start()
    assert log.wait_kind(SensorReady).serial == "CAPTURE"
    assert log.wait_kind(FeatureFrame, 16).features.laeq_cdb == -4000
    assert player.wait(DEADLINE_S) == ExitCode.OK
    player.communicate()
    assert worker.stop(DEADLINE_S)


def test_what_cannot_be_played_says_why(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = captures / "bad.agwcap"
    bad.write_bytes(b"no")
    for files, said in (
        ([captures / "none.agwcap"], "cannot read: No such file"),
        ([bad], "not_a_capture at byte 0"),
        ([captures / "bed.agwcap"] * 2, "two captures of one name"),
    ):
        assert main(["simulate", "--play", *map(str, files)]) == ExitCode.UNAVAILABLE
        assert said in capsys.readouterr().err


def test_recording_from_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.agwcap"
    arguments = ["record", "--port", str(tmp_path / "none"), "--out", str(out), "--licence", "x"]
    assert main([*arguments, "--for", "0.3", "--lang", "nl"]) == ExitCode.FOUND
    said = capsys.readouterr().err
    assert "onder deze naam is niets aangesloten" in said
    assert "er is niets ontvangen" in said
    assert main(arguments) == ExitCode.UNAVAILABLE
    assert "exists already" in capsys.readouterr().err


def test_recording_where_nothing_can_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "no-such-folder" / "x.agwcap"
    assert main(["record", "--port", "loop://", "--out", str(out), "--licence", "x"]) == ExitCode.UNAVAILABLE
    assert str(out) in capsys.readouterr().err


_RECORD_ON_A_SMALL_DISK = """
import resource, signal, sys
from gateway.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_ends_the_recording_and_leaves_a_whole_file(tmp_path: Path) -> None:
    out = tmp_path / "full.agwcap"
    with pty_device(tmp_path / "port") as device:
        arguments = ["record", "--port", str(device.name), "--out", str(out), "--licence", "x"]
        recorder = subprocess.Popen(
            [sys.executable, "-c", _RECORD_ON_A_SMALL_DISK, *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        device.received(DEADLINE_S)
        sent = 0
        while recorder.poll() is None:
            size = out.stat().st_size
            device.send(b"0123456789" * 5)
            sent += 1
            wait_until(partial(_grew_or_ended, out, size, recorder), "the file to grow")
        _, said = recorder.communicate(timeout=DEADLINE_S)
    assert recorder.returncode == ExitCode.UNAVAILABLE
    assert "the disk is full. What was written until now is whole" in said.replace("\n", " ")
    reader = open_capture(out)
    assert isinstance(reader, CaptureReader)
    with reader:
        data = b"".join(chunk.data for chunk in reader)
        assert reader.problem is None
    assert data == (b"0123456789" * 5 * sent)[: len(data)]
    assert len(data) > 300


def _grew_or_ended(path: Path, size: int, process: subprocess.Popen[str]) -> bool:
    return path.stat().st_size > size or process.poll() is not None


def test_a_tape_that_failed_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = create_capture(tmp_path / "x", CaptureHeader("", "", "", ""))
    tape = Tape(writer, 10.0)
    tape.take(10.5, b"abc")
    monkeypatch.setattr(writer, "write", _fail)
    tape.take(11.0, b"def")
    monkeypatch.undo()
    tape.take(11.5, b"ghi")
    tape.close()
    assert tape.failed.is_set()
    assert tape.received_bytes == 3
    assert tape.lasted_s == 0.5


def _fail(_t_us: int, _data: bytes) -> None:
    raise OSError(28, "No space left on device")
