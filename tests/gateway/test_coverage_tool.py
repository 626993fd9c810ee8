"""`agw coverage` and `agw telemetry` as their reader sees them, bad input included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.exit_codes import ExitCode
from gateway.telemetry.files import FOLDER_NAME, segment_files
from tests.support.telemetry import Written, second


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(
        '[gateway]\nsite = "s"\nid = "g"\ndata_dir = "."\nlanguage = "en"\n'
        '[delivery]\nconfirm = "puback"\n'
        '[[sensor]]\nid = "north"\nserial = "N"\n[[sensor]]\nid = "south"\nserial = "S"\n'
    )
    return path


def agw(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str], str]:
    capsys.readouterr()
    code = main([str(one) for one in arguments])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


def objects(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_hours_are_a_table_with_downtime_in_it(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half an hour from eight o'clock, then down until half past ten, then half an hour."""
    Written(tmp_path).heard(0, 1800).done()
    Written(tmp_path, boot_id="boot-2").heard(9000, 10_800, "south", hops=4).done()
    code, lines, err = agw(capsys, "coverage", "--settings", settings)
    assert (code, err) == (ExitCode.OK, "")
    assert lines[0].startswith("minutes analysed")
    assert [line.split() for line in lines[1:]] == [
        ["hour", "on", "north", "south"],
        ["2026-03-14", "20:00", "30.0", "30.0", "0.0"],
        ["2026-03-14", "21:00", "0.0", "0.0", "0.0"],
        ["2026-03-14", "22:00", "30.0", "0.0", "15.0"],
        ["share", "33.3", "%", "16.7", "%", "8.3", "%"],
    ]


