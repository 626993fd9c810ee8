"""`agw replay` as a program: its lines, its files, its exit codes, and a reader that goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.cli import main
from gateway.exit_codes import ExitCode
from gateway.model_setup import choose_model
from gateway.resources import config_root
from tests.support.gateway_process import settings_text
from tests.support.replayed import (
    LEVEL_ONLY,
    Line,
    features_from,
    noise,
    parsed,
    replay,
    tone,
    write_frames,
    write_sound,
)

ROOT = Path(__file__).resolve().parents[2]

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def loud(tmp_path: Path) -> tuple[str, ...]:
    """Options under which two sounds of 100 dB are alerts, whatever the model."""
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], model="none"))
    return ("--settings", str(settings))


def bang_file(path: Path, bang_s: float = 2.0, total_s: float = 7.0) -> Path:
    """60 dB with one second of 100 dB."""
    quiet = noise(1, total_s, 60.0)
    first = round(bang_s * 48_000)
    quiet[first : first + 48_000] = noise(2, 1.0, 100.0)
    return write_sound(path, quiet)


def without_file(lines: list[Line]) -> list[Line]:
    return [{key: value for key, value in line.items() if key != "file"} for line in lines]


def test_a_line_for_each_window_says_everything(tmp_path: Path, capsys: Capsys) -> None:
    result = replay(capsys, write_sound(tmp_path / "a.wav", tone(1000.0, 1.0, 94.0)))
    model = choose_model("default")
    assert model.classifier is not None
    assert result.code == ExitCode.OK
    assert [line["t"] for line in result.lines] == pytest.approx([0.125 * k for k in range(1, 9)])
    line = result.lines[-1]
    assert set(line) == {
        "type", "t", "scores", "laeq_db", "lafmax_db", "ambient_db", "above_ambient_db", "mode", "model",
        "calibrated", "vetoes", "held_back",
    }  # fmt: skip
    assert line["type"] == "scores"
    assert tuple(line["scores"]) == model.classifier.package.labels
    assert all(0.0 <= p <= 1.0 for p in line["scores"].values())
    assert line["laeq_db"] == pytest.approx(94.0, abs=0.1)
    assert (line["ambient_db"], line["above_ambient_db"]) == (None, None)
    assert (line["mode"], line["model"], line["calibrated"]) == ("full", model.model_id, False)


def test_alerts_stand_behind_the_window_that_decided_them(
    tmp_path: Path, capsys: Capsys, loud: tuple[str, ...]
) -> None:
    result = replay(capsys, *loud, bang_file(tmp_path / "a.wav"))
    start, end = result.alerts
    assert (start["phase"], start["class"], start["revision"]) == ("start", "loud", 0)
    assert (end["phase"], end["end_reason"], end["revision"]) == ("end", "cleared", 1)
    assert start["t"] == start["t_onset"] == end["t_onset"] == pytest.approx(2.0)
    assert start["t_raised"] == end["t_raised"] == pytest.approx(2.25)
    assert end["t"] == pytest.approx(3.0)
    assert end["t_decided"] == pytest.approx(5.0)
    assert start["lafmax_db"] == pytest.approx(98.0, abs=3.0)
    assert start["severity"] in ("low", "medium", "high")
    assert not start["calibrated"]
    for alert in (start, end):
        before = result.lines[result.lines.index(alert) - 1]
        assert (before["type"], before["t"]) == ("scores", alert["t_decided"])


def test_times_of_lines_never_go_back(tmp_path: Path, capsys: Capsys, loud: tuple[str, ...]) -> None:
    captures = sorted((config_root() / "captures").glob("s*.agwcap"))
    for path in (*captures, bang_file(tmp_path / "a.wav")):
        lines = replay(capsys, *loud, path).lines
        decided = [line["t"] if line["type"] == "scores" else line["t_decided"] for line in lines]
        assert decided == sorted(decided)
        windows = [line["t"] for line in lines if line["type"] == "scores"]
        assert np.diff(windows) == pytest.approx(0.125)
        assert windows[0] == 0.125


def test_one_file_is_not_named_and_of_several_every_line_is(tmp_path: Path, capsys: Capsys) -> None:
    a = write_sound(tmp_path / "a.wav", noise(1, 0.5, 60.0))
    b = write_frames(tmp_path / "b.agwcap", features_from(noise(2, 0.5, 60.0)))
    assert all("file" not in line for line in replay(capsys, *LEVEL_ONLY, a).lines)
    result = replay(capsys, *LEVEL_ONLY, a, b)
    assert [line["file"] for line in result.lines] == [str(a)] * 4 + [str(b)] * 4


def test_the_same_file_twice_gives_the_same_lines(tmp_path: Path, capsys: Capsys) -> None:
    a = bang_file(tmp_path / "a.wav")
    other = write_sound(tmp_path / "b.wav", noise(3, 12.0, 90.0))
    alone = replay(capsys, a).lines
    result = replay(capsys, a, other, a)
    assert without_file(result.lines[: len(alone)]) == alone
    assert without_file(result.lines[-len(alone) :]) == alone


def test_a_bad_file_gives_an_error_line_and_the_rest_go_on(tmp_path: Path, capsys: Capsys) -> None:
    good = write_sound(tmp_path / "good.wav", noise(1, 0.5, 60.0))
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF and then nothing that is sound")
    missing = tmp_path / "missing.wav"
    result = replay(capsys, *LEVEL_ONLY, good, bad, missing, good)
    assert result.code == ExitCode.FOUND
    assert [line["type"] for line in result.lines] == ["scores"] * 4 + ["error"] * 2 + ["scores"] * 4
    unreadable, absent = result.errors
    assert unreadable["file"] == unreadable["where"] == str(bad)
    assert unreadable["what"].startswith("cannot be read as sound")
    assert absent["file"] == str(missing)
    assert "No such file" in absent["what"]
    assert unreadable["hint"]
    assert absent["hint"]


def test_a_single_bad_file_is_named_too(tmp_path: Path, capsys: Capsys) -> None:
    result = replay(capsys, *LEVEL_ONLY, tmp_path / "missing.agwcap")
    assert result.code == ExitCode.FOUND
    assert [(line["type"], line["file"]) for line in result.lines] == [
        ("error", str(tmp_path / "missing.agwcap"))
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--full-scale-db", "loud", "a.wav"],
        ["--full-scale-db", "nan", "a.wav"],
        ["--full-scale-db", "1000", "a.wav"],
        ["--ambient-db", "-300", "a.wav"],
        ["--lang", "fr", "a.wav"],
    ],
)
def test_a_wrong_command_line_is_usage(arguments: list[str], capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", *arguments])
    assert caught.value.code == ExitCode.USAGE
    assert "agw replay: error" in capsys.readouterr().err


def test_wrong_settings_are_usage(tmp_path: Path, capsys: Capsys) -> None:
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], more="[decision.shuot]\non_score = 0.5\n"))
    sound = write_sound(tmp_path / "a.wav", noise(1, 0.5, 60.0))
    result = replay(capsys, "--settings", settings, sound)
    assert result.code == ExitCode.USAGE
    assert result.lines == []
    assert "shout" in result.err


def test_full_scale_shifts_levels_and_makes_them_calibrated(tmp_path: Path, capsys: Capsys) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1000.0, 1.0, 94.0))
    assumed = replay(capsys, *LEVEL_ONLY, path).lines
    stated = replay(capsys, *LEVEL_ONLY, "--full-scale-db", "130", path).lines
    assert {line["calibrated"] for line in assumed} == {False}
    assert {line["calibrated"] for line in stated} == {True}
    for a, b in zip(assumed, stated, strict=True):
        assert b["laeq_db"] - a["laeq_db"] == pytest.approx(10.0, abs=0.011)
        assert b["lafmax_db"] - a["lafmax_db"] == pytest.approx(10.0, abs=0.011)


def test_a_declared_background_counts_from_the_first_window(tmp_path: Path, capsys: Capsys) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1000.0, 0.5, 94.0))
    for line in replay(capsys, *LEVEL_ONLY, "--ambient-db", "55", path).lines:
        assert line["ambient_db"] == 55.0
        assert line["above_ambient_db"] == pytest.approx(line["laeq_db"] - 55.0, abs=0.011)


def test_a_declared_background_holds_back_what_does_not_stand_out(
    tmp_path: Path, capsys: Capsys, loud: tuple[str, ...]
) -> None:
    path = bang_file(tmp_path / "a.wav")
    assert replay(capsys, *loud, "--ambient-db", "60", path).alerts
    assert replay(capsys, *loud, "--ambient-db", "130", path).alerts == []


def test_without_a_fitting_model_it_goes_on_and_says_so(tmp_path: Path, capsys: Capsys) -> None:
    path = write_sound(tmp_path / "a.wav", noise(1, 0.5, 60.0))
    settings = tmp_path / "gateway.toml"
    settings.write_text(settings_text(tmp_path, 1883, ["S-1"], model="nowhere"))
    result = replay(capsys, "--settings", settings, path)
    assert result.code == ExitCode.OK
    assert "model.toml is missing" in result.err
    assert "level-only mode" in result.err
    for line in result.lines:
        assert (line["mode"], line["model"], line["scores"]) == ("level_only", None, {})
        assert line["laeq_db"] > 40.0


def test_a_model_that_was_asked_for_and_is_not_there_is_an_error(tmp_path: Path, capsys: Capsys) -> None:
    path = write_sound(tmp_path / "a.wav", noise(1, 0.5, 60.0))
    result = replay(capsys, "--model", tmp_path / "nowhere", path)
    assert result.code == ExitCode.UNAVAILABLE
    assert result.lines == []
    assert "model.toml is missing" in result.err
    assert "default, default-int8, open, open-int8, none" in result.err


@pytest.mark.parametrize(
    ("lang", "word", "cleared"), [("en", "loud sound", "end"), ("nl", "luid geluid", "einde")]
)
def test_text_for_people(
    tmp_path: Path, capsys: Capsys, loud: tuple[str, ...], lang: str, word: str, cleared: str
) -> None:
    path = bang_file(tmp_path / "a.wav")
    assert main(["replay", *loud, "--lang", lang, str(path)]) == ExitCode.OK
    start, end = capsys.readouterr().out.splitlines()
    assert word in start
    assert "onset 2.000 s" in start
    assert cleared in end
    (tmp_path / "bad.wav").write_bytes(b"")
    assert main(["replay", *loud, "--lang", lang, str(tmp_path / "bad.wav"), str(path)]) == ExitCode.FOUND
    said = capsys.readouterr()
    assert all(line.startswith(f"{path}: ") for line in said.out.splitlines())
    assert f"agw replay: {tmp_path / 'bad.wav'}: cannot be read as sound" in said.err


def agw_replay(*arguments: str | bytes | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gateway", "replay", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_a_name_that_is_not_utf_8(tmp_path: Path, loud: tuple[str, ...]) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    os.rename(bang_file(tmp_path / "a.wav"), name)
    env = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
    for form in ([], ["--json"]):
        done = agw_replay(*loud, *form, name, name, env=env, capture_output=True)
        assert done.returncode == ExitCode.OK, done.stderr
        assert done.stdout.count(b"caf") >= 4
    assert {os.fsencode(line["file"]) for line in parsed(done.stdout.decode())} == {name}


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    """`agw replay --json FILE... | head -1`"""
    path = write_sound(tmp_path / "a.wav", noise(1, 60.0, 60.0, 8_000), 8_000)
    command = [sys.executable, "-m", "gateway", "replay", "--json", *LEVEL_ONLY, *[str(path)] * 20]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["type"] == "scores"
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() == ExitCode.READER_GONE
    assert b"Traceback" not in said
    assert b"BrokenPipe" not in said


_MANY = """
import os, sys
from gateway.cli import main

