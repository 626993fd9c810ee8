from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.exit_codes import ExitCode
from gateway.settings.load import parse_settings
from gateway.settings.reference import reference


def test_example_reference_and_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--example"]) == ExitCode.OK
    parse_settings(capsys.readouterr().out, Path("x.toml"))
    assert main(["config", "--reference"]) == ExitCode.OK
    assert capsys.readouterr().out == reference()
    assert main(["config", "--schema"]) == ExitCode.OK
    assert "$defs" in json.loads(capsys.readouterr().out)


def test_shows_what_is_in_force_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gw.toml"
    path.write_text("[gateway]\nsite='s'\nid='g'\n[broker]\nusername='u'\npassword='hunter2'\n[delivery]\nconfirm='puback'\n")
    assert main(["config", "--settings", str(path), "--show"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert 'password = "***"' in out
    assert "hunter2" not in out


def test_a_wrong_file_is_a_usage_error_with_its_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gw.toml"
    path.write_text("[gateway]\nsite='s'\nid='g'\n[log]\nlvl='info'\n[decision]\nhold_s='3s'\n")
    assert main(["config", "--file", str(path)]) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[0] == f"{path}:5: log.lvl: there is no such key. Did you mean level?"
    assert shown.err.splitlines()[1].startswith(f"{path}:7: decision.hold_s: ")
