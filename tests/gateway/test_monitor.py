"""`agw monitor` on simulated sensors behind pseudo-terminals, as a technician sees it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from dsp.layout import HOP_S
from firmware_bridge.events import LinkState, LostReason, RefusedReason
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Reboot, Scenario, SensorScript, SoundPlayed, Unplug
from gateway.calibration.store import CalibrationStore
from gateway.cli import main
from gateway.exit_codes import ExitCode
from gateway.model_setup import choose_model
from gateway.tools import monitor
from gateway.tools.monitor_words import LINK, LOST, REFUSED, WORDS
from tests.firmware_bridge.wire import Pen, hello
from tests.gateway.test_calibration_store import record
from tests.support.gateway_process import settings_text
from tests.support.ptys import PtyDevice, pty_device
from tests.support.replayed import parsed
from tests.support.station_rig import world_of
from tests.support.waiting import DEADLINE_S

A, B = "SIM-A", "SIM-B"
Capsys = pytest.CaptureFixture[str]
PATIENCE_S = (1.0, 4.0, 30.0)
"""A second shows minutes of stream; a machine that is busy gets more."""


def street(*actions: object, serials: tuple[str, ...] = (A,)) -> Scenario:
    """A street at 55 dB(A), and two seconds at 100 dB(A) from 12 s on."""
    return Scenario(
        name="test",
        seed=1,
        duration_s=600.0,
        sensors=tuple(SensorScript(serial, bed=("street",)) for serial in serials),
        sounds=(SoundPlayed(12.0, ("bang",), (("*", 0.0),)),),
        actions=actions,  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Watched:
    code: int
    out: str
    err: str


def watched(
    capsys: Capsys,
    folder: Path,
    scenario: Scenario,
    *arguments: str,
    until: Callable[[Watched], bool] = lambda seen: seen.code == ExitCode.OK,
) -> Watched:
    """What the command shows of sensors that stream as fast as they are read, once that is enough."""
    for for_s in PATIENCE_S:
        with sensors(folder, scenario):
            capsys.readouterr()
            code = main(["monitor", *arguments, "--for", str(for_s)])
        said = capsys.readouterr()
        seen = Watched(code, said.out, said.err)
        if until(seen):
            break
    assert until(seen), seen
    assert seen.code == ExitCode.OK
    return seen


@contextmanager
def sensors(folder: Path, scenario: Scenario) -> Iterator[None]:
    ports = PtyPorts(world_of(scenario), folder, flat_out=True)
    ports.start()
    try:
        yield
    finally:
        assert ports.stop(20.0)


def settings(folder: Path, *serials: str, model: str = "none") -> str:
    path = folder / "gateway.toml"
    path.write_text(settings_text(folder, 1883, serials, model=model))
    return str(path)


def test_json_has_one_object_a_hop_and_all_else_goes_to_stderr(tmp_path: Path, capsys: Capsys) -> None:
    said = watched(
        capsys, tmp_path, street(), "--port", str(tmp_path / A), "--json",
        until=lambda seen: seen.out.count("\n") > 120 and "link: " in seen.err,
    )  # fmt: skip
    lines = parsed(said.out)
    model = choose_model("default").classifier
    assert model is not None
    for line in lines:
        assert set(line) == {
            "serial", "t", "laeq_db", "lafmax_db", "ambient_db", "usual_db", "vetoes", "held_back", "scores",
        }  # fmt: skip
        assert line["serial"] == A
        assert tuple(line["scores"]) == model.package.labels
    times = [line["t"] for line in lines]
    assert times == sorted(set(times))
    first = lines[0]
    assert (first["laeq_db"], first["lafmax_db"], first["ambient_db"]) == (55.0, 55.5, None)
    assert lines[round((11.0 - first["t"]) / HOP_S)]["ambient_db"] == 55.0
    assert f"sensor {A} (simulated" in said.err
    assert "not calibrated" in said.err
    assert "sensor streams" in said.err


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("port open", "not calibrated", "sensor streams", "55.0 dB(A)  max  55.5", "background  55.0",
                "*** start loud sound, LAFmax 100.5 dB", "*** end loud sound", "supply ", "0 lost, 0 bad")),
        ("nl", ("poort open", "niet gekalibreerd", "sensor zendt", "55,0 dB(A)  max  55,5",
                "achtergrond  55,0", "*** begin luid geluid, LAFmax 100,5 dB", "*** einde luid geluid",
                "voeding ", "0 verloren, 0 slecht")),
    ],
)  # fmt: skip
def test_text_in_both_languages(tmp_path: Path, capsys: Capsys, lang: str, words: tuple[str, ...]) -> None:
    said = watched(
        capsys, tmp_path, street(), "--settings", settings(tmp_path, A), "--lang", lang,
        until=lambda seen: all(word in seen.out for word in words),
    )  # fmt: skip
    assert said.err == ""
    assert "\x1b" not in said.out


def test_every_text_is_in_both_languages_and_every_state_has_one() -> None:
    assert (set(LINK), set(LOST), set(REFUSED)) == (set(LinkState), set(LostReason), set(RefusedReason))
    for phrases in (WORDS, LINK, LOST, REFUSED):
        for phrase in phrases.values():
            assert set(phrase) == {"nl", "en"}
            assert all(phrase.values())


def test_the_language_is_that_of_the_settings(tmp_path: Path, capsys: Capsys) -> None:
    path = Path(settings(tmp_path, A))
    path.write_text(path.read_text().replace("[gateway]", '[gateway]\nlanguage = "nl"', 1))
    assert "niet gekalibreerd" in watched(capsys, tmp_path, street(), "--settings", str(path)).out


@pytest.mark.parametrize(("lang", "word"), [("en", "nothing is connected"), ("nl", "niets aangesloten")])
def test_a_port_that_is_absent_is_said_and_unavailable(
    tmp_path: Path, capsys: Capsys, lang: str, word: str
) -> None:
    arguments = ["--port", str(tmp_path / "none"), "--lang", lang, "--for", "2.0"]
    assert main(["monitor", *arguments]) == ExitCode.UNAVAILABLE
    assert word in capsys.readouterr().out


def test_a_sensor_that_says_nothing(tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "_DEAF_AFTER_S", 0.1)
    with pty_device(tmp_path / "port"):
        code = main(["monitor", "--port", str(tmp_path / "port"), "--json", "--for", "1.0"])
    assert code == ExitCode.UNAVAILABLE
    said = capsys.readouterr()
    assert said.out == ""
    assert f"nothing heard on {tmp_path / 'port'}" in said.err


def test_no_port_is_usage(capsys: Capsys) -> None:
    assert main(["monitor"]) == ExitCode.USAGE
    assert "--port" in capsys.readouterr().err


def test_the_sensor_that_was_asked_for(tmp_path: Path, capsys: Capsys) -> None:
    path = settings(tmp_path, A, B)
    for name in (B, B.lower()):
        both = street(serials=(A, B))
        lines = parsed(watched(capsys, tmp_path, both, "--settings", path, "--sensor", name, "--json").out)
        assert {line["serial"] for line in lines} == {B}
        assert {len(line["scores"]) for line in lines} == {0}


def introduce(device: PtyDevice, serial: str) -> None:
    """Answer the question who is there, with a layout that nobody knows."""
    device.received(DEADLINE_S)
    device.send(Pen().write(hello(serial, layout_id=7)))


def test_a_sensor_that_is_refused_is_named(tmp_path: Path, capsys: Capsys) -> None:
    with pty_device(tmp_path / "port") as device:
        answer = Thread(target=introduce, args=(device, "S-0009"))
        answer.start()
        arguments = ["--port", str(tmp_path / "port"), "--lang", "nl", "--for", "2.0"]
        assert main(["monitor", *arguments]) == ExitCode.UNAVAILABLE
        answer.join(DEADLINE_S)
    assert "sensor S-0009 is geweigerd: deze gateway kent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "reason"), [(Unplug(90.0, A), "the port is gone"), (Reboot(90.0, A), "it started anew")]
)
def test_a_sensor_that_goes(tmp_path: Path, capsys: Capsys, action: object, reason: str) -> None:
    gone = f"sensor {A} is gone: {reason}"
    watched(
        capsys, tmp_path, street(action), "--port", str(tmp_path / A), until=lambda seen: gone in seen.out
    )


def test_a_calibration_counts(tmp_path: Path, capsys: Capsys) -> None:
    path = settings(tmp_path, A)
    (tmp_path / "data").mkdir()
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    stored = record(A, valid_from=long_ago, after_db=-2.5)
    CalibrationStore(tmp_path / "data").append(stored)
    said = watched(capsys, tmp_path, street(), "--settings", path, "--json")
    assert parsed(said.out)[0]["laeq_db"] == 52.5
    assert f"gekalibreerd: {stored.calibration_id}" in said.err


def test_without_a_model_it_shows_levels_and_says_why(tmp_path: Path, capsys: Capsys) -> None:
    path = settings(tmp_path, A, model="nowhere")
    said = watched(capsys, tmp_path, street(), "--settings", path, "--lang", "nl").out
    assert "alleen niveau: " in said
    assert "model.toml is missing" in said
    assert "55,0 dB(A)" in said


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    with sensors(tmp_path, street()):
        command = [sys.executable, "-m", "gateway", "monitor", "--port", str(tmp_path / A), "--json"]
        with subprocess.Popen(
            command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline().startswith(b'{"serial"')
            process.stdout.close()
            said = process.stderr.read()
            assert process.wait(DEADLINE_S) == ExitCode.READER_GONE
    assert b"Traceback" not in said


def test_a_sensor_that_the_settings_do_not_know_is_said_so(tmp_path: Path, capsys: Capsys) -> None:
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, [A]))
    assert main(["monitor", "--settings", str(settings), "--sensor", "oost"]) == ExitCode.UNAVAILABLE
    assert "no sensor 'oost'" in (told := capsys.readouterr().err)
    assert A.lower() in told
