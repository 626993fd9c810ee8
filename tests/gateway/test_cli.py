from __future__ import annotations

import argparse
import os
import subprocess
import sys
from types import ModuleType

import pytest

from gateway.cli import COMMANDS, main
from gateway.errors import GatewayError
from gateway.exit_codes import MEANING, ExitCode
from gateway.settings.error import SettingsError


def install_tool(monkeypatch: pytest.MonkeyPatch, outcome: int | BaseException) -> None:
    """Put a stand-in where `agw run` looks for its module."""

    def run(args: argparse.Namespace) -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        assert args.sensor == "noord"
        return outcome

    tool = ModuleType("gateway.tools.run")
    tool.add_arguments = lambda parser: parser.add_argument("--sensor")  # type: ignore[attr-defined]
    tool.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gateway.tools.run", tool)


@pytest.mark.parametrize(
    ("outcome", "code", "message"),
    [
        (0, ExitCode.OK, ""),
        (1, ExitCode.FOUND, ""),
        (
            GatewayError("port is busy", where="/dev/ttyX", hint="Close the other program"),
            ExitCode.UNAVAILABLE,
            "agw run: /dev/ttyX: port is busy. Close the other program\n",
        ),
        (SettingsError(["gw.toml:1: a: b. c", "gw.toml:2: d: e. f"]), ExitCode.USAGE, "gw.toml:1: a: b. c\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
    ],
)
def test_outcomes_become_exit_codes_and_messages(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: int | BaseException,
    code: ExitCode,
    message: str,
) -> None:
    install_tool(monkeypatch, outcome)
    assert main(["run", "--sensor", "noord"]) == code
    assert capsys.readouterr().err.startswith(message)


def test_misuse_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    install_tool(monkeypatch, ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        main(["run"])


def test_without_a_command_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == ExitCode.USAGE
    out = capsys.readouterr().out
    assert all(command.name in out for command in COMMANDS)
    assert all(meaning in out for meaning in MEANING.values())
    assert set(MEANING) == set(ExitCode)


@pytest.mark.parametrize("arguments", [["cnfig"], ["config", "--nonsense"], ["--nonsense"]])
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == ExitCode.USAGE


def test_version_and_one_command_load_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from gateway.cli import main\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n    pass\n"
        "assert main(['config', '--example']) == 0\n"
        "print({'numpy', 'paho', 'serial', 'ai_edge_litert'} & set(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("agw ")
    assert done.stderr == "set()\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    """`agw config --reference | head -1`, with the reader gone before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gateway", "config", "--reference"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.returncode == ExitCode.READER_GONE
    assert done.stderr == b""