def test_dutch_numbers_and_words(settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Written(tmp_path, clock="unsynced").heard(0, 1830).done()
    _, lines, _ = agw(capsys, "coverage", "--settings", settings, "--lang", "nl")
    assert lines[0].startswith("geluisterde minuten per uur")
    assert lines[2].split() == ["2026-03-14", "20:00", "?", "30,5", "30,5", "0,0"]
    assert lines[3].split()[0] == "aandeel"


def test_hours_as_json(settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Written(tmp_path).heard(0, 5400).done()
    code, lines, _ = agw(capsys, "coverage", "--settings", settings, "--json", "--sensor", "north")
    assert code == ExitCode.OK
    assert objects(lines) == [
        {
            "hour_utc": "2026-03-14T20:00:00.000Z",
            "clock_set": True,
            "gateway_s": 3600,
            "analysed_s": {"north": 3600.0},
        },
        {
            "hour_utc": "2026-03-14T21:00:00.000Z",
            "clock_set": True,
            "gateway_s": 1800.0,
            "analysed_s": {"north": 1800.0},
        },
    ]
    _, last, _ = agw(capsys, "coverage", "--settings", settings, "--json", "--hours", "1")
    assert objects(last)[0]["analysed_s"] == {"north": 1800.0, "south": 0.0}


def test_a_sensor_that_the_settings_no_longer_know_is_shown(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Written(tmp_path, sensors=("gone",)).heard(0, 60, "gone").done()
    _, lines, _ = agw(capsys, "coverage", "--settings", settings, "--json")
    assert list(objects(lines)[0]["analysed_s"]) == ["north", "south", "gone"]


def test_seconds_as_json_in_order_and_in_full(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Written(tmp_path).chunk(0, [second(10, hops=7, vetoes=2), second(11, scores=None, calibrated=True)])
    run.chunk(60, [second(60), second(60, "south")]).done()
    code, lines, _ = agw(capsys, "telemetry", "--settings", settings, "--sensor", "north", "--json")
    assert code == ExitCode.OK
    found = objects(lines)
    assert [one["second"] for one in found] == [10, 11, 60]
    assert found[0] == {
        "sensor_id": "north",
        "boot_id": "boot-1",
        "second": 10,
        "utc": "2026-03-14T20:00:10.000Z",
        "clock": "synced",
        "error_ms": 12,
        "hops": 7,
        "laeq_db": 55.0,
        "lafmax_db": 60.5,
        "ambient_db": 50.0,
        "calibrated": False,
        "vetoes": ["rain"],
        "held_back": False,
        "model": "model-1",
        "scores": {"shout": 0.5, "scream": 0.09535, "ambience": 0.90025},
    }
    assert (found[1]["scores"], found[1]["calibrated"]) == (None, True)


def test_seconds_as_lines(settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Written(tmp_path).chunk(0, [second(10, hops=7), second(11, scores=None, ambient_db=None)]).done()
    arguments = ("telemetry", "--settings", settings, "--sensor", "north")
    _, lines, _ = agw(capsys, *arguments)
    assert lines[0] == (
        "2026-03-14 20:00:10   55.0 dB(A)  max  60.5  background  50.0  7 of 8 heard"
        "  background sound 0.90  shout 0.50"
    )
    assert lines[1] == "2026-03-14 20:00:11   55.0 dB(A)  max  60.5"
    _, lines, _ = agw(capsys, *arguments, "--lang", "nl")
    assert "55,0 dB(A)  max  60,5  achtergrond  50,0  7 van 8 gehoord" in lines[0]
    assert "schreeuw" in lines[0]


def test_the_last_hours_only(settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Written(tmp_path).heard(0, 3 * 3600).done()
    _, lines, _ = agw(
        capsys, "telemetry", "--settings", settings, "--sensor", "north", "--json", "--hours", "1"
    )
    assert [one["second"] for one in objects(lines)] == list(range(2 * 3600, 3 * 3600))


@pytest.mark.parametrize("command", [("coverage",), ("telemetry", "--sensor", "north")])
def test_no_store_is_said_with_the_next_step(
    settings: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines, err = agw(capsys, *command, "--settings", settings)
    assert (code, lines) == (ExitCode.UNAVAILABLE, [])
    assert "no telemetry is kept here" in err
    assert "data_dir" in err


@pytest.mark.parametrize("command", ["coverage", "telemetry"])
def test_a_wrong_sensor_is_said_with_those_that_are_known(
    settings: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Written(tmp_path).heard(0, 60).done()
    code, lines, err = agw(capsys, command, "--settings", settings, "--sensor", "nort")
    assert (code, lines) == (ExitCode.UNAVAILABLE, [])
    assert "no sensor 'nort'" in err
    assert "north, south" in err


@pytest.mark.parametrize("hours", ["0", "-1", "169", "soon", "1.5", ""])
def test_a_wrong_number_of_hours_is_a_usage_error(settings: Path, hours: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["coverage", "--settings", str(settings), f"--hours={hours}"])
    assert caught.value.code == ExitCode.USAGE


def test_a_torn_file_and_a_foreign_one_are_passed_over_and_said(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Written(tmp_path).heard(0, 120).done()
    (torn,) = segment_files(tmp_path / FOLDER_NAME)
    torn.path.write_bytes(torn.path.read_bytes()[:-4050])
    (tmp_path / FOLDER_NAME / "00000002.agwtel").write_text("something else altogether")
    Written(tmp_path).heard(180, 240).done()
    code, lines, err = agw(capsys, "coverage", "--settings", settings, "--json")
    assert code == ExitCode.FOUND
    assert objects(lines)[0]["analysed_s"]["north"] == 120.0
    assert "00000001.agwtel: 1 damaged" in err
    assert "00000002.agwtel: 1 damaged" in err
    code, lines, _ = agw(capsys, "telemetry", "--settings", settings, "--sensor", "north", "--json")
    assert code == ExitCode.FOUND
    assert [one["second"] for one in objects(lines)] == [*range(60), *range(180, 240)]


def test_an_hour_of_a_wrong_clock_does_not_hide_the_others(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Written(tmp_path, clock="unsynced", zero_utc_s=0.0).heard(0, 60).done()
    Written(tmp_path, zero_utc_s=4e9, boot_id="boot-2").heard(0, 60).done()
    Written(tmp_path, boot_id="boot-3").heard(0, 60).done()
    code, lines, _ = agw(capsys, "coverage", "--settings", settings, "--json")
    assert code == ExitCode.OK
    assert [one["hour_utc"][:13] for one in objects(lines)] == ["2026-03-14T20", "2096-10-02T07"]