def held():
    resident_pages = int(open("/proc/self/statm").read().split()[1])
    return len(os.listdir("/proc/self/fd")), resident_pages * os.sysconf("SC_PAGE_SIZE") / 1e6

files = sys.argv[1:]
main(["replay", "--json", *files[: len(files) // 4]])
fds, megabytes = held()
code = main(["replay", "--json", *files])
fds_after, megabytes_after = held()
print(code, fds_after - fds, megabytes_after - megabytes, file=sys.stderr)
"""


def test_hundreds_of_files_in_one_process_leave_nothing_behind(tmp_path: Path) -> None:
    """Sound, captures and files that are refused, which is where handles are easily forgotten."""
    made = [
        write_sound(tmp_path / "a.wav", noise(1, 0.2, 60.0)),
        write_sound(tmp_path / "b.flac", noise(2, 0.2, 60.0, 16_000), 16_000, "PCM_16"),
        write_frames(tmp_path / "c.agwcap", features_from(noise(3, 0.25, 60.0))),
        write_sound(tmp_path / "none.wav", np.zeros(0)),
    ]
    (tmp_path / "rubbish.wav").write_bytes(b"RIFFrubbish")
    cut = tmp_path / "cut.agwcap"
    cut.write_bytes(made[2].read_bytes()[:-5])
    files = [*made, tmp_path / "rubbish.wav", cut] * 100
    out = tmp_path / "out.jsonl"
    with out.open("wb") as sink:
        done = subprocess.run(
            [sys.executable, "-c", _MANY, *map(str, files)],
            cwd=ROOT, stdout=sink, stderr=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    code, fds, megabytes = done.stderr.splitlines()[-1].split()
    assert int(code) == ExitCode.FOUND
    assert int(fds) == 0
    assert float(megabytes) < 8.0
    lines = parsed(out.read_text())
    assert sum(line["type"] == "error" for line in lines) == 3 * (100 + 25)
    assert sum(line["type"] == "scores" for line in lines) > 6 * (100 + 25)


def test_files_together_are_sensors_of_one_incident(
    tmp_path: Path, capsys: Capsys, loud: tuple[str, ...]
) -> None:
    files = [bang_file(tmp_path / f"{name}.wav") for name in ("one", "two", "three", "four")]
    code = main(["replay", "--json", "--together", *loud, *map(str, files)])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == ExitCode.OK
    told = [line for line in lines if line["type"] == "incident"]
    assert len({line["incident_id"] for line in told}) == 1
    assert told[0]["priority"] == "look"
    assert told[-1]["priority"] == "go"
    complete = max(told, key=lambda line: len(line["sensors"]))
    assert {sensor["file"] for sensor in complete["sensors"]} == {str(path) for path in files}
    starts = [line for line in lines if line["type"] == "alert" and line["phase"] == "start"]
    upgraded = next(
        line for line in told if line["event_id"] == told[0]["event_id"] and line["priority"] == "go"
    )
    assert upgraded["t"] - starts[1]["t_decided"] <= 1.0


def test_files_together_in_words(tmp_path: Path, capsys: Capsys, loud: tuple[str, ...]) -> None:
    files = [str(bang_file(tmp_path / f"{name}.wav")) for name in ("one", "two")]
    assert (
        main(["replay", "--together", "--lang", "nl", *loud, *files, str(tmp_path / "none.wav")])
        == ExitCode.FOUND
    )
    shown = capsys.readouterr()
    assert "GAAN (een tweede sensor): " in shown.out
    assert "none.wav" in shown.err
    assert main(["replay", "--lang", "nl", *loud, *files]) == ExitCode.OK
    assert "incident" not in capsys.readouterr().out, "by itself each file is alone"
